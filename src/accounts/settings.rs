//! Settings an administrator changes while the house runs. Each is read from the store where it
//! matters, inside the transaction it decides, so a change holds at once. A section is changed
//! field by field, so that two administrators who change different things do not undo each other.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::allowance::{AllowanceRules, AllowanceRulesChange, allowance_rules, change_allowance};
use super::audit::audited;
use super::{Accounts, Caller};
use crate::error::Result;
use crate::store::settings::{find_setting, put_setting};
use crate::store::{Reads, WriteTx};

/// Before there was more to say about registration than open or closed.
const REGISTRATION_ONCE: &str = "registration";
const PRIVACY: &str = "privacy";
const REGISTRATION: &str = "registration_rules";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    pub registration: RegistrationRules,
    pub allowance: AllowanceRules,
    pub privacy: PrivacyRules,
}

/// What is to change; None stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct SettingsChange {
    pub registration: RegistrationRulesChange,
    pub allowance: AllowanceRulesChange,
    pub break_glass: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrivacyRules {
    /// Administrators may open others' conversations, and the owners are told.
    pub break_glass: bool,
}

/// Who may make an account, and what must come before they are let in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RegistrationRules {
    pub mode: RegistrationMode,
    /// They must prove that the e-mail is theirs.
    pub verify_email: bool,
    pub approval: RegistrationApproval,
}

impl RegistrationRules {
    /// Who comes without a key where one is needed is not let in anyway.
    pub fn effective_approval(self) -> RegistrationApproval {
        match (self.mode, self.approval) {
            (RegistrationMode::Key, RegistrationApproval::WithoutKey) => {
                RegistrationApproval::Never
            }
            (_, approval) => approval,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct RegistrationRulesChange {
    pub mode: Option<RegistrationMode>,
    pub verify_email: Option<bool>,
    pub approval: Option<RegistrationApproval>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationMode {
    /// Nobody.
    #[default]
    Closed,
    /// Who has a registration key.
    Key,
    /// Everybody; a registration key is taken too, for what it grants.
    Open,
}

/// Whether an administrator must approve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationApproval {
    #[default]
    Never,
    /// Of those who have no registration key.
    WithoutKey,
    Always,
}

pub(super) fn registration_rules(tx: &impl Reads) -> Result<RegistrationRules> {
    if let Some(rules) = find_setting(tx, REGISTRATION)? {
        return Ok(rules);
    }
    let mode = find_setting(tx, REGISTRATION_ONCE)?.unwrap_or_default();
    Ok(RegistrationRules {
        mode,
        ..RegistrationRules::default()
    })
}

pub(super) fn privacy_rules(tx: &impl Reads) -> Result<PrivacyRules> {
    Ok(find_setting(tx, PRIVACY)?.unwrap_or_default())
}

fn settings(tx: &impl Reads) -> Result<Settings> {
    Ok(Settings {
        registration: registration_rules(tx)?,
        allowance: allowance_rules(tx)?,
        privacy: privacy_rules(tx)?,
    })
}

fn change_registration(tx: &WriteTx, change: RegistrationRulesChange) -> Result<()> {
    let old = registration_rules(tx)?;
    let new = RegistrationRules {
        mode: change.mode.unwrap_or(old.mode),
        verify_email: change.verify_email.unwrap_or(old.verify_email),
        approval: change.approval.unwrap_or(old.approval),
    };
    put_setting(tx, REGISTRATION, &new)
}

/// What has another value than before, with the one it has now.
fn changes(before: &Settings, after: &Settings) -> Value {
    let rules = |settings: &Settings| {
        json!({
            "registration": settings.registration,
            "privacy": settings.privacy,
            "allowance": settings.allowance,
        })
    };
    let mut changed = different_parts(&rules(before), &rules(after)).unwrap_or_else(|| json!({}));
    if let Some(allowance) = changed
        .pointer_mut("/allowance")
        .and_then(Value::as_object_mut)
    {
        // Follows from the rest.
        allowance.remove("refill_since");
    }
    changed
}

fn different_parts(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let parts = after.iter().filter_map(|(name, value)| {
                let old = before.get(name).unwrap_or(&Value::Null);
                Some((name.clone(), different_parts(old, value)?))
            });
            let parts: Map<String, Value> = parts.collect();
            (!parts.is_empty()).then_some(Value::Object(parts))
        }
        _ => (before != after).then(|| after.clone()),
    }
}

impl Accounts {
    pub async fn registration_rules(&self) -> Result<RegistrationRules> {
        self.store.read(registration_rules).await
    }

    pub async fn settings(&self, caller: &Caller) -> Result<Settings> {
        caller.require_admin()?;
        self.store.read(settings).await
    }

    /// Gives the settings as they are afterwards.
    pub async fn change_settings(
        &self,
        caller: &Caller,
        change: SettingsChange,
    ) -> Result<Settings> {
        caller.require_admin()?;
        let caller = caller.clone();
        self.store
            .write(move |tx| {
                let before = settings(tx)?;
                change_registration(tx, change.registration)?;
                if let Some(break_glass) = change.break_glass {
                    put_setting(tx, PRIVACY, &PrivacyRules { break_glass })?;
                }
                change_allowance(tx, change.allowance)?;
                let after = settings(tx)?;
                if after != before {
                    let details = changes(&before, &after);
                    audited(tx, &caller, "settings.changed", "", details)?;
                }
                Ok(after)
            })
            .await
    }
}
