//! The log: to stderr, for people or as JSON lines. Set up once, by `cli`.

use std::io::stderr;

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};
use crate::error::{Error, Result};

pub fn start_logging(config: &LogConfig) -> Result<()> {
    let filter = EnvFilter::try_new(&config.level).map_err(|error| {
        Error::invalid(format!(
            "the log level \"{}\" is not understood: {error}",
            config.level
        ))
    })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr);
    let outcome = match config.format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&stderr()))
            .try_init(),
    };
    outcome.map_err(Error::internal)
}
