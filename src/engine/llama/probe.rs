//! The probing worker: opens one model or adapter file, says what it is, and ends.
//!
//! Only the vocabulary and the metadata are loaded, so it is quick however large the file is. A
//! crafted file ends this process and no other. The client's side is [`probe_file`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::task::TaskTracker;

use super::worker::context::Adapter;
use super::worker::vocabulary::Vocabulary;
use super::worker::{quiet_backend, real_path};
use crate::engine::prompt::PromptRequest;
use crate::engine::{ChatMessage, ProbeFailure, ProbedModel, Role, Sampling};
use crate::worker::{ChildSide, Limits, WorkerError, WorkerKind, WorkerProcess, WorkerProgram};

const DEADLINE: Duration = Duration::from_secs(60);
const LIMITS: Limits = Limits {
    // Drivers of graphics cards reserve far more than they use.
    address_space_bytes: if cfg!(any(feature = "cuda", feature = "rocm")) {
        None
    } else {
        Some(8 << 30)
    },
    memory_above_start_bytes: None,
    cpu_time_s: Some(60),
    file_size_bytes: Some(0),
    open_files: Some(64),
};

#[derive(Debug, Serialize, Deserialize)]
enum Question {
    Model { path: PathBuf },
    Adapter { path: PathBuf, model: PathBuf },
}

/// The reason is a sentence about the file.
type Answer<T> = Result<T, String>;

/// Only what the worker itself says of the file lasts; a worker may end for many other reasons.
pub(super) async fn probe_file(
    program: &WorkerProgram,
    path: PathBuf,
    tracker: &TaskTracker,
) -> Result<ProbedModel, ProbeFailure> {
    ask(program, &Question::Model { path }, tracker).await
}

/// Loads an adapter on top of a model of which only the shapes are loaded.
pub(super) async fn probe_adapter(
    program: &WorkerProgram,
    path: PathBuf,
    model: PathBuf,
    tracker: &TaskTracker,
) -> Result<(), ProbeFailure> {
    ask(program, &Question::Adapter { path, model }, tracker).await
}

async fn ask<T: DeserializeOwned>(
    program: &WorkerProgram,
    question: &Question,
    tracker: &TaskTracker,
) -> Result<T, ProbeFailure> {
    let answer = match WorkerProcess::start(program, WorkerKind::Probe, LIMITS, tracker) {
        Ok(worker) => worker.ask::<Answer<T>>(question, DEADLINE).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => answer.map_err(ProbeFailure::lasting),
        Err(WorkerError::Stopped) => Err(ProbeFailure::passing(
            "it could not be opened: the probing worker stopped",
        )),
        Err(error) => Err(ProbeFailure::passing(format!(
            "it could not be opened: {error}"
        ))),
    }
}

/// Answers one question. The error is for the log of the server.
pub fn run_probe_worker(limits: Limits, verbose: bool) -> Result<(), String> {
    let mut side = ChildSide::<Question>::enter(limits).map_err(|error| error.to_string())?;
    let question = side.next_frame();
    let backend = quiet_backend(verbose)?;
    let sent = match question {
        Question::Model { path } => side.send(&open_model(&backend, &real_path(path))),
        Question::Adapter { path, model } => {
            side.send(&open_adapter(&backend, &path, &real_path(model)))
        }
    };
    sent.map_err(|error| error.to_string())?;
    // Stays until the server has read that and closes stdin.
    loop {
        side.next_frame();
    }
}

fn open_model(backend: &LlamaBackend, path: &Path) -> Answer<ProbedModel> {
    let params = LlamaModelParams::default().with_vocab_only(true);
    match LlamaModel::load_from_file(backend, path, &params) {
        Ok(model) => Ok(describe(&model, path)),
        Err(_) => Err("llama.cpp cannot read it; it may be damaged or of an unknown kind".into()),
    }
}

fn open_adapter(backend: &LlamaBackend, path: &Path, model: &Path) -> Answer<()> {
    let params = LlamaModelParams::default().with_no_alloc(true);
    let model = LlamaModel::load_from_file(backend, model, &params)
        .map_err(|_| "the model it is for cannot be read")?;
    match Adapter::load(&model, path) {
        Some(_) => Ok(()),
        None => Err("llama.cpp cannot put it on top of this model".into()),
    }
}

