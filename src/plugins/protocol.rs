//! What the server and a plugin's worker say to each other.
//!
//! Both are the same binary, so nothing here has versions. Values travel as JSON text: the frames'
//! own form cannot hold what has no type. Used by the two sides in this room alone.

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Command {
    /// Compile this; what was loaded before is forgotten.
    Load {
        source: String,
        /// A JSON object: every setting with its value.
        settings: String,
    },
    Call(Call),
    Answer {
        id: u64,
        answer: HostAnswer,
    },
}

/// One function of the loaded script, with its arguments as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Call {
    pub function: String,
    pub arguments: Vec<String>,
    /// The person whose action it is.
    pub subject: Option<String>,
    /// The time, as scripts see it, as JSON.
    pub now: String,
    pub deadline_ms: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    Loaded(Result<Vec<ScriptFunction>, ScriptError>),
    /// The script waits for the answer with this number.
    Ask {
        id: u64,
        request: HostRequest,
    },
    Finished(Finished),
}

/// A function that a script defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScriptFunction {
    pub name: String,
    pub parameters: usize,
}

/// How a call ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Finished {
    /// What the function gave, as JSON.
    pub outcome: Result<String, ScriptError>,
    /// What the script wrote, cut to a bearable length.
    pub lines: Vec<String>,
}

/// What is wrong with a script, and where, both counted from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptError {
    pub message: String,
    pub line: Option<usize>,
    pub column: Option<usize>,
}

impl ScriptError {
    pub(super) fn of_whole(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: None,
            column: None,
        }
    }
}

/// What only the server can do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum HostRequest {
    StoreGet { key: String },
    StoreSet { key: String, json: String },
    StoreRemove { key: String },
    StoreList { prefix: String },
    HttpGet { url: String },
    HttpPost { url: String, body: String },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum HostAnswer {
    /// JSON.
    Value(Option<String>),
    Done(bool),
    Keys(Vec<String>),
    Http {
        status: u16,
        body: String,
    },
    /// Why it was not done.
    Refused(String),
}
