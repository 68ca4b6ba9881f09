//! The library of model files, with real probing workers: whatever lies in the folder, the house lives.
//!
//! Good files, cut files, other files, and good files with bytes changed at random.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chatelaine::engine::llama::{EngineOptions, LlamaEngine};
use chatelaine::engine::{Engine, ModelInfo, ModelRunner, ModelState};
use chatelaine::error::ErrorKind;
use chatelaine::models::{DEMO_MODEL, Library, find_default};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::tiny_gguf::{Random, TinyModel};
use crate::{ask, eventually, options, read};

struct Shelf {
    library: Arc<Library>,
    engine: Arc<LlamaEngine>,
    folder: TempDir,
    elsewhere: TempDir,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Shelf {
    /// Without the demo model, which would be in the way of counting.
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".demo-unpacked"), "and deleted").unwrap();
        Self::over(folder)
    }

    fn over(folder: TempDir) -> Self {
        Self::with(folder, options(2, 16))
    }

    fn with(folder: TempDir, options: EngineOptions) -> Self {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        let engine = Arc::new(LlamaEngine::new(options, tracker.clone(), stop.clone()));
        let runner: Arc<dyn ModelRunner> = engine.clone();
        let library = Library::open(
            folder.path().into(),
            Some(runner),
            tracker.clone(),
            stop.clone(),
        )
        .unwrap();
        Self {
            library,
            engine,
            folder,
            elsewhere: tempfile::tempdir().unwrap(),
            tracker,
            stop,
        }
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    /// What is listed once every file has been seen and looked at.
    async fn list(&self) -> Vec<ModelInfo> {
        let is_model = |path: &Path| path.extension().is_some_and(|end| end == "gguf");
        let files = fs::read_dir(self.folder.path()).unwrap();
        let models = files
            .map(|file| file.unwrap().path())
            .filter(|path| path.exists() && is_model(path));
        let count = models.count();
        eventually(|| self.library.list().len() == count).await;
        self.library.settled().await;
        self.library.list()
    }
}

