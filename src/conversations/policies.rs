//! The house's rules about replies: whether one may begin, and what it costs where scripts say so.
//!
//! Scripts are asked between transactions, never inside one: a promise that needs a verdict is given
//! up with a [`VerdictNeeded`], the plugins are asked, and the promise is written again with what
//! they said, if it still is the one they were asked about. A try that is given up costs other writes
//! of its moment a second one, and nothing else. Where no plugin answers a hook, nobody is asked and
//! nothing is written twice.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::accounts::allowance::{PricedReply, Pricing};
use crate::accounts::{Access, Caller};
use crate::engine::{Engine, Generate};
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::plugins::{
    ConversationFacts, Hook, ModelFacts, PersonFacts, Plugins, PriceQuestion, PriceVerdict,
    ReplyChange, ReplyQuestion, ReplyVerdict, RequestFacts, UsageFacts, rules_busy,
};
use crate::store::Store;

/// The rules as they are asked for one request of one person.
#[derive(Clone)]
pub(super) struct Rules {
    plugins: Arc<Plugins>,
    person: PersonFacts,
    /// What was said last, and about what.
    verdict: Arc<Mutex<Option<(ReplyQuestion, ReplyChange)>>>,
}

/// How often the rules are asked about one reply, while what they are asked about changes.
pub(super) const MOST_ASKED: usize = 4;

/// Why a transaction was given up: the rules are to be asked first.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the rules of the house were not asked about a reply")]
pub(super) struct VerdictNeeded(Box<ReplyQuestion>);

impl VerdictNeeded {
    pub(super) fn find_in(error: &Error) -> Option<ReplyQuestion> {
        let source = error.source.as_ref()?.downcast_ref::<Self>()?;
        Some((*source.0).clone())
    }
}

impl Rules {
    pub(super) fn new(plugins: &Arc<Plugins>, caller: &Caller, access: &Access) -> Self {
        Self {
            plugins: Arc::clone(plugins),
            person: PersonFacts {
                id: caller.user_id().to_string(),
                username: caller.username().to_owned(),
                role: caller.role().name().to_owned(),
                groups: access.group_names(),
            },
            verdict: Arc::default(),
        }
    }

    /// What the rules change about a reply. A [`VerdictNeeded`] where they are still to be asked.
    pub(super) fn change(
        &self,
        facts: impl FnOnce() -> (ConversationFacts, RequestFacts),
    ) -> Result<ReplyChange> {
        if !self.plugins.has_answering(Hook::ReplyBeforeStart) {
            return Ok(ReplyChange::default());
        }
        let (conversation, request) = facts();
        let question = ReplyQuestion {
            user: self.person.clone(),
            conversation,
            request,
        };
        match &*self.verdict() {
            Some((asked, change)) if *asked == question => Ok(change.clone()),
            _ => Err(Error::internal(VerdictNeeded(Box::new(question)))),
        }
    }

    /// No holder leaves something half done.
    fn verdict(&self) -> std::sync::MutexGuard<'_, Option<(ReplyQuestion, ReplyChange)>> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks; the next `change` about the same knows what was said.
    pub(super) async fn ask(&self, question: ReplyQuestion) -> Result<ReplyChange> {
        match self.plugins.reply_before_start(&question).await {
            ReplyVerdict::Allowed(change) => {
                *self.verdict() = Some((question, change.clone()));
                Ok(change)
            }
            ReplyVerdict::Busy => Err(rules_busy()),
            ReplyVerdict::Refused { plugin, reason } => {
                Err(Error::forbidden(reason).with_details(serde_json::json!({ "policy": plugin })))
            }
        }
    }

    /// The same for what is kept nowhere: one question about all that is asked at once.
    pub(super) async fn change_for_program(&self, asked: &[Generate]) -> Result<ReplyChange> {
        let Some(first) = asked.first() else {
            return Ok(ReplyChange::default());
        };
        match self.change(|| facts_of(first, asked)) {
            Err(error) => match VerdictNeeded::find_in(&error) {
                Some(question) => self.ask(question).await,
                None => Err(error),
            },
            known => known,
        }
    }
}

