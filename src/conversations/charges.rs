//! Who pays for a reply: what is set aside before the engine is asked, and charged when the reply
//! has ended.
//!
//! Reserving is part of the transaction that promises, settling of the one that writes the end.
//! Where a plugin says the price it is asked between transactions, never inside one. Called by what
//! begins replies and by what ends them.

use std::sync::{Arc, OnceLock};

use crate::accounts::Caller;
use crate::accounts::allowance::release;
use crate::accounts::allowance::{
    Allowances, Ask, PricedReply, Purchase, QuoteNeeded, Reserved, settle,
};
use crate::engine::{Embed, Generate, Priority, Usage};
use crate::error::Result;
use crate::ids::{MessageId, UserId};
use crate::store::{Store, WriteTx};

/// A token is rarely shorter.
const BYTES_PER_TOKEN: usize = 3;
/// What a template puts round a message.
const TOKENS_PER_MESSAGE: usize = 4;

/// Who pays for one request, at one price.
#[derive(Clone)]
pub(super) struct Payer {
    user_id: UserId,
    allowances: Arc<Allowances>,
    /// What somebody else said it costs, once they were asked.
    quote: Arc<OnceLock<Option<u32>>>,
}

/// How a reply is begun.
pub(super) enum Terms {
    Free,
    /// For nothing, when nobody else waits.
    SlowLane,
    Charged(Charge),
}

impl Terms {
    pub(super) fn into_charge(self) -> Option<Charge> {
        match self {
            Self::Charged(charge) => Some(charge),
            Self::Free | Self::SlowLane => None,
        }
    }
}

/// Something is set aside for a reply, under its id.
#[derive(Clone)]
pub(super) struct Charge {
    id: MessageId,
    payer: Payer,
    model: String,
    estimated_prompt_tokens: u32,
    by_policy: bool,
}

/// What becomes of it at the end.
#[derive(Clone, Copy)]
pub(super) struct Settlement {
    id: MessageId,
    /// What was used, and what somebody else said it costs; None: nothing is charged.
    used: Option<(Usage, Option<u32>)>,
}

/// At most what the context can hold: of a longer history the oldest is left out.
fn estimated_tokens(request: &Generate, context_tokens: u32) -> u32 {
    let messages = request.messages.iter();
    let written = [&request.thought, &request.written];
    let raw = request.raw_prompt.iter();
    let tools = request.tools.iter();
    let bytes: usize = messages
        .map(|message| message.content.len() + BYTES_PER_TOKEN * TOKENS_PER_MESSAGE)
        .chain(written.into_iter().chain(raw).map(String::len))
        .chain(tools.map(|tool| tool.description.len() + tool.parameters.len()))
        .sum();
    let tokens = u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX);
    tokens.min(context_tokens)
}

impl Payer {
    pub(super) fn new(caller: &Caller, allowances: &Arc<Allowances>) -> Self {
        Self {
            user_id: caller.user_id(),
            allowances: Arc::clone(allowances),
            quote: Arc::default(),
        }
    }

    pub(super) fn user_id(&self) -> UserId {
        self.user_id
    }

    /// False: everything is free, and `reserve` need not be asked.
    pub(super) fn may_pay(&self) -> bool {
        self.allowances.may_charge()
    }

