//! The rules of the house as data: which outside engine lives where, which room may know which,
//! and what stands at the top of the repository. Change a rule here, with its sentence, and
//! nowhere else; `checks.rs` only reads it.

/// An outside crate and the only folders that may name it.
pub(crate) struct Engine {
    pub(crate) krate: &'static str,
    pub(crate) homes: &'static [&'static str],
}

const fn engine(krate: &'static str, homes: &'static [&'static str]) -> Engine {
    Engine { krate, homes }
}

/// One outside engine, one room.
pub(crate) const ENGINES: &[Engine] = &[
    engine("poem", &["src/http/"]),
    engine("poem_openapi", &["src/http/"]),
    engine("redb", &["src/store/"]),
    engine("rmp_serde", &["src/store/"]),
    engine("tantivy", &["src/search/"]),
    engine("llama_cpp_2", &["src/engine/llama/"]),
    engine("llama_cpp_sys_2", &["src/engine/llama/", "src/training/"]),
    engine("minijinja", &["src/engine/", "src/mail/"]),
    engine("minijinja_contrib", &["src/engine/"]),
    engine("rhai", &["src/plugins/"]),
    engine("lettre", &["src/mail/"]),
    engine("argon2", &["src/accounts/"]),
    engine("icu_normalizer", &["src/accounts/"]),
    engine("jsonwebtoken", &["src/accounts/"]),
    engine("zxcvbn", &["src/accounts/"]),
    engine("chacha20poly1305", &["src/secrets.rs"]),
    engine("hickory_resolver", &["src/outbound/"]),
    engine("rustls", &["src/outbound/"]),
    engine("rustls_native_certs", &["src/outbound/"]),
    engine("tokio_rustls", &["src/outbound/"]),
    engine(
        "reqwest",
        &[
            "src/outbound/",
            "src/engine/remote/",
            "src/models/pull/",
            "src/plugins/outgoing.rs",
        ],
    ),
];

/// What any room may use: they know nothing but themselves.
pub(crate) const FOUNDATIONS: &[&str] = &["clock", "error", "ids", "machine", "secrets"];

/// A room, the rooms it may know besides the foundations, and why no others.
pub(crate) struct Room {
    pub(crate) name: &'static str,
    pub(crate) may_know: &'static [&'static str],
    pub(crate) because: &'static str,
}

const fn room(
    name: &'static str,
    may_know: &'static [&'static str],
    because: &'static str,
) -> Room {
    Room {
        name,
        may_know,
        because,
    }
}

const DOMAINS_AND_MACHINES: &[&str] = &[
    "accounts",
    "config",
    "conversations",
    "engine",
    "jobs",
    "knowledge",
    "mail",
    "models",
    "plugins",
    "search",
    "store",
    "telemetry",
    "tools",
    "training",
    "worker",
];

