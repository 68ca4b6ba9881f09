//! Who pays for a reply: what is set aside before the engine is asked, and charged when the reply
//! has ended.
//!
//! Reserving is part of the transaction that promises, settling of the one that writes the end.
//! Where a plugin says the price it is asked between transactions, never inside one. Called by what
//! begins replies and by what ends them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::accounts::Caller;
use crate::accounts::allowance::release;
use crate::accounts::allowance::{
    Allowances, Ask, Order, PricedReply, Purchase, QuoteNeeded, Reserved, settle,
};
use crate::engine::{Embed, Generate, Priority, Usage};
use crate::error::{Error, Result};
use crate::ids::{MessageId, UserId};
use crate::store::{Store, WriteTx};

/// Between two tries to be told what a reply cost: it was written, and cannot be refused any more.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// A token is rarely shorter.
const BYTES_PER_TOKEN: usize = 3;
/// What a template puts round a message.
const TOKENS_PER_MESSAGE: usize = 4;

/// Who pays for one request, at one price.
#[derive(Clone)]
pub(super) struct Payer {
    user_id: UserId,
    allowances: Arc<Allowances>,
    /// Whether the house charged when the request came.
    may_pay: bool,
    /// What somebody else said it costs, once they were asked.
    quote: Arc<OnceLock<Option<u32>>>,
}

/// How large a request is, as far as can be said before it is read.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) prompt_tokens: u32,
    context_tokens: u32,
}

impl Size {
    pub(super) fn of(request: &Generate, context_tokens: u32) -> Self {
        Self {
            prompt_tokens: estimated_tokens(request, context_tokens),
            context_tokens,
        }
    }
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
    by_policy: bool,
}

/// What becomes of it at the end.
#[derive(Clone, Copy)]
pub(super) struct Settlement {
    id: MessageId,
    /// What was used, and what somebody else said it costs; None: nothing is charged.
    used: Option<(Usage, Option<u32>)>,
}

/// At least as many as a text of so many bytes has.
pub(super) fn estimated_text_tokens(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}

/// Of a prompt before it is read. At most what the context can hold: of a longer history the oldest
/// is left out.
fn estimated_tokens(request: &Generate, context_tokens: u32) -> u32 {
    let said = request.messages.iter().map(|message| {
        let calls = message.tool_calls.iter();
        let calls: usize = calls
            .map(|call| call.name.len() + call.arguments.len())
            .sum();
        message.content.len() + calls + BYTES_PER_TOKEN * TOKENS_PER_MESSAGE
    });
    let tools = request.tools.iter();
    let tools = tools.map(|tool| tool.name.len() + tool.description.len() + tool.parameters.len());
    let written = [&request.thought, &request.written];
    let raw = written.into_iter().chain(&request.raw_prompt);
    let bytes: usize = said.chain(tools).chain(raw.map(String::len)).sum();
    estimated_text_tokens(bytes).min(context_tokens)
}

/// The same of texts whose vectors are wanted.
pub(super) fn estimated_vector_tokens(request: &Embed) -> u32 {
    estimated_text_tokens(request.texts.iter().map(String::len).sum())
}

impl Payer {
    pub(super) fn new(caller: &Caller, allowances: &Arc<Allowances>, may_pay: bool) -> Self {
        Self {
            user_id: caller.user_id(),
            allowances: Arc::clone(allowances),
            may_pay,
            quote: Arc::default(),
        }
    }

    pub(super) fn user_id(&self) -> UserId {
        self.user_id
    }

    /// False: everything is free, and what is kept nowhere needs no transaction.
    pub(super) fn may_pay(&self) -> bool {
        self.may_pay
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
        let quote = self.allowances.quote(reply).await?;
        self.quote.get_or_init(|| quote);
        store.write(move |tx| again(tx)).await
    }

    /// Sets aside what a reply costs, and holds the request to what can be paid for.
    pub(super) fn reserve(
        &self,
        tx: &WriteTx,
        id: MessageId,
        request: &mut Generate,
        size: Size,
    ) -> Result<Terms> {
        let asks = vec![Ask {
            is_message: true,
            ..ask(id, request, size)
        }];
        let (terms, limit) = self.reserve_all(tx, asks)?.pop().ok_or_else(nothing)?;
        hold(request, &terms, limit);
        Ok(terms)
    }

