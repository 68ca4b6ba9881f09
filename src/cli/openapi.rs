//! `openapi`: the document from which clients are generated; and, for the repository, the part of
//! docs/API.md that is made from the code: `make openapi`.

use std::path::PathBuf;

use clap::Args;

use super::{made_anew, say_line};
use crate::error::{Result, guide_with_reasons};

#[derive(Args)]
pub(super) struct Arguments {
    /// Prints this guide with its list of reasons made anew, instead of the document
    #[arg(long, value_name = "FILE", hide = true)]
    guide: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    match arguments.guide {
        Some(path) => made_anew(&path, guide_with_reasons),
        None => say_line(&crate::http::openapi_document()),
    }
}
