//! The task that owns the workers and every request, from queue to end.
//!
//! Nothing else starts, feeds or ends an engine worker. It never waits for a reader. Which request
//! goes to which worker, and which models are in memory, is decided in [`super::placing`].

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::protocol::{Command, ReplyEvent, Report};
use super::EngineOptions;
use super::hand::Hand;
use super::outlet::News as WorkerNews;
use super::shared::Shared;
use super::ticket::{Outcome, Ticket};
use crate::engine::EngineError;
use crate::worker::Backoff;

/// A model whose loading ends the worker this often is not tried again.
const MAX_LOAD_DEATHS: u32 = 2;
/// When a worker could not be started this often in a row, those who wait for it are told.
pub(super) const MAX_FAILED_STARTS: u32 = 2;
/// Reports that may wait here before workers have to.
const REPORTS_AT_ONCE: usize = 256;

pub(super) enum Message {
    Submit(Box<Ticket>),
    ModelsChanged,
    /// Into memory, although nobody asks it anything yet.
    Load(String),
    /// Out of memory, once it has answered what it was asked.
    Unload(String),
    /// Answered when every worker has been told.
    Forget {
        lane: u64,
        told: oneshot::Sender<()>,
    },
}

pub(super) struct Keeper {
    pub(super) options: Arc<EngineOptions>,
    pub(super) shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Message>,
    pub(super) tracker: TaskTracker,
    stop: CancellationToken,
    /// In the order they came.
    pub(super) waiting: VecDeque<Ticket>,
    /// Models somebody wants in memory.
    pub(super) to_load: Vec<String>,
    /// By a number of their own: a model's next worker is another one.
    pub(super) hands: HashMap<u64, Hand>,
    pub(super) last_number: u64,
    pub(super) reports: mpsc::Sender<(u64, WorkerNews)>,
    reported: mpsc::Receiver<(u64, WorkerNews)>,
    readers_gone: FuturesUnordered<BoxFuture<'static, Option<u64>>>,
    pub(super) troubles: HashMap<String, Trouble>,
    /// What each model took when it was loaded last.
    pub(super) taken_bytes: HashMap<String, u64>,
    pub(super) failed_starts: u32,
    /// Why the last one did not start.
    pub(super) start_error: Option<String>,
}

/// A model's worker died, or could not be started.
pub(super) struct Trouble {
    backoff: Backoff,
    pub(super) not_before: Instant,
    load_deaths: u32,
}

impl Trouble {
    fn new() -> Self {
        Self {
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(10)),
            not_before: Instant::now(),
            load_deaths: 0,
        }
    }

    pub(super) fn pause(&mut self) {
        self.not_before = Instant::now() + self.backoff.next_delay();
    }
}

enum News {
    Stop,
    Message(Option<Message>),
    Worker(u64, WorkerNews),
    /// None: a ticket ended before its reader left.
    ReaderGone(Option<u64>),
    /// Something is due: a pause is over, a worker was idle or silent for long.
    Due,
}

impl Keeper {
    pub(super) fn new(
        options: Arc<EngineOptions>,
        shared: Arc<Shared>,
        inbox: mpsc::UnboundedReceiver<Message>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (reports, reported) = mpsc::channel(REPORTS_AT_ONCE);
        Self {
            options,
            shared,
            inbox,
            tracker,
            stop,
            waiting: VecDeque::new(),
            to_load: Vec::new(),
            hands: HashMap::new(),
            last_number: 0,
            reports,
            reported,
            readers_gone: FuturesUnordered::new(),
            troubles: HashMap::new(),
            taken_bytes: HashMap::new(),
            failed_starts: 0,
            start_error: None,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.next_news().await {
                News::Stop | News::Message(None) => break,
                News::Message(Some(message)) => self.obey(message).await,
                News::Worker(number, news) => self.hear(number, news).await,
                News::ReaderGone(Some(id)) => self.cancel(id).await,
                News::ReaderGone(None) => {}
                News::Due => self.end_silent_workers().await,
            }
            self.place().await;
            self.publish();
        }
        self.inbox.close();
        self.waiting.clear();
        for hand in std::mem::take(&mut self.hands).into_values() {
            hand.outlet.end().await;
        }
        self.publish();
    }

