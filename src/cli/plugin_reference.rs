//! `plugin-reference`: what those who write plugins look up, made from the code. For the repository:
//! `make plugin-reference`.

use std::path::PathBuf;

use clap::Args;

use super::say;
use crate::error::{Error, Result};
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
    let guide = std::fs::read_to_string(&path)
        .map_err(|error| Error::invalid(format!("{} cannot be read: {error}", path.display())))?;
    let made = reference::guide_with_reference(&guide)
        .ok_or_else(|| Error::invalid("the guide has no place for the reference"))?;
    say(made.as_bytes())
}
