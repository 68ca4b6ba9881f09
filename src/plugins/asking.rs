//! Asking the plugins of a hook, one after the other, and what holds when one gives no answer.
//!
//! Where no plugin is turned on for a hook, nothing is waited for and no process exists. A plugin
//! that was switched off for its failures is no longer called, but what it was relied on for stays
//! refused, where its silence is a refusal: failing three times must not open a door.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Zoned;
use serde_json::{Value, json};

use super::answers::{Decision, Price, Told, read_price, read_registration, read_reply};
use super::code::Code;
use super::hook::Hook;
use super::housework::Housework;
use super::manifest::{DataKind, Manifest, OnFailure};
use super::moment::moment_of;
use super::protocol::{Call, ScriptError};
use super::questions::{
    CANNOT_BE_ASKED, PriceQuestion, RegistrationGrant, RegistrationQuestion, RegistrationVerdict,
    ReplyChange, ReplyQuestion, ReplyVerdict,
};
use super::seat::{CallError, Called};
use super::shelf::{MOST_FAILURES, Plugin};
use super::{Plugins, SwitchedOff};
use crate::clock::now_ms;
use crate::store::audit::{AuditActor, AuditEvent, append_audit};
use crate::store::plugins::{PluginLogRecord, SwitchedOffRecord, find_plugin, put_plugin};

/// What a question is about, for the log.
#[derive(Default)]
struct About {
    subject: Option<String>,
    key_prefix: Option<String>,
}

impl Plugins {
    /// Asks before an account is made. Where a plugin cannot be asked, nobody is let in, unless its
    /// `plugin.toml` says otherwise.
    pub async fn registration_before_accept(
        self: &Arc<Self>,
        question: &RegistrationQuestion,
    ) -> RegistrationVerdict {
        let about = About {
            subject: None,
            key_prefix: question.key.as_ref().map(|key| key.prefix.clone()),
        };
        let mut grant = RegistrationGrant::default();
        for plugin in self.shelf.answering(Hook::RegistrationBeforeAccept) {
            let arguments =
                |now: &Value| vec![json!(question.key), json!(question.applicant), now.clone()];
            let asked = self.ask(
                &plugin,
                Hook::RegistrationBeforeAccept,
                arguments,
                &about,
                read_registration,
            );
            match asked.await {
                Ok(Decision::Allow) => {}
                Ok(Decision::With(more)) => add(&mut grant, more),
                Ok(Decision::Refuse(reason)) => {
                    let plugin = plugin.name.clone();
                    return RegistrationVerdict::Refused { plugin, reason };
                }
                Err(OnFailure::Allow) => {}
                Err(OnFailure::Refuse) => {
                    return RegistrationVerdict::Refused {
                        plugin: plugin.name.clone(),
                        reason: CANNOT_BE_ASKED.into(),
                    };
                }
            }
        }
        RegistrationVerdict::Allowed(grant)
    }

    /// What a message costs, in tokens of the allowance; None for the house's own price. The first
    /// plugin that names a price decides.
    pub async fn message_price(self: &Arc<Self>, question: &PriceQuestion) -> Option<u64> {
        let about = About {
            subject: Some(question.user.id.clone()),
            key_prefix: None,
        };
        for plugin in self.shelf.answering(Hook::MessagePrice) {
            let arguments = |_: &Value| {
                vec![
                    json!(question.user),
                    json!(question.model),
                    json!(question.usage),
                ]
            };
            let asked = self.ask(&plugin, Hook::MessagePrice, arguments, &about, read_price);
            if let Ok(Price(Some(tokens))) = asked.await {
                return Some(tokens);
            }
        }
        None
    }

