//! Chatelaine: a private ChatGPT for a household, a team or a school, in one file.
//!
//! The rooms and who may know whom (enforced by `tests/house.rs`, drawn in `docs/ARCHITECTURE.md`):
//!
//! - `cli` and `http` are the doors: they parse, ask a domain room, and answer.
//! - `accounts`, `conversations` and `models` are the domain rooms. What acts for somebody takes a
//!   `Caller` first.
//! - `store` (redb), `engine` (llama.cpp), `plugins` (Rhai), `jobs`, `mail` and `worker` (child
//!   processes) serve them and know nothing of what the rooms above do.
//! - `appliance` builds every part and knows the order of start and stop; `config` and `telemetry`
//!   are what it is told and what it tells.
//! - `clock`, `error`, `ids`, `machine` and `secrets` are words that every room may use; `outbound`
//!   is how some of them speak to other servers.

pub mod accounts;
pub mod appliance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod conversations;
pub mod engine;
pub mod error;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod machine;
pub mod mail;
pub mod models;
pub mod outbound;
pub mod plugins;
pub mod secrets;
pub mod store;
pub mod telemetry;
pub mod worker;