pub(crate) const ROOMS: &[Room] = &[
    room("main", &["cli"], "main only hands over to the command line"),
    room(
        "cli",
        &[
            "accounts",
            "appliance",
            "config",
            "conversations",
            "engine",
            "http",
            "models",
            "plugins",
            "telemetry",
            "training",
            "worker",
        ],
        "the command line is a door: it parses, asks a domain room, and prints",
    ),
    room(
        "http",
        &[
            "accounts",
            "appliance",
            "config",
            "conversations",
            "engine",
            "knowledge",
            "mail",
            "models",
            "plugins",
            "tools",
            "training",
        ],
        "http is a door: it parses, asks a domain room, and never opens a transaction",
    ),
    room(
        "appliance",
        DOMAINS_AND_MACHINES,
        "the composition root builds every part but the doors, which know it",
    ),
    room(
        "accounts",
        &["config", "jobs", "mail", "plugins", "store"],
        "people do not depend on what they talk about",
    ),
    room(
        "conversations",
        &[
            "accounts",
            "config",
            "engine",
            "jobs",
            "knowledge",
            "models",
            "plugins",
            "search",
            "store",
            "tools",
        ],
        "a domain room stands on the machines and knows no door",
    ),
    room(
        "models",
        &[
            "accounts", "config", "engine", "jobs", "outbound", "store", "worker",
        ],
        "a domain room stands on the machines and knows no door",
    ),
    room(
        "knowledge",
        &[
            "accounts", "config", "engine", "jobs", "search", "store", "worker",
        ],
        "a domain room stands on the machines and knows no door",
    ),
    room(
        "tools",
        &[
            "accounts",
            "config",
            "engine",
            "jobs",
            "knowledge",
            "plugins",
            "search",
            "store",
        ],
        "a domain room stands on the machines and knows no door",
    ),
    room(
        "training",
        &[
            "accounts", "config", "engine", "jobs", "models", "store", "worker",
        ],
        "a domain room stands on the machines and knows no door",
    ),
    room(
        "store",
        &["engine"],
        "the store keeps records, also of the engine's counts, and knows no rule of the rooms above",
    ),
    room(
        "engine",
        &["config", "outbound", "worker"],
        "the engine knows tokens, not users, conversations or transactions",
    ),
    room(
        "search",
        &["config", "store"],
        "the index follows the store and knows no room above",
    ),
    room(
        "plugins",
        &["config", "outbound", "store", "worker"],
        "scripts reach the house only through what they are handed, and the room keeps nothing but \
         its own records",
    ),
    room(
        "jobs",
        &["config", "store"],
        "a job is known by its name and payload, not by who queued it",
    ),
    room(
        "mail",
        &["accounts", "config", "outbound", "store"],
        "mail carries what it is given, and knows of people only who may administer it",
    ),
    room(
        "worker",
        &["config"],
        "child processes know frames and deadlines, not what is in them",
    ),
    room("config", &[], "configuration is plain data"),
    room("telemetry", &["config"], "logs are told, they do not ask"),
    room(
        "outbound",
        &[],
        "a client for other servers knows nothing of what it is used for",
    ),
    room(
        "error",
        &["engine"],
        "the one translation of the engine's errors stands with the error",
    ),
    room("ids", &[], "ids are plain data"),
    room("clock", &[], "the clock knows nothing"),
    room("machine", &[], "what the machine has depends on nobody"),
    room(
        "secrets",
        &[],
        "random secrets know nothing of whose they are",
    ),
];

/// Where the compiler's guarantees may be put aside, because C++ or the kernel is on the other side.
pub(crate) const UNSAFE_HOMES: &[&str] = &["src/engine/llama/", "src/worker/"];

/// The only room that reads the environment.
pub(crate) const ENVIRONMENT_HOMES: &[&str] = &["src/config/"];

/// The only room that speaks to a terminal.
pub(crate) const TERMINAL_HOMES: &[&str] = &["src/cli/"];

pub(crate) const LINES_OF_A_FILE: usize = 400;
pub(crate) const LINES_OF_A_FUNCTION: usize = 60;
/// Below this a file may say in one line what it is for.
pub(crate) const LINES_OF_A_SMALL_FILE: usize = 40;

/// Names that say nothing about what is inside.
pub(crate) const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "util", "utils",
];

/// What stands at the top of the repository; the last two are not in it.
pub(crate) const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitignore",
    ".npmrc",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Makefile",
    "README.md",
    "assets",
    "benches",
    "build.rs",
    "clippy.toml",
    "deny.toml",
    "docs",
    "packaging",
    "plugins",
    "src",
    "tests",
    ".git",
    "target",
];

/// Files of `src/http/api/` that have no black-box test file of their name, and why.
pub(crate) const UNTESTED_RESOURCES: &[(&str, &str)] = &[];

/// The first word of every `operation_id`.
pub(crate) const VERBS: &[&str] = &[
    "approve",
    "change",
    "check",
    "complete",
    "continue",
    "create",
    "decide",
    "delete",
    "edit",
    "end",
    "export",
    "find",
    "follow",
    "generate",
    "get",
    "list",
    "load",
    "log",
    "open",
    "read",
    "refresh",
    "regenerate",
    "register",
    "reject",
    "rename",
    "request",
    "reset",
    "revoke",
    "send",
    "set",
    "show",
    "sign",
    "start",
    "stop",
    "test",
    "unload",
    "update",
    "verify",
];