    /// Writes something that reserves; asks for the price first where somebody else says it.
    pub(super) async fn write<T, F>(&self, store: &Store, write: F) -> Result<T>
    where
        F: Fn(&WriteTx) -> Result<T> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let write = Arc::new(write);
        let again = Arc::clone(&write);
        let written = store.write(move |tx| write(tx)).await;
        let Some(reply) = written.as_ref().err().and_then(QuoteNeeded::find_in) else {
            return written;
        };
        let quote = self.allowances.quote(reply).await;
        self.quote.get_or_init(|| quote);
        store.write(move |tx| again(tx)).await
    }

    /// Sets aside what a reply costs, and holds the request to what can be paid for. `is_message`:
    /// the ledger is to name it.
    pub(super) fn reserve(
        &self,
        tx: &WriteTx,
        id: MessageId,
        request: &mut Generate,
        context_tokens: u32,
        is_message: bool,
    ) -> Result<Terms> {
        if !self.may_pay() {
            return Ok(Terms::Free);
        }
        let prompt_tokens = estimated_tokens(request, context_tokens);
        let ask = Ask {
            id,
            user_id: self.user_id,
            purchase: Purchase::Reply,
            model: request.model.clone(),
            prompt_tokens,
            max_tokens: request.max_tokens,
            context_tokens,
            quote: self.quote.get().copied(),
            is_message,
        };
        let terms = self.reserve_for(tx, ask, &mut request.max_tokens)?;
        if let Terms::SlowLane = terms {
            request.priority = Priority::Batch;
        }
        Ok(terms)
    }

    /// The same for vectors.
    pub(super) fn reserve_vectors(
        &self,
        tx: &WriteTx,
        id: MessageId,
        request: &mut Embed,
    ) -> Result<Terms> {
        let bytes: usize = request.texts.iter().map(String::len).sum();
        let tokens = bytes.div_ceil(BYTES_PER_TOKEN);
        let ask = Ask {
            id,
            user_id: self.user_id,
            purchase: Purchase::Vectors,
            model: request.model.clone(),
            prompt_tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            max_tokens: None,
            context_tokens: 0,
            quote: None,
            is_message: false,
        };
        let terms = self.reserve_for(tx, ask, &mut None)?;
        if let Terms::SlowLane = terms {
            request.priority = Priority::Batch;
        }
        Ok(terms)
    }

    fn reserve_for(&self, tx: &WriteTx, ask: Ask, limit: &mut Option<u32>) -> Result<Terms> {
        let reserved = self.allowances.reserve(tx, &ask)?;
        Ok(match reserved {
            Reserved::Free => Terms::Free,
            Reserved::SlowLane => Terms::SlowLane,
            Reserved::Held {
                max_tokens,
                by_policy,
            } => {
                *limit = max_tokens;
                Terms::Charged(Charge {
                    id: ask.id,
                    payer: self.clone(),
                    model: ask.model,
                    estimated_prompt_tokens: ask.prompt_tokens,
                    by_policy,
                })
            }
        })
    }
}

impl Charge {
    /// What was used of a reply that was broken off, as far as it was counted.
    pub(super) fn used_so_far(&self, counted: Usage) -> Usage {
        let is_begun = counted.completion_tokens > 0;
        match counted.prompt_tokens {
            // Not every engine says how far it has read.
            0 if is_begun => Usage {
                prompt_tokens: self.estimated_prompt_tokens,
                ..counted
            },
            _ => counted,
        }
    }

    /// `used` None: nothing is charged. Asks for the price where somebody else says it.
    pub(super) async fn settlement(&self, used: Option<Usage>) -> Settlement {
        let used = match used {
            Some(usage) if self.by_policy => Some((usage, self.quote(usage).await)),
            used => used.map(|usage| (usage, None)),
        };
        Settlement { id: self.id, used }
    }

    async fn quote(&self, usage: Usage) -> Option<u32> {
        let reply = PricedReply {
            user_id: self.payer.user_id,
            model: self.model.clone(),
            usage,
            is_over: true,
        };
        self.payer.allowances.quote(reply).await
    }
}

impl Settlement {
    /// Gives what was charged; None: nothing.
    pub(super) fn write(&self, tx: &WriteTx) -> Result<Option<i64>> {
        match &self.used {
            Some((usage, quote)) => settle(tx, self.id, usage, *quote),
            None => release(tx, self.id).map(|()| None),
        }
    }
}

#[cfg(test)]
#[path = "charges_tests.rs"]
mod tests;
