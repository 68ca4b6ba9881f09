//! What becomes of a plugin that gives no answer: it is counted, and after too many failures of one
//! hook in a row no longer called, and whoever listens is told.
//!
//! What it was relied on for stays refused, where its silence is a refusal: failing three times must
//! not open a door. Only what a plugin is to blame for is counted.

use std::sync::Arc;

use serde_json::json;

use super::hook::Hook;
use super::protocol::ScriptError;
use super::shelf::{MOST_FAILURES, Plugin};
use super::{Plugins, SwitchedOff};
use crate::clock::now_ms;
use crate::error::Error;
use crate::store::audit::{AuditActor, AuditEvent, append_audit};
use crate::store::plugins::{PluginLogRecord, SwitchedOffRecord, find_plugin, put_plugin};

impl Plugins {
    /// The sentence for the log.
    pub(super) fn note_failure(
        self: &Arc<Self>,
        plugin: &Plugin,
        hook: Hook,
        error: ScriptError,
    ) -> String {
        let error = Error::from(error).message;
        let failures = plugin.failures.count(hook);
        tracing::warn!(
            plugin = plugin.name,
            hook = hook.name(),
            error,
            failures,
            "a plugin failed"
        );
        if failures == MOST_FAILURES {
            let (plugins, name) = (Arc::clone(self), plugin.name.clone());
            let reason = format!(
                "{} failed {MOST_FAILURES} times in a row, at last because {error}",
                hook.name()
            );
            self.workshop
                .tasks
                .spawn(async move { plugins.switch_off(&name, reason).await });
        }
        error
    }

    async fn switch_off(&self, name: &str, reason: String) {
        let _turn = self.changing.lock().await;
        let Some(plugin) = self
            .shelf
            .find(name)
            .filter(|plugin| plugin.failures.most() >= MOST_FAILURES)
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
}
