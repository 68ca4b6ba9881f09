//! Trying a plugin out: a question of an administrator's own, answered by the real interpreter in a
//! process of its own, that changes nothing in the house. Also whether a source can be compiled at all.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value, json};

use super::Plugins;
use super::admin::Administrator;
use super::answers::{Told, read_price, read_registration, read_reply};
use super::calling::{parsed, prepared_call, told};
use super::code::{self, Code, PluginFiles};
use super::hook::Hook;
use super::moment::moment_of;
use super::protocol::{Call, ScriptError};
use super::samples::sample;
use super::seat::{CallError, Seat};
use super::shelf::Plugin;
use crate::error::{Error, Reason, Result};

const MAX_SUBJECT_BYTES: usize = 100;
/// Nobody but the administrator waits for this process.
const START: Duration = Duration::from_secs(30);

/// What is asked, and what is answering; what is absent is the sample's, or the plugin's.
#[derive(Debug, Clone, Default)]
pub struct DryRun {
    pub hook: String,
    /// Arguments of the hook by name, each over that of the sample; `now` may be a text such as
    /// `2026-11-23T10:00:00+01:00[Europe/Berlin]`, and `subject` a person's id.
    pub input: Option<Map<String, Value>>,
    /// That nobody saved yet.
    pub source: Option<String>,
    pub settings: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, Default)]
pub struct DryRunOutcome {
    /// What the function gave.
    pub result: Option<Value>,
    /// What it means, in the words of the log.
    pub decision: Option<&'static str>,
    pub reason: Option<String>,
    pub log: Vec<String>,
    pub took_us: u64,
    pub error: Option<ScriptError>,
    /// The arguments by their names, those that were not given too. None: the plugin's own files are
    /// not fit to be asked.
    pub sample: Option<Map<String, Value>>,
}

