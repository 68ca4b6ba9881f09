//! How the house asks its plugins: who is asked, in which order, what adds up, what is told and what
//! is written down. What holds when there is no answer is in `plugins_failing`. The room itself is asked, in this process, with the real
//! binary as the worker: what accounts and conversations ask goes through the very same functions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chatelaine::error::Result;
use chatelaine::plugins::{
    Administrator, Applicant, ConversationFacts, GrantedRole, KeyFacts, ModelFacts, NewPlugin,
    PersonFacts, PluginChange, PluginLogRecord, PluginState, Plugins, PluginsOptions,
    PriceQuestion, PriceVerdict, RegistrationQuestion, RegistrationVerdict, ReplyQuestion,
    ReplyVerdict, RequestFacts, UsageFacts,
};
use chatelaine::store::audit::AuditActor;
use chatelaine::store::{Store, WriteTx};
use chatelaine::worker::WorkerProgram;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::plugins::registration;

#[derive(Clone)]
pub(crate) struct Admin;

impl Administrator for Admin {
    fn require_admin(&self) -> Result<()> {
        Ok(())
    }

    fn still_actor(&self, _: &WriteTx) -> Result<AuditActor> {
        Ok(AuditActor::CommandLine)
    }
}

pub(crate) struct Room {
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) folder: TempDir,
}

impl Room {
    pub(crate) async fn open() -> Self {
        Self::open_in(tempfile::tempdir().expect("a temporary folder")).await
    }

    pub(crate) async fn open_with(deadline: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::open_as(folder, deadline, binary()).await
    }

    pub(crate) async fn open_in(folder: TempDir) -> Self {
        Self::open_by(folder, binary()).await
    }

    /// `program` is started for each worker.
    pub(crate) async fn open_by(folder: TempDir, program: &Path) -> Self {
        Self::open_as(folder, Duration::from_millis(500), program).await
    }

    async fn open_as(folder: TempDir, deadline: Duration, program: &Path) -> Self {
        let store = Store::open(&folder.path().join("plugins.redb"), 1 << 20);
        let options = PluginsOptions {
            folder: folder.path().join("plugins"),
            deadline,
            program: WorkerProgram {
                executable: program.into(),
            },
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let store = Arc::new(store.expect("a store"));
        let plugins = Plugins::open(options, store, tasks.clone(), stop.clone());
        Self {
            plugins: plugins.await.expect("a room"),
            tasks,
            stop,
            folder,
        }
    }

    pub(crate) async fn close(self) -> TempDir {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.folder
    }

    /// Adds a plugin and turns it on. `more` stands in `plugin.toml`.
    pub(crate) async fn add(&self, name: &str, hook: &str, source: String, more: &str) {
        let manifest =
            format!("name = \"{name}\"\nversion = \"1\"\nhooks = [\"{hook}\"]\n{more}\n");
        let new = NewPlugin {
            name: name.into(),
            manifest: Some(manifest),
            source,
        };
        self.plugins.create(&Admin, new).await.expect("a plugin");
        self.turn_on(name).await;
    }

    async fn turn_on(&self, name: &str) {
        let on = PluginChange {
            enabled: Some(true),
            ..PluginChange::default()
        };
        let changed = self.plugins.change(&Admin, name, on).await;
        changed.expect("it can be turned on");
    }

    /// One that is asked about registrations.
    pub(crate) async fn guard(&self, name: &str, body: &str) {
        let hook = "registration_before_accept";
        self.add(name, hook, registration(body), "").await;
    }

    pub(crate) async fn register(&self) -> RegistrationVerdict {
        self.plugins.registration_before_accept(&applying()).await
    }

    pub(crate) async fn log(&self, name: &str) -> Vec<PluginLogRecord> {
        let rows = self.plugins.list_log(&Admin, name, None, 2_000).await;
        let rows = rows.expect("a log").into_iter();
        rows.map(|(_, row)| row).collect()
    }

    pub(crate) async fn state(&self, name: &str) -> PluginState {
        let details = self.plugins.get(&Admin, name).await;
        details.expect("a plugin").summary.state
    }
}

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_chatelaine"))
}

