//! What is fixed while the house runs: defaults < `chatelaine.toml` < `CHATELAINE_SECTION__KEY` < flags.
//!
//! One file a section. Unknown keys are refused with their name, so that a typo is never silently
//! a default. What an administrator changes while it runs is a setting, not configuration. This is
//! the only room that reads the environment.

mod engine;
mod http;
mod limits;
mod lists;
mod log;
mod mail;
mod models;
mod plugins;
mod store;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use self::engine::EngineConfig;
pub use self::http::{ForwardedHeader, HttpConfig};
pub use self::limits::LimitsConfig;
pub use self::log::{LogConfig, LogFormat};
pub use self::mail::MailConfig;
pub use self::models::{HubToken, ModelsConfig};
pub use self::plugins::PluginsConfig;
pub use self::store::StoreConfig;
use crate::error::{Error, Result};

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub http: HttpConfig,
    pub limits: LimitsConfig,
    pub store: StoreConfig,
    pub engine: EngineConfig,
    pub models: ModelsConfig,
    pub plugins: PluginsConfig,
    pub mail: MailConfig,
    pub log: LogConfig,
}

impl Config {
    /// Reads `file`, or `chatelaine.toml` in the data folder where there is one, then the environment.
    pub fn load(file: Option<&Path>, data: &Path) -> Result<Self> {
        let mut builder = ::config::Config::builder();
        let default_file = data.join("chatelaine.toml");
        if let Some(path) = file.or(default_file.exists().then_some(default_file.as_path())) {
            builder =
                builder.add_source(::config::File::from(path).format(::config::FileFormat::Toml));
        }
        builder
            .add_source(
                ::config::Environment::with_prefix("CHATELAINE")
                    .prefix_separator("_")
                    .separator("__")
                    .try_parsing(true)
                    .source(Some(environment_keys())),
            )
            .build()
            .and_then(::config::Config::try_deserialize)
            .map_err(|error| Error::invalid(format!("the configuration cannot be used: {error}")))
    }
}

/// Names of ours without a section are not configuration, e.g. `CHATELAINE_BIN` of a test run.
/// What is not UTF-8 cannot be ours.
#[expect(
    clippy::disallowed_methods,
    reason = "this room is the one that reads the environment"
)]
fn environment_keys() -> ::config::Map<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("CHATELAINE_") && name.contains("__"))
        .collect()
}

/// `$XDG_DATA_HOME/chatelaine`, by default `~/.local/share/chatelaine`.
#[expect(
    clippy::disallowed_methods,
    reason = "this room is the one that reads the environment"
)]
pub fn default_data_folder() -> PathBuf {
    let folder = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    folder("XDG_DATA_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."))
        .join("chatelaine")
}
