//! The folder that everything of a house lies in: made where it is not there, for its owner's eyes
//! alone, or asked for where nothing is to be made. Called before the store is opened, by the
//! appliance and by the command line.

use std::path::Path;

use super::DATABASE_FILE;
use crate::error::{Error, ErrorKind, Result};

/// For what looks at a house or changes something in it: a folder that was mistyped stays as it is.
pub fn check_house_is_there(data: &Path) -> Result<()> {
    match data.join(DATABASE_FILE).is_file() {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::NotFound,
            format!("there is no house in {}", data.display()),
        )),
    }
}

/// Makes the data folder, readable by its owner alone, and says so plainly where that cannot be.
pub fn prepare_data_folder(data: &Path) -> Result<()> {
    let refused = |error: std::io::Error| {
        Error::invalid(format!(
            "the data folder {} cannot be used: {error}",
            data.display()
        ))
    };
    if !data.exists() {
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(data).map_err(refused)?;
    }
    #[cfg(unix)]
    rustix::fs::access(
        data,
        rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK,
    )
    .map_err(|error| refused(error.into()))?;
    Ok(())
}
