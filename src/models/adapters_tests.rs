//! The library of adapters over a made-up engine: what is offered to it, what is asked of it, and
//! what is left of a file that it refuses. It has one model with a file, and one without.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::sync::watch;

use super::*;
use crate::engine::{
    Embed, Embeddings, EngineError, Generate, Health, ModelFile, ModelInfo, ModelState,
    ProbeFailure, ProbedModel, TokenStream,
};
use crate::error::ErrorKind;
use crate::models::adapter_check::tests::{adapter_with_alpha, model};

struct MadeUpEngine {
    model: PathBuf,
    /// What probing says, in turn; at the end that all is well.
    answers: Mutex<VecDeque<ProbeFailure>>,
    offered: watch::Sender<Vec<AdapterFile>>,
}

impl Engine for MadeUpEngine {
    fn models(&self) -> Vec<ModelInfo> {
        let info = |id: &str, file| ModelInfo {
            id: id.into(),
            name: id.into(),
            state: ModelState::Available,
            context_tokens: 0,
            size_bytes: 0,
            parameters: 0,
            architecture: String::new(),
            quantization: String::new(),
            file,
            memory: None,
            writes: true,
            embeds: false,
        };
        vec![
            info("base", Some(self.model.clone())),
            info("elsewhere", None),
        ]
    }

    fn generate(&self, request: Generate) -> Result<TokenStream, EngineError> {
        Err(EngineError::UnknownModel(request.model))
    }

    fn embed(&self, request: Embed) -> BoxFuture<'static, Result<Embeddings, EngineError>> {
        std::future::ready(Err(EngineError::UnknownModel(request.model))).boxed()
    }

    fn forget(&self, _lane: u64) -> BoxFuture<'static, Result<(), EngineError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn health(&self) -> Health {
        Health {
            ready: true,
            loaded: Vec::new(),
            running: 0,
            queued: 0,
        }
    }
}

impl ModelRunner for MadeUpEngine {
    fn set_models(&self, _files: Vec<ModelFile>) {}

    fn load_model(&self, _id: &str) {}

    fn unload_model(&self, _id: &str) {}

    fn set_adapters(&self, files: Vec<AdapterFile>) {
        self.offered.send_replace(files);
    }

    fn probe_adapter(
        &self,
        adapter: PathBuf,
        model: PathBuf,
    ) -> BoxFuture<'static, Result<(), ProbeFailure>> {
        assert!(adapter.exists() && model == self.model);
        let failure = self.answers.lock().unwrap().pop_front();
        std::future::ready(failure.map_or(Ok(()), Err)).boxed()
    }

    fn probe(&self, _path: PathBuf) -> BoxFuture<'static, Result<ProbedModel, ProbeFailure>> {
        std::future::ready(Ok(ProbedModel::default())).boxed()
    }
}

struct House {
    adapters: Arc<Adapters>,
    engine: Arc<MadeUpEngine>,
    store: Arc<Store>,
    folder: TempDir,
}

impl House {
    async fn new(answers: impl Into<VecDeque<ProbeFailure>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("base.gguf");
        fs::write(&base, model("qwen3")).unwrap();
        let engine = Arc::new(MadeUpEngine {
            model: base,
            answers: Mutex::new(answers.into()),
            offered: watch::Sender::default(),
        });
        let store = Store::open(&folder.path().join("store.redb"), 1 << 20).unwrap();
        let store = Arc::new(store);
        let adapters = open(folder.path(), &engine, &store).await;
        Self {
            adapters,
            engine,
            store,
            folder,
        }
    }

    async fn add(&self, base: &str, file: &[u8]) -> Result<Adapter> {
        let new = NewAdapter {
            name: None,
            base: base.into(),
            description: String::new(),
            default_scale: None,
            audience: AdapterAudience::Everybody,
        };
        self.adapters.add(new, None, file).await
    }

