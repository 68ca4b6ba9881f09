//! The real engine, in its worker process, with a tiny random model: what a reader of a reply may rely on.
//!
//! The likeliest text of random weights is as good as any, because it is the same every time. No test
//! needs a file or a network.

#![cfg(feature = "llama")]
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod adapters;
mod broken_files;
mod chances;
mod embeddings;
mod fairness;
mod forgetting;
mod library;
mod prefix;
mod replies;
mod requests;
mod saved;
mod several_models;
mod tiny_bert;
mod tiny_gguf;
#[cfg(target_os = "linux")]
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chatelaine::engine::llama::{EngineOptions, LlamaEngine};
use chatelaine::engine::{
    ChatMessage, Engine, EngineError, EngineEvent, Finished, Generate, ModelFile, ModelRunner,
    Role, Sampling, TokenStream,
};
use chatelaine::worker::WorkerProgram;
use tempfile::TempDir;
use tiny_gguf::TinyModel;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// An engine with models `tiny` and `other`, and what keeps them alive.
struct House {
    engine: Arc<LlamaEngine>,
    folder: TempDir,
    tracker: TaskTracker,
    stop: CancellationToken,
}

fn options(parallel_replies: u32, queue_limit: u32) -> EngineOptions {
    let program = WorkerProgram {
        executable: env!("CARGO_BIN_EXE_chatelaine").into(),
    };
    EngineOptions {
        program,
        context_tokens: 256,
        parallel_replies,
        threads: 1,
        unified_kv: None,
        bf16_kv: None,
        step_target_ms: 200,
        saved: None,
        queue_limit,
        lane_queue_limit: queue_limit,
        gpu_layers: None,
        memory_bytes: 1 << 40,
        unload_after: None,
        silence_limit: Duration::from_secs(600),
    }
}

/// The ways the memory for tokens can lie and be written: unified or not, in bf16 or not.
const KV_WAYS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

fn laid_out((unified_kv, bf16_kv): (bool, bool), options: EngineOptions) -> EngineOptions {
    EngineOptions {
        unified_kv: Some(unified_kv),
        bf16_kv: Some(bf16_kv),
        ..options
    }
}

fn slow_options() -> EngineOptions {
    EngineOptions {
        context_tokens: 2048,
        ..options(4, 64)
    }
}

fn slow_model() -> TinyModel {
    TinyModel {
        layers: 16,
        ..TinyModel::default()
    }
}

impl House {
    async fn open() -> Self {
        Self::with(4, 64).await
    }

    async fn with(parallel_replies: u32, queue_limit: u32) -> Self {
        Self::of(options(parallel_replies, queue_limit), TinyModel::default()).await
    }

    /// One whose replies take long enough for something to happen meanwhile.
    async fn slow() -> Self {
        Self::of(slow_options(), slow_model()).await
    }

    async fn of(options: EngineOptions, model: TinyModel) -> Self {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let engine = Arc::new(LlamaEngine::new(options, tracker.clone(), stop.clone()));
        let house = Self {
            engine,
            folder: tempfile::tempdir().unwrap(),
            tracker,
            stop,
        };
        let files = vec![
            house.file("tiny", 1, &model).await,
            house.file("other", 2, &model).await,
        ];
        house.engine.set_models(files);
        house
    }

    async fn file(&self, id: &str, seed: u64, model: &TinyModel) -> ModelFile {
        let model = TinyModel {
            seed,
            context_tokens: 4096,
            ..model.clone()
        };
        // Many tests want the same few, and so many random numbers take their time.
        static WRITTEN: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
        let bytes = {
            let mut written = WRITTEN.lock().unwrap();
            let bytes = written.entry(format!("{model:?}"));
            bytes.or_insert_with(|| model.bytes()).clone()
        };
        self.put(id, &bytes).await
    }

