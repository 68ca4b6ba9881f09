//! Accounts on the command line: what only looks makes nothing, and shows what matters; nothing about
//! mail keeps anybody from it. That users are added and keys made is tested with them.

use std::process::Output;

use serde_json::json;

use crate::support::{House, PASSWORD, binary, run_to_end};

fn said(output: &Output) -> String {
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{wrong}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn looking_at_a_house_that_is_not_there_makes_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let typo = folder.path().join("typo");
    for command in [
        &["user", "list"][..],
        &["user", "set-password", "ada", "--password-stdin"],
        &["user", "tokens", "ada"],
        &["key", "list"],
        &["key", "revoke", "x"],
        &["audit", "check"],
    ] {
        let output = run_to_end(binary().args(command).arg("--data").arg(&typo));
        let text = failed(&output);
        assert!(text.contains("typo"), "{command:?}: {text}");
        assert!(!text.contains("our side"), "{command:?}: {text}");
        assert!(!typo.exists(), "{command:?}");
        let output = run_to_end(binary().args(command).arg("--data").arg(folder.path()));
        failed(&output);
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0, "{command:?}");
    }
}

#[tokio::test]
async fn lists_show_how_people_stand_and_what_keys_give() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let path = "/api/v1/admin/users";
    let bob = json!({"username": "bob", "password": PASSWORD});
    let bob = ada.post(path, bob).await.ok(201);
    let id = bob["user"]["id"].as_str().expect("an id");
    let off = json!({"disabled": true});
    ada.patch(&format!("{path}/{id}"), off).await.ok(200);
    let rules = json!({"registration": {"mode": "open", "approval": "always"}});
    ada.patch("/api/v1/admin/settings", rules).await.ok(200);
    let carol = json!({"username": "carol", "password": PASSWORD});
    let answer = house.stranger().post("/api/v1/auth/register", carol).await;
    answer.ok(202);
    let terms = json!({"count": 1, "terms": {"role": "auditor"}});
    ada.post("/api/v1/admin/keys/generate", terms).await.ok(201);
    house.stop().await;

    let data = house.data();
    // What is wrong with mail concerns nobody here.
    let config = "[mail]\nca_file = \"/nowhere/authority.pem\"\n";
    std::fs::write(data.join("chatelaine.toml"), config).expect("a file");
    let run = |command: &[&str]| said(&run_to_end(binary().args(command).arg("--data").arg(&data)));
    let users = run(&["user", "list"]);
    let line = |name: &str| {
        let line = users.lines().find(|line| line.starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {users}"))
    };
    assert!(line("ada").contains("admin"), "{users}");
    assert!(line("bob").contains("disabled"), "{users}");
    assert!(line("carol").contains("awaits approval"), "{users}");
    assert!(run(&["key", "list"]).contains("auditor"));
    run(&["audit", "check"]);
}

#[tokio::test]
async fn a_user_is_added_with_a_language() {
    let mut house = House::start().await;
    let body = json!({"token": house.setup_token(), "username": "ada", "password": PASSWORD, "language": "de"});
    let made = house.stranger().post("/api/v1/setup", body).await;
    let ada = house.stranger().signed_in(&made);
    assert_eq!(made.ok(201)["user"]["language"], "de");
    let bob = json!({"username": "bob", "password": PASSWORD, "language": "de-AT"});
    let bob = ada.post("/api/v1/admin/users", bob).await.ok(201);
    assert_eq!(bob["user"]["language"], "de-AT");
    house.stop().await;
    let add = [
        "user",
        "add",
        "carol",
        "--language",
        "de",
        "--password-stdin",
    ];
    let data = house.data();
    let status = crate::cli::with_password(&data, &add, PASSWORD);
    assert_eq!(status, Some(0));
}
