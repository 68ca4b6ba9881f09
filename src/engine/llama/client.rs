//! The server's side of llama.cpp: [`LlamaEngine`], an [`Engine`] whose models live in a worker.
//!
//! `generate` only checks and queues; one task, the keeper, owns the worker and every request. No
//! worker runs before the first request. One model is loaded at a time: requests for another wait
//! until the running replies are done. When the worker dies, requests that were running are queued
//! again from where they stood, so that a reader sees a pause and then the rest.

mod keeper;
mod outlet;
mod shared;
mod ticket;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::keeper::{Keeper, Message};
use self::shared::Shared;
use self::ticket::Ticket;
use super::probe::probe_file;
use super::protocol::SavedSequences;
use crate::engine::{
    AdapterFile, Embed, Embeddings, Engine, EngineError, Generate, Health, ModelFile, ModelInfo,
    ModelRunner, ModelState, ProbeFailure, ProbedModel, TokenStream, token_stream, validity,
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
    /// How long those who are being written may wait between two tokens while a prompt is read.
    pub step_target_ms: u32,
    /// Where computed conversations are kept on disk; None for nowhere.
    pub saved: Option<SavedSequences>,
    /// How many requests may wait, in all.
    pub queue_limit: u32,
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

    /// The process id of the engine worker, while one runs. For tests and for the administrator.
    pub fn worker_process_id(&self) -> Option<u32> {
        self.shared.lock().worker_process_id
    }

    fn info(&self, file: &ModelFile, state: ModelState) -> ModelInfo {
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
        }
    }
}

impl Engine for LlamaEngine {
    fn models(&self) -> Vec<ModelInfo> {
        let state = self.shared.lock();
        state
            .files
            .iter()
            .map(|file| self.info(file, state.state_of(file)))
            .collect()
    }

    fn generate(&self, request: Generate) -> Result<TokenStream, EngineError> {
        validity::check(&request)?;
        let mut state = self.shared.lock();
        let Some(file) = state.files.iter().find(|file| file.id == request.model) else {
            return Err(EngineError::UnknownModel(request.model));
        };
        if let ModelState::Unusable(reason) = state.state_of(file) {
            return Err(EngineError::ModelUnusable(reason));
        }
        let adapters = state.adapters_of(&request)?;
        if state.queued >= self.options.queue_limit {
            return Err(EngineError::QueueFull);
        }
        let (events, stream) = token_stream(STREAM_CAPACITY);
        let ticket = Ticket::new(state.next_id(), request, adapters, events, Instant::now());
        if self.keeper.send(Message::Submit(Box::new(ticket))).is_err() {
            return Err(EngineError::Failed("the engine has been stopped".into()));
        }
        state.queued += 1;
        Ok(stream)
    }

    fn embed(&self, _request: Embed) -> BoxFuture<'static, Result<Embeddings, EngineError>> {
        let refused = EngineError::InvalidRequest("this model makes no embeddings".into());
        std::future::ready(Err(refused)).boxed()
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

    fn set_adapters(&self, files: Vec<AdapterFile>) {
        self.shared.lock().adapters = files;
    }

    fn probe_adapter(
        &self,
        _adapter: PathBuf,
        _model: PathBuf,
    ) -> BoxFuture<'static, Result<(), ProbeFailure>> {
        std::future::ready(Ok(())).boxed()
    }

    fn probe(&self, path: PathBuf) -> BoxFuture<'static, Result<ProbedModel, ProbeFailure>> {
        let engine = self.clone();
        async move {
            let probing = async {
                let _turn = engine
                    .probes
                    .acquire()
                    .await
                    .map_err(|error| ProbeFailure::passing(error.to_string()))?;
                probe_file(&engine.options.program, path, &engine.tracker).await
            };
            let probed = engine.stop.run_until_cancelled(probing).await;
            probed.unwrap_or_else(|| Err(ProbeFailure::passing("the engine has been stopped")))
        }
        .boxed()
    }
}
