//! `plugin.toml`: what a plugin says of itself, checked before anything else of it is believed.
//!
//! Pure: text in, a [`Manifest`] or a sentence out. Values given to settings are checked here too.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::hook::Hook;
use super::protocol::ScriptError;

const MAX_NAME_BYTES: usize = 40;
const MAX_TEXT_CHARS: usize = 500;
const MAX_SETTINGS: usize = 50;
const MAX_SETTINGS_PARTS: usize = 5_000;
const MAX_SETTINGS_BYTES: usize = 256 << 10;
const MAX_HOSTS: usize = 20;
const MAX_LIST: usize = 500;
const MAX_VALUE_CHARS: usize = 1_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Manifest {
    pub name: String,
    pub version: String,
    pub description: String,
    pub hooks: Vec<Hook>,
    /// `host` or `host:port`.
    pub hosts: Vec<String>,
    pub data: Vec<DataKind>,
    /// None: as each hook has it.
    pub on_failure: Option<OnFailure>,
    pub settings: Vec<Setting>,
}

/// What of people a plugin is only told when it asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataKind {
    /// The applicant's whole address of e-mail; its domain is always told.
    Email,
    /// The network address a request came from.
    Address,
    /// Usernames and display names.
    Names,
    /// The administrator's note on a registration key.
    Note,
}

/// What holds when a plugin gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    Allow,
    Refuse,
}

impl OnFailure {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::Allow, Self::Refuse]
            .into_iter()
            .find(|known| known.name() == name)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    pub name: String,
    pub kind: SettingKind,
    pub default: Value,
    pub description: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SettingKind {
    #[serde(rename = "string")]
    Text,
    #[serde(rename = "integer")]
    Integer,
    #[serde(rename = "number")]
    Number,
    #[serde(rename = "boolean")]
    Boolean,
    #[serde(rename = "list of strings")]
    TextList,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    version: String,
    #[serde(default)]
    description: String,
    hooks: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    data: Vec<DataKind>,
    on_failure: Option<OnFailure>,
    #[serde(default)]
    settings: Vec<WrittenSetting>,
}

/// What of it must be known even where the rest is no good.
#[derive(Deserialize)]
struct ReliedOn {
    hooks: Vec<String>,
    on_failure: Option<toml::Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSetting {
    name: String,
    #[serde(rename = "type")]
    kind: SettingKind,
    default: toml::Value,
    #[serde(default)]
    description: String,
}

fn of_manifest(sentence: String) -> ScriptError {
    ScriptError::of_whole(format!("plugin.toml: {sentence}"))
}

fn read_toml<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, ScriptError> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let place = error.span().map(|span| place_of(text, span.start));
        let message = error.message().lines().next().unwrap_or_default();
        ScriptError {
            message: format!("plugin.toml: {message}"),
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
        }
    })
}

/// 1 to 40 lower-case letters, digits and `-`.
pub(super) fn is_plugin_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
}

fn is_setting_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= MAX_TEXT_CHARS
}

/// A name or a number of an address, with a port where it is not the usual one.
fn is_host(host: &str) -> bool {
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "443"));
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let named = !name.is_empty() && name.len() <= 253 && name.bytes().all(fits);
    named && port.parse::<u16>().is_ok_and(|port| port > 0)
}

impl Manifest {
    /// The error is for whoever wrote it. `folder` is the name the plugin goes by.
    pub(super) fn parse(text: &str, folder: &str) -> Result<Self, ScriptError> {
        let written: Written = read_toml(text)?;
        Self::check(written, folder).map_err(of_manifest)
    }

    /// What nobody may write any more. What is installed is taken with it: an earlier version did, and
    /// somebody relies on it.
    pub(super) fn outdated(&self, text: &str) -> Option<ScriptError> {
        let prices_only = self.hooks == [Hook::MessagePrice];
        if prices_only && self.on_failure == Some(OnFailure::Refuse) {
            let on_failure = read_toml::<ReliedOn>(text).ok()?.on_failure;
            let place = on_failure.map(|it| place_of(text, it.span().start));
            return Some(ScriptError {
                message: "plugin.toml: on_failure cannot be \"refuse\" for a price: without one it is the house's".into(),
                line: place.map(|(line, _)| line),
                column: place.map(|(_, column)| column),
            });
        }
        self.fitting_values(&Map::new()).err().map(of_manifest)
    }

    /// The hooks that a text names, and its `on_failure`, though the rest of it may be no good. Empty
    /// where it does not say.
    pub(super) fn relied_on(text: &str) -> (Vec<String>, Option<String>) {
        let Ok(ReliedOn { hooks, on_failure }) = read_toml(text) else {
            return (Vec::new(), None);
        };
        if hooks.iter().any(|name| Hook::parse(name).is_none()) {
            return (Vec::new(), None);
        }
        (hooks, on_failure.map(toml::Spanned::into_inner))
    }