pub(crate) fn applying() -> RegistrationQuestion {
    RegistrationQuestion {
        network: "192.0.2.7".into(),
        key: Some(KeyFacts {
            id: "k1".into(),
            prefix: "K7QM".into(),
            note: "secret note".into(),
            role: "user".into(),
            groups: Vec::new(),
            tokens: None,
            expires_at: None,
            uses_left: Some(3),
            created_at: 1,
        }),
        applicant: Applicant {
            username: "bea".into(),
            email: Some("bea@school.example".into()),
            email_domain: Some("school.example".into()),
            display_name: None,
            address: Some("192.0.2.7".into()),
            language: None,
        },
    }
}

fn person() -> PersonFacts {
    PersonFacts {
        id: "u1".into(),
        username: "bea".into(),
        role: "user".into(),
        groups: vec!["pupils".into()],
    }
}

pub(crate) fn pricing() -> PriceQuestion {
    PriceQuestion {
        user: person(),
        model: ModelFacts {
            id: "m".into(),
            name: "M".into(),
            size_bytes: None,
            context_tokens: None,
        },
        usage: UsageFacts {
            prompt_tokens: 10,
            cached_tokens: 4,
            completion_tokens: 5,
            estimated: true,
        },
    }
}

pub(crate) fn replying() -> ReplyQuestion {
    ReplyQuestion {
        user: person(),
        conversation: ConversationFacts {
            id: None,
            message_count: 2,
        },
        request: RequestFacts {
            model: "large".into(),
            max_tokens: Some(4_000),
            temperature: None,
            system_prompt_chars: 0,
            content_chars: 40,
            adapters: Vec::new(),
        },
    }
}

pub(crate) fn refused(plugin: &str, reason: &str) -> RegistrationVerdict {
    RegistrationVerdict::Refused {
        plugin: plugin.into(),
        reason: reason.into(),
    }
}

#[tokio::test]
async fn with_no_plugin_turned_on_everything_is_as_the_house_has_it_and_no_process_exists() {
    let room = Room::open().await;
    let nothing = RegistrationVerdict::Allowed(Default::default());
    assert_eq!(room.register().await, nothing);
    assert_eq!(
        room.plugins.message_price(&pricing()).await,
        PriceVerdict::House
    );
    let verdict = room.plugins.reply_before_start(&replying()).await;
    assert_eq!(verdict, ReplyVerdict::Allowed(Default::default()));
    assert_eq!(room.tasks.len(), 2, "only the journal and the watcher run");
    room.close().await;
}

#[tokio::test]
async fn plugins_are_asked_by_name_grants_add_up_and_the_first_refusal_wins() {
    let room = Room::open().await;
    room.guard("b", "allow_with(#{groups: [\"x\", \"y\"], tokens: 5})")
        .await;
    room.guard(
        "a",
        "allow_with(#{groups: [\"x\"], role: \"auditor\", tokens: 9})",
    )
    .await;
    let RegistrationVerdict::Allowed(grant) = room.register().await else {
        panic!("nobody refused");
    };
    assert_eq!(grant.groups, ["x", "y"]);
    assert_eq!(
        (grant.tokens, grant.role),
        (Some(5), Some(GrantedRole::Auditor))
    );
    room.guard("d", "refuse(\"d says no\")").await;
    room.guard("c", "refuse(\"c says no\")").await;
    assert_eq!(room.register().await, refused("c", "c says no"));
    assert!(room.log("d").await.is_empty(), "d was not asked any more");
    let log = room.log("c").await;
    assert_eq!(log[0].outcome, "refused");
    assert_eq!(log[0].reason.as_deref(), Some("c says no"));
    assert_eq!(log[0].key_prefix.as_deref(), Some("K7QM"));
    assert!(log[0].took_us > 0 && log[0].error.is_none());
    room.close().await;
}

