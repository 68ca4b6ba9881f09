//! Hostile scripts where they hurt most: turned on, in the process that answers real questions, while
//! other people are asked about by another plugin. And what such a process is given to begin with.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chatelaine::error::ErrorKind;
use chatelaine::plugins::{PluginChange, PluginState, PriceVerdict, RegistrationVerdict};
use tokio_util::sync::CancellationToken;

use crate::plugins::{create, registration, until};
use crate::plugins_asked::{Admin, Room, applying, pricing, refused};
use crate::plugins_hostile::{endless, growing};
use crate::plugins_pressed::asking;
use crate::plugins_server::SlowServer;
use crate::support::{House, Options};

/// Far more than a busy machine needs to start a process.
const START: Duration = Duration::from_secs(20);

/// How the question about a stranger ended, how long it took, and how many prices were said meanwhile.
async fn ask_beside_others(room: &Room) -> (RegistrationVerdict, Duration, usize) {
    let (plugins, done) = (Arc::clone(&room.plugins), CancellationToken::new());
    let asked = tokio::spawn({
        let done = done.clone();
        async move {
            let begun = Instant::now();
            let verdict = plugins.registration_before_accept(&applying()).await;
            done.cancel();
            (verdict, begun.elapsed())
        }
    });
    let mut answered = 0;
    while !done.is_cancelled() && answered < 1_000_000 {
        assert_eq!(
            room.plugins.message_price(&pricing()).await,
            PriceVerdict::Tokens(1)
        );
        answered += 1;
    }
    let (verdict, took) = asked.await.expect("an answer");
    (verdict, took, answered)
}

