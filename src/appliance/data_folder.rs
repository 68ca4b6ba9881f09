//! The folder that everything of a house lies in: made where it is not there, for its owner's eyes
//! alone. Called before the store is opened, by the appliance and by the command line.

use std::path::Path;

use crate::error::{Error, Result};

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
