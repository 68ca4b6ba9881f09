//! `model`: the library of a data folder. Works whether a server runs on it or not, because the
//! folder is the truth and the server looks at it again.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{DataArguments, block_on};
use crate::appliance::{open_library, prepare_data_folder};
use crate::config::Config;
use crate::engine::{ModelInfo, ModelState};
use crate::error::Result;
use crate::models::Library;

#[derive(Args)]
#[command(after_help = "Example: chatelaine model add ~/models/qwen3-8b-q4_k_m.gguf")]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    data: DataArguments,
}

#[derive(Subcommand)]
enum Action {
    /// List the model files and what can be used
    #[command(after_help = "Example: chatelaine model list")]
    List,
    /// Add a GGUF file; it is used where it lies
    #[command(after_help = "Example: chatelaine model add ~/models/qwen3-8b-q4_k_m.gguf")]
    Add { file: PathBuf },
    /// Take a model out of the library; a file added with `add` stays where it lies
    #[command(after_help = "Example: chatelaine model remove qwen3-8b-q4_k_m")]
    Remove { name: String },
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let (config, folder) = arguments.data.load()?;
    block_on(act(arguments.action, config, &folder))
}

async fn act(action: Action, config: Config, folder: &Path) -> Result<()> {
    prepare_data_folder(folder)?;
    let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
    let library = open_library(&config.engine, folder, &tasks, &stopping)?;
    library.settled().await;
    let outcome = act_on(&library, action).await;
    stopping.cancel();
    tasks.close();
    tasks.wait().await;
    outcome
}

async fn act_on(library: &Library, action: Action) -> Result<()> {
    match action {
        Action::List => {
            for model in library.list() {
                println!("{}", line(&model));
            }
        }
        Action::Add { file } => println!("Added {}", library.add(&file).await?),
        Action::Remove { name } => {
            library.remove(&name)?;
            println!("Removed {name}");
        }
    }
    Ok(())
}

fn line(model: &ModelInfo) -> String {
    let mebibytes = model.size_bytes.div_ceil(1024 * 1024);
    let about = match &model.state {
        ModelState::Unusable(reason) => format!("cannot be used: {reason}"),
        _ => format!(
            "{} {}, {} tokens of context",
            model.architecture, model.quantization, model.context_tokens
        ),
    };
    format!("{:<40} {mebibytes:>7} MiB  {about}", model.id)
}
