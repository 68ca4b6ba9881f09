//! What is relied on stays so, whichever files are lost or damaged and whichever hook fails. Whoever
//! looks sees what is wrong, and strangers can neither cause it nor hide it.

use std::path::Path;
use std::time::Duration;

use chatelaine::error::{Error, ErrorKind, Result};
use chatelaine::plugins::{
    Administrator, NewPlugin, PluginChange, PluginState, RegistrationVerdict, ReplyVerdict,
};
use chatelaine::store::WriteTx;
use chatelaine::store::audit::AuditActor;

use crate::plugins::{registration, until};
use crate::plugins_asked::{Admin, Room, applying, replying};

const REPLY: &str = "reply_before_start";

fn reply(body: &str) -> String {
    format!("fn {REPLY}(user, conversation, request) {{ {body} }}")
}

fn file(folder: &Path, name: &str) -> std::path::PathBuf {
    folder.join("plugins/strict").join(name)
}

async fn is_refused(room: &Room) -> bool {
    let verdict = room.plugins.reply_before_start(&replying()).await;
    matches!(verdict, ReplyVerdict::Refused { .. })
}

async fn trouble(room: &Room, name: &str) -> Option<String> {
    let details = room.plugins.get(&Admin, name).await.expect("a plugin");
    details.summary.error.map(|error| error.message)
}

#[tokio::test]
async fn a_rule_about_replies_that_is_to_fail_closed_does_so_without_its_files() {
    let closed = "on_failure = \"refuse\"";
    let room = Room::open().await;
    room.add("strict", REPLY, reply("allow()"), closed).await;
    room.guard("lax", "allow()").await;
    assert!(!is_refused(&room).await);
    std::fs::remove_dir_all(room.folder.path().join("plugins/strict")).expect("a folder can go");
    until("it is noticed", async || {
        room.state("strict").await == PluginState::Broken
    })
    .await;
    assert!(is_refused(&room).await, "with its files gone");
    let verdict = room.register().await;
    assert!(
        matches!(verdict, RegistrationVerdict::Allowed(_)),
        "it never was asked about these: {verdict:?}"
    );
    let room = Room::open_in(room.close().await).await;
    assert!(is_refused(&room).await, "and after a restart");

    let folder = room.close().await;
    std::fs::create_dir(folder.path().join("plugins/strict")).expect("a folder");
    std::fs::write(file(folder.path(), "plugin.toml"), "nonsense").expect("a file");
    std::fs::write(file(folder.path(), "main.rhai"), reply("allow()")).expect("a file");
    let room = Room::open_in(folder).await;
    assert!(is_refused(&room).await, "with a manifest nobody can read");
    assert_eq!(room.state("strict").await, PluginState::Broken);
    room.close().await;
}

#[tokio::test]
async fn a_script_that_does_not_compile_after_a_restart_is_shown_as_broken_with_its_error() {
    let room = Room::open().await;
    room.guard("guard", "allow()").await;
    let folder = room.close().await;
    let file = folder.path().join("plugins/guard/main.rhai");
    std::fs::write(&file, registration("let = 1;")).expect("a file");
    let room = Room::open_in(folder).await;
    until("it is shown", async || {
        room.state("guard").await == PluginState::Broken
    })
    .await;
    let details = room.plugins.get(&Admin, "guard").await.expect("a plugin");
    assert_eq!(details.summary.error.and_then(|error| error.line), Some(2));
    assert!(details.source.contains("let = 1"), "to be mended");
    assert!(matches!(
        room.register().await,
        RegistrationVerdict::Refused { .. }
    ));
    let mended = PluginChange {
        source: Some(registration("allow()")),
        ..PluginChange::default()
    };
    let changed = room.plugins.change(&Admin, "guard", mended).await;
    changed.expect("a source alone mends it");
    assert_eq!(room.state("guard").await, PluginState::On);
    assert_eq!(trouble(&room, "guard").await, None);
    assert!(matches!(
        room.register().await,
        RegistrationVerdict::Allowed(_)
    ));
    room.close().await;
}

#[tokio::test]
async fn what_cannot_be_compiled_cannot_be_turned_on() {
    let room = Room::open().await;
    room.guard("guard", "allow()").await;
    let set = |enabled| PluginChange {
        enabled: Some(enabled),
        ..PluginChange::default()
    };
    let off = room.plugins.change(&Admin, "guard", set(false)).await;
    off.expect("it can be turned off");
    let folder = room.close().await;
    let file = folder.path().join("plugins/guard/main.rhai");
    std::fs::write(&file, "fn other() { }").expect("a file");
    let room = Room::open_in(folder).await;
    let on = room.plugins.change(&Admin, "guard", set(true)).await;
    let error = on.expect_err("it has no such function");
    assert!(error.message.contains("no function"), "{error}");
    assert_ne!(room.state("guard").await, PluginState::On);
    room.close().await;
}

#[tokio::test]
async fn a_hook_that_always_fails_switches_its_plugin_off_though_another_answers() {
    let room = Room::open().await;
    let both = format!("{}\n{}", registration("throw \"no\""), reply("allow()"));
    let manifest = "name = \"both\"\nversion = \"1\"\n\
        hooks = [\"registration_before_accept\", \"reply_before_start\"]\n";
    let new = NewPlugin {
        name: "both".into(),
        manifest: Some(manifest.into()),
        source: both,
    };
    room.plugins.create(&Admin, new).await.expect("a plugin");
    let on = PluginChange {
        enabled: Some(true),
        ..PluginChange::default()
    };
    room.plugins.change(&Admin, "both", on).await.expect("on");
    for _ in 0..3 {
        room.plugins.registration_before_accept(&applying()).await;
        assert!(!is_refused(&room).await, "this hook answers");
    }
    until("it is switched off", async || {
        room.state("both").await == PluginState::SwitchedOff
    })
    .await;
    room.close().await;
}