    async fn next_news(&mut self) -> News {
        let due = self.next_due();
        let due = async {
            match due {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => News::Stop,
            Some(id) = self.readers_gone.next() => News::ReaderGone(id),
            // The keeper has a sender itself, so this never ends.
            Some((number, news)) = self.reported.recv() => News::Worker(number, news),
            message = self.inbox.recv() => News::Message(message),
            () = due => News::Due,
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let pauses = self.troubles.values().map(|trouble| trouble.not_before);
        let pauses = pauses.filter(|&at| at > now);
        let silences = self.hands.values();
        let silences = silences.filter_map(|hand| hand.silent_until(self.options.silence_limit));
        let idle = self.hands.values().filter_map(|hand| self.unload_at(hand));
        pauses.chain(silences).chain(idle).min()
    }

    async fn obey(&mut self, message: Message) {
        match message {
            Message::Submit(ticket) => self.accept(*ticket),
            Message::ModelsChanged => self.refuse_lost_models(),
            Message::Load(model) => {
                if !self.to_load.contains(&model) {
                    self.to_load.push(model);
                }
            }
            Message::Unload(model) => {
                self.to_load.retain(|wanted| *wanted != model);
                let hands = self.hands.values_mut();
                for hand in hands.filter(|hand| hand.outlet.model == model) {
                    hand.is_leaving = true;
                }
            }
            Message::Forget { lane, told } => {
                for hand in self.hands.values_mut() {
                    // A worker that is gone remembers nothing.
                    let _gone = hand.outlet.send(&Command::Forget { lane }).await;
                }
                // Who asked may have left.
                let _left = told.send(());
            }
        }
    }

    fn accept(&mut self, mut ticket: Ticket) {
        self.shared.lock().taken(ticket.lane());
        self.readers_gone.push(ticket.watch_reader());
        let model = ticket.model().to_owned();
        let loaded = |hand: &Hand| hand.outlet.model == model && hand.outlet.loaded;
        let is_loaded = self.hands.values().any(loaded);
        if !is_loaded || !self.waiting.is_empty() {
            let active: usize = self.hands.values().map(|hand| hand.active.len()).sum();
            let ahead = active + self.waiting.len();
            ticket.tell_position(u32::try_from(ahead).unwrap_or(u32::MAX));
        }
        self.waiting.push_back(ticket);
    }

    async fn hear(&mut self, number: u64, news: WorkerNews) {
        let Some(hand) = self.hands.get_mut(&number) else {
            return;
        };
        hand.hear();
        let model = hand.outlet.model.clone();
        match news {
            WorkerNews::Gone => self.worker_died(number).await,
            WorkerNews::Report(Report::Loaded {
                context_tokens,
                memory,
            }) => {
                hand.outlet.loaded = true;
                hand.memory_bytes = memory.total_bytes();
                self.taken_bytes.insert(model.clone(), memory.total_bytes());
                self.shared.lock().memory.insert(model.clone(), memory);
                self.troubles.remove(&model);
                tracing::info!(model, context_tokens, ?memory, "model loaded");
            }
            WorkerNews::Report(Report::LoadFailed(reason)) => {
                hand.is_leaving = true;
                let lost = std::mem::take(&mut hand.active);
                self.give_up_model(&model, reason, lost.into_values());
            }
            WorkerNews::Report(Report::Events(events)) => {
                for (id, event) in events {
                    self.pass_on(number, id, event).await;
                }
            }
        }
    }

    async fn pass_on(&mut self, number: u64, id: u64, event: ReplyEvent) {
        let Some(hand) = self.hands.get_mut(&number) else {
            return;
        };
        let Some(ticket) = hand.active.get_mut(&id) else {
            return;
        };
        match ticket.pass_on(event) {
            Outcome::GoesOn => {}
            Outcome::Ended => drop(hand.give_back(id)),
            Outcome::Unread => self.cancel(id).await,
        }
    }

    async fn cancel(&mut self, id: u64) {
        self.waiting.retain(|ticket| ticket.id != id);
        for hand in self.hands.values_mut() {
            if hand.give_back(id).is_some() {
                // A worker that is gone is noticed by its reports ending.
                let _gone = hand.outlet.send(&Command::Cancel { id }).await;
            }
        }
    }

    pub(super) async fn worker_died(&mut self, number: u64) {
        let Some(mut hand) = self.hands.remove(&number) else {
            return;
        };
        let survivors = hand.survivors();
        let (model, was_loaded) = (hand.outlet.model.clone(), hand.outlet.loaded);
        let (was_asked, epitaph) = (hand.is_leaving, hand.outlet.epitaph().await);
        if was_asked && survivors.is_empty() {
            return;
        }
        tracing::warn!(model, was_loaded, epitaph, "the engine worker died");
        for ticket in survivors.into_iter().rev() {
            self.waiting.push_front(ticket);
        }
        let trouble = self.troubles.entry(model.clone());
        let trouble = trouble.or_insert_with(Trouble::new);
        trouble.pause();
        trouble.load_deaths += u32::from(!was_loaded);
        if trouble.load_deaths >= MAX_LOAD_DEATHS {
            self.troubles.remove(&model);
            let reason = "loading it ended the engine's process, twice".to_owned();
            self.give_up_model(&model, reason, []);
        }
    }

    /// One that was asked and says nothing for very long is as good as dead.
    async fn end_silent_workers(&mut self) {
        let (now, limit) = (Instant::now(), self.options.silence_limit);
        let silent = |hand: &Hand| hand.silent_until(limit).is_some_and(|until| until <= now);
        let silent = self.hands.iter().filter(|(_, hand)| silent(hand));
        let silent: Vec<u64> = silent.map(|(&number, _)| number).collect();
        for number in silent {
            tracing::error!("an engine worker says nothing any more and is ended");
            self.worker_died(number).await;
        }
    }

    /// Nobody gets this model until its file changes.
    fn give_up_model(
        &mut self,
        model: &str,
        reason: String,
        lost: impl IntoIterator<Item = Ticket>,
    ) {
        tracing::warn!(model, reason, "a model cannot be used");
        self.shared.lock().mark_unusable(model, reason.clone());
        self.to_load.retain(|wanted| wanted != model);
        let (waiting_for_it, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|ticket| ticket.model() == model);
        self.waiting = others.into();
        for ticket in lost.into_iter().chain(waiting_for_it) {
            ticket.fail(EngineError::ModelUnusable(reason.clone()));
        }
    }

    fn refuse_lost_models(&mut self) {
        let state = self.shared.lock();
        self.waiting.retain(|ticket| {
            let known = state.find_file(ticket.model()).is_some();
            if !known {
                ticket.fail(EngineError::UnknownModel(ticket.model().to_owned()));
            }
            known
        });
    }

    pub(super) fn trouble_of(&mut self, model: &str) -> &mut Trouble {
        let trouble = self.troubles.entry(model.to_owned());
        trouble.or_insert_with(Trouble::new)
    }

    fn publish(&self) {
        let mut state = self.shared.lock();
        let active = self.hands.values().flat_map(|hand| hand.active.values());
        let (running, in_hand): (Vec<_>, Vec<_>) = active.partition(|ticket| ticket.is_running());
        state.running = u32::try_from(running.len()).unwrap_or(u32::MAX);
        // Those on their way through the inbox are queued as well.
        let queued = in_hand.len() + self.waiting.len() + self.inbox.len();
        state.queued = u32::try_from(queued).unwrap_or(u32::MAX);
        state.queued_by_lane = state.submitted_by_lane.clone();
        for ticket in in_hand.into_iter().chain(&self.waiting) {
            *state.queued_by_lane.entry(ticket.lane()).or_default() += 1;
        }
        let now = Instant::now();
        let pausing = self
            .troubles
            .values()
            .any(|trouble| trouble.not_before > now);
        state.unstartable = self.failed_starts >= MAX_FAILED_STARTS && pausing;
        let models = |loaded: bool| {
            let hands = self.hands.values();
            let those = hands.filter(move |hand| hand.outlet.loaded == loaded);
            those.map(|hand| hand.outlet.model.clone()).collect()
        };
        state.loaded = models(true);
        state.loading = models(false);
        let loaded = state.loaded.clone();
        state.memory.retain(|model, _| loaded.contains(model));
        let hands = self.hands.values();
        state.worker_process_ids = hands
            .filter_map(|hand| Some((hand.outlet.model.clone(), hand.outlet.process_id()?)))
            .collect();
    }
}
