//! `plugin-reference`: what those who write plugins look up, made from the code. For the repository:
//! `make plugin-reference`.

use std::path::PathBuf;

use clap::Args;

use super::{made_anew, say};
use crate::error::Result;
use crate::plugins::reference;

#[derive(Args)]
pub(super) struct Arguments {
    /// Prints this guide with its reference made anew, instead of the definitions
    #[arg(long, value_name = "FILE")]
    guide: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let Some(path) = arguments.guide else {
        return say(reference::definitions().as_bytes());
    };
    made_anew(&path, reference::guide_with_reference)
}