    /// The same for several answers that nobody stores: all are paid for, or none.
    pub(super) fn reserve_each(
        &self,
        tx: &WriteTx,
        wanted: &mut [(Generate, Size)],
    ) -> Result<Vec<Terms>> {
        let asks = wanted.iter();
        let asks = asks.map(|(request, size)| ask(MessageId::generate(), request, *size));
        let reserved = self.reserve_all(tx, asks.collect())?;
        let held = wanted.iter_mut().zip(reserved);
        let terms = held.map(|((request, _), (terms, limit))| {
            hold(request, &terms, limit);
            terms
        });
        Ok(terms.collect())
    }

    /// The same for vectors.
    pub(super) fn reserve_vectors(&self, tx: &WriteTx, request: &mut Embed) -> Result<Terms> {
        let asks = vec![Ask {
            id: MessageId::generate(),
            purchase: Purchase::Vectors,
            model: request.model.clone(),
            prompt_tokens: estimated_vector_tokens(request),
            max_tokens: None,
            context_tokens: 0,
            is_message: false,
        }];
        let (terms, _) = self.reserve_all(tx, asks)?.pop().ok_or_else(nothing)?;
        if let Terms::SlowLane = terms {
            request.priority = Priority::Batch;
        }
        Ok(terms)
    }

    /// On what terms each is begun, and what it must keep to.
    fn reserve_all(&self, tx: &WriteTx, asks: Vec<Ask>) -> Result<Vec<(Terms, Option<u32>)>> {
        let order = Order {
            user_id: self.user_id,
            quote: self.quote.get().copied(),
            asks,
        };
        let reserved = self.allowances.reserve(tx, &order)?;
        let each = order.asks.into_iter().zip(reserved);
        let each = each.map(|(ask, reserved)| match reserved {
            Reserved::Free => (Terms::Free, ask.max_tokens),
            Reserved::SlowLane => (Terms::SlowLane, ask.max_tokens),
            Reserved::Held {
                max_tokens,
                by_policy,
            } => {
                let charge = Charge {
                    id: ask.id,
                    payer: self.clone(),
                    model: ask.model,
                    by_policy,
                };
                (Terms::Charged(charge), max_tokens)
            }
        });
        Ok(each.collect())
    }
}

fn nothing() -> Error {
    Error::internal("nothing was said of what was asked for")
}

fn ask(id: MessageId, request: &Generate, size: Size) -> Ask {
    Ask {
        id,
        purchase: Purchase::Reply,
        model: request.model.clone(),
        prompt_tokens: size.prompt_tokens,
        max_tokens: request.max_tokens,
        context_tokens: size.context_tokens,
        is_message: false,
    }
}

/// Holds a request to the terms it is begun on.
fn hold(request: &mut Generate, terms: &Terms, limit: Option<u32>) {
    request.max_tokens = limit;
    if let Terms::SlowLane = terms {
        request.priority = Priority::Batch;
    }
}

impl Charge {
    /// `used` None: nothing is charged. Asks for the price where somebody else says it.
    pub(super) async fn settlement(&self, used: Option<Usage>) -> Settlement {
        let used = match used {
            Some(usage) if self.by_policy => Some((usage, self.quote(usage).await)),
            used => used.map(|usage| (usage, None)),
        };
        Settlement { id: self.id, used }
    }

    /// None: what was set aside for it holds.
    async fn quote(&self, usage: Usage) -> Option<u32> {
        let reply = PricedReply {
            user_id: self.payer.user_id,
            model: self.model.clone(),
            usage,
            is_over: true,
        };
        for pause in PAUSES {
            match self.payer.allowances.quote(reply.clone()).await {
                Ok(quote) => return quote,
                Err(error) => tracing::debug!(%error, "nobody says now what a reply costs"),
            }
            tokio::time::sleep(pause).await;
        }
        let quote = self.payer.allowances.quote(reply).await;
        quote.unwrap_or_else(|error| {
            tracing::warn!(%error, "a reply costs what was said before it was written");
            None
        })
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