#[tokio::test]
async fn what_is_switched_off_writes_no_more_into_its_log() {
    let room = Room::open().await;
    room.guard("shaky", "throw \"no\"").await;
    for _ in 0..3 {
        room.register().await;
    }
    until("it is switched off", async || {
        room.state("shaky").await == PluginState::SwitchedOff
    })
    .await;
    let before = room.log("shaky").await;
    for _ in 0..5 {
        let verdict = room.register().await;
        assert!(matches!(verdict, RegistrationVerdict::Refused { .. }));
    }
    assert_eq!(room.log("shaky").await, before);
    room.close().await;
}

#[tokio::test]
async fn the_length_of_what_a_stranger_writes_switches_nothing_off() {
    let room = Room::open().await;
    let body = "log(applicant.username); refuse(`not ${applicant.username}`)";
    let hook = "registration_before_accept";
    room.add("polite", hook, registration(body), "data = [\"names\"]")
        .await;
    let by_hand = "#{decision: \"refuse\", reason: `not ${applicant.username}`}";
    let mut question = applying();
    question.applicant.username = "ä".repeat(100_000);
    for _ in 0..4 {
        let verdict = room.plugins.registration_before_accept(&question).await;
        let RegistrationVerdict::Refused { reason, .. } = verdict else {
            panic!("{verdict:?}");
        };
        assert!(reason.starts_with("not ää"), "{reason:.40}");
        assert!(reason.chars().count() <= 500);
    }
    assert_eq!(room.state("polite").await, PluginState::On);
    let edit = PluginChange {
        source: Some(registration(by_hand)),
        ..PluginChange::default()
    };
    room.plugins
        .change(&Admin, "polite", edit)
        .await
        .expect("a change");
    let verdict = room.plugins.registration_before_accept(&question).await;
    assert!(
        matches!(verdict, RegistrationVerdict::Refused { reason, .. } if reason.starts_with("not "))
    );
    let log = room.log("polite").await;
    assert!(
        log.iter().all(|entry| entry.outcome == "refused"),
        "{:?}",
        log[0].error
    );
    room.close().await;
}

#[tokio::test]
async fn the_log_says_who_came_and_what_was_granted_and_takes_little_room() {
    let room = Room::open().await;
    let body = "for i in 0..100 { let line = \"\"; line.pad(400, 'ä'); print(line); debug(line); }\n\
        allow_with(#{groups: [\"pupils\"], tokens: 5})";
    room.guard("much", body).await;
    let mut question = applying();
    question.key = None;
    room.plugins.registration_before_accept(&question).await;
    let entry = room.log("much").await.remove(0);
    assert_eq!(entry.outcome, "changed");
    let reason = entry.reason.expect("what was granted");
    assert!(
        reason.contains("pupils") && reason.contains('5'),
        "{reason}"
    );
    assert_eq!(entry.applicant.as_deref(), Some("bea"));
    let bytes: usize = entry.lines.iter().map(String::len).sum();
    assert!((1_000..=4_096).contains(&bytes), "{bytes}");
    room.close().await;
}

#[tokio::test]
async fn a_file_that_is_a_pipe_holds_nobody_up() {
    let room = Room::open().await;
    let pipe = room.folder.path().join("plugins/pipe");
    std::fs::create_dir_all(&pipe).expect("a folder");
    std::fs::write(
        pipe.join("plugin.toml"),
        "name = \"pipe\"\nversion = \"1\"\n",
    )
    .expect("a file");
    let made = std::process::Command::new("mkfifo")
        .arg(pipe.join("main.rhai"))
        .status();
    assert!(made.expect("there is mkfifo").success());
    let noticed = until("it is noticed", async || {
        room.plugins.get(&Admin, "pipe").await.is_ok()
    });
    let in_time = tokio::time::timeout(Duration::from_secs(60), noticed).await;
    // What hangs would hang the end of the runtime too.
    if in_time.is_err() {
        drop(std::fs::write(pipe.join("main.rhai"), ""));
    }
    in_time.expect("nobody waits for a pipe");
    assert!(
        trouble(&room, "pipe")
            .await
            .is_some_and(|it| it.contains("no file"))
    );
    room.close().await;
}

/// An administrator no more, since they were asked.
#[derive(Clone)]
struct Former;

impl Administrator for Former {
    fn require_admin(&self) -> Result<()> {
        Ok(())
    }

    fn still_actor(&self, _tx: &WriteTx) -> Result<AuditActor> {
        Err(Error::unauthenticated("sign in again"))
    }
}

#[tokio::test]
async fn who_was_an_administrator_adds_changes_and_deletes_no_plugin() {
    let room = Room::open().await;
    room.add("strict", REPLY, reply("refuse(\"no\")"), "").await;
    let new = NewPlugin {
        name: "more".into(),
        manifest: None,
        source: reply("allow()"),
    };
    let mild = PluginChange {
        source: Some(reply("allow()")),
        ..PluginChange::default()
    };
    let refusals = [
        room.plugins.create(&Former, new).await.err(),
        room.plugins.change(&Former, "strict", mild).await.err(),
        room.plugins.delete(&Former, "strict").await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.expect("a refusal").kind, ErrorKind::Unauthenticated);
    }
    assert!(is_refused(&room).await);
    let source = std::fs::read_to_string(file(room.folder.path(), "main.rhai"));
    assert_eq!(source.expect("the script"), reply("refuse(\"no\")"));
    assert!(!room.folder.path().join("plugins/more").exists());
    room.close().await;
}
