//! The task that owns the worker and every request, from queue to end.
//!
//! Nothing else starts, feeds or ends the engine worker. It never waits for a reader.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::protocol::{Command, Load, ReplyEvent, Report};
use super::EngineOptions;
use super::outlet::Outlet;
use super::shared::Shared;
use super::ticket::{Outcome, Ticket};
use crate::engine::{EngineError, ModelState};
use crate::worker::{Backoff, WorkerError};

/// A model whose loading ends the worker this often is not tried again.
const MAX_LOAD_DEATHS: u32 = 2;

/// When a worker could not be started this often in a row, those who wait for it are told.
const MAX_FAILED_STARTS: u32 = 2;

pub(super) enum Message {
    Submit(Box<Ticket>),
    ModelsChanged,
}

pub(super) struct Keeper {
    options: Arc<EngineOptions>,
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Message>,
    tracker: TaskTracker,
    stop: CancellationToken,
    /// In the order they came; only the front is looked at, so no model waits for ever.
    waiting: VecDeque<Ticket>,
    /// Those the worker has.
    active: BTreeMap<u64, Ticket>,
    worker: Option<Outlet>,
    readers_gone: FuturesUnordered<BoxFuture<'static, Option<u64>>>,
    backoff: Backoff,
    not_before: Option<Instant>,
    load_deaths: HashMap<String, u32>,
    failed_starts: u32,
}

enum News {
    Stop,
    Message(Option<Message>),
    Report(Option<Report>),
    /// None: a ticket ended before its reader left.
    ReaderGone(Option<u64>),
    PauseOver,
}

