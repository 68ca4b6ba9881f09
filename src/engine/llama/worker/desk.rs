//! The engine thread's loop: take commands, plan a step, compute it, choose tokens, tell.
//!
//! Events leave before anything that may end the process, so that the server knows what it was
//! done for. A request that fails takes no other with it, except that a step llama.cpp refuses
//! fails all that were in it.

use std::collections::{HashMap, VecDeque};

use llama_cpp_2::DecodeError;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;

use super::super::protocol::{Command, ReplyEvent, Report, Resume};
use super::super::scheduler::{Chunk, Room, Scheduler, Wish};
use super::prepare::prepare;
use super::reply::{Reply, count};
use super::setting::Setting;
use super::vocabulary::Vocabulary;
use crate::engine::{EngineError, Generate, Sampling};
use crate::worker::ChildSide;

/// Where slots share the memory: how much of a reply is expected when nothing limits it.
const EXPECTED_REPLY_TOKENS: u32 = 512;

/// A request as it came.
struct Order {
    id: u64,
    request: Box<Generate>,
    resume: Resume,
}

pub(super) struct Desk<'a> {
    side: &'a mut ChildSide<Command>,
    vocabulary: &'a Vocabulary<'a>,
    context: LlamaContext<'a>,
    setting: Setting,
    recommended: Sampling,
    batch: LlamaBatch<'static>,
    /// In the order they came.
    orders: VecDeque<Order>,
    scheduler: Scheduler,
    replies: HashMap<u64, Reply>,
    positions: HashMap<u64, u32>,
    events: Vec<(u64, ReplyEvent)>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        side: &'a mut ChildSide<Command>,
        vocabulary: &'a Vocabulary<'a>,
        context: LlamaContext<'a>,
        setting: Setting,
        recommended: Sampling,
    ) -> Self {
        let room = Room {
            slots: setting.slots,
            batch_tokens: setting.batch_tokens,
            memory_tokens: setting.memory_tokens,
        };
        Self {
            side,
            vocabulary,
            context,
            setting,
            recommended,
            batch: LlamaBatch::new(setting.batch_tokens as usize, 1),
            orders: VecDeque::new(),
            scheduler: Scheduler::new(room),
            replies: HashMap::new(),
            positions: HashMap::new(),
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
        if self.orders.is_empty() && self.scheduler.is_idle() {
            let command = self.side.next_frame();
            self.obey(command);
        }
        while let Some(command) = self.side.find_frame() {
            self.obey(command);
        }
        // Only one: making a long prompt takes longer than a step, and others are being written.
        if let Some(order) = self.orders.pop_front() {
            self.begin(&order)?;
        }
        self.admit();
        self.tell()?;
        self.step()?;
        self.tell()
    }

    /// Sends what has happened.
    fn tell(&mut self) -> Result<(), String> {
        if self.events.is_empty() {
            return Ok(());
        }
        let events = Report::Events(std::mem::take(&mut self.events));
        self.side.send(&events).map_err(|error| error.to_string())
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Generate {
                id,
                request,
                resume,
            } => self.orders.push_back(Order {
                id,
                request,
                resume,
            }),
            Command::Cancel { id } => {
                self.orders.retain(|order| order.id != id);
                self.free(id);
            }
            Command::Load(_) => {}
        }
    }

    fn begin(&mut self, order: &Order) -> Result<(), String> {
        let (id, request) = (order.id, &order.request);
        self.events.push((id, ReplyEvent::Begun));
        self.tell()?;
        let context_tokens = self.setting.context_tokens;
        match prepare(
            self.vocabulary,
            context_tokens,
            &self.recommended,
            request,
            &order.resume,
        ) {
            Err(error) => self.events.push((id, ReplyEvent::Failed(error))),
            Ok(mut reply) if reply.is_ended() => self.events.push((id, reply.finish())),
            Ok(reply) => {
                let tokens = count(reply.tokens.len());
                let most = reply.most_tokens(context_tokens);
                let expected_tokens = match self.setting.is_shared() {
                    true => most.min(tokens + EXPECTED_REPLY_TOKENS),
                    false => most,
                };
                self.scheduler.submit(Wish {
                    id,
                    lane: request.lane,
                    tokens,
                    expected_tokens,
                });
                self.replies.insert(id, reply);
            }
        }
        Ok(())
    }

    fn admit(&mut self) {
        for admitted in self.scheduler.admit() {
            self.positions.remove(&admitted.id);
            if let Some(reply) = self.replies.get_mut(&admitted.id) {
                reply.admit();
                self.events.push((admitted.id, reply.prefill(0)));
            }
        }
        for (position, id) in self.scheduler.waiting().into_iter().enumerate() {
            let position = count(position);
            if self.positions.insert(id, position) != Some(position) {
                self.events.push((id, ReplyEvent::Queued { position }));
            }
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let plan = self.scheduler.plan();
        if plan.is_empty() {
            return Ok(());
        }
        let outputs = self.fill_batch(&plan)?;
        match self.context.decode(&mut self.batch) {
            Ok(()) => {
                self.scheduler.decoded(&plan);
                self.read_outputs(&plan, &outputs);
            }
            Err(DecodeError::NoKvCacheSlot) => self.make_room(&plan),
            Err(error) => {
                let error =
                    EngineError::Failed(format!("llama.cpp could not compute a step: {error}"));
                for chunk in plan {
                    self.fail(chunk.id, error.clone());
                }
            }
        }
        Ok(())
    }

    /// Puts the plan into the batch; returns, for each chunk that ends its sequence, where in the batch.
    fn fill_batch(&mut self, plan: &[Chunk]) -> Result<Vec<(u64, i32)>, String> {
        self.batch.clear();
        let mut outputs = Vec::new();
        for chunk in plan {
            let Some(reply) = self.replies.get(&chunk.id) else {
                continue;
            };
            let slot = i32::try_from(chunk.slot).map_err(|error| error.to_string())?;
            for at in chunk.from..chunk.from + chunk.count {
                let output = chunk.last && at + 1 == chunk.from + chunk.count;
                if output {
                    outputs.push((chunk.id, self.batch.n_tokens()));
                }
                let position = i32::try_from(at).map_err(|error| error.to_string())?;
                self.batch
                    .add(reply.tokens[at as usize], position, &[slot], output)
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(outputs)
    }

    fn read_outputs(&mut self, plan: &[Chunk], outputs: &[(u64, i32)]) {
        for chunk in plan.iter().filter(|chunk| chunk.count > 1) {
            if let Some(reply) = self.replies.get(&chunk.id) {
                self.events
                    .push((chunk.id, reply.prefill(chunk.from + chunk.count)));
            }
        }
        for &(id, at) in outputs {
            let Some(reply) = self.replies.get_mut(&id) else {
                continue;
            };
            let token = reply.sampler.sample(&self.context, at);
            let event = reply.push(self.vocabulary, token, self.setting.context_tokens);
            self.events.push((id, event));
            if reply.is_ended() {
                let finished = reply.finish();
                self.events.push((id, finished));
                self.free(id);
            } else {
                self.scheduler.sampled(id);
            }
        }
    }

    /// The memory for tokens is full: the newest sequence waits, or the only one fails.
    fn make_room(&mut self, plan: &[Chunk]) {
        match self.scheduler.pause_newest() {
            Some(paused) => self.clear_slot(paused.slot),
            None => {
                let error = EngineError::Failed("the memory for conversations is too small".into());
                for chunk in plan {
                    self.fail(chunk.id, error.clone());
                }
            }
        }
    }

    fn fail(&mut self, id: u64, error: EngineError) {
        self.events.push((id, ReplyEvent::Failed(error)));
        self.free(id);
    }

    fn free(&mut self, id: u64) {
        self.replies.remove(&id);
        self.positions.remove(&id);
        if let Some(slot) = self.scheduler.finish(id) {
            self.clear_slot(slot);
        }
    }

    fn clear_slot(&mut self, slot: u32) {
        // Removing a whole sequence cannot fail.
        let _removed = self.context.clear_kv_cache_seq(Some(slot), None, None);
    }
}
