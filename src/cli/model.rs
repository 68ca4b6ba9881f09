//! `model`: the library of a data folder. Works whether a server runs on it or not, because the
//! folder is the truth and the server looks at it again.

mod pull;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{DataArguments, say_line, with_library};
use crate::engine::{ModelInfo, ModelState};
use crate::error::{Error, Result};
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
    /// Download a model from a Hugging Face hub or any address; goes on where it was stopped
    #[command(after_help = "Example: chatelaine model pull Qwen/Qwen3-0.6B-GGUF:Q8_0")]
    Pull(pull::PullArguments),
    /// Add a GGUF file; it is used where it lies
    #[command(after_help = "Example: chatelaine model add ~/models/qwen3-8b-q4_k_m.gguf")]
    Add { file: PathBuf },
    /// Take a model out of the library; a file added with `add` stays where it lies
    #[command(after_help = "Example: chatelaine model remove qwen3-8b-q4_k_m")]
    Remove { name: String },
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    match arguments.action {
        Action::Pull(pull) => pull::run(&arguments.data, pull),
        action => with_library(&arguments.data, async |library| act(library, action).await),
    }
}

async fn act(library: &Library, action: Action) -> Result<()> {
    match action {
        Action::Pull(_) => Err(Error::internal("a pull needs no library")),
        Action::List => library
            .list()
            .iter()
            .try_for_each(|model| say_line(&line(model))),
        Action::Add { file } => say_line(&format!("Added {}", library.add(&file).await?)),
        Action::Remove { name } => {
            library.remove(&name)?;
            say_line(&format!("Removed {name}"))
        }
    }
}

fn line(model: &ModelInfo) -> String {
    let mebibytes = model.size_bytes.div_ceil(1024 * 1024);
    let state = match &model.state {
        ModelState::Probing => "being looked at",
        ModelState::Available => "ready",
        ModelState::Loading => "being loaded",
        ModelState::Loaded => "loaded",
        ModelState::Unusable(reason) => &format!("cannot be used: {reason}"),
    };
    let about = match &model.state {
        ModelState::Probing | ModelState::Unusable(_) => String::new(),
        _ => format!(
            ", {} {}, {} tokens of context",
            model.architecture, model.quantization, model.context_tokens
        ),
    };
    format!("{:<40} {mebibytes:>7} MiB  {state}{about}", model.id)
}
