//! Asking the plugins of a hook, one after the other, and what holds when one gives no answer.
//!
//! Where no plugin is turned on for a hook, nothing is waited for and no process exists. All plugins
//! of a question share one time, counted from when it is put. A plugin that fails has what
//! `on_failure` says; where the house cannot ask, because too many wait or for a fault of its own,
//! nobody is let through, and whoever asked is to come again.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use jiff::Zoned;
use serde_json::{Value, json};

use super::Plugins;
use super::answers::{Decision, Price, Told, read_price, read_registration, read_reply};
use super::code::Code;
use super::hook::Hook;
use super::housework::{Housework, Rehearsal};
use super::manifest::{DataKind, Manifest, OnFailure};
use super::moment::moment_of;
use super::protocol::{Call, ScriptError};
use super::questions::{
    CANNOT_BE_ASKED, PersonFacts, PriceQuestion, RegistrationGrant, RegistrationQuestion,
    RegistrationVerdict, ReplyChange, ReplyQuestion, ReplyVerdict,
};
use super::seat::{CallError, Called, HARD_DEADLINE, Turn};
use super::shelf::Plugin;
use crate::clock::now_ms;
use crate::store::plugins::PluginLogRecord;

/// What all plugins of a question may take besides twice the deadline: for a process that starts, and
/// for whoever comes before.
const PATIENCE: Duration = Duration::from_secs(2);
const MAX_APPLICANT_CHARS: usize = 100;

/// Who asks what, and until when.
struct About {
    hook: Hook,
    /// Whose calls wait for each other.
    who: String,
    subject: Option<String>,
    key_prefix: Option<String>,
    applicant: Option<String>,
    /// No call begins after this,
    latest: Instant,
    /// and by then whoever asked has heard.
    end: Instant,
}

/// One plugin's part of a question.
struct Asked {
    about: Arc<About>,
    arguments: Vec<Value>,
    now: Value,
}

/// Why a plugin said nothing.
enum Unanswered {
    /// The house could not ask it now.
    Busy,
    /// It failed, and this holds.
    Failed(OnFailure),
}

impl About {
    fn entry(&self) -> PluginLogRecord {
        PluginLogRecord {
            at: now_ms(),
            hook: self.hook.name().into(),
            subject: self.subject.clone(),
            key_prefix: self.key_prefix.clone(),
            applicant: self.applicant.clone(),
            ..PluginLogRecord::default()
        }
    }
}

impl Plugins {
    /// Nobody who asks plugins waits for longer.
    pub fn longest_wait(&self) -> Duration {
        self.deadline * 2 + PATIENCE
    }

    fn about(&self, hook: Hook, who: &str) -> About {
        let end = Instant::now() + self.longest_wait();
        About {
            hook,
            who: who.to_owned(),
            subject: None,
            key_prefix: None,
            applicant: None,
            latest: end - self.deadline - HARD_DEADLINE,
            end,
        }
    }

    fn about_person(&self, hook: Hook, person: &PersonFacts) -> Arc<About> {
        Arc::new(About {
            subject: Some(person.id.clone()),
            ..self.about(hook, &person.id)
        })
    }

    /// Asks before an account is made. Where a plugin cannot be asked, nobody is let in, unless its
    /// `plugin.toml` says otherwise.
    pub async fn registration_before_accept(
        self: &Arc<Self>,
        question: &RegistrationQuestion,
    ) -> RegistrationVerdict {
        let applicant = &question.applicant.username;
        let about = Arc::new(About {
            key_prefix: question.key.as_ref().map(|key| key.prefix.clone()),
            applicant: Some(applicant.chars().take(MAX_APPLICANT_CHARS).collect()),
            ..self.about(Hook::RegistrationBeforeAccept, &question.network)
        });
        let mut grant = RegistrationGrant::default();
        for plugin in self.shelf.answering(Hook::RegistrationBeforeAccept) {
            let arguments =
                |now: &Value| vec![json!(question.key), json!(question.applicant), now.clone()];
            match self
                .ask(&plugin, &about, arguments, read_registration)
                .await
            {
                Ok(Decision::Allow) => {}
                Ok(Decision::With(more)) => add(&mut grant, more),
                Ok(Decision::Refuse(reason)) => {
                    let plugin = plugin.name.clone();
                    return RegistrationVerdict::Refused { plugin, reason };
                }
                Err(Unanswered::Failed(OnFailure::Allow)) => {}
                Err(Unanswered::Busy) => return RegistrationVerdict::Busy,
                Err(Unanswered::Failed(OnFailure::Refuse)) => {
                    return RegistrationVerdict::Refused {
                        plugin: plugin.name.clone(),
                        reason: CANNOT_BE_ASKED.into(),
                    };
                }
            }
        }
        RegistrationVerdict::Allowed(grant)
    }