fn describe(model: &LlamaModel, path: &Path) -> ProbedModel {
    let text = |key: &str| {
        model
            .meta_val_str(key)
            .ok()
            .filter(|value| !value.is_empty())
    };
    let architecture = text("general.architecture").unwrap_or_default();
    let own = |key: &str| text(&format!("{architecture}.{key}"));
    let number = |key: &str| text(key)?.parse::<f32>().ok();
    let embeds = own("pooling_type").is_some()
        || own("attention.causal").as_deref() == Some("false")
        || architecture.contains("bert");
    ProbedModel {
        name: text("general.name").unwrap_or_default(),
        quantization: quantization(text("general.file_type").as_deref(), path),
        parameters: model.n_params(),
        context_tokens: own("context_length")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0),
        sampling: Sampling {
            temperature: number("general.sampling.temp"),
            top_k: text("general.sampling.top_k").and_then(|value| value.parse().ok()),
            top_p: number("general.sampling.top_p"),
            min_p: number("general.sampling.min_p"),
            repeat_penalty: number("general.sampling.penalty_repeat"),
            ..Sampling::default()
        },
        unusable: why_unusable(model, &architecture),
        writes: !embeds,
        embeds,
        architecture,
    }
}

fn why_unusable(model: &LlamaModel, architecture: &str) -> Option<String> {
    let text = |key: &str| model.meta_val_str(key).ok();
    let kind = text("general.type").unwrap_or_default();
    if kind == "adapter" {
        return Some("it is an adapter (LoRA), not a model by itself".into());
    }
    if kind == "mmproj" || architecture == "clip" {
        return Some("it is the vision part of a model, not a language model".into());
    }
    if architecture.starts_with("t5") {
        return Some("models with a separate encoder are not supported".into());
    }
    let vocabulary = match Vocabulary::of(model) {
        Ok(vocabulary) => vocabulary,
        Err(reason) => return Some(reason),
    };
    // A template may compile and still fail on the simplest conversation.
    let hello = ChatMessage::new(Role::User, "Hello");
    let request = PromptRequest {
        messages: &[hello],
        ..PromptRequest::default()
    };
    match vocabulary.prompt(&request) {
        Ok(prompt) if prompt.tokens.is_empty() => Some("its chat template writes nothing".into()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    }
}

/// By number of `general.file_type`, as llama.cpp counts them; else from the file's name.
fn quantization(file_type: Option<&str>, path: &Path) -> String {
    let by_number = file_type.and_then(|number| match number.parse::<u32>().ok()? {
        0 => Some("F32"),
        1 => Some("F16"),
        2 => Some("Q4_0"),
        3 => Some("Q4_1"),
        7 => Some("Q8_0"),
        8 => Some("Q5_0"),
        9 => Some("Q5_1"),
        10 => Some("Q2_K"),
        11 => Some("Q3_K_S"),
        12 => Some("Q3_K_M"),
        13 => Some("Q3_K_L"),
        14 => Some("Q4_K_S"),
        15 => Some("Q4_K_M"),
        16 => Some("Q5_K_S"),
        17 => Some("Q5_K_M"),
        18 => Some("Q6_K"),
        19 => Some("IQ2_XXS"),
        20 => Some("IQ2_XS"),
        22 => Some("IQ3_XS"),
        23 => Some("IQ3_XXS"),
        24 => Some("IQ1_S"),
        25 => Some("IQ4_NL"),
        26 => Some("IQ3_S"),
        27 => Some("IQ3_M"),
        30 => Some("IQ4_XS"),
        31 => Some("IQ1_M"),
        32 => Some("BF16"),
        36 => Some("TQ1_0"),
        37 => Some("TQ2_0"),
        38 => Some("MXFP4"),
        _ => None,
    });
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().to_uppercase())
        .unwrap_or_default();
    let in_name = || {
        let last = stem.rsplit(['.', '-']).next()?;
        let known = ["Q", "IQ", "UD", "F16", "F32", "BF16", "MXFP4"];
        (last.chars().any(|char| char.is_ascii_digit())
            && known.iter().any(|start| last.starts_with(start)))
        .then(|| last.to_owned())
    };
    by_number
        .map(str::to_owned)
        .or_else(in_name)
        .unwrap_or_default()
}