    fn offered(&self) -> Vec<String> {
        let offered = self.engine.offered.borrow();
        offered.iter().map(|file| file.id.clone()).collect()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("adapters")).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| {
            let name = entry.unwrap().file_name();
            name.into_string().unwrap()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

async fn open(folder: &Path, engine: &Arc<MadeUpEngine>, store: &Arc<Store>) -> Arc<Adapters> {
    let opened = Adapters::open(
        folder.join("adapters"),
        8192,
        Arc::clone(store),
        Arc::clone(engine) as Arc<dyn Engine>,
        Some(Arc::clone(engine) as Arc<dyn ModelRunner>),
        TaskTracker::new(),
        CancellationToken::new(),
    );
    opened.await.unwrap()
}

fn file(alpha: f32) -> Vec<u8> {
    adapter_with_alpha(alpha)
}

#[tokio::test]
async fn what_is_taken_in_is_offered_until_it_is_removed() {
    let house = House::new([]).await;
    let added = house.add("base", &file(8.0)).await.unwrap();
    assert_eq!(added.record.id, "pirate");
    assert_eq!((added.record.rank, added.record.alpha), (8, 8.0));
    let again = house.add("base", &file(16.0)).await.unwrap();
    assert_eq!(again.record.id, "pirate-2", "the name is not the id");
    assert_eq!(house.offered(), ["pirate", "pirate-2"]);
    assert_eq!(house.files(), ["pirate-2.gguf", "pirate.gguf"]);

    house.adapters.remove("pirate").await.unwrap();
    assert_eq!(house.offered(), ["pirate-2"]);
    assert_eq!(house.files(), ["pirate-2.gguf"]);
    let gone = house.adapters.remove("pirate").await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::NotFound);

    house.engine.offered.send_replace(Vec::new());
    let _after_a_start = open(house.folder.path(), &house.engine, &house.store).await;
    assert_eq!(house.offered(), ["pirate-2"]);
}

#[tokio::test]
async fn of_what_is_refused_nothing_stays() {
    let house = House::new([
        ProbeFailure::lasting("its tensors do not fit"),
        ProbeFailure::passing("the worker stopped"),
    ])
    .await;
    let mut llama = file(1.0);
    let at = llama.windows(5).position(|five| five == b"qwen3").unwrap();
    llama[at..at + 5].copy_from_slice(b"llama");
    for (base, bytes, kind, part) in [
        ("base", file(1.0), ErrorKind::InvalidRequest, "do not fit"),
        ("base", file(1.0), ErrorKind::ModelUnavailable, "stopped"),
        (
            "base",
            b"words".to_vec(),
            ErrorKind::InvalidRequest,
            "short",
        ),
        ("base", llama, ErrorKind::InvalidRequest, "qwen3"),
        ("base", vec![0; 10_000], ErrorKind::PayloadTooLarge, "MiB"),
        ("gpt-9", file(1.0), ErrorKind::InvalidRequest, "gpt-9"),
        (
            "elsewhere",
            file(1.0),
            ErrorKind::InvalidRequest,
            "takes no",
        ),
    ] {
        let error = house.add(base, &bytes).await.unwrap_err();
        assert_eq!(error.kind, kind, "{}", error.message);
        assert!(error.message.contains(part), "{}", error.message);
    }
    assert!(house.files().is_empty() && house.adapters.list().is_empty());
    house.add("base", &file(1.0)).await.unwrap();
}

#[tokio::test]
async fn the_same_file_comes_in_once() {
    let house = House::new([]).await;
    let bytes = file(1.0);
    let both = tokio::join!(house.add("base", &bytes), house.add("base", &bytes));
    let (one, other) = both;
    let refused = [one, other].into_iter().find_map(Result::err).unwrap();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(
        refused.message.contains("\"pirate\""),
        "{}",
        refused.message
    );
    assert_eq!(house.files(), ["pirate.gguf"]);
}

#[tokio::test]
async fn a_file_that_changed_or_vanished_is_no_longer_offered() {
    let house = House::new([]).await;
    house.add("base", &file(1.0)).await.unwrap();
    let path = house.folder.path().join("adapters/pirate.gguf");
    let mut offered = house.engine.offered.subscribe();
    fs::write(&path, "something else").unwrap();
    let waited = offered.wait_for(|files| files.is_empty());
    let limit = Instant::now() + Duration::from_secs(60);
    tokio::time::timeout_at(limit.into(), waited)
        .await
        .unwrap()
        .unwrap();
    let trouble = || house.adapters.list()[0].trouble.unwrap_or_default();
    assert!(trouble().contains("changed"));
    fs::remove_file(path).unwrap();
    house.adapters.look();
    assert!(trouble().contains("gone"));
    house.adapters.remove("pirate").await.unwrap();
}