/// Several answers to one prompt are one prompt; several prompts are counted together.
fn facts_of(first: &Generate, asked: &[Generate]) -> (ConversationFacts, RequestFacts) {
    use crate::engine::Role;
    let chars = |text: &str| text.chars().count() as u64;
    let system = first.messages.iter().filter(|it| it.role == Role::System);
    let said = first.messages.iter().filter(|it| it.role != Role::System);
    let begun = [&first.thought, &first.written];
    let mut prompts: Vec<&str> = asked
        .iter()
        .filter_map(|each| each.raw_prompt.as_deref())
        .collect();
    prompts.dedup();
    let content = said
        .map(|message| message.content.as_str())
        .chain(begun.into_iter().map(String::as_str))
        .chain(prompts.iter().copied());
    let conversation = ConversationFacts {
        id: None,
        message_count: (first.messages.len() + prompts.len()) as u64,
    };
    let request = RequestFacts {
        model: first.model.clone(),
        max_tokens: first.max_tokens,
        temperature: first.sampling.temperature,
        system_prompt_chars: system.map(|message| chars(&message.content)).sum(),
        content_chars: content.map(chars).sum(),
        adapters: first.adapters.iter().map(|used| used.id.clone()).collect(),
    };
    (conversation, request)
}

/// Prices as the plugins say them.
pub(super) struct ScriptedPricing {
    pub(super) plugins: Arc<Plugins>,
    pub(super) store: Arc<Store>,
    pub(super) engine: Arc<dyn Engine>,
}

impl Pricing for ScriptedPricing {
    fn price(&self, reply: PricedReply) -> BoxFuture<'static, Result<Option<u32>>> {
        let (plugins, store) = (Arc::clone(&self.plugins), Arc::clone(&self.store));
        let model = self.model_facts(&reply.model);
        async move {
            if !plugins.has_answering(Hook::MessagePrice) {
                return Ok(None);
            }
            let Some(user) = person_facts(&store, reply.user_id).await? else {
                return Ok(None);
            };
            let usage = UsageFacts {
                prompt_tokens: reply.usage.prompt_tokens.into(),
                cached_tokens: reply.usage.cached_tokens.into(),
                completion_tokens: reply.usage.completion_tokens.into(),
                estimated: !reply.is_over,
            };
            let question = PriceQuestion { user, model, usage };
            match plugins.message_price(&question).await {
                PriceVerdict::Tokens(price) => Ok(Some(u32::try_from(price).unwrap_or(u32::MAX))),
                PriceVerdict::House => Ok(None),
                PriceVerdict::Busy => Err(rules_busy()),
            }
        }
        .boxed()
    }

    /// Who writes the reply's end waits for it: a call that hangs is to be ended by its own clock.
    fn patience(&self) -> Duration {
        self.plugins.longest_wait() + Duration::from_secs(1)
    }
}

impl ScriptedPricing {
    fn model_facts(&self, id: &str) -> ModelFacts {
        let models = self.engine.models();
        let known = models.iter().find(|model| model.id == id);
        ModelFacts {
            id: id.to_owned(),
            name: known.map_or_else(|| id.to_owned(), |model| model.name.clone()),
            size_bytes: known
                .map(|model| model.size_bytes)
                .filter(|bytes| *bytes > 0),
            context_tokens: known.map(|model| model.context_tokens),
        }
    }
}

/// None: they are gone.
async fn person_facts(store: &Store, id: UserId) -> Result<Option<PersonFacts>> {
    let found = store.read(move |tx| Access::of_user(tx, id)).await?;
    Ok(found.map(|(user, access)| PersonFacts {
        id: user.id.to_string(),
        role: user.role.name().to_owned(),
        groups: access.group_names(),
        username: user.username,
    }))
}
