//! `openapi`: the document from which clients are generated.

use crate::error::Result;

pub(super) fn run() -> Result<()> {
    println!("{}", crate::http::openapi_document());
    Ok(())
}
