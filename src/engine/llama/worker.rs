//! The engine worker: one process, one loaded model, one thread that computes.
//!
//! It owns backend, model, context and samplers as locals of [`work`], so they are dropped in order. Commands come from the thread that reads stdin; the engine thread takes them
//! between two steps. It knows nothing but the frames of [`super::protocol`].

mod adapters;
mod chances;
mod chooser;
pub(super) mod context;
mod desk;
mod embedding;
mod prepare;
mod reply;
mod saving;
mod setting;
mod step;
pub(super) mod vocabulary;

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread::ScopedJoinHandle;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;

use self::adapters::Adapters;
use self::context::Context;
use self::desk::{Desk, Parts};
use self::embedding::Embedding;
use self::saving::Saving;
use self::setting::Setting;
use self::vocabulary::Vocabulary;
use super::protocol::{Command, Load, Report};
use crate::worker::{ChildSide, Limits};

/// Some vocabularies are cut by a regular expression that goes one level deeper with each character
/// of a long word. Memory is taken only as it is used.
const STACK_BYTES: usize = 1 << 30;

/// Loads a model and answers until stdin is closed. The error is for the log of the server.
pub fn run_engine_worker(limits: Limits, verbose: bool) -> Result<(), String> {
    let mut side = ChildSide::<Command>::enter(limits).map_err(|error| error.to_string())?;
    let Command::Load(load) = side.next_frame() else {
        return Err("the first command must name the model".into());
    };
    let reason = match on_deep_stack(|| work(&mut side, &load, verbose)) {
        Ok(stopped) => return Err(stopped),
        Err(reason) => reason,
    };
    side.send(&Report::LoadFailed(reason))
        .map_err(|error| error.to_string())?;
    // Stays until the server has read that and closes stdin.
    loop {
        side.next_frame();
    }
}

/// The error says why the model could not be loaded; otherwise, what ended the work with it.
fn work(side: &mut ChildSide<Command>, load: &Load, verbose: bool) -> Result<String, String> {
    let backend = quiet_backend(verbose)?;
    let model = LlamaModel::load_from_file(&backend, real_path(load.path.clone()), &model_params(load))
        .map_err(|_| "llama.cpp could not load the file; it may be damaged, of an unknown kind, or too large for the memory")?;
    let vocabulary = Vocabulary::of(&model)?;
    let mut setting = Setting::choose(&model, load, backend.supports_gpu_offload());
    let context = Context::new(&model, setting.context_size()).or_else(|| {
        setting = setting.smallest();
        Context::new(&model, setting.context_size())
    });
    let context = context.ok_or("there is not enough memory for a conversation with this model")?;
    side.send(&Report::Loaded {
        context_tokens: setting.context_tokens,
        memory: setting.memory_of(&model),
    })
    .map_err(|error| error.to_string())?;
    let saving = match &load.saved {
        Some(saved) if setting.shares_prefixes => {
            Saving::open(&saved.folder, saved.budget_bytes, &load.path, &setting)
        }
        _ => None,
    };
    let parts = Parts {
        model: &model,
        vocabulary: &vocabulary,
        context,
        adapters: Adapters::new(&model),
        embedding: Embedding::new(&model, setting),
        saving,
        setting,
        recommended: load.sampling.clone(),
    };
    Ok(Desk::new(side, parts).work())
}

/// Where there is no room for so much, the stack is what the process was given.
fn on_deep_stack<T: Send>(mut work: impl FnMut() -> T + Send) -> T {
    let done = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("engine".into())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, &mut work);
        let done = thread.ok().map(ScopedJoinHandle::join);
        done.map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
    });
    done.unwrap_or_else(work)
}

/// The file behind a link: of a model in many files the others lie beside it, not beside the link.
pub(super) fn real_path(path: PathBuf) -> PathBuf {
    std::fs::canonicalize(&path).unwrap_or(path)
}

/// The backend, with llama.cpp's own messages only where somebody asked for them.
pub(super) fn quiet_backend(verbose: bool) -> Result<LlamaBackend, String> {
    let mut backend = LlamaBackend::init().map_err(|error| error.to_string())?;
    if !verbose {
        backend.void_logs();
    }
    Ok(backend)
}

fn model_params(load: &Load) -> LlamaModelParams {
    let params = LlamaModelParams::default();
    match load.gpu_layers {
        Some(layers) => params.with_n_gpu_layers(layers),
        None => params,
    }
}
