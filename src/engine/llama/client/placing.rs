//! Which models are in memory, and which worker gets which request.
//!
//! A model is loaded on first use. When the memory for models does not suffice, the one that was
//! idle longest goes; when all are busy, the least used one gets no more requests until it can go,
//! so that nobody waits for ever. Part of the [`Keeper`], called after all news.

use std::collections::HashSet;

use tokio::time::Instant;

use super::super::protocol::Load;
use super::hand::Hand;
use super::keeper::{Keeper, MAX_FAILED_STARTS};
use super::outlet::Outlet;
use super::ticket::Ticket;
use crate::engine::{EngineError, ModelFile, ModelState};
use crate::worker::WorkerError;

/// Where a model can be asked.
enum Place {
    Ready(u64),
    /// Not now.
    Later,
    /// Not now, and nobody after this one may take the memory it waits for.
    WantsRoom,
}

impl Keeper {
    /// Brings waiting requests to workers that have their models, as far as that is possible now.
    pub(super) async fn place(&mut self) {
        self.end_useless_workers().await;
        if self.hands.len() > 1 {
            // What a model really takes is known only once it is loaded.
            self.make_room(0).await;
        }
        let mut blocked: HashSet<String> = HashSet::new();
        let mut room_is_claimed = false;
        let mut left = std::collections::VecDeque::new();
        while let Some(ticket) = self.waiting.pop_front() {
            let model = ticket.model().to_owned();
            let place = match blocked.contains(&model) {
                true => Place::Later,
                false => self.place_of(&model, room_is_claimed).await,
            };
            match place {
                Place::Ready(number) => self.deliver(number, ticket).await,
                Place::Later | Place::WantsRoom => {
                    room_is_claimed |= matches!(place, Place::WantsRoom);
                    blocked.insert(model);
                    left.push_back(ticket);
                }
            }
        }
        // What came back meanwhile was there before.
        left.extend(std::mem::take(&mut self.waiting));
        self.waiting = left;
        self.fail_those_nobody_starts();
        for model in std::mem::take(&mut self.to_load) {
            let place = self.place_of(&model, room_is_claimed).await;
            if !matches!(place, Place::Ready(_)) && self.shared.lock().find_file(&model).is_some() {
                self.to_load.push(model);
            }
        }
    }

    async fn place_of(&mut self, model: &str, room_is_claimed: bool) -> Place {
        let Some(file) = self.shared.lock().find_file(model).cloned() else {
            return Place::Later;
        };
        let mut hands = self.hands.iter_mut();
        if let Some((&number, hand)) = hands.find(|(_, hand)| hand.outlet.model == model) {
            if hand.outlet.is_for(model, Some(&file)) && !hand.is_leaving {
                return Place::Ready(number);
            }
            hand.is_leaving = true;
            return Place::Later;
        }
        let now = Instant::now();
        let trouble = self.troubles.get(model);
        if room_is_claimed || trouble.is_some_and(|trouble| trouble.not_before > now) {
            return Place::Later;
        }
        if !self.make_room(self.expected_bytes(&file)).await {
            return Place::WantsRoom;
        }
        match self.start_worker(&file).await {
            Some(number) => Place::Ready(number),
            None => Place::Later,
        }
    }

    /// What it took the last time, else a guess.
    fn expected_bytes(&self, file: &ModelFile) -> u64 {
        let known = self.taken_bytes.get(&file.id).copied();
        known.unwrap_or_else(|| file.expected_memory_bytes())
    }

    /// True when so much more may be loaded. Otherwise something is on its way out.
    async fn make_room(&mut self, bytes: u64) -> bool {
        loop {
            let taken: u64 = self.hands.values().map(|hand| hand.memory_bytes).sum();
            if self.hands.is_empty() || taken.saturating_add(bytes) <= self.options.memory_bytes {
                return true;
            }
            if self.hands.values().any(|hand| hand.is_leaving) {
                return false;
            }
            let idle = self.hands.iter();
            let idle = idle.filter_map(|(&number, hand)| Some((hand.idle_since()?, number)));
            if let Some((_, number)) = idle.min() {
                self.end_worker(number).await;
                continue;
            }
            let least = self.hands.values_mut().min_by_key(|hand| hand.active.len());
            if let Some(hand) = least {
                hand.is_leaving = true;
            }
            return false;
        }
    }

