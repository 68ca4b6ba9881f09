//! Plugins as they stand on the wire. Names of shapes begin with `Plugin`, because the document has
//! one name space; what each field means is said once, in the room `plugins`.

use poem_openapi::{Enum, Object};
use serde_json::Value;

use crate::clock::rfc3339;
use crate::http::text::Text;
use crate::plugins::{self, DryRunOutcome, PluginDetails, PluginLogRecord, PluginSummary};

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) description: String,
    pub(super) hooks: Vec<Hook>,
    pub(super) origin: Origin,
    pub(super) enabled: bool,
    pub(super) state: State,
    pub(super) switched_off: Option<PluginSwitchedOff>,
    pub(super) settings: Vec<PluginSetting>,
    pub(super) hosts: Vec<PluginHost>,
    /// What of people it asks to be told.
    pub(super) data: Vec<DataKind>,
    pub(super) on_failure: Option<OnFailure>,
    /// In a row, of the hook that failed most.
    pub(super) failures: u32,
    pub(super) error: Option<PluginError>,
}

#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "PluginHook",
    remote = "plugins::Hook"
)]
pub(super) enum Hook {
    RegistrationBeforeAccept,
    MessagePrice,
    ReplyBeforeStart,
}

/// `edited`: a shipped one with a copy in the data folder.
#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "PluginOrigin",
    remote = "plugins::Origin"
)]
pub(super) enum Origin {
    Shipped,
    Own,
    Edited,
}

#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "PluginState",
    remote = "plugins::PluginState"
)]
pub(super) enum State {
    Off,
    On,
    SwitchedOff,
    Broken,
}

#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "PluginData",
    remote = "plugins::DataKind"
)]
pub(super) enum DataKind {
    Email,
    Address,
    Names,
    Note,
}

#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "PluginOnFailure",
    remote = "plugins::OnFailure"
)]
pub(super) enum OnFailure {
    Allow,
    Refuse,
}

#[derive(Enum)]
#[oai(
    rename_all = "snake_case",
    rename = "PluginSettingType",
    remote = "plugins::SettingKind"
)]
pub(super) enum SettingKind {
    #[oai(rename = "string")]
    Text,
    Integer,
    Number,
    Boolean,
    #[oai(rename = "list_of_strings")]
    TextList,
}

#[derive(Object)]
pub(super) struct PluginSwitchedOff {
    pub(super) reason: String,
    pub(super) at: String,
}

#[derive(Object)]
pub(super) struct PluginSetting {
    pub(super) name: String,
    #[oai(rename = "type")]
    pub(super) kind: SettingKind,
    pub(super) description: String,
    pub(super) default: Value,
    pub(super) value: Value,
}

#[derive(Object)]
pub(super) struct PluginHost {
    /// With a port, where it is not the usual one.
    pub(super) host: String,
    pub(super) confirmed: bool,
}

/// What is wrong, and where, both counted from 1.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct PluginError {
    pub(super) message: String,
    pub(super) line: Option<u64>,
    pub(super) column: Option<u64>,
}

#[derive(Object)]
pub(super) struct PluginList {
    pub(super) items: Vec<Plugin>,
}

