//! The server's side of llama.cpp: [`LlamaEngine`], an [`Engine`] whose models live in a worker.
//!
//! `generate` only checks and queues; one task, the keeper, owns the worker and every request. No
//! worker runs before the first request. One model is loaded at a time: requests for another wait
//! until the running replies are done. When the worker dies, requests that were running are queued
//! again from where they stood, so that a reader sees a pause and then the rest.

mod hand;
mod keeper;
mod outlet;
mod placing;
mod shared;
mod ticket;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::keeper::{Keeper, Message};
use self::shared::Shared;
use self::ticket::{Ticket, Work};
use super::cache::files::delete_files_of;
use super::probe::{probe_adapter, probe_file};
use super::protocol::SavedSequences;
use crate::engine::{
    AdapterFile, Embed, Embeddings, Engine, EngineError, Generate, Health, ModelFile, ModelInfo,
    ModelMemory, ModelRunner, ModelState, ProbeFailure, ProbedModel, TokenStream, token_stream,
    validity,
};
use crate::worker::WorkerProgram;

/// Events that may wait for one reader. Far more than a reply has tokens, so a slow reader loses
/// nothing and stops nobody; the memory is taken only as events come.
const STREAM_CAPACITY: usize = 1 << 20;
/// A folder full of new models must not take the whole machine.
const PROBES_AT_ONCE: usize = 2;

#[derive(Debug, Clone)]
pub struct EngineOptions {
    pub program: WorkerProgram,
    /// The most one conversation may hold; a model trained for less holds less.
    pub context_tokens: u32,
    /// How many replies are written at once.
    pub parallel_replies: u32,
    /// 0 chooses by the number of cores.
    pub threads: u32,
    /// One memory for the tokens of all, or one each; None chooses by the machine.
    pub unified_kv: Option<bool>,
    /// The memory for tokens in bf16, or in f16; None chooses by the machine.
    pub bf16_kv: Option<bool>,
    /// How long those who are being written may wait between two tokens while a prompt is read.
    pub step_target_ms: u32,
    /// Where computed conversations are kept on disk; None for nowhere.
    pub saved: Option<SavedSequences>,
    /// How many requests may wait, in all.
    pub queue_limit: u32,
    /// How many requests of one lane may wait.
    pub lane_queue_limit: u32,
    /// How many layers go to graphics cards; None for as many as fit.
    pub gpu_layers: Option<u32>,
    /// What all loaded models together may take.
    pub memory_bytes: u64,
    /// A model that is not asked anything for so long leaves the memory; None for never.
    pub unload_after: Option<Duration>,
    /// A worker that says nothing for so long although it was asked is ended.
    pub silence_limit: Duration,
}

/// Cheap to clone; all clones are one engine.
#[derive(Clone)]
pub struct LlamaEngine {
    options: Arc<EngineOptions>,
    shared: Arc<Shared>,
    keeper: mpsc::UnboundedSender<Message>,
    tracker: TaskTracker,
    probes: Arc<Semaphore>,
    stop: CancellationToken,
}

impl LlamaEngine {
    /// Starts the keeper on `tracker`; needs a runtime. Cancelling `stop` ends every worker and stream.
    pub fn new(options: EngineOptions, tracker: TaskTracker, stop: CancellationToken) -> Self {
        let options = Arc::new(options);
        let shared = Arc::new(Shared::default());
        let (keeper, inbox) = mpsc::unbounded_channel();
        tracker.spawn(
            Keeper::new(
                Arc::clone(&options),
                Arc::clone(&shared),
                inbox,
                tracker.clone(),
                stop.clone(),
            )
            .run(),
        );
        Self {
            options,
            shared,
            keeper,
            tracker,
            probes: Arc::new(Semaphore::new(PROBES_AT_ONCE)),
            stop,
        }
    }

    /// The process id of a model's worker, while one runs. For tests and for the administrator.
    pub fn worker_process_id(&self, model: &str) -> Option<u32> {
        self.shared.lock().worker_process_ids.get(model).copied()
    }

    /// Only a few probes at once, and none when the engine has been stopped.
    fn in_turn<T: Send + 'static>(
        &self,
        probe: impl Future<Output = Result<T, ProbeFailure>> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, ProbeFailure>> {
        let (probes, stop) = (Arc::clone(&self.probes), self.stop.clone());
        async move {
            let probing = async {
                let turn = probes.acquire().await;
                let _turn = turn.map_err(|error| ProbeFailure::passing(error.to_string()))?;
                probe.await
            };
            let probed = stop.run_until_cancelled(probing).await;
            probed.unwrap_or_else(|| Err(ProbeFailure::passing("the engine has been stopped")))
        }
        .boxed()
    }

