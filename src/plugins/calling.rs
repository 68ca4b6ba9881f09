//! One plugin's part of a question: its turn, its call, and what is written down about it.
//!
//! A call that has begun has its end, its place in the log and its count, though nobody waits for it
//! any more. Entered by `asking` with each question, and by `rehearsing` for what both prepare alike.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Zoned;
use serde_json::Value;

use super::Plugins;
use super::answers::Told;
use super::code::Code;
use super::hook::Hook;
use super::housework::{Housework, Rehearsal};
use super::manifest::{DataKind, Manifest, OnFailure};
use super::moment::moment_of;
use super::protocol::{Call, ScriptError};
use super::questions::{PersonFacts, RegistrationQuestion};
use super::seat::{CallError, Called, HARD_DEADLINE, Turn};
use super::shelf::Plugin;
use crate::clock::now_ms;
use crate::store::plugins::PluginLogRecord;

/// What all plugins of a question may take besides twice the deadline: for a process that starts, and
/// for whoever comes before.
const PATIENCE: Duration = Duration::from_secs(2);
const MAX_APPLICANT_CHARS: usize = 100;
const NO_TIME_LEFT: &str = "it was not asked: the plugins before it took all the time";
const KILLED: &str = "its process was ended from outside in the middle of the call";

/// Who asks what, and until when.
pub(super) struct About {
    hook: Hook,
    /// Whose calls wait for each other.
    who: String,
    subject: Option<String>,
    key_prefix: Option<String>,
    applicant: Option<String>,
    asked_at: Instant,
    /// No call begins after this,
    latest: Instant,
    /// and by then whoever asked has heard.
    end: Instant,
    /// By the calls there were, without what was waited for them.
    taken: Mutex<Duration>,
}

/// One plugin's part of a question.
struct Asked {
    about: Arc<About>,
    arguments: Vec<Value>,
    now: Value,
}

/// Why a plugin said nothing.
pub(super) enum Unanswered {
    /// The house could not ask it now.
    Busy,
    /// It was turned off or deleted meanwhile: nobody asks it.
    Gone,
    /// It failed, or those before it left no time, and this holds.
    Failed(OnFailure),
}