    /// None: not now.
    async fn start_worker(&mut self, file: &ModelFile) -> Option<u64> {
        let load = Load {
            path: file.path.clone(),
            context_tokens: self.options.context_tokens,
            parallel_replies: self.options.parallel_replies,
            threads: self.options.threads,
            gpu_layers: self.options.gpu_layers,
            unified_kv: self.options.unified_kv,
            bf16_kv: self.options.bf16_kv,
            step_target_ms: self.options.step_target_ms,
            saved: self.options.saved.clone(),
            sampling: file.probed.sampling.clone(),
        };
        tracing::info!(model = file.id, "loading the model");
        self.last_number += 1;
        let number = self.last_number;
        let reports = (number, self.reports.clone());
        match Outlet::start(&self.options.program, file, load, reports, &self.tracker).await {
            Ok(outlet) => {
                let hand = Hand::new(outlet, self.expected_bytes(file));
                self.hands.insert(number, hand);
                self.failed_starts = 0;
                Some(number)
            }
            Err(error) => {
                tracing::error!(%error, "the engine worker does not start");
                self.trouble_of(&file.id).pause();
                self.failed_starts += 1;
                self.start_error = Some(error.to_string());
                None
            }
        }
    }

    /// Whoever waits is told in the end, and others may still try after a pause.
    fn fail_those_nobody_starts(&mut self) {
        if self.failed_starts < MAX_FAILED_STARTS {
            return;
        }
        if let Some(error) = self.start_error.take() {
            for ticket in self.waiting.drain(..) {
                ticket.fail(EngineError::Failed(error.clone()));
            }
        }
    }

    async fn deliver(&mut self, number: u64, ticket: Ticket) {
        let Some(hand) = self.hands.get_mut(&number) else {
            return self.waiting.push_front(ticket);
        };
        match hand.outlet.send(&ticket.command()).await {
            Err(WorkerError::Frame(error)) => {
                ticket.fail(EngineError::InvalidRequest(error.to_string()));
            }
            Err(WorkerError::Late(_)) => {
                hand.take(ticket);
                self.worker_died(number).await;
            }
            // That it stopped is noticed by the reports ending, and the ticket comes back then.
            _ => hand.take(ticket),
        }
    }

    async fn end_useless_workers(&mut self) {
        for number in self.list_useless_workers() {
            self.end_worker(number).await;
        }
    }

    /// Those that have nothing to do and no reason to stay.
    fn list_useless_workers(&self) -> Vec<u64> {
        let now = Instant::now();
        let is_useless = |hand: &Hand| {
            let state = self.shared.lock();
            let file = state.find_file(&hand.outlet.model);
            let usable =
                file.is_some_and(|file| !matches!(state.state_of(file), ModelState::Unusable(_)));
            let current = usable && hand.outlet.is_for(&hand.outlet.model, file);
            let too_long = self.unload_at(hand).is_some_and(|at| at <= now);
            hand.active.is_empty() && (hand.is_leaving || !current || too_long)
        };
        let useless = self.hands.iter().filter(|(_, hand)| is_useless(hand));
        useless.map(|(&number, _)| number).collect()
    }

    /// When a worker that goes on having nothing to do gives its memory back.
    pub(super) fn unload_at(&self, hand: &Hand) -> Option<Instant> {
        let after = self.options.unload_after?;
        Some(hand.idle_since()? + after)
    }

    async fn end_worker(&mut self, number: u64) {
        if let Some(hand) = self.hands.remove(&number) {
            tracing::info!(model = hand.outlet.model, "the model leaves the memory");
            hand.outlet.end().await;
        }
    }
}
