//! The program: parse the command line and hand over to `cli`.

use std::process::ExitCode;

#[cfg(feature = "static")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    chatelaine::cli::run()
}