impl About {
    fn take(&self, time: Duration) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) += time;
    }

    /// Whether it is too late for another call because of the plugins before alone. Time that was
    /// waited does not count: whoever keeps a queue full must not walk past a rule.
    fn is_used_up(&self) -> bool {
        let taken = *self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        Instant::now() > self.latest && self.asked_at + taken >= self.latest
    }

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
        let asked_at = Instant::now();
        let end = asked_at + self.longest_wait();
        About {
            hook,
            who: who.to_owned(),
            subject: None,
            key_prefix: None,
            applicant: None,
            asked_at,
            latest: end - self.deadline - HARD_DEADLINE,
            end,
            taken: Mutex::default(),
        }
    }

    pub(super) fn about_stranger(&self, question: &RegistrationQuestion) -> Arc<About> {
        let applicant = &question.applicant.username;
        Arc::new(About {
            key_prefix: question.key.as_ref().map(|key| key.prefix.clone()),
            applicant: Some(applicant.chars().take(MAX_APPLICANT_CHARS).collect()),
            ..self.about(Hook::RegistrationBeforeAccept, &question.network)
        })
    }

    pub(super) fn about_person(&self, hook: Hook, person: &PersonFacts) -> Arc<About> {
        Arc::new(About {
            subject: Some(person.id.clone()),
            ..self.about(hook, &person.id)
        })
    }

    /// One plugin's answer, or what holds without one. In a task of its own: whoever asked may leave,
    /// and the call still has its end, its place in the log, and its count.
    pub(super) async fn ask<Answer: Told + Send + 'static>(
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

    /// The plugin as it is now, where it is still asked here.
    fn as_it_is(&self, plugin: &Arc<Plugin>, hook: Hook) -> Result<Arc<Plugin>, Unanswered> {
        let same = |now: &Arc<Plugin>| Arc::ptr_eq(&now.seat, &plugin.seat);
        let now = self.shelf.find(&plugin.name).filter(same);
        now.filter(|now| now.answers(hook)).ok_or(Unanswered::Gone)
    }

    /// The plugin as it is once it is its turn: it may have been switched off, edited or deleted while
    /// others were answered. No turn where nobody calls it.
    async fn turn_of(
        &self,
        plugin: &Arc<Plugin>,
        about: &About,
    ) -> Result<(Arc<Plugin>, Option<Turn>), Unanswered> {
        let plugin = self.as_it_is(plugin, about.hook)?;
        if plugin.called().is_none() {
            return Ok((plugin, None));
        }
        if about.is_used_up() {
            let mut entry = about.entry();
            entry.outcome = "failed".into();
            entry.error = Some(NO_TIME_LEFT.into());
            self.journal.append(&plugin.name, entry);
            return Err(Unanswered::Failed(plugin.on_failure(about.hook)));
        }
        let turn = plugin.seat.turn(about.hook, &about.who, about.latest);
        let turn = turn.await.ok_or(Unanswered::Busy)?;
        Ok((self.as_it_is(&plugin, about.hook)?, Some(turn)))
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
        let begun = Instant::now();
        let called = match (plugin.called().cloned(), turn) {
            (Some(code), Some(turn)) => self.call(&plugin, &code, turn, asked).await,
            _ => Err(CallError::Failed(
                plugin.trouble.clone().unwrap_or_default(),
            )),
        };
        about.take(match &called {
            Ok(called) => called.took,
            // The start of a process may be in it, but no call takes longer.
            Err(_) => begun.elapsed().min(self.deadline + HARD_DEADLINE),
        });
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
            Err(error) => {
                let (why, unanswered) = self.blame(&plugin, about.hook, error);
                entry.outcome = "failed".into();
                entry.error = Some(why.ok_or(Unanswered::Busy)?);
                Err(unanswered)
            }
        };
        self.journal.append(&plugin.name, entry);
        outcome
    }

    /// The sentence for the log, which has none where too many wait, and what holds.
    fn blame(
        self: &Arc<Self>,
        plugin: &Plugin,
        hook: Hook,
        error: CallError,
    ) -> (Option<String>, Unanswered) {
        let why = match error {
            CallError::Failed(error) => {
                let why = self.note_failure(plugin, hook, error);
                return (Some(why), Unanswered::Failed(plugin.on_failure(hook)));
            }
            CallError::Killed if plugin.failures.is_killed_again(hook) => {
                let why = self.note_failure(plugin, hook, ScriptError::of_whole(KILLED));
                return (Some(why), Unanswered::Failed(plugin.on_failure(hook)));
            }
            CallError::Killed => KILLED.to_owned(),
            CallError::House(why) => why,
            CallError::Busy => return (None, Unanswered::Busy),
        };
        tracing::warn!(plugin = plugin.name, why, "a plugin could not be asked");
        (Some(why), Unanswered::Busy)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Asked ten seconds ago, of which the last call might begin after two.
    fn late_by(taken: Duration) -> About {
        let asked_at = Instant::now() - Duration::from_secs(10);
        About {
            hook: Hook::ReplyBeforeStart,
            who: "ada".into(),
            subject: None,
            key_prefix: None,
            applicant: None,
            asked_at,
            latest: asked_at + Duration::from_secs(2),
            end: asked_at + Duration::from_secs(3),
            taken: Mutex::new(taken),
        }
    }

    #[test]
    fn a_short_call_behind_a_long_wait_uses_up_nothing() {
        for (taken_ms, expected) in [(0, false), (300, false), (1_999, false), (2_000, true)] {
            let about = late_by(Duration::from_millis(taken_ms));
            assert_eq!(about.is_used_up(), expected, "{taken_ms} ms");
        }
        let in_time = About {
            latest: Instant::now() + Duration::from_secs(60),
            ..late_by(Duration::from_secs(600))
        };
        assert!(!in_time.is_used_up());
    }
}
