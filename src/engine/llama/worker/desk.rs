//! The engine thread's loop: take commands, begin requests, make steps, tell.
//!
//! Events leave before anything that may end the process, so that the server knows what it was
//! done for. A request that fails takes no other with it, except that a step llama.cpp refuses
//! fails all that were in it. How a step is made is in [`super::step`].

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use llama_cpp_2::model::LlamaModel;

use super::super::cache::{Act, Opened, PrefixCache};
use super::super::protocol::{AdapterLoad, Command, ReplyEvent, Report, Resume};
use super::super::schedule::pace::Pace;
use super::super::schedule::{Lane, Memory, Room, Scheduler, Wish};
use super::adapters::Adapters;
use super::context::Context;
use super::embedding::Embedding;
use super::prepare::{Kitchen, Prepared};
use super::reply::{Reply, count};
use super::saving::Saving;
use super::setting::Setting;
use super::vocabulary::Vocabulary;
use crate::engine::{EngineError, Generate, Sampling};
use crate::worker::ChildSide;

/// Requests are begun for no longer than this between two steps.
const BEGINNING_AT_ONCE: Duration = Duration::from_millis(10);
/// Where slots share the memory: how much of a reply is expected when nothing limits it.
const EXPECTED_REPLY_TOKENS: u32 = 512;

/// A request as it came.
struct Order {
    id: u64,
    request: Box<Generate>,
    adapters: Vec<AdapterLoad>,
    resume: Resume,
}

pub(super) struct Desk<'a> {
    pub(super) side: &'a mut ChildSide<Command>,
    model: &'a LlamaModel,
    pub(super) vocabulary: &'a Vocabulary<'a>,
    pub(super) context: Context<'a>,
    pub(super) adapters: Adapters<'a>,
    embedding: Embedding<'a>,
    pub(super) setting: Setting,
    recommended: Sampling,
    ends: Vec<i32>,
    /// In the order they came.
    orders: VecDeque<Order>,
    pub(super) scheduler: Scheduler,
    pub(super) pace: Pace,
    pub(super) cache: PrefixCache,
    pub(super) replies: HashMap<u64, Reply>,
    positions: HashMap<u64, u32>,
    /// None where nothing is kept on disk.
    pub(super) saving: Option<Saving>,
    pub(super) events: Vec<(u64, ReplyEvent)>,
}

/// What the desk works with.
pub(super) struct Parts<'a> {
    pub(super) model: &'a LlamaModel,
    pub(super) vocabulary: &'a Vocabulary<'a>,
    pub(super) context: Context<'a>,
    pub(super) adapters: Adapters<'a>,
    pub(super) embedding: Embedding<'a>,
    pub(super) saving: Option<Saving>,
    pub(super) setting: Setting,
    /// What the model file recommends.
    pub(super) recommended: Sampling,
}

impl<'a> Desk<'a> {
    pub(super) fn new(side: &'a mut ChildSide<Command>, parts: Parts<'a>) -> Self {
        let Parts {
            model,
            vocabulary,
            context,
            adapters,
            embedding,
            saving,
            setting,
            recommended,
        } = parts;
        let room = Room {
            slots: setting.slots,
            batch_tokens: setting.batch_tokens,
        };
        Self {
            side,
            model,
            ends: vocabulary.ends(),
            vocabulary,
            context,
            adapters,
            embedding,
            setting,
            recommended,
            orders: VecDeque::new(),
            scheduler: Scheduler::new(room),
            pace: Pace::new(
                setting.step_target_ms,
                setting.prompt_grain(),
                setting.row_tokens,
            ),
            cache: PrefixCache::new(setting.sequences, setting.layout),
            replies: HashMap::new(),
            positions: HashMap::new(),
            saving,
            events: Vec::new(),
        }
    }

    /// Returns only what made it impossible to go on: the process ends with its stdin.
    pub(super) fn work(mut self) -> String {
        loop {
            if let Err(error) = self.take_turn() {
                return error;
            }
        }
    }

    fn take_turn(&mut self) -> Result<(), String> {
        let nothing_runs =
            self.orders.is_empty() && self.embedding.is_idle() && self.scheduler.running() == 0;
        if nothing_runs && (self.scheduler.is_idle() || self.is_reading()) {
            self.rest();
        }
        self.collect_files();
        while let Some(command) = self.side.find_frame() {
            self.obey(command);
        }
        // Those who come together are best read together, but making a long prompt can take longer
        // than a step, and others are being written.
        let started = Instant::now();
        while started.elapsed() < BEGINNING_AT_ONCE
            && let Some(order) = self.orders.pop_front()
        {
            self.begin(&order)?;
        }
        self.admit();
        self.tell()?;
        self.step()?;
        let embedded = self.embedding.step();
        self.events.extend(embedded);
        self.thin_out();
        self.tell()
    }

    /// Sends what has happened.
    pub(super) fn tell(&mut self) -> Result<(), String> {
        if self.events.is_empty() {
            return Ok(());
        }
        let events = Report::Events(std::mem::take(&mut self.events));
        self.side.send(&events).map_err(|error| error.to_string())
    }

    pub(super) fn obey(&mut self, command: Command) {
        self.is_busy_again();
        match command {
            Command::Generate {
                id,
                request,
                adapters,
                resume,
            } => self.orders.push_back(Order {
                id,
                request,
                adapters,
                resume,
            }),
            Command::Embed { id, request } => {
                if let Err(error) = self.embedding.begin(id, &request, self.vocabulary) {
                    self.events.push((id, ReplyEvent::Failed(error)));
                }
            }
            Command::Cancel { id } => {
                self.orders.retain(|order| order.id != id);
                self.embedding.cancel(id);
                self.end(id);
            }
            Command::Forget { lane } => self.forget(lane),
            Command::Load(_) => {}
        }
    }

