//! What administrators' rules say of somebody who registers: the plugins are asked outside of any
//! transaction, and what they grant is added to what the key gives. And administrators are told of a
//! plugin that was switched off.

use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::registration_keys::RegistrationKeyRecord;
use super::validity::ValidUser;
use super::{Accounts, UserRecord, UserRole, Visitor};
use crate::error::{Error, Result};
use crate::mail::MailKind;
use crate::plugins::{
    Applicant, GrantedRole, KeyFacts, Plugins, RegistrationGrant, RegistrationQuestion,
    RegistrationVerdict, rules_busy,
};
use crate::store::Reads;
use crate::store::groups::list_groups;

impl Accounts {
    /// Only of what may be an account: what a rule is handed must not be what makes it fail. A house
    /// without rules, as on the command line, asks nothing.
    pub(super) async fn ask_policies(
        &self,
        visitor: &Visitor,
        new: &ValidUser,
        key: Option<RegistrationKeyRecord>,
    ) -> Result<RegistrationGrant> {
        let Some(plugins) = &self.plugins else {
            return Ok(RegistrationGrant::default());
        };
        let key = match key {
            Some(key) => Some(self.store.read(move |tx| facts_of(tx, key)).await?),
            None => None,
        };
        let question = RegistrationQuestion {
            network: visitor.network().to_string(),
            key,
            applicant: applicant(visitor, new),
        };
        match plugins.registration_before_accept(&question).await {
            RegistrationVerdict::Allowed(grant) => Ok(grant),
            RegistrationVerdict::Refused { plugin, reason } => {
                Err(Error::forbidden(reason).with_details(json!({ "policy": plugin })))
            }
            RegistrationVerdict::Busy => Err(rules_busy()),
        }
    }

    /// Tells the administrators of plugins that were switched off, for as long as there are any.
    pub async fn tell_of_plugins_switched_off(&self, plugins: &Plugins) {
        let mut notices = plugins.switched_off();
        loop {
            let off = match notices.recv().await {
                Ok(off) => off,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            let kind = MailKind::PluginSwitchedOff {
                plugin: off.plugin,
                reason: off.reason,
            };
            let post = self.post.clone();
            let told = self
                .store
                .write(move |tx| post.tell_administrators(tx, &kind));
            match told.await {
                Ok(()) => self.post.send(),
                Err(error) => tracing::warn!(%error, "administrators were not told of a plugin"),
            }
        }
    }
}

fn facts_of(tx: &impl Reads, key: RegistrationKeyRecord) -> Result<KeyFacts> {
    let groups = list_groups(tx)?.into_iter();
    let of_key = groups.filter(|group| key.grants.group_ids.contains(&group.id));
    Ok(KeyFacts {
        id: key.id.to_string(),
        prefix: key.prefix,
        note: key.note,
        role: key.grants.role.name().to_owned(),
        groups: of_key.map(|group| group.name).collect(),
        tokens: key.grants.tokens.map(bounded),
        expires_at: key.expires_at,
        uses_left: Some(i64::from(key.uses_allowed.saturating_sub(key.uses))),
        created_at: key.created_at,
    })
}

fn bounded(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn applicant(visitor: &Visitor, new: &ValidUser) -> Applicant {
    let domain = new
        .email
        .as_deref()
        .and_then(|email| email.rsplit_once('@'));
    Applicant {
        username: new.username.clone(),
        email_domain: domain.map(|(_, domain)| domain.to_owned()),
        email: new.email.clone(),
        display_name: new.display_name.clone(),
        address: Some(visitor.address.to_string()),
        language: new.language.clone(),
    }
}

/// Gives a new account what the rules grant; a group that is not there is passed over and logged.
pub(super) fn apply_grant(
    tx: &impl Reads,
    user: &mut UserRecord,
    grant: &RegistrationGrant,
) -> Result<()> {
    match grant.role {
        Some(GrantedRole::User) => user.role = UserRole::User,
        Some(GrantedRole::Auditor) => user.role = UserRole::Auditor,
        None => {}
    }
    let groups = list_groups(tx)?;
    for name in &grant.groups {
        let wanted = name.to_lowercase();
        let found = groups
            .iter()
            .find(|group| group.name.to_lowercase() == wanted);
        match found {
            Some(group) if !user.group_ids.contains(&group.id) => user.group_ids.push(group.id),
            Some(_) => {}
            None => tracing::warn!(group = name, "a rule grants a group that is not there"),
        }
    }
    Ok(())
}
