//! What the library makes of a runner's answers, with a runner that answers as the test says.
//!
//! Real workers and real models are in `tests/engine/library.rs`.

use std::collections::VecDeque;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::*;
use crate::engine::{
    AdapterFile, Embed, Embeddings, Engine, EngineError, Generate, Health, TokenStream,
};

/// Answers in order, then that the file is fine; each answer is held back until it is let go.
struct MadeUpRunner {
    answers: Mutex<VecDeque<Outcome>>,
    asked: watch::Sender<Vec<PathBuf>>,
    let_go: Arc<Semaphore>,
}

impl MadeUpRunner {
    fn asked(&self) -> usize {
        self.asked.borrow().len()
    }
}

impl Engine for MadeUpRunner {
    fn models(&self) -> Vec<ModelInfo> {
        Vec::new()
    }

    fn generate(&self, request: Generate) -> std::result::Result<TokenStream, EngineError> {
        Err(EngineError::UnknownModel(request.model))
    }

    fn embed(
        &self,
        request: Embed,
    ) -> BoxFuture<'static, std::result::Result<Embeddings, EngineError>> {
        std::future::ready(Err(EngineError::UnknownModel(request.model))).boxed()
    }

    fn forget(&self, _lane: u64) -> BoxFuture<'static, std::result::Result<(), EngineError>> {
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

impl ModelRunner for MadeUpRunner {
    fn set_models(&self, _files: Vec<ModelFile>) {}

    fn load_model(&self, _id: &str) {}

    fn unload_model(&self, _id: &str) {}

    fn set_adapters(&self, _files: Vec<AdapterFile>) {}

    fn probe_adapter(
        &self,
        _adapter: PathBuf,
        _model: PathBuf,
    ) -> BoxFuture<'static, std::result::Result<(), ProbeFailure>> {
        std::future::ready(Ok(())).boxed()
    }

    fn probe(&self, path: PathBuf) -> BoxFuture<'static, Outcome> {
        self.asked.send_modify(|asked| asked.push(path));
        let answer = self.answers.lock().unwrap().pop_front();
        let let_go = Arc::clone(&self.let_go);
        async move {
            let_go.acquire().await.unwrap().forget();
            answer.unwrap_or_else(|| Ok(ProbedModel::default()))
        }
        .boxed()
    }
}

struct Shelf {
    library: Arc<Library>,
    runner: Arc<MadeUpRunner>,
    folder: TempDir,
}

impl Shelf {
    fn over(folder: TempDir, answers: impl Into<VecDeque<Outcome>>, let_go: usize) -> Self {
        let runner = Arc::new(MadeUpRunner {
            answers: Mutex::new(answers.into()),
            asked: watch::Sender::default(),
            let_go: Arc::new(Semaphore::new(let_go)),
        });
        let library = Library::open(
            folder.path().into(),
            Some(runner.clone()),
            TaskTracker::new(),
            CancellationToken::new(),
        )
        .unwrap();
        Self {
            library,
            runner,
            folder,
        }
    }

    async fn is_asked(&self, times: usize) {
        let mut asked = self.runner.asked.subscribe();
        let asked = asked.wait_for(|asked| asked.len() >= times);
        let asked = tokio::time::timeout(Duration::from_secs(60), asked).await;
        asked.unwrap().unwrap();
    }

    fn asked(&self) -> usize {
        self.runner.asked()
    }

    fn state(&self) -> ModelState {
        let models = self.library.list();
        assert_eq!(models.len(), 1);
        models[0].state.clone()
    }
}

/// A folder with one model file, and without the demo model.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".demo-unpacked"), "and deleted").unwrap();
    put(&folder, 0);
    folder
}

fn put(folder: &TempDir, more_bytes: usize) {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.resize(24 + more_bytes, 0);
    fs::write(folder.path().join("model.gguf"), bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_file_lasts_and_what_came_between_does_not() {
    for (failure, asked_again) in [
        (ProbeFailure::lasting("it is damaged"), 0),
        (ProbeFailure::passing("the worker stopped"), 1),
    ] {
        let unusable = ModelState::Unusable(failure.reason.clone());
        let shelf = Shelf::over(folder(), [Err(failure)], 9);
        shelf.library.settled().await;
        assert_eq!((shelf.state(), shelf.asked()), (unusable.clone(), 1));
        let again = Shelf::over(shelf.folder, [], 9);
        again.library.settled().await;
        assert_eq!(again.asked(), asked_again);
        assert_eq!(again.state() == unusable, asked_again == 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_waits_for_no_disk() {
    let shelf = Shelf::over(folder(), [], 9);
    shelf.library.settled().await;
    let a_disk_that_hangs = (lock(&shelf.library.scanning), lock(&shelf.library.saving));
    fs::copy(
        shelf.folder.path().join("model.gguf"),
        shelf.folder.path().join("other.gguf"),
    )
    .unwrap();
    std::thread::sleep(2 * SCAN_INTERVAL);
    assert_eq!(shelf.state(), ModelState::Available);
    // Now it can be read, and still not be written to.
    let (scanning, a_disk_that_is_full) = a_disk_that_hangs;
    drop(scanning);
    let available = |models: &[ModelInfo]| {
        let is_available = |model: &ModelInfo| model.state == ModelState::Available;
        models.iter().filter(|model| is_available(model)).count()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while available(&shelf.library.list()) < 2 {
        assert!(Instant::now() < deadline, "it is not seen");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(a_disk_that_is_full);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_added_is_probed_once() {
    let (shelf, elsewhere) = (Shelf::over(folder(), [], 9), folder());
    shelf.library.settled().await;
    let added = elsewhere.path().join("added.gguf");
    fs::rename(elsewhere.path().join("model.gguf"), &added).unwrap();
    assert_eq!(shelf.library.add(&added).await.unwrap(), "added");
    shelf.library.settled().await;
    let states: Vec<_> = shelf
        .library
        .list()
        .into_iter()
        .map(|it| it.state)
        .collect();
    assert_eq!(states, [ModelState::Available, ModelState::Available]);
    let again = Shelf::over(shelf.folder, [], 9);
    again.library.settled().await;
    assert_eq!((shelf.runner.asked(), again.asked()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_probed_is_probed_again() {
    let shelf = Shelf::over(folder(), [Err(ProbeFailure::lasting("it is cut off"))], 0);
    shelf.is_asked(1).await;
    put(&shelf.folder, 100);
    shelf.library.rescan();
    shelf.runner.let_go.add_permits(2);
    shelf.is_asked(2).await;
    shelf.library.settled().await;
    assert_eq!((shelf.state(), shelf.asked()), (ModelState::Available, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_still_being_copied_is_not_probed_every_second() {
    let shelf = Shelf::over(folder(), [Err(ProbeFailure::lasting("it is cut off"))], 2);
    shelf.library.settled().await;
    let no_other_look = lock(&shelf.library.scanning);
    for more_bytes in 1..50 {
        put(&shelf.folder, more_bytes);
        shelf.library.scan();
    }
    assert_eq!((shelf.state(), shelf.asked()), (ModelState::Probing, 1));
    drop(no_other_look);
    shelf.is_asked(2).await;
    shelf.library.settled().await;
    assert_eq!(shelf.state(), ModelState::Available);
}