#[tokio::test]
async fn a_hostile_script_that_is_on_lets_nobody_in_and_holds_nobody_else_up() {
    let room = Room::open().await;
    let price = "fn message_price(user, model, usage) { 1 }".to_owned();
    room.add("quick", "message_price", price, "").await;
    room.guard("victim", "allow()").await;
    let mut ran = 0;
    for (name, source) in endless().into_iter().chain(growing()) {
        let change = PluginChange {
            source: Some(source),
            enabled: Some(true),
            ..PluginChange::default()
        };
        let changed = room.plugins.change(&Admin, "victim", change).await;
        // What does not even compile is refused here.
        if changed.is_err() {
            continue;
        }
        ran += 1;
        let (verdict, took, answered) = ask_beside_others(&room).await;
        assert!(
            !matches!(verdict, RegistrationVerdict::Allowed(_)),
            "{name} let somebody in"
        );
        assert!(
            took < room.plugins.longest_wait() + START,
            "{name}: {took:?}"
        );
        // As often as a slow machine may: each price took a small part of that time.
        let each = took / u32::try_from(answered.max(1)).expect("a small number");
        let hung = took > Duration::from_millis(400);
        assert!(!hung || each < took / 4, "{name}: {answered} in {took:?}");
    }
    assert!(ran >= 15, "only {ran} of them could be turned on");
    room.close().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_process_of_a_plugin_has_no_environment_and_narrow_limits() {
    let options = Options::default().with("CHATELAINE_SOMETHING_SECRET", "x");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    create(&ada, "guard", &registration("allow()")).await;
    let on = serde_json::json!({"enabled": true});
    let path = format!("{}/guard", crate::plugins::PLUGINS);
    ada.patch(&path, on).await.ok(200);
    until("its process runs", async || {
        find_worker(house.process_id()).is_some()
    })
    .await;
    let worker = find_worker(house.process_id()).expect("a process");
    let read = |file: &str| std::fs::read_to_string(worker.join(file)).expect("a file of proc");
    assert_eq!(read("environ"), "");
    let limits = read("limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {limits}"));
        let value = line[name.len()..].split_whitespace().next();
        value.expect("a value").to_owned()
    };
    assert_eq!(limit("Max file size"), "0");
    assert_eq!(limit("Max core file size"), "0");
    assert_eq!(limit("Max open files"), "16");
    assert_eq!(limit("Max cpu time"), "120");
    let space: u64 = limit("Max address space").parse().expect("it is limited");
    assert!(space >= 512 << 20, "{space}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_somebody_else_ended_is_no_failure_of_its_plugin() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let open = serde_json::json!({"registration": {"mode": "open"}});
    ada.patch("/api/v1/admin/settings", open).await.ok(200);
    create(&ada, "guard", &registration("refuse(\"no\")")).await;
    let path = format!("{}/guard", crate::plugins::PLUGINS);
    let on = serde_json::json!({"enabled": true});
    ada.patch(&path, on).await.ok(200);
    for turn in 0..4 {
        until("its process runs", async || {
            find_worker(house.process_id()).is_some()
        })
        .await;
        let worker = find_worker(house.process_id()).expect("a process");
        end(&worker);
        let name = format!("bob{turn}");
        let body = serde_json::json!({"username": name, "password": crate::support::PASSWORD});
        let answer = house.stranger().post("/api/v1/auth/register", body).await;
        assert!(matches!(answer.status, 403 | 503), "{}", answer.text);
    }
    let shown = ada.get(&path).await.ok(200);
    assert_eq!(shown["plugin"]["state"], "on", "{shown}");
    assert_eq!(shown["plugin"]["failures"], 0, "{shown}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_plugin_whose_process_is_ended_in_call_after_call_is_switched_off() {
    let options = Options::default().with("CHATELAINE_PLUGINS__DEADLINE_MS", "20000");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    // By when the process is dead that waits for the answer.
    let server = SlowServer::taking(Duration::from_secs(2)).await;
    let source = format!(
        "fn reply_before_start(user, conversation, request) {{ http_get(\"http://{}/\"); allow() }}",
        server.address
    );
    asking(
        &ada,
        "greedy",
        "reply_before_start",
        &source,
        &server.address,
    )
    .await;
    let words = serde_json::json!({"messages": [{"role": "user", "content": "x"}]});
    let mut answers = Vec::new();
    for turn in 0..5 {
        let asked = ada.post("/v1/chat/completions", words.clone());
        let killing = async {
            until("it is in the middle of a call", async || {
                server.asked().len() > turn
            })
            .await;
            end(&find_worker(house.process_id()).expect("a process"));
        };
        let (answer, ()) = tokio::join!(asked, killing);
        answers.push(answer.status);
    }
    assert_eq!(answers, [503, 503, 200, 200, 200], "by then it is its own");
    let path = format!("{}/greedy", crate::plugins::PLUGINS);
    until("it is switched off", async || {
        ada.get(&path).await.ok(200)["plugin"]["state"] == "switched_off"
    })
    .await;
}

/// A program that is the house's own, but does what the files beside it say.
#[cfg(target_os = "linux")]
fn moody_program(folder: &std::path::Path) -> std::path::PathBuf {
    let program = folder.join("program");
    let (shown, binary) = (folder.display(), env!("CARGO_BIN_EXE_chatelaine"));
    let script = format!(
        "#!/bin/sh\nulimit -c 0\n[ -e {shown}/dies ] && kill -ABRT $$\n\
         [ -e {shown}/hangs ] && exec sleep 600\n\
         [ -e {shown}/hangs_next ] && mv {shown}/hangs_next {shown}/hangs\n\
         exec {binary} \"$@\"\n"
    );
    // Written by another process: this one could hand the open file on to a child, and then it could
    // not be started.
    let written = std::process::Command::new("sh")
        .args(["-c", r#"printf %s "$1" > "$0" && chmod +x "$0""#])
        .args([program.as_os_str(), script.as_ref()])
        .status();
    assert!(written.expect("there is sh").success());
    program
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_the_machine_is_to_blame_for_breaks_no_plugin_for_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = moody_program(folder.path());
    let room = Room::open_by(folder, &program).await;
    room.guard("guard", "refuse(\"no\")").await;
    let set = |enabled| PluginChange {
        enabled: Some(enabled),
        ..PluginChange::default()
    };
    let mood = |room: &Room, name: &str| room.folder.path().join(name);
    let begin = |file: std::path::PathBuf| std::fs::write(file, "").expect("a file");
    let end = |file: std::path::PathBuf| std::fs::remove_file(file).expect("it was there");

    let off = room.plugins.change(&Admin, "guard", set(false)).await;
    off.expect("it can be turned off");
    begin(mood(&room, "hangs_next"));
    let on = room.plugins.change(&Admin, "guard", set(true)).await;
    let on = on.expect("it compiles");
    assert_eq!(on.summary.state, PluginState::On, "its process was slow");
    let slow = room.plugins.check(&Admin, "guard", "1".into(), None).await;
    let error = slow.expect_err("nobody can say");
    assert!(
        matches!(error.kind, ErrorKind::Overloaded { .. }),
        "{error}"
    );
    end(mood(&room, "hangs"));
    assert_eq!(room.register().await, refused("guard", "no"));

    begin(mood(&room, "dies"));
    let room = Room::open_by(room.close().await, &program).await;
    until("it is taken for broken", async || {
        room.state("guard").await == PluginState::Broken
    })
    .await;
    end(mood(&room, "dies"));
    let on = room.plugins.change(&Admin, "guard", set(true)).await;
    let on = on.expect("it is looked at again");
    assert_eq!(on.summary.state, PluginState::On);
    assert_eq!(room.register().await, refused("guard", "no"));
    room.close().await;
}

#[cfg(target_os = "linux")]
fn end(process: &std::path::Path) {
    let id = process.file_name().expect("a number");
    let ended = std::process::Command::new("kill")
        .arg("-9")
        .arg(id)
        .status();
    assert!(ended.expect("there is kill").success());
}

#[cfg(target_os = "linux")]
fn find_worker(parent: u32) -> Option<std::path::PathBuf> {
    let processes = std::fs::read_dir("/proc").expect("there is proc").flatten();
    processes.map(|entry| entry.path()).find(|process| {
        let read = |file: &str| std::fs::read_to_string(process.join(file)).unwrap_or_default();
        let is_child = read("status")
            .lines()
            .any(|line| line == format!("PPid:\t{parent}"));
        is_child && read("cmdline").contains("\0plugins\0")
    })
}