    fn check(written: Written, folder: &str) -> Result<Self, String> {
        if written.name != folder {
            return Err(format!("the name must be that of the plugin, {folder:?}"));
        }
        if written.version.is_empty()
            || written.version.len() > 40
            || !is_short(&written.description)
        {
            return Err("version has 1 to 40 characters, description at most 500".into());
        }
        let hook =
            |name: &String| Hook::parse(name).ok_or_else(|| format!("there is no hook {name:?}"));
        let mut hooks = written
            .hooks
            .iter()
            .map(hook)
            .collect::<Result<Vec<_>, _>>()?;
        hooks.sort_unstable();
        hooks.dedup();
        if hooks.is_empty() {
            return Err("hooks must name one hook at least".into());
        }
        if written.hosts.len() > MAX_HOSTS {
            return Err(format!("a plugin may ask for {MAX_HOSTS} hosts"));
        }
        if let Some(bad) = written.hosts.iter().find(|host| !is_host(host)) {
            return Err(format!(
                "{bad:?} is no host; write example.org or example.org:8080"
            ));
        }
        let settings = checked_settings(written.settings)?;
        Ok(Self {
            name: written.name,
            version: written.version,
            description: written.description,
            hooks,
            hosts: written.hosts,
            data: written.data,
            on_failure: written.on_failure,
            settings,
        })
    }

    /// What a plugin without one goes by.
    pub(super) fn text_for(name: &str, hooks: &[Hook]) -> String {
        let hooks: Vec<String> = hooks
            .iter()
            .map(|hook| format!("\"{}\"", hook.name()))
            .collect();
        format!(
            "name = \"{name}\"\nversion = \"1\"\ndescription = \"\"\nhooks = [{}]\n",
            hooks.join(", ")
        )
    }

    /// Every setting with the value it has; what was given and no longer fits counts as not given.
    pub(super) fn values(&self, given: &Map<String, Value>) -> Map<String, Value> {
        let value = |setting: &Setting| {
            let given = given.get(&setting.name);
            let fitting = given.and_then(|value| valid_value(setting.kind, value).ok());
            let value = fitting.unwrap_or_else(|| setting.default.clone());
            (setting.name.clone(), value)
        };
        self.settings.iter().map(value).collect()
    }

    /// Every setting with its value, where they are not too much together; the error is a sentence.
    pub(super) fn fitting_values(
        &self,
        given: &Map<String, Value>,
    ) -> Result<Map<String, Value>, String> {
        let values = self.values(given);
        check_size(&values)?;
        Ok(values)
    }

    /// The value as it is kept; the error is a sentence.
    pub(super) fn check_value(&self, name: &str, value: &Value) -> Result<Value, String> {
        let setting = self.settings.iter().find(|setting| setting.name == name);
        let setting = setting.ok_or_else(|| format!("there is no setting {name:?}"))?;
        valid_value(setting.kind, value).map_err(|sentence| format!("{name}: {sentence}"))
    }
}

/// Well within what the interpreter takes as one value.
fn check_size(values: &Map<String, Value>) -> Result<(), String> {
    let parts = |value: &Value| 1 + value.as_array().map_or(0, Vec::len);
    let parts: usize = values.values().map(parts).sum();
    let bytes: usize = values.values().map(|value| value.to_string().len()).sum();
    if parts > MAX_SETTINGS_PARTS || bytes > MAX_SETTINGS_BYTES {
        return Err("all settings together may have 5,000 values and 256 KiB".into());
    }
    Ok(())
}

fn checked_settings(written: Vec<WrittenSetting>) -> Result<Vec<Setting>, String> {
    if written.len() > MAX_SETTINGS {
        return Err(format!("a plugin may have {MAX_SETTINGS} settings"));
    }
    let mut settings: Vec<Setting> = Vec::new();
    for setting in written {
        if !is_setting_name(&setting.name) || !is_short(&setting.description) {
            return Err(format!(
                "{:?} is no name of a setting, or its description is too long",
                setting.name
            ));
        }
        if settings.iter().any(|known| known.name == setting.name) {
            return Err(format!("the setting {:?} stands there twice", setting.name));
        }
        let default = serde_json::to_value(&setting.default).map_err(|error| error.to_string())?;
        let default = valid_value(setting.kind, &default)
            .map_err(|sentence| format!("the default of {:?}: {sentence}", setting.name))?;
        settings.push(Setting {
            name: setting.name,
            kind: setting.kind,
            default,
            description: setting.description,
        });
    }
    Ok(settings)
}

/// Line and column, both from 1.
fn place_of(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

fn valid_value(kind: SettingKind, value: &Value) -> Result<Value, String> {
    let short = |text: &str| text.chars().count() <= MAX_VALUE_CHARS;
    let (fits, wanted) = match kind {
        SettingKind::Text => (
            value.as_str().is_some_and(short),
            "a text of at most 1,000 characters",
        ),
        SettingKind::Integer => (value.is_i64(), "a whole number"),
        SettingKind::Number => (value.is_number(), "a number"),
        SettingKind::Boolean => (value.is_boolean(), "true or false"),
        SettingKind::TextList => {
            let items = value.as_array();
            let fits = |item: &Value| item.as_str().is_some_and(short);
            (
                items.is_some_and(|items| items.len() <= MAX_LIST && items.iter().all(fits)),
                "a list of at most 500 texts",
            )
        }
    };
    match (fits, kind) {
        (false, _) => Err(format!("this must be {wanted}")),
        // A script must not find an integer where it was promised a number.
        (true, SettingKind::Number) => Ok(Value::from(value.as_f64().unwrap_or_default())),
        (true, _) => Ok(value.clone()),
    }
}