    /// What a message costs, in tokens of the allowance; None for the house's own price, also where
    /// nobody could be asked. The first plugin that names a price decides.
    pub async fn message_price(self: &Arc<Self>, question: &PriceQuestion) -> Option<u64> {
        let about = self.about_person(Hook::MessagePrice, &question.user);
        for plugin in self.shelf.answering(Hook::MessagePrice) {
            let arguments = |_: &Value| {
                vec![
                    json!(question.user),
                    json!(question.model),
                    json!(question.usage),
                ]
            };
            let asked = self.ask(&plugin, &about, arguments, read_price);
            if let Ok(Price(Some(tokens))) = asked.await {
                return Some(tokens);
            }
        }
        None
    }

    /// Asks before a reply is promised. What a plugin changes, the next one sees changed. Where a
    /// plugin cannot be asked, the reply is written, unless its `plugin.toml` says otherwise.
    pub async fn reply_before_start(self: &Arc<Self>, question: &ReplyQuestion) -> ReplyVerdict {
        let about = self.about_person(Hook::ReplyBeforeStart, &question.user);
        let mut request = question.request.clone();
        let mut change = ReplyChange::default();
        for plugin in self.shelf.answering(Hook::ReplyBeforeStart) {
            let arguments = |_: &Value| {
                vec![
                    json!(question.user),
                    json!(question.conversation),
                    json!(request),
                ]
            };
            match self.ask(&plugin, &about, arguments, read_reply).await {
                Ok(Decision::Allow) | Err(Unanswered::Failed(OnFailure::Allow)) => {}
                Err(Unanswered::Busy) => return ReplyVerdict::Busy,
                Ok(Decision::With(more)) => {
                    if let Some(model) = &more.model {
                        request.model.clone_from(model);
                    }
                    request.max_tokens = more.max_tokens.or(request.max_tokens);
                    request.temperature = more.temperature.or(request.temperature);
                    change = ReplyChange {
                        model: more.model.or(change.model),
                        max_tokens: more.max_tokens.or(change.max_tokens),
                        temperature: more.temperature.or(change.temperature),
                    };
                }
                Ok(Decision::Refuse(reason)) => {
                    let plugin = plugin.name.clone();
                    return ReplyVerdict::Refused { plugin, reason };
                }
                Err(Unanswered::Failed(OnFailure::Refuse)) => {
                    return ReplyVerdict::Refused {
                        plugin: plugin.name.clone(),
                        reason: CANNOT_BE_ASKED.into(),
                    };
                }
            }
        }
        ReplyVerdict::Allowed(change)
    }