fn reason(model: &ModelInfo) -> &str {
    match &model.state {
        ModelState::Unusable(reason) => reason,
        other => panic!("{} is {other:?}", model.id),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_folder_is_probed_offered_and_remembered() {
    let shelf = Shelf::open();
    let bytes = TinyModel {
        metadata: vec![("general.sampling.temp", 0.25)],
        ..TinyModel::default()
    }
    .bytes();
    shelf.put("My Tiny.gguf", &bytes);
    let models = shelf.list().await;
    assert_eq!(models, shelf.engine.models());
    let model = &models[0];
    assert_eq!(
        (model.id.as_str(), model.name.as_str()),
        ("My~20Tiny", "Tiny random")
    );
    assert_eq!(
        (model.architecture.as_str(), model.quantization.as_str()),
        ("qwen3", "F32")
    );
    assert_eq!(
        (model.context_tokens, model.size_bytes),
        (256, bytes.len() as u64)
    );
    assert_eq!(model.state, ModelState::Available);
    assert!(model.parameters > 100_000);
    // Known again without a probing worker.
    shelf.stop.cancel();
    let again = Shelf::over(shelf.folder);
    again.library.settled().await;
    assert_eq!(again.engine.models().len(), 1);
    fs::write(again.folder.path().join(".probed.json"), "{ torn").unwrap();
    let again = Shelf::over(again.folder);
    assert_eq!(again.list().await[0].state, ModelState::Available);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_are_added_where_they_lie_and_removed_without_harm() {
    let shelf = Shelf::open();
    let file = shelf.elsewhere.path().join("Good.gguf");
    TinyModel::default().write(&file);
    shelf.library.settled().await;
    assert_eq!(shelf.library.add(&file).await.unwrap(), "Good");
    assert_eq!(shelf.list().await[0].state, ModelState::Available);
    assert!(shelf.folder.path().join("Good.gguf").is_symlink());
    assert_eq!(
        shelf.library.add(&file).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
    let request = chatelaine::engine::Generate {
        model: "Good".into(),
        ..ask("hello")
    };
    assert_eq!(
        read(shelf.engine.generate(request).unwrap())
            .await
            .unwrap()
            .1
            .usage
            .completion_tokens,
        24
    );
    shelf.library.remove("Good").unwrap();
    assert!(file.exists() && shelf.list().await.is_empty() && shelf.engine.models().is_empty());
    assert_eq!(
        shelf.library.remove("Good").unwrap_err().kind,
        ErrorKind::NotFound
    );

    for (bytes, word) in [
        (&b"hello there, this is some text"[..], "not a GGUF"),
        (&b"GG"[..], "not a GGUF"),
        (&b"GGUF and nothing"[..], "cannot be used"),
    ] {
        let file = shelf.elsewhere.path().join("bad.gguf");
        fs::write(&file, bytes).unwrap();
        let refused = shelf.library.add(&file).await.unwrap_err();
        assert!(
            refused.kind == ErrorKind::InvalidRequest && refused.message.contains(word),
            "{refused}"
        );
    }
    assert!(shelf.library.add(Path::new("/nowhere.gguf")).await.is_err());
    assert!(shelf.list().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_model_is_listed_with_its_reason() {
    let shelf = Shelf::open();
    let good = TinyModel::default().bytes();
    shelf.put("text.gguf", b"this is not a model at all, only some words");
    shelf.put("cut.gguf", &good[..good.len() / 2]);
    shelf.put("head.gguf", &good[..30]);
    std::os::unix::fs::symlink(
        "/nowhere/at/all.gguf",
        shelf.folder.path().join("lost.gguf"),
    )
    .unwrap();
    let models = shelf.list().await;
    let ids: Vec<_> = models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids.len(), 3);
    for model in &models {
        let expected = match model.id.as_str() {
            "text" => "not a GGUF",
            _ => "incomplete",
        };
        assert!(reason(model).contains(expected), "{model:?}");
    }
    assert!(shelf.engine.models().is_empty());
    assert_eq!(find_default(&models), None);
}

/// A worker that notes that it was started, and then does as it is told.
fn worker_that(does: &str, folder: &TempDir) -> EngineOptions {
    let mut options = options(2, 16);
    options.program.executable = folder.path().join("worker");
    let started = folder.path().join("started");
    let script = format!("#!/bin/sh\n: > '{}'\n{does}\n", started.display());
    // Written by another process: no child of this one may hold it open for writing.
    let written = Command::new("sh")
        .args(["-c", r#"printf %s "$1" > "$0" && chmod +x "$0""#])
        .args([options.program.executable.as_os_str(), script.as_ref()])
        .status();
    assert!(written.unwrap().success());
    options
}

fn folder_with_five() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".demo-unpacked"), "and deleted").unwrap();
    for number in 0..5 {
        TinyModel::default().write(&folder.path().join(format!("tiny-{number}.gguf")));
    }
    folder
}

async fn all_five_are_available(folder: TempDir) {
    let models = Shelf::over(folder).list().await;
    assert_eq!(models.len(), 5);
    for model in models {
        assert_eq!(model.state, ModelState::Available);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_house_that_stops_waits_for_no_probe_and_the_next_one_probes_again() {
    let folder = folder_with_five();
    let options = worker_that("exec sleep 600", &folder);
    let shelf = Shelf::with(folder, options);
    eventually(|| shelf.folder.path().join("started").exists()).await;
    shelf.stop.cancel();
    shelf.tracker.close();
    tokio::time::timeout(Duration::from_secs(20), shelf.tracker.wait())
        .await
        .unwrap();
    all_five_are_available(shelf.folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_died_has_said_nothing_of_the_file() {
    let folder = folder_with_five();
    let options = worker_that("kill -TERM $$", &folder);
    let shelf = Shelf::with(folder, options);
    for model in shelf.list().await {
        assert!(reason(&model).contains("stopped"), "{model:?}");
    }
    shelf.stop.cancel();
    all_five_are_available(shelf.folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_model_is_unpacked_and_is_the_last_choice() {
    let shelf = Shelf::over(tempfile::tempdir().unwrap());
    let models = shelf.list().await;
    // A build without the demo model has nothing to unpack.
    if let Some(demo) = models.first() {
        assert_eq!(
            (demo.id.as_str(), &demo.state),
            (DEMO_MODEL, &ModelState::Available)
        );
        assert_eq!(find_default(&models).unwrap().id, DEMO_MODEL);
        let request = chatelaine::engine::Generate {
            model: DEMO_MODEL.into(),
            ..ask("Hello!")
        };
        let (text, _) = read(shelf.engine.generate(request).unwrap()).await.unwrap();
        assert!(
            text.chars()
                .filter(|char| char.is_ascii_alphabetic())
                .count()
                > 5,
            "{text:?}"
        );
    }
    shelf.put("own.gguf", &TinyModel::default().bytes());
    assert_eq!(find_default(&shelf.list().await).unwrap().id, "own");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_mutations_of_a_model_harm_nobody() {
    let shelf = Shelf::open();
    let good = TinyModel {
        layers: 1,
        ..TinyModel::default()
    }
    .bytes();
    let mut random = Random(42);
    for number in 0..60 {
        let mut bytes = good.clone();
        for _ in 0..=random.next() % 8 {
            // The metadata lies in front, where a change says something.
            let at = (random.next() % 9000) as usize;
            bytes[at] = random.next() as u8;
        }
        shelf.put(&format!("mutation-{number:02}.gguf"), &bytes);
    }
    let models = tokio::time::timeout(Duration::from_secs(300), shelf.list())
        .await
        .unwrap();
    assert_eq!(models.len(), 60);
    for model in models {
        let request = chatelaine::engine::Generate {
            model: model.id.clone(),
            max_tokens: Some(2),
            ..ask("hi")
        };
        match &model.state {
            ModelState::Unusable(reason) => {
                assert!(!reason.is_empty());
                assert!(shelf.engine.generate(request).is_err());
            }
            // It may still fail, in words.
            ModelState::Available => {
                let _either = read(shelf.engine.generate(request).unwrap()).await;
            }
            other => panic!("{} is {other:?}", model.id),
        }
    }
    shelf.put("good.gguf", &TinyModel::default().bytes());
    shelf.list().await;
    let request = chatelaine::engine::Generate {
        model: "good".into(),
        ..ask("hello")
    };
    read(shelf.engine.generate(request).unwrap()).await.unwrap();
}