impl Keeper {
    pub(super) fn new(
        options: Arc<EngineOptions>,
        shared: Arc<Shared>,
        inbox: mpsc::UnboundedReceiver<Message>,
        tracker: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self {
            options,
            shared,
            inbox,
            tracker,
            stop,
            waiting: VecDeque::new(),
            active: BTreeMap::new(),
            worker: None,
            readers_gone: FuturesUnordered::new(),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(10)),
            not_before: None,
            load_deaths: HashMap::new(),
            failed_starts: 0,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.next_news().await {
                News::Stop | News::Message(None) => break,
                News::Message(Some(Message::Submit(ticket))) => self.accept(*ticket),
                News::Message(Some(Message::ModelsChanged)) => self.refuse_lost_models(),
                News::Report(Some(report)) => self.report(report).await,
                News::Report(None) => self.worker_died().await,
                News::ReaderGone(Some(id)) => self.cancel(id).await,
                News::ReaderGone(None) => {}
                News::PauseOver => self.not_before = None,
            }
            self.drive().await;
            self.publish();
        }
        self.inbox.close();
        self.waiting.clear();
        self.active.clear();
        if let Some(worker) = self.worker.take() {
            worker.end().await;
        }
        self.publish();
    }

    async fn next_news(&mut self) -> News {
        let pause_over = async {
            match self.not_before {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let report = async {
            match &mut self.worker {
                Some(worker) => worker.reports.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => News::Stop,
            Some(id) = self.readers_gone.next() => News::ReaderGone(id),
            report = report => News::Report(report),
            message = self.inbox.recv() => News::Message(message),
            () = pause_over => News::PauseOver,
        }
    }

    fn accept(&mut self, mut ticket: Ticket) {
        self.readers_gone.push(ticket.watch_reader());
        self.waiting.push_back(ticket);
        let loaded = self.worker.as_ref().is_some_and(|worker| worker.loaded);
        let ahead = self.active.len() + self.waiting.len() - 1;
        if let Some(ticket) = self
            .waiting
            .back()
            .filter(|_| !loaded || self.waiting.len() > 1)
        {
            ticket.tell_position(u32::try_from(ahead).unwrap_or(u32::MAX));
        }
    }

    async fn report(&mut self, report: Report) {
        match report {
            Report::Loaded { context_tokens } => {
                if let Some(worker) = &mut self.worker {
                    worker.loaded = true;
                    self.load_deaths.remove(&worker.model);
                    tracing::info!(model = worker.model, context_tokens, "model loaded");
                }
            }
            Report::LoadFailed(reason) => {
                if let Some(model) = self.worker.as_ref().map(|worker| worker.model.clone()) {
                    self.give_up_model(&model, reason);
                }
            }
            Report::Events(events) => {
                for (id, event) in events {
                    self.pass_on(id, event).await;
                }
            }
        }
    }

    async fn pass_on(&mut self, id: u64, event: ReplyEvent) {
        let Some(ticket) = self.active.get_mut(&id) else {
            return;
        };
        if matches!(event, ReplyEvent::Finished { .. }) {
            self.backoff.succeeded();
        }
        match ticket.pass_on(event) {
            Outcome::GoesOn => {}
            Outcome::Ended => {
                self.active.remove(&id);
            }
            Outcome::Unread => self.cancel(id).await,
        }
    }

    async fn cancel(&mut self, id: u64) {
        self.waiting.retain(|ticket| ticket.id != id);
        if self.active.remove(&id).is_some()
            && let Some(worker) = &mut self.worker
        {
            // A worker that is gone is noticed by its reports ending.
            let _gone = worker.send(&Command::Cancel { id }).await;
        }
    }

    async fn worker_died(&mut self) {
        let Some(worker) = self.worker.take() else {
            return;
        };
        let (model, was_loaded) = (worker.model.clone(), worker.loaded);
        let epitaph = worker.epitaph().await;
        tracing::warn!(model, was_loaded, epitaph, "the engine worker died");
        let blamed = self.blamed();
        for (id, mut ticket) in std::mem::take(&mut self.active).into_iter().rev() {
            if ticket.survives_death(was_loaded && blamed.contains(&id)) {
                self.waiting.push_front(ticket);
            }
        }
        if !was_loaded {
            let deaths = self.load_deaths.entry(model.clone()).or_default();
            *deaths += 1;
            if *deaths >= MAX_LOAD_DEATHS {
                self.load_deaths.remove(&model);
                self.give_up_model(
                    &model,
                    "loading it ended the engine's process, twice".into(),
                );
            }
        }
        self.not_before = Some(Instant::now() + self.backoff.next_delay());
    }

    /// Against whom a death is counted: those the worker was doing something new for, else those
    /// it was writing, else all it had, so that no death can come again for ever.
    fn blamed(&self) -> Vec<u64> {
        let those = |may_be: fn(&Ticket) -> bool| -> Vec<u64> {
            let tickets = self.active.values();
            let found = tickets.filter(|ticket| may_be(ticket));
            found.map(|ticket| ticket.id).collect()
        };
        [Ticket::is_suspect, Ticket::is_running, |_: &Ticket| true]
            .map(those)
            .into_iter()
            .find(|ids| !ids.is_empty())
            .unwrap_or_default()
    }

    /// Nobody gets this model until its file changes.
    fn give_up_model(&mut self, model: &str, reason: String) {
        tracing::warn!(model, reason, "a model cannot be used");
        self.shared.lock().mark_unusable(model, reason.clone());
        let active = std::mem::take(&mut self.active).into_values();
        let (lost, kept): (Vec<_>, Vec<_>) = active
            .chain(std::mem::take(&mut self.waiting))
            .partition(|ticket| ticket.request.model == model);
        self.waiting = kept.into();
        for ticket in lost {
            ticket.fail(EngineError::ModelUnusable(reason.clone()));
        }
    }

    fn refuse_lost_models(&mut self) {
        let state = self.shared.lock();
        self.waiting.retain(|ticket| {
            let known = state.find_file(&ticket.request.model).is_some();
            if !known {
                ticket.fail(EngineError::UnknownModel(ticket.request.model.clone()));
            }
            known
        });
    }

    /// Brings waiting requests to a worker that has their model, as far as that is possible now.
    async fn drive(&mut self) {
        self.end_useless_worker().await;
        while let Some(ticket) = self.waiting.front() {
            let model = ticket.request.model.clone();
            let has_it =
                |worker: &Outlet| worker.is_for(&model, self.shared.lock().find_file(&model));
            if !self.worker.as_ref().is_none_or(has_it) {
                if !self.active.is_empty() {
                    return;
                }
                self.end_worker().await;
            }
            if self.worker.is_none()
                && (self.not_before.is_some() || !self.start_worker(&model).await)
            {
                return;
            }
            self.deliver_first().await;
        }
    }

    /// Hands the worker the request at the front.
    async fn deliver_first(&mut self) {
        let (Some(worker), Some(ticket)) = (&mut self.worker, self.waiting.pop_front()) else {
            return;
        };
        match worker.send(&ticket.command()).await {
            Err(WorkerError::Frame(error)) => {
                ticket.fail(EngineError::InvalidRequest(error.to_string()));
            }
            Err(WorkerError::Late(_)) => {
                self.active.insert(ticket.id, ticket);
                self.worker_died().await;
            }
            // That it stopped is noticed by the reports ending, and the ticket comes back then.
            _ => {
                self.active.insert(ticket.id, ticket);
            }
        }
    }

    /// One whose model failed to load, or is no longer offered, has no more work.
    async fn end_useless_worker(&mut self) {
        let Some(worker) = self.worker.as_ref().filter(|_| self.active.is_empty()) else {
            return;
        };
        let useful = {
            let state = self.shared.lock();
            let file = state.find_file(&worker.model);
            let usable =
                file.is_some_and(|file| !matches!(state.state_of(file), ModelState::Unusable(_)));
            usable && worker.is_for(&worker.model, file)
        };
        if !useful {
            self.end_worker().await;
        }
    }

    async fn end_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.end().await;
        }
    }

    /// False: not now; the request stays where it is, or was refused.
    async fn start_worker(&mut self, model: &str) -> bool {
        let file = self.shared.lock().find_file(model).cloned();
        let Some(file) = file else {
            self.refuse_lost_models();
            return false;
        };
        let load = Load {
            path: file.path.clone(),
            context_tokens: self.options.context_tokens,
            parallel_replies: self.options.parallel_replies,
            threads: self.options.threads,
            saved: self.options.saved.clone(),
            step_target_ms: self.options.step_target_ms,
            sampling: file.probed.sampling.clone(),
        };
        tracing::info!(model, "loading the model");
        match Outlet::start(&self.options.program, &file, load, &self.tracker).await {
            Ok(worker) => {
                self.worker = Some(worker);
                self.failed_starts = 0;
                true
            }
            Err(error) => {
                self.start_failed(&error);
                false
            }
        }
    }

    /// Whoever waits is told in the end, and others may still try after a pause.
    fn start_failed(&mut self, error: &WorkerError) {
        tracing::error!(%error, "the engine worker does not start");
        self.not_before = Some(Instant::now() + self.backoff.next_delay());
        self.failed_starts += 1;
        if self.failed_starts >= MAX_FAILED_STARTS {
            for ticket in self.waiting.drain(..) {
                ticket.fail(EngineError::Failed(error.to_string()));
            }
        }
    }

    fn publish(&self) {
        let mut state = self.shared.lock();
        let running = self
            .active
            .values()
            .filter(|ticket| ticket.is_running())
            .count();
        let in_hand = self.active.len() + self.waiting.len() - running;
        state.running = u32::try_from(running).unwrap_or(u32::MAX);
        // Those on their way through the inbox are queued as well.
        state.queued = u32::try_from(in_hand + self.inbox.len()).unwrap_or(u32::MAX);
        state.unstartable = self.failed_starts >= MAX_FAILED_STARTS && self.not_before.is_some();
        let (loaded, loading): (Option<&Outlet>, Option<&Outlet>) = match &self.worker {
            Some(worker) if worker.loaded => (Some(worker), None),
            other => (None, other.as_ref()),
        };
        state.loaded = loaded.map(|worker| worker.model.clone());
        state.loading = loading.map(|worker| worker.model.clone());
        state.worker_process_id = self.worker.as_ref().and_then(Outlet::process_id);
    }
}