    fn begin(&mut self, order: &Order) -> Result<(), String> {
        let id = order.id;
        self.events.push((id, ReplyEvent::Begun));
        self.tell()?;
        let prepared = self.prepare(order).map(|prepared| {
            let Prepared {
                reply,
                dialect,
                start,
            } = prepared;
            self.events
                .push((id, ReplyEvent::Opened { dialect, start }));
            reply
        });
        match prepared {
            Err(error) => self.events.push((id, ReplyEvent::Failed(error))),
            Ok(mut reply) if reply.is_ended() => {
                self.adapters.release(reply.scope.set);
                self.events.push((id, reply.finish()));
            }
            Ok(mut reply) => {
                self.fetch(id, &mut reply);
                self.scheduler.submit(self.wish(order, &reply));
                self.replies.insert(id, reply);
            }
        }
        Ok(())
    }

    fn prepare(&mut self, order: &Order) -> Result<Prepared, EngineError> {
        let set = self.adapters.take(&order.adapters, &mut self.context)?;
        let kitchen = Kitchen {
            model: self.model,
            vocabulary: self.vocabulary,
            context_tokens: self.setting.context_tokens,
            recommended: &self.recommended,
            ends: &self.ends,
            shares_prefixes: self.setting.shares_prefixes,
        };
        let prepared = kitchen.prepare(&order.request, set, &order.resume);
        prepared.inspect_err(|_| self.adapters.release(set))
    }

    fn wish(&self, order: &Order, reply: &Reply) -> Wish {
        let tokens = count(reply.tokens.len());
        let most = reply.most_tokens(self.setting.context_tokens);
        Wish {
            id: order.id,
            lane: Lane {
                user: order.request.lane,
                priority: order.request.priority,
            },
            weight: order.request.weight,
            set: reply.scope.set,
            tokens,
            expected_tokens: most.min(tokens + EXPECTED_REPLY_TOKENS),
        }
    }

    fn admit(&mut self) {
        if let Some(id) = self.scheduler.preempt() {
            self.leave_sequence(id);
        }
        let mut memory = Shelves {
            cache: &mut self.cache,
            replies: &self.replies,
            acts: Vec::new(),
            opened: Vec::new(),
        };
        self.scheduler.admit(&mut memory);
        let Shelves { acts, opened, .. } = memory;
        self.act(&acts);
        for (id, opened) in opened {
            self.positions.remove(&id);
            if let Some(reply) = self.replies.get_mut(&id) {
                reply.admit(opened.sequence, opened.cached);
                self.events.push((id, reply.prefill(opened.cached)));
            }
        }
        for (position, id) in self.scheduler.waiting().into_iter().enumerate() {
            let position = count(position);
            if self.positions.insert(id, position) != Some(position) {
                let eta_ms = self.pace.eta_ms(position, self.setting.slots);
                self.events
                    .push((id, ReplyEvent::Queued { position, eta_ms }));
            }
        }
    }

    pub(super) fn act(&mut self, acts: &[Act]) {
        for act in acts {
            match *act {
                Act::Share { from, to, tokens } => self.context.share(from, to, tokens),
                Act::Free { sequence } => {
                    // Forgetting a whole sequence cannot fail.
                    self.context.forget(sequence, 0);
                }
                Act::Trim { sequence, tokens } => {
                    // Nor can this: only models whose memory can forget share beginnings.
                    self.context.forget(sequence, tokens);
                }
            }
        }
    }

    /// What `id` computed stays for whoever may use it.
    pub(super) fn leave_sequence(&mut self, id: u64) {
        let sequence = self
            .replies
            .get_mut(&id)
            .and_then(|reply| reply.sequence.take());
        if let Some(sequence) = sequence {
            let mut acts = Vec::new();
            self.cache.close(sequence, &mut acts);
            self.act(&acts);
        }
    }

    pub(super) fn fail(&mut self, id: u64, error: EngineError) {
        self.events.push((id, ReplyEvent::Failed(error)));
        self.end(id);
    }

    pub(super) fn end(&mut self, id: u64) {
        self.leave_sequence(id);
        self.positions.remove(&id);
        self.scheduler.finish(id);
        if let Some(reply) = self.replies.remove(&id) {
            self.adapters.release(reply.scope.set);
        }
    }
}

/// The memory for tokens, as the scheduler asks for it.
struct Shelves<'d> {
    cache: &'d mut PrefixCache,
    replies: &'d HashMap<u64, Reply>,
    acts: Vec<Act>,
    opened: Vec<(u64, Opened)>,
}

impl Memory for Shelves<'_> {
    fn cached(&mut self, id: u64) -> Option<u32> {
        match self.replies.get(&id).filter(|reply| reply.reuses) {
            Some(reply) if reply.is_fetching => None,
            Some(reply) => self.cache.find_ready(reply.scope, &reply.tokens),
            None => Some(0),
        }
    }

    fn make_room(&mut self, id: u64, tokens: u32) -> bool {
        if let Some(reply) = self.replies.get(&id).filter(|reply| reply.reuses) {
            self.cache.keep(reply.scope, &reply.tokens);
        }
        self.cache.make_room(tokens, &mut self.acts)
    }

    fn open(&mut self, id: u64) -> u32 {
        let Some(reply) = self.replies.get(&id) else {
            return 0;
        };
        let Reply {
            scope,
            tokens,
            reuses,
            ..
        } = reply;
        let opened = self
            .cache
            .open(id, *scope, tokens, *reuses, &mut self.acts)
            .expect("there are more sequences than slots, and those beyond are idle");
        self.opened.push((id, opened));
        opened.cached
    }
}