    /// One plugin's answer, or what holds without one. In a task of its own: whoever asked may leave,
    /// and the call still has its end, its place in the log, and its count.
    async fn ask<Answer: Told + Send + 'static>(
        self: &Arc<Self>,
        plugin: &Arc<Plugin>,
        about: &Arc<About>,
        arguments: impl FnOnce(&Value) -> Vec<Value>,
        read: fn(Value) -> Result<Answer, String>,
    ) -> Result<Answer, Unanswered> {
        let now = moment_of(&Zoned::now());
        let asked = Asked {
            about: Arc::clone(about),
            arguments: arguments(&now),
            now,
        };
        let (plugins, plugin) = (Arc::clone(self), Arc::clone(plugin));
        let work = async move { plugins.ask_to_the_end(&plugin, asked, read).await };
        let asked = self.workshop.tasks.spawn(work);
        match tokio::time::timeout_at(about.end.into(), asked).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(Unanswered::Busy),
        }
    }

    /// The plugin as it is once it is its turn: it may have been switched off, edited or deleted while
    /// others were answered. No turn where nobody calls it.
    async fn turn_of(
        &self,
        plugin: &Arc<Plugin>,
        about: &About,
    ) -> Result<(Arc<Plugin>, Option<Turn>), Unanswered> {
        if plugin.called().is_none() {
            return Ok((Arc::clone(plugin), None));
        }
        let turn = plugin.seat.turn(&about.who, about.latest).await;
        let turn = turn.ok_or(Unanswered::Busy)?;
        let same = |now: &Arc<Plugin>| Arc::ptr_eq(&now.seat, &plugin.seat);
        let now = self.shelf.find(&plugin.name).filter(same);
        let now = now.filter(|now| now.record.enabled);
        Ok((now.ok_or(Unanswered::Busy)?, Some(turn)))
    }

    async fn ask_to_the_end<Answer: Told>(
        self: &Arc<Self>,
        plugin: &Arc<Plugin>,
        asked: Asked,
        read: fn(Value) -> Result<Answer, String>,
    ) -> Result<Answer, Unanswered> {
        let about = Arc::clone(&asked.about);
        let (plugin, turn) = self.turn_of(plugin, &about).await?;
        if plugin.record.switched_off.is_some() {
            return Err(Unanswered::Failed(plugin.on_failure(about.hook)));
        }
        let mut entry = about.entry();
        let called = match (plugin.called().cloned(), turn) {
            (Some(code), Some(turn)) => self.call(&plugin, &code, turn, asked).await,
            _ => Err(CallError::Failed(
                plugin.trouble.clone().unwrap_or_default(),
            )),
        };
        if !plugin.seat.is_ready() {
            self.warm(&plugin.name);
        }
        let answer = called.and_then(|Called { finished, took }| {
            entry.took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            entry.lines = finished.lines;
            let value = finished.outcome.and_then(|json| parsed(&json))?;
            Ok(read(value).map_err(ScriptError::of_whole)?)
        });
        let outcome = match answer {
            Ok(answer) => {
                entry.outcome = answer.outcome().into();
                entry.reason = answer.reason();
                plugin.failures.forget(about.hook);
                Ok(answer)
            }
            Err(CallError::Busy) => return Err(Unanswered::Busy),
            Err(CallError::House(why)) => {
                tracing::warn!(plugin = plugin.name, why, "a plugin could not be asked");
                entry.outcome = "failed".into();
                entry.error = Some(why);
                Err(Unanswered::Busy)
            }
            Err(CallError::Failed(error)) => {
                entry.outcome = "failed".into();
                entry.error = Some(self.note_failure(&plugin, about.hook, error));
                Err(Unanswered::Failed(plugin.on_failure(about.hook)))
            }
        };
        self.journal.append(&plugin.name, entry);
        outcome
    }

    async fn call(
        self: &Arc<Self>,
        plugin: &Plugin,
        code: &Arc<Code>,
        turn: Turn,
        asked: Asked,
    ) -> Result<Called, CallError> {
        let Asked {
            about,
            arguments,
            now,
        } = asked;
        let arguments = told(about.hook, arguments, &code.manifest);
        let subject = about.subject.clone();
        let call = prepared_call(about.hook, arguments, subject, &now, self.deadline);
        let host = self.housework(plugin, code, None);
        let settings = plugin.settings_json(code);
        turn.call(&self.workshop, code, &settings, call, about.latest, &host)
            .await
    }

    /// What the script may have done for it, in its name.
    pub(super) fn housework(
        &self,
        plugin: &Plugin,
        code: &Code,
        rehearsal: Option<Mutex<Rehearsal>>,
    ) -> Housework {
        Housework {
            plugin: plugin.name.clone(),
            fault: OnceLock::new(),
            hosts: plugin.hosts(code),
            store: Arc::clone(&self.store),
            outgoing: Arc::clone(&self.outgoing),
            rehearsal,
        }
    }
}

fn add(grant: &mut RegistrationGrant, more: RegistrationGrant) {
    for group in more.groups {
        if !grant.groups.contains(&group) {
            grant.groups.push(group);
        }
    }
    grant.tokens = more.tokens.or(grant.tokens);
    grant.role = more.role.or(grant.role);
}

pub(super) fn parsed(json: &str) -> Result<Value, ScriptError> {
    serde_json::from_str(json).map_err(|error| ScriptError::of_whole(error.to_string()))
}

pub(super) fn prepared_call(
    hook: Hook,
    arguments: Vec<Value>,
    subject: Option<String>,
    now: &Value,
    deadline: Duration,
) -> Call {
    Call {
        function: hook.name().into(),
        arguments: arguments.iter().map(Value::to_string).collect(),
        subject,
        now: now.to_string(),
        deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Without what the plugin did not ask to know.
pub(super) fn told(hook: Hook, mut arguments: Vec<Value>, manifest: &Manifest) -> Vec<Value> {
    const KINDS: [(DataKind, &str, &[&str]); 4] = [
        (DataKind::Email, "applicant", &["email"]),
        (DataKind::Address, "applicant", &["address"]),
        (DataKind::Names, "applicant", &["username", "display_name"]),
        (DataKind::Note, "key", &["note"]),
    ];
    let withheld = |kind: &DataKind| !manifest.data.contains(kind);
    for (name, argument) in hook.parameters().iter().zip(&mut arguments) {
        for (_, of, fields) in KINDS.iter().filter(|(kind, ..)| withheld(kind)) {
            let fields = fields.iter().filter(|_| of == name);
            fields.for_each(|field| withhold(argument, field));
        }
        if *name == "user" && withheld(&DataKind::Names) {
            withhold(argument, "username");
        }
    }
    arguments
}

fn withhold(argument: &mut Value, field: &str) {
    if let Some(value) = argument.get_mut(field) {
        *value = Value::Null;
    }
}