impl Plugins {
    /// What is wrong with a source, if anything.
    pub async fn check(
        &self,
        caller: &impl Administrator,
        name: &str,
        source: String,
        manifest: Option<String>,
    ) -> Result<Option<ScriptError>> {
        caller.require_admin()?;
        let plugin = self.get_by_name(name)?;
        let _bench = self.workbench().await?;
        let known = plugin.code.as_ref().map(|code| code.manifest_text.clone());
        let read = match manifest {
            Some(_) => Code::read_new,
            None => Code::read,
        };
        let checked = match manifest.or(known) {
            Some(manifest) => match read(name, PluginFiles { manifest, source }) {
                Ok(code) => code.check(&self.workshop).await.map(drop),
                Err(error) => Err(error.into()),
            },
            None => code::compile(&self.workshop, &source).await.map(drop),
        };
        match checked {
            Ok(()) => Ok(None),
            Err(CallError::Failed(error)) => Ok(Some(error)),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks a plugin, on or off, and changes nothing.
    pub async fn dry_run(
        &self,
        caller: &impl Administrator,
        name: &str,
        run: DryRun,
    ) -> Result<DryRunOutcome> {
        caller.require_admin()?;
        let plugin = self.get_by_name(name)?;
        let hook = Hook::parse(&run.hook)
            .ok_or_else(|| Error::invalid_field("hook", "there is no such hook"))?;
        let code = plugin.code.clone();
        let unusable = || Error::conflict("the plugin's files cannot be used");
        let mut code = code.ok_or_else(|| unusable().with_reason(Reason::PluginUnusable))?;
        let asked = Asked::read(hook, run.input.unwrap_or_default())?;
        if let Some(source) = run.source {
            let files = PluginFiles {
                manifest: code.manifest_text.clone(),
                source,
            };
            code = match Code::read(name, files) {
                Ok(code) => Arc::new(code),
                Err(error) => return Ok(DryRunOutcome::failed(error)),
            };
        }
        let settings = settings_for(&plugin, &code, run.settings.unwrap_or_default())?;
        let arguments = told(hook, asked.arguments, &code.manifest);
        let names = hook.parameters().iter().map(|&name| name.to_owned());
        let sample = names.zip(arguments.iter().cloned()).collect();
        let call = prepared_call(hook, arguments, asked.subject, &asked.now, self.deadline);
        let outcome = self.rehearse(&plugin, &code, hook, &settings, call).await?;
        Ok(DryRunOutcome {
            sample: Some(sample),
            ..outcome
        })
    }

    async fn rehearse(
        &self,
        plugin: &Arc<Plugin>,
        code: &Arc<Code>,
        hook: Hook,
        settings: &str,
        call: Call,
    ) -> Result<DryRunOutcome> {
        let host = self.housework(plugin, code, Some(Mutex::default()));
        let _bench = self.workbench().await?;
        let latest = Instant::now() + START;
        let called = match Seat::default().turn(hook, "", latest).await {
            Some(turn) => {
                let workshop = &self.workshop;
                turn.call(workshop, code, settings, call, latest, &host)
                    .await
            }
            None => Err(CallError::Busy),
        };
        let called = match called {
            Ok(called) => called,
            Err(CallError::Failed(error)) => return Ok(DryRunOutcome::failed(error)),
            Err(error) => return Err(error.into()),
        };
        let mut outcome = DryRunOutcome {
            log: called.finished.lines,
            took_us: u64::try_from(called.took.as_micros()).unwrap_or(u64::MAX),
            ..DryRunOutcome::default()
        };
        match called.finished.outcome.and_then(|json| parsed(&json)) {
            Ok(value) => outcome.read(hook, value),
            Err(error) => outcome.error = Some(error),
        }
        Ok(outcome)
    }

    /// Each is a process.
    async fn workbench(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        self.workbenches.acquire().await.map_err(Error::internal)
    }
}

/// Those that are kept, with these over them, as JSON.
fn settings_for(plugin: &Plugin, code: &Code, tried: Map<String, Value>) -> Result<String> {
    let wrong = |error: String| Error::invalid_field("settings", error);
    let mut given = plugin.given_settings();
    for (setting, value) in tried {
        let value = code.manifest.check_value(&setting, &value);
        given.insert(setting, value.map_err(wrong)?);
    }
    let values = code.manifest.fitting_values(&given).map_err(wrong)?;
    Ok(Value::Object(values).to_string())
}

impl DryRunOutcome {
    fn failed(error: ScriptError) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }

    fn read(&mut self, hook: Hook, value: Value) {
        self.result = Some(value.clone());
        let meaning = |told: &dyn Told| (told.outcome(), told.reason());
        let meant = match hook {
            Hook::RegistrationBeforeAccept => read_registration(value).map(|it| meaning(&it)),
            Hook::MessagePrice => read_price(value).map(|it| meaning(&it)),
            Hook::ReplyBeforeStart => read_reply(value).map(|it| meaning(&it)),
        };
        match meant {
            Ok((decision, reason)) => {
                self.decision = Some(decision);
                self.reason = reason;
            }
            Err(sentence) => self.error = Some(ScriptError::of_whole(sentence)),
        }
    }
}

struct Asked {
    arguments: Vec<Value>,
    subject: Option<String>,
    now: Value,
}

impl Asked {
    fn read(hook: Hook, mut input: Map<String, Value>) -> Result<Self> {
        let wrong = |sentence: String| Error::invalid_field("input", sentence);
        let now = match input.remove("now") {
            None => moment_of(&Zoned::now()),
            Some(Value::String(text)) => {
                let zoned: Result<Zoned, _> = text.parse();
                let at = zoned.or_else(|_| {
                    let timestamp: Result<Timestamp, _> = text.parse();
                    timestamp.map(|timestamp| timestamp.to_zoned(jiff::tz::TimeZone::UTC))
                });
                let at = at.map_err(|_| {
                    wrong("now must look like 2026-11-23T10:00:00+01:00[Europe/Berlin]".into())
                        .with_reason(Reason::MomentMalformed)
                })?;
                moment_of(&at)
            }
            Some(given) => merged(moment_of(&Zoned::now()), given),
        };
        let subject = match input.remove("subject") {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) if id.len() <= MAX_SUBJECT_BYTES => Some(id),
            Some(_) => return Err(wrong("subject must be a short text".into())),
        };
        let mut sample = sample(hook, &now);
        for (name, given) in input {
            let Some(argument) = sample.get_mut(&name) else {
                let known = hook.parameters().join(", ");
                let sentence = format!("this hook is asked with {known}, not {name:?}");
                return Err(wrong(sentence)
                    .with_reason(Reason::ArgumentUnknown)
                    .with_details(json!({ "names": hook.parameters() })));
            };
            *argument = merged(argument.take(), given);
        }
        let arguments = hook.parameters().iter();
        let arguments = arguments.map(|name| sample.remove(*name).unwrap_or_default());
        Ok(Self {
            arguments: arguments.collect(),
            subject,
            now,
        })
    }
}

/// Fields that are given over those that are there; whatever is no object takes its place.
fn merged(there: Value, given: Value) -> Value {
    match (there, given) {
        (Value::Object(mut fields), Value::Object(given)) => {
            fields.extend(given);
            Value::Object(fields)
        }
        (_, given) => given,
    }
}
