//! `openapi`: the document from which clients are generated.

use super::say_line;
use crate::error::Result;

pub(super) fn run() -> Result<()> {
    say_line(&crate::http::openapi_document())
}