    /// Queues work for a model that can do it.
    fn submit(
        &self,
        model: &str,
        lane: u64,
        can: impl Fn(&ProbedModel) -> bool,
        work: Work,
    ) -> Result<(), EngineError> {
        let mut state = self.shared.lock();
        let Some(file) = state.find_file(model) else {
            return Err(EngineError::UnknownModel(model.to_owned()));
        };
        if let ModelState::Unusable(reason) = state.state_of(file) {
            return Err(EngineError::ModelUnusable(reason));
        }
        if !can(&file.probed) {
            let reason = "the model cannot do that: it is made for something else";
            return Err(EngineError::InvalidRequest(reason.into()));
        }
        let of_lane = state.queued_by_lane.get(&lane).copied().unwrap_or(0);
        if state.queued >= self.options.queue_limit || of_lane >= self.options.lane_queue_limit {
            return Err(EngineError::QueueFull);
        }
        let ticket = Ticket::new(state.next_id(), work, Instant::now());
        if self.keeper.send(Message::Submit(Box::new(ticket))).is_err() {
            return Err(EngineError::Failed("the engine has been stopped".into()));
        }
        state.queued += 1;
        *state.queued_by_lane.entry(lane).or_default() += 1;
        *state.submitted_by_lane.entry(lane).or_default() += 1;
        Ok(())
    }

    fn info(&self, file: &ModelFile, state: ModelState, memory: Option<ModelMemory>) -> ModelInfo {
        ModelInfo {
            id: file.id.clone(),
            name: file.name.clone(),
            state,
            context_tokens: file.probed.context_tokens.min(self.options.context_tokens),
            size_bytes: file.size_bytes,
            parameters: file.probed.parameters,
            architecture: file.probed.architecture.clone(),
            quantization: file.probed.quantization.clone(),
            file: Some(file.path.clone()),
            memory,
            writes: file.probed.writes,
            embeds: file.probed.embeds,
        }
    }
}

impl Engine for LlamaEngine {
    fn models(&self) -> Vec<ModelInfo> {
        let state = self.shared.lock();
        state
            .files
            .iter()
            .map(|file| {
                let memory = state.memory.get(&file.id).copied();
                self.info(file, state.state_of(file), memory)
            })
            .collect()
    }

    fn generate(&self, request: Generate) -> Result<TokenStream, EngineError> {
        validity::check(&request)?;
        let adapters = self.shared.lock().adapters_of(&request)?;
        let (events, stream) = token_stream(STREAM_CAPACITY);
        let (model, lane) = (request.model.clone(), request.lane);
        let work = Work::Text {
            request: Box::new(request),
            adapters,
            events,
        };
        self.submit(&model, lane, |model| model.writes, work)?;
        Ok(stream)
    }

    fn embed(&self, request: Embed) -> BoxFuture<'static, Result<Embeddings, EngineError>> {
        let (answer, mut answered) = mpsc::channel(1);
        let (model, lane) = (request.model.clone(), request.lane);
        let submitted = validity::check_embed(&request).and_then(|()| {
            self.submit(
                &model,
                lane,
                |model| model.embeds,
                Work::Vectors { request, answer },
            )
        });
        async move {
            submitted?;
            let gone = || Err(EngineError::Failed("the engine has been stopped".into()));
            answered.recv().await.unwrap_or_else(gone)
        }
        .boxed()
    }

    fn forget(&self, lane: u64) -> BoxFuture<'static, Result<(), EngineError>> {
        let (told, all_told) = oneshot::channel();
        let sent = self.keeper.send(Message::Forget { lane, told });
        let folder = self
            .options
            .saved
            .as_ref()
            .map(|saved| saved.folder.clone());
        async move {
            let stopped = || EngineError::Failed("the engine has been stopped".into());
            sent.map_err(|_| stopped())?;
            all_told.await.map_err(|_| stopped())?;
            // After the workers, which delete what they are just writing.
            let Some(folder) = folder else { return Ok(()) };
            let deleted = spawn_blocking(move || delete_files_of(&folder, lane)).await;
            let failed = |error: &dyn std::fmt::Display| EngineError::Failed(error.to_string());
            deleted
                .map_err(|error| failed(&error))?
                .map_err(|error| failed(&error))
        }
        .boxed()
    }

    fn health(&self) -> Health {
        let state = self.shared.lock();
        Health {
            ready: !self.keeper.is_closed() && !state.unstartable,
            loaded: state.loaded.clone(),
            running: state.running,
            queued: state.queued,
        }
    }
}

impl ModelRunner for LlamaEngine {
    fn set_models(&self, files: Vec<ModelFile>) {
        self.shared.lock().set_files(files);
        // A stopped engine needs no news.
        let _stopped = self.keeper.send(Message::ModelsChanged);
    }

    fn load_model(&self, id: &str) {
        // A stopped engine loads nothing.
        let _stopped = self.keeper.send(Message::Load(id.to_owned()));
    }

    fn unload_model(&self, id: &str) {
        let _stopped = self.keeper.send(Message::Unload(id.to_owned()));
    }

    fn set_adapters(&self, files: Vec<AdapterFile>) {
        self.shared.lock().adapters = files;
    }

    fn probe_adapter(
        &self,
        adapter: PathBuf,
        model: PathBuf,
    ) -> BoxFuture<'static, Result<(), ProbeFailure>> {
        let engine = self.clone();
        self.in_turn(async move {
            let program = &engine.options.program;
            probe_adapter(program, adapter, model, &engine.tracker).await
        })
    }

    fn probe(&self, path: PathBuf) -> BoxFuture<'static, Result<ProbedModel, ProbeFailure>> {
        let engine = self.clone();
        self.in_turn(
            async move { probe_file(&engine.options.program, path, &engine.tracker).await },
        )
    }
}