#[tokio::test]
async fn prices_and_changes_of_replies_are_taken_from_scripts() {
    let room = Room::open().await;
    let price = |body: &str| format!("fn message_price(user, model, usage) {{ {body} }}");
    room.add("a", "message_price", price("()"), "").await;
    let sum = "usage.prompt_tokens + usage.completion_tokens + user.groups.len()";
    room.add("b", "message_price", price(sum), "").await;
    room.add("c", "message_price", price("1"), "").await;
    assert_eq!(
        room.plugins.message_price(&pricing()).await,
        PriceVerdict::Tokens(16)
    );
    assert_eq!(room.log("a").await[0].outcome, "house_price");
    assert_eq!(room.log("b").await[0].subject.as_deref(), Some("u1"));

    let reply =
        |body: &str| format!("fn reply_before_start(user, conversation, request) {{ {body} }}");
    let first = reply("change(#{model: \"small\", max_tokens: request.max_tokens / 2})");
    room.add("d", "reply_before_start", first, "").await;
    let second = reply(
        "if request.model == \"small\" { change(#{max_tokens: request.max_tokens / 2, temperature: 0.5}) } else { refuse(\"?\") }",
    );
    room.add("e", "reply_before_start", second, "").await;
    let verdict = room.plugins.reply_before_start(&replying()).await;
    let ReplyVerdict::Allowed(change) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(change.model.as_deref(), Some("small"));
    assert_eq!(
        (change.max_tokens, change.temperature),
        (Some(1_000), Some(0.5))
    );
    room.close().await;
}

#[tokio::test]
async fn what_a_plugin_keeps_is_its_own_bounded_and_there_after_a_restart() {
    let room = Room::open().await;
    let keep = "store_set(\"word\", #{a: [1, 2.5, \"x\", (), true]}); allow()";
    room.guard("keeper", keep).await;
    room.guard(
        "other",
        "if store_get(\"word\") != () { refuse(\"seen\") } else { allow() }",
    )
    .await;
    assert!(matches!(
        room.register().await,
        RegistrationVerdict::Allowed(_)
    ));
    let folder = room.close().await;
    let room = Room::open_in(folder).await;
    let change = |source: &str| PluginChange {
        source: Some(registration(source)),
        ..PluginChange::default()
    };
    let look = change("refuse(json_write(store_get(\"word\")))");
    room.plugins
        .change(&Admin, "keeper", look)
        .await
        .expect("a change");
    let kept = "{\"a\":[1,2.5,\"x\",null,true]}";
    assert_eq!(room.register().await, refused("keeper", kept));
    let forget = "for key in store_list(\"\") { store_remove(key); } allow()";
    room.plugins
        .change(&Admin, "keeper", change(forget))
        .await
        .expect("a change");
    room.register().await;
    room.close().await;
}

#[tokio::test]
async fn a_plugin_is_told_only_what_it_asked_to_know() {
    let room = Room::open().await;
    let body =
        "refuse(`${applicant.email} ${applicant.address} ${applicant.username} ${key.note}`)";
    room.guard("blind", body).await;
    let RegistrationVerdict::Refused { reason, .. } = room.register().await else {
        panic!("it refuses");
    };
    assert!(!reason.contains("bea") && !reason.contains("192") && !reason.contains("note"));
    let off = PluginChange {
        enabled: Some(false),
        ..PluginChange::default()
    };
    room.plugins
        .change(&Admin, "blind", off)
        .await
        .expect("a change");
    let hook = "registration_before_accept";
    let asks = "data = [\"email\", \"address\", \"names\", \"note\"]";
    room.add("seeing", hook, registration(body), asks).await;
    let all = "bea@school.example 192.0.2.7 bea secret note";
    assert_eq!(room.register().await, refused("seeing", all));
    room.close().await;
}

#[tokio::test]
async fn the_log_keeps_the_last_thousand_entries_in_pages() {
    let room = Room::open().await;
    let price = "fn message_price(user, model, usage) { usage.prompt_tokens }".to_owned();
    room.add("price", "message_price", price, "").await;
    for number in 0..1_010 {
        let mut question = pricing();
        question.usage.prompt_tokens = number;
        assert_eq!(
            room.plugins.message_price(&question).await,
            PriceVerdict::Tokens(number)
        );
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = room.plugins.list_log(&Admin, "price", before, 300).await;
        let page = page.expect("a page");
        before = page.last().map(|(number, _)| *number);
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().filter_map(|(_, entry)| entry.reason));
    }
    let expected: Vec<_> = (10..1_010)
        .rev()
        .map(|number| format!("{number} tokens"))
        .collect();
    assert_eq!(seen, expected);
    room.close().await;
}
