//! The engine's process where it cannot live: what dies there, and what never starts.
//!
//! What the system allows it is set by a shell that becomes it, and only Linux lets it set all of it.

use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use chatelaine::engine::llama::{EngineOptions, LlamaEngine};
use chatelaine::engine::{
    Engine, EngineError, EngineEvent, Finished, Generate, ModelRunner, TokenStream,
};
use chatelaine::worker::WorkerProgram;
use tempfile::TempDir;

use crate::tiny_gguf::TinyModel;
use crate::{House, ask, eventually, options, read, slow_model, slow_options};

/// The program, started after `commands`. Written by another process: one that holds the file
/// open for writing could hand that on to a child, and then it could not be started.
fn program_after(commands: &str, folder: &TempDir) -> WorkerProgram {
    let executable = folder.path().join("program");
    let binary = env!("CARGO_BIN_EXE_chatelaine");
    let script = format!("#!/bin/sh\n{commands}\nexec {binary} \"$@\"\n");
    let written = Command::new("sh")
        .args(["-c", r#"printf %s "$1" > "$0" && chmod +x "$0""#])
        .args([executable.as_os_str(), script.as_ref()])
        .status();
    assert!(written.unwrap().success());
    WorkerProgram { executable }
}

/// A vocabulary whose text is cut by a regular expression that recurses.
fn recursing(model: TinyModel) -> TinyModel {
    TinyModel {
        pre_tokenizer: "tekken",
        ..model
    }
}

fn long_word() -> Generate {
    ask(&"a".repeat(30_000))
}

async fn read_in_time(stream: TokenStream) -> Result<(String, Finished), EngineError> {
    tokio::time::timeout(Duration::from_secs(60), read(stream))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_ends_the_worker_fails_and_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        program: program_after("ulimit -s 8192; ulimit -v 1048576", &folder),
        ..slow_options()
    };
    let house = House::of(options, recursing(slow_model())).await;
    let long = || Generate {
        max_tokens: Some(300),
        ..ask("hi")
    };
    let whole = house.text(long()).await;
    let mut stream = house.engine.generate(long()).unwrap();
    let mut text = String::new();
    while text.is_empty() {
        if let EngineEvent::Delta(delta) = stream.next_event().await.unwrap().unwrap() {
            text.push_str(&delta);
        }
    }
    let deadly = house.engine.generate(long_word()).unwrap();
    let queued = house.engine.generate(long()).unwrap();
    assert_eq!(read_in_time(deadly).await, Err(EngineError::Crashed));
    let (rest, _) = read_in_time(stream).await.unwrap();
    assert_eq!(text + &rest, whole);
    assert_eq!(read_in_time(queued).await.unwrap().0, whole);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_word_is_counted_like_any_other() {
    let house = House::of(options(4, 64), recursing(TinyModel::default())).await;
    let refused = read_in_time(house.engine.generate(long_word()).unwrap()).await;
    assert!(
        matches!(refused, Err(EngineError::ContextTooLong { tokens, .. }) if tokens > 1000),
        "{refused:?}"
    );
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_worker_starts_requests_fail_and_the_engine_is_not_ready() {
    let house = House::open().await;
    let missing = WorkerProgram {
        executable: house.folder.path().join("nothing"),
    };
    let options = EngineOptions {
        program: missing,
        ..options(2, 16)
    };
    let engine = LlamaEngine::new(options, house.tracker.clone(), house.stop.clone());
    engine.set_models(vec![house.file("tiny", 1, &TinyModel::default()).await]);
    assert!(engine.health().ready);
    // The pauses grow, so one is seen however busy the machine is.
    let mut unready = false;
    while !unready {
        let failed = read_in_time(engine.generate(ask("hello")).unwrap()).await;
        assert!(
            matches!(&failed, Err(EngineError::Failed(reason)) if reason.contains("started")),
            "{failed:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        unready = !engine.health().ready;
    }
    // Somebody has to try again, so it does not stay away for ever.
    eventually(|| engine.health().ready).await;
    house.close().await;
}

#[test]
fn a_worker_is_the_same_program_when_its_file_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (program, model) = (folder.path().join("program"), folder.path().join("m.gguf"));
    TinyModel::default().write(&model);
    std::fs::hard_link(env!("CARGO_BIN_EXE_chatelaine"), &program)
        .or_else(|_| std::fs::copy(env!("CARGO_BIN_EXE_chatelaine"), &program).map(|_| ()))
        .unwrap();
    let opened = std::fs::File::open(&program).unwrap();
    std::fs::remove_file(&program).unwrap();
    let nameless = format!("/proc/{}/fd/{}", std::process::id(), opened.as_raw_fd());
    let added = Command::new(nameless)
        .args(["model", "add"])
        .arg(&model)
        .arg("--data")
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert!(added.status.success(), "{added:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_lives_with_less_than_it_would_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions {
        program: program_after("ulimit -n 48", &folder),
        ..options(2, 16)
    };
    let house = House::of(options, TinyModel::default()).await;
    assert!(!house.text(ask("hello")).await.is_empty());
    let worker = house.engine.worker_process_id("tiny").unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{worker}/limits")).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let numbers: Vec<_> = files.unwrap().split_whitespace().skip(3).take(2).collect();
    assert_eq!(numbers, ["48", "48"]);
    house.close().await;
}