    async fn put(&self, id: &str, bytes: &[u8]) -> ModelFile {
        let path = self.folder.path().join(format!("{id}.gguf"));
        std::fs::write(&path, bytes).unwrap();
        let probed = self.engine.probe(path.clone()).await.unwrap();
        assert_eq!(probed.unusable, None);
        let size_bytes = path.metadata().unwrap().len();
        ModelFile {
            id: id.into(),
            name: probed.name.clone(),
            path,
            size_bytes,
            modified_ms: 1,
            probed,
        }
    }

    async fn text(&self, request: Generate) -> String {
        read(self.engine.generate(request).unwrap())
            .await
            .unwrap()
            .0
    }

    /// All at once; the answers in the order of the requests.
    async fn answers(
        &self,
        requests: impl IntoIterator<Item = Generate>,
    ) -> Vec<(String, Finished)> {
        let requests = requests.into_iter();
        let streams: Vec<_> = requests
            .map(|request| self.engine.generate(request).unwrap())
            .collect();
        let mut answers = Vec::new();
        for stream in streams {
            answers.push(read(stream).await.unwrap());
        }
        answers
    }

    async fn answer(&self, request: Generate) -> (String, Finished) {
        read(self.engine.generate(request).unwrap()).await.unwrap()
    }

    /// The reply made on its own from nothing; None where some token was chosen so narrowly that
    /// another order of adding up could change it.
    async fn clear_text(&self, request: &Generate) -> Option<String> {
        let request = Generate {
            chances: Some(2),
            reuse_prefix: false,
            ..request.clone()
        };
        let mut stream = self.engine.generate(request).unwrap();
        let (mut text, mut least) = (String::new(), f32::INFINITY);
        while let Some(event) = stream.next_event().await {
            match event.unwrap() {
                EngineEvent::Delta(delta) => text.push_str(&delta),
                EngineEvent::Chances(chances) => {
                    let margins = chances.iter();
                    let margins = margins.map(|one| one.likeliest[0].1 - one.likeliest[1].1);
                    least = margins.fold(least, f32::min);
                }
                _ => {}
            }
        }
        (least > 0.02).then_some(text)
    }

    /// The first `count` of these whose replies are clear, with those replies.
    async fn clear(
        &self,
        count: usize,
        mut request: impl FnMut(usize) -> Generate,
    ) -> Vec<(Generate, String)> {
        let mut clear = Vec::new();
        for number in 0..count * 20 {
            let request = request(number);
            if let Some(text) = self.clear_text(&request).await {
                clear.push((request, text));
            }
            if clear.len() == count {
                return clear;
            }
        }
        panic!("hardly any reply is clear");
    }

    async fn settles(&self) {
        eventually(|| {
            let health = self.engine.health();
            health.running == 0 && health.queued == 0
        })
        .await;
    }

    async fn close(self) {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(Duration::from_secs(60), self.tracker.wait())
            .await
            .unwrap();
    }
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to hold");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn kill(process_id: u32) {
    signal(process_id, rustix::process::Signal::KILL);
}

fn signal(process_id: u32, signal: rustix::process::Signal) {
    let process = rustix::process::Pid::from_raw(process_id.try_into().unwrap()).unwrap();
    rustix::process::kill_process(process, signal).unwrap();
}

fn message(role: Role, content: &str) -> ChatMessage {
    ChatMessage::new(role, content)
}

/// The likeliest tokens, 24 of them.
fn ask(question: &str) -> Generate {
    Generate {
        sampling: Sampling {
            temperature: Some(0.0),
            ..Sampling::default()
        },
        max_tokens: Some(24),
        ..Generate::new("tiny", vec![message(Role::User, question)])
    }
}

async fn read(mut stream: TokenStream) -> Result<(String, Finished), EngineError> {
    let mut text = String::new();
    while let Some(event) = stream.next_event().await {
        match event? {
            EngineEvent::Delta(delta) => text.push_str(&delta),
            EngineEvent::Finished(finished) => return Ok((text, finished)),
            _ => {}
        }
    }
    panic!("the stream ended without saying why, after {text:?}");
}