#[derive(Object)]
pub(super) struct PluginWithSource {
    pub(super) plugin: Plugin,
    /// main.rhai
    pub(super) source: String,
    /// plugin.toml
    pub(super) manifest: String,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct CreatePlugin {
    /// 1 to 40 lower-case letters, digits and `-`.
    pub(super) name: Text,
    /// plugin.toml; absent: one that names the hooks the source defines.
    pub(super) manifest: Option<Text>,
    /// main.rhai
    pub(super) source: Text,
}

/// What is absent stays.
#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct UpdatePlugin {
    /// True also turns a plugin on again that was switched off.
    pub(super) enabled: Option<bool>,
    /// Values by name; null is the default again.
    pub(super) settings: Option<Value>,
    pub(super) source: Option<Text>,
    pub(super) manifest: Option<Text>,
    /// All hosts it may speak to from now on, of those it asks for.
    pub(super) confirmed_hosts: Option<Vec<Text>>,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct TestPlugin {
    pub(super) hook: Text,
    /// Arguments by name, each field over that of a sample. `now` may be a text such as
    /// `2026-11-23T10:00:00+01:00[Europe/Berlin]`; `subject` is the id of whose action it is.
    pub(super) input: Option<Value>,
    /// Instead of the saved one.
    pub(super) source: Option<Text>,
    /// Over those that are saved.
    pub(super) settings: Option<Value>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct PluginTest {
    /// What the function gave.
    pub(super) result: Option<Value>,
    /// "allowed", "refused", "changed", "priced" or "house_price".
    pub(super) decision: Option<String>,
    pub(super) reason: Option<String>,
    /// What the script wrote.
    pub(super) log: Vec<String>,
    /// Without the start of the process.
    pub(super) took_us: u64,
    pub(super) error: Option<PluginError>,
    /// The whole `input` the function was asked with, as far as the plugin is told it.
    pub(super) sample: Option<Value>,
}

#[derive(Object)]
#[oai(deny_unknown_fields)]
pub(super) struct CheckPlugin {
    pub(super) source: Text,
    /// Absent: the saved one.
    pub(super) manifest: Option<Text>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct PluginCheck {
    pub(super) ok: bool,
    pub(super) error: Option<PluginError>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct PluginLogEntry {
    pub(super) at: String,
    /// Absent where the house speaks of the plugin itself.
    pub(super) hook: Option<String>,
    /// "allowed", "refused", "changed", "priced", "house_price", "failed" or "switched_off".
    pub(super) outcome: String,
    /// Of a refusal; or what was granted, changed or named as the price.
    pub(super) reason: Option<String>,
    /// The id of the person whose action it was.
    pub(super) subject: Option<String>,
    pub(super) key_prefix: Option<String>,
    /// The username that was asked for, where there is no account yet.
    pub(super) applicant: Option<String>,
    pub(super) took_us: u64,
    pub(super) error: Option<String>,
    /// What the script wrote.
    pub(super) lines: Vec<String>,
}

#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct PluginLog {
    pub(super) items: Vec<PluginLogEntry>,
    pub(super) next_cursor: Option<String>,
}

impl From<plugins::ScriptError> for PluginError {
    fn from(error: plugins::ScriptError) -> Self {
        Self {
            message: error.message,
            line: error.line.map(|line| line as u64),
            column: error.column.map(|column| column as u64),
        }
    }
}

impl From<PluginSummary> for Plugin {
    fn from(plugin: PluginSummary) -> Self {
        let setting = |(setting, value): (plugins::Setting, Value)| PluginSetting {
            name: setting.name,
            kind: setting.kind.into(),
            description: setting.description,
            default: setting.default,
            value,
        };
        let hosts = plugin.hosts.into_iter();
        Self {
            name: plugin.name,
            version: plugin.version,
            description: plugin.description,
            hooks: plugin.hooks.into_iter().map(Into::into).collect(),
            origin: plugin.origin.into(),
            enabled: plugin.enabled,
            state: plugin.state.into(),
            switched_off: plugin.switched_off.map(|record| PluginSwitchedOff {
                reason: record.reason,
                at: rfc3339(record.at),
            }),
            settings: plugin.settings.into_iter().map(setting).collect(),
            hosts: hosts
                .map(|(host, confirmed)| PluginHost { host, confirmed })
                .collect(),
            data: plugin.data.into_iter().map(Into::into).collect(),
            on_failure: plugin.on_failure.map(Into::into),
            failures: plugin.failures,
            error: plugin.error.map(Into::into),
        }
    }
}

impl From<PluginDetails> for PluginWithSource {
    fn from(details: PluginDetails) -> Self {
        Self {
            plugin: details.summary.into(),
            source: details.source,
            manifest: details.manifest,
        }
    }
}

impl From<DryRunOutcome> for PluginTest {
    fn from(outcome: DryRunOutcome) -> Self {
        Self {
            result: outcome.result,
            decision: outcome.decision.map(Into::into),
            reason: outcome.reason,
            log: outcome.log,
            took_us: outcome.took_us,
            error: outcome.error.map(Into::into),
            sample: outcome.sample.map(Value::Object),
        }
    }
}

impl From<PluginLogRecord> for PluginLogEntry {
    fn from(record: PluginLogRecord) -> Self {
        Self {
            at: rfc3339(record.at),
            hook: Some(record.hook).filter(|hook| !hook.is_empty()),
            outcome: record.outcome,
            reason: record.reason,
            subject: record.subject,
            key_prefix: record.key_prefix,
            applicant: record.applicant,
            took_us: record.took_us,
            error: record.error,
            lines: record.lines,
        }
    }
}