    /// Asks before a reply is promised. What a plugin changes, the next one sees changed. Where a
    /// plugin cannot be asked, the reply is written, unless its `plugin.toml` says otherwise.
    pub async fn reply_before_start(self: &Arc<Self>, question: &ReplyQuestion) -> ReplyVerdict {
        let about = About {
            subject: Some(question.user.id.clone()),
            key_prefix: None,
        };
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
            let asked = self.ask(
                &plugin,
                Hook::ReplyBeforeStart,
                arguments,
                &about,
                read_reply,
            );
            match asked.await {
                Ok(Decision::Allow) | Err(OnFailure::Allow) => {}
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
                Err(OnFailure::Refuse) => {
                    return ReplyVerdict::Refused {
                        plugin: plugin.name.clone(),
                        reason: CANNOT_BE_ASKED.into(),
                    };
                }
            }
        }
        ReplyVerdict::Allowed(change)
    }

    /// One plugin's answer, or what holds without one.
    async fn ask<Answer: Told>(
        self: &Arc<Self>,
        plugin: &Arc<Plugin>,
        hook: Hook,
        arguments: impl FnOnce(&Value) -> Vec<Value>,
        about: &About,
        read: impl FnOnce(Value) -> Result<Answer, String>,
    ) -> Result<Answer, OnFailure> {
        let mut entry = PluginLogRecord {
            at: now_ms(),
            hook: hook.name().into(),
            subject: about.subject.clone(),
            key_prefix: about.key_prefix.clone(),
            ..PluginLogRecord::default()
        };
        let called = match (&plugin.code, &plugin.record.switched_off) {
            (Some(code), None) => {
                let now = moment_of(&Zoned::now());
                let arguments = told(hook, arguments(&now), &code.manifest);
                let call =
                    prepared_call(hook, arguments, about.subject.clone(), &now, self.deadline);
                let host = self.housework(plugin, code, None);
                let settings = plugin.settings_json(code);
                plugin
                    .seat
                    .call(&self.workshop, code, &settings, call, &host)
                    .await
            }
            (_, Some(_)) => Err(CallError::Busy),
            (None, None) => Err(CallError::Failed(
                plugin.trouble.clone().unwrap_or_default(),
            )),
        };
        let outcome = match called {
            Ok(Called { finished, took }) => {
                entry.took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                entry.lines = finished.lines;
                let value = finished.outcome.and_then(|json| parsed(&json));
                let answer = value.and_then(|value| read(value).map_err(ScriptError::of_whole));
                answer.map_err(CallError::Failed)
            }
            Err(error) => Err(error),
        };
        let outcome = match outcome {
            Ok(answer) => {
                entry.outcome = answer.outcome().into();
                entry.reason = answer.reason();
                plugin.failures.store(0, Ordering::Relaxed);
                Ok(answer)
            }
            Err(error) => {
                entry.outcome = "failed".into();
                entry.error = Some(self.note_failure(plugin, error));
                Err(plugin.on_failure(hook))
            }
        };
        self.journal.append(&plugin.name, entry);
        outcome
    }

    /// Counts what the plugin is to blame for; the sentence for the log.
    fn note_failure(self: &Arc<Self>, plugin: &Arc<Plugin>, error: CallError) -> String {
        let error = match error {
            CallError::Busy => {
                return match &plugin.record.switched_off {
                    Some(_) => "it is switched off".into(),
                    None => "too much was asked of it at once".into(),
                };
            }
            CallError::Failed(error) => crate::error::Error::from(error).message,
        };
        let failures = plugin.failures.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(plugin = plugin.name, error, failures, "a plugin failed");
        if failures == MOST_FAILURES {
            let (plugins, plugin) = (Arc::clone(self), Arc::clone(plugin));
            let reason =
                format!("it failed {MOST_FAILURES} times in a row, at last because {error}");
            self.workshop
                .tasks
                .spawn(async move { plugins.switch_off(&plugin.name, reason).await });
        }
        error
    }

    async fn switch_off(&self, name: &str, reason: String) {
        let _turn = self.changing.lock().await;
        let Some(plugin) = self
            .shelf
            .find(name)
            .filter(|plugin| plugin.failures() >= MOST_FAILURES)
        else {
            return;
        };
        let at = now_ms();
        let record = SwitchedOffRecord {
            reason: reason.clone(),
            at,
        };
        let mut changed = Plugin::clone(&plugin);
        changed.record.switched_off = Some(record.clone());
        self.shelf.put(changed);
        plugin.seat.clear().await;
        tracing::error!(plugin = name, reason, "a plugin was switched off");
        self.journal.append(
            name,
            PluginLogRecord {
                at,
                outcome: "switched_off".into(),
                reason: Some(reason.clone()),
                ..PluginLogRecord::default()
            },
        );
        let key = name.to_owned();
        let write = self.store.write(move |tx| {
            let mut kept = find_plugin(tx, &key)?.unwrap_or_default();
            kept.switched_off = Some(record.clone());
            put_plugin(tx, &key, &kept)?;
            let event = AuditEvent {
                actor: AuditActor::House,
                action: "plugin.switched_off",
                subject: key.clone(),
                details: json!({ "reason": record.reason }),
            };
            append_audit(tx, &event)
        });
        if let Err(error) = write.await {
            tracing::error!(plugin = name, %error, "that it is switched off was not kept");
        }
        // Nobody may be listening.
        let _heard = self.switched_off.send(SwitchedOff {
            plugin: name.to_owned(),
            reason,
            at,
        });
    }

    /// What the script may have done for it, in its name.
    pub(super) fn housework(
        &self,
        plugin: &Plugin,
        code: &Code,
        rehearsal: Option<Mutex<super::housework::Rehearsal>>,
    ) -> Housework {
        Housework {
            plugin: plugin.name.clone(),
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
