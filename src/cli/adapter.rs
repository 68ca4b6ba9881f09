//! `adapter`: the adapters of a data folder. The right to it is the right to the folder; while a
//! server runs on it the store is its, and this says so.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{DataArguments, block_on, say_line};
use crate::appliance::{open_answering, open_store, prepare_data_folder};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::models::{Adapter, AdapterAudience, Adapters, NewAdapter};

#[derive(Args)]
#[command(after_help = "Example: chatelaine adapter add pirate.gguf --base qwen3-8b-q4_k_m")]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    data: DataArguments,
}

#[derive(Subcommand)]
enum Action {
    /// List the adapters and what can be used
    #[command(after_help = "Example: chatelaine adapter list")]
    List,
    /// Add a LoRA adapter; the file is copied
    #[command(
        after_help = "Example: chatelaine adapter add pirate.gguf --base qwen3-8b-q4_k_m --name Pirate --scale 0.8"
    )]
    Add {
        file: PathBuf,
        /// The model it was made for, as `chatelaine model list` names it
        #[arg(long, value_name = "MODEL")]
        base: String,
        /// What people see [default: the file's name]
        #[arg(long)]
        name: Option<String>,
        /// How strongly it is used where nobody says, -4 to 4 [default: 1]
        #[arg(long, allow_negative_numbers = true)]
        scale: Option<f32>,
    },
    /// Delete an adapter
    #[command(after_help = "Example: chatelaine adapter remove pirate")]
    Remove { id: String },
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let (config, folder) = arguments.data.load()?;
    block_on(async {
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let outcome = act(arguments.action, &config, &folder, &tasks, &stopping).await;
        stopping.cancel();
        tasks.close();
        tasks.wait().await;
        outcome
    })
}

async fn act(
    action: Action,
    config: &Config,
    folder: &Path,
    tasks: &TaskTracker,
    stopping: &CancellationToken,
) -> Result<()> {
    prepare_data_folder(folder)?;
    let store = open_store(config, folder)?;
    let house = open_answering(config, folder, &store, tasks, stopping).await?;
    let adapters = &house.adapters;
    match action {
        Action::List => adapters
            .list()
            .iter()
            .try_for_each(|adapter| say_line(&line(adapter))),
        Action::Add {
            file,
            base,
            name,
            scale,
        } => {
            house.library.settled().await;
            let new = NewAdapter {
                name: name.or_else(|| name_of(&file)),
                base,
                description: String::new(),
                default_scale: scale,
                audience: AdapterAudience::default(),
            };
            let added = add(adapters, new, &file).await?;
            say_line(&format!("Added {}", added.record.id))
        }
        Action::Remove { id } => {
            adapters.remove(&id).await?;
            say_line(&format!("Removed {id}"))
        }
    }
}

async fn add(adapters: &Arc<Adapters>, new: NewAdapter, path: &Path) -> Result<Adapter> {
    let refused =
        |reason: String| Error::invalid(format!("{} cannot be used: {reason}", path.display()));
    let unreadable = |error: std::io::Error| refused(format!("it cannot be read: {error}"));
    // Asked before opening: to open a pipe is to wait for whoever writes into it.
    let metadata = tokio::fs::metadata(path).await.map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(refused("it is not a file".into()));
    }
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    adapters.add(new, Some(metadata.len()), file).await
}

fn name_of(file: &Path) -> Option<String> {
    file.file_stem().and_then(OsStr::to_str).map(str::to_owned)
}

fn line(Adapter { record, trouble }: &Adapter) -> String {
    let mebibytes = record.size_bytes.div_ceil(1024 * 1024);
    let about = match trouble {
        Some(reason) => format!("cannot be used: {reason}"),
        None => format!("on {}, rank {}", record.base, record.rank),
    };
    format!("{:<40} {mebibytes:>7} MiB  {about}", record.id)
}
