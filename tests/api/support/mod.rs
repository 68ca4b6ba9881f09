//! What the black-box tests stand on: the real binary, people who call it, and readers of streams.
//!
//! Nothing here knows the code inside the house: a test sees what a client sees, over a real
//! socket on this machine. Each test has a house of its own, which ends with it.

mod adapter_file;
mod client;
mod events;
mod house;
mod hub;
mod pulling;
mod python;
mod raw;
mod script;
mod smtp;

pub(crate) use adapter_file::AdapterFile;
pub(crate) use client::{Answer, Person, text};
pub(crate) use events::{Event, Events, grow_by_one, text_of};
pub(crate) use house::{House, Options, PASSWORD, binary, run_to_end};
pub(crate) use hub::{Hub, HubFile, PIECE, REPOSITORY, model_bytes, sha256};
pub(crate) use pulling::{PULLED_BYTES, Pulling, names, sentence};
pub(crate) use python::python;
pub(crate) use raw::{connect, raw};
pub(crate) use script::{BROKEN, ENDLESS, FLOOD, FULL, SILENT, SLOW, Script, TOO_LONG};
pub(crate) use smtp::{Smtp, TakenMail};
