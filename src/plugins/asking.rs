//! How the house asks its plugins: at each hook those that are on, in the order of their names, each
//! told only what it asked to know, and what holds when one gives no answer.
//!
//! Where no plugin is turned on for a hook, nothing is waited for and no process exists. All plugins
//! of a question share one time, counted from when it is put. A plugin that fails, or for which those
//! before it left no time, has what `on_failure` says; where the house cannot ask, because too many
//! wait or for a fault of its own, nobody is let through, and whoever asked is to come again.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Plugins;
use super::answers::{Decision, Price, read_price, read_registration, read_reply};
use super::calling::Unanswered;
use super::hook::Hook;
use super::manifest::OnFailure;
use super::questions::{
    CANNOT_BE_ASKED, PriceQuestion, PriceVerdict, RegistrationGrant, RegistrationQuestion,
    RegistrationVerdict, ReplyChange, ReplyQuestion, ReplyVerdict,
};

impl Plugins {
    /// Asks before an account is made. Where a plugin cannot be asked, nobody is let in, unless its
    /// `plugin.toml` says otherwise.
    pub async fn registration_before_accept(
        self: &Arc<Self>,
        question: &RegistrationQuestion,
    ) -> RegistrationVerdict {
        let about = self.about_stranger(question);
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
                Err(Unanswered::Gone | Unanswered::Failed(OnFailure::Allow)) => {}
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

    /// What a message costs. The first plugin that names a price decides; whoever fails names none.
    pub async fn message_price(self: &Arc<Self>, question: &PriceQuestion) -> PriceVerdict {
        let about = self.about_person(Hook::MessagePrice, &question.user);
        for plugin in self.shelf.answering(Hook::MessagePrice) {
            let arguments = |_: &Value| {
                vec![
                    json!(question.user),
                    json!(question.model),
                    json!(question.usage),
                ]
            };
            match self.ask(&plugin, &about, arguments, read_price).await {
                Ok(Price(Some(tokens))) => return PriceVerdict::Tokens(tokens),
                // Another price instead would make it worth while to keep the house busy.
                Err(Unanswered::Busy) => return PriceVerdict::Busy,
                Ok(Price(None)) | Err(Unanswered::Gone | Unanswered::Failed(_)) => {}
            }
        }
        PriceVerdict::House
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
                Ok(Decision::Allow)
                | Err(Unanswered::Gone | Unanswered::Failed(OnFailure::Allow)) => {}
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
