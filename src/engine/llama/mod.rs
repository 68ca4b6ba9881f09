//! Models in llama.cpp: the only room that knows `llama_cpp_2`.
//!
//! Nothing here calls llama.cpp inside the server: a worker process holds the model ([`worker`]'s
//! engine thread owns backend, model, context and samplers as locals and drops them in order), and
//! the server keeps a [`LlamaEngine`], which queues, forwards, and starts a dead worker again.
//! Every number is checked before it reaches C++, and a prompt is computed in pieces no longer than
//! a batch.

mod cache;
mod client;
mod probe;
mod protocol;
mod schedule;
mod stop;
mod worker;

pub use client::{EngineOptions, LlamaEngine};
pub use probe::run_probe_worker;
pub use protocol::SavedSequences;
pub use worker::run_engine_worker;
