//! The audit log: what administrators do is in it, and only they and auditors read it. An entry that
//! was changed, cut out or moved is found, and so is an end that was cut off, by who kept the head.

use serde_json::{Value, json};

use crate::support::{House, PASSWORD, binary, run_to_end, text};

const PATH: &str = "/api/v1/admin/audit";

#[tokio::test]
async fn what_was_done_is_listed_latest_first_in_pages() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for mode in ["open", "closed", "key"] {
        let change = json!({"registration": {"mode": mode}});
        ada.patch("/api/v1/admin/settings", change).await.ok(200);
    }
    let page = ada.get(&format!("{PATH}?limit=3")).await.ok(200);
    assert_eq!(page["items"][0]["action"], "settings.changed");
    assert_eq!(page["items"][0]["actor"], "ada");
    let changed = json!({"registration": {"mode": "key"}});
    assert_eq!(page["items"][0]["details"], changed);
    let cursor = text(&page, "/next_cursor");
    let rest = ada
        .get(&format!("{PATH}?limit=3&cursor={cursor}"))
        .await
        .ok(200);
    assert_eq!(rest["items"][0]["action"], "house.set_up");
    assert_eq!(rest["next_cursor"], json!(null));
    ada.get(&format!("{PATH}?cursor=x"))
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn a_user_reads_nothing_of_it() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    bob.get(PATH).await.refused(403, "forbidden");
    bob.get(&format!("{PATH}/export"))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn an_export_is_checked_and_any_change_to_it_is_found() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    for mode in ["open", "closed", "open", "closed"] {
        let change = json!({"registration": {"mode": mode}});
        ada.patch("/api/v1/admin/settings", change).await.ok(200);
    }
    let export = ada.get(&format!("{PATH}/export")).await;
    assert_eq!(export.status, 200);
    let lines: Vec<&str> = export.text.lines().collect();
    assert_eq!(lines.len(), 5);

    let check = |name: &str, text: &str| {
        let file = house.folder.path().join(name);
        std::fs::write(&file, text).expect("a file");
        run_to_end(binary().args(["audit", "check"]).arg(&file))
    };
    assert!(check("whole", &export.text).status.success());
    let changed = export.text.replacen("\"ada\"", "\"eve\"", 1);
    let cut_out = [lines[0], lines[2], lines[3]].join("\n");
    let swapped = [lines[0], lines[2], lines[1]].join("\n");
    for (name, text) in [
        ("changed", &changed),
        ("cut_out", &cut_out),
        ("swapped", &swapped),
    ] {
        let output = check(name, text);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(!output.stderr.is_empty());
    }

    house.stop().await;
    let mut command = binary();
    command.args(["audit", "check", "--data"]).arg(house.data());
    let output = run_to_end(&mut command);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains('5'));
}

fn actions(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|item| text(item, "/action")).collect()
}

#[tokio::test]
async fn what_was_done_is_found_by_who_what_when_and_words() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for name in ["bob", "eve"] {
        let new = json!({"username": name, "password": PASSWORD, "role": "admin"});
        ada.post("/api/v1/admin/users", new).await.ok(201);
    }
    let login = json!({"login": "bob", "password": PASSWORD});
    let login = house.stranger().post("/api/v1/auth/login", login).await;
    let bob = house.stranger().signed_in(&login);
    bob.post("/api/v1/admin/groups", json!({"name": "Pupils"}))
        .await
        .ok(201);
    let all = ada.get(PATH).await.ok(200);
    let find = async |query: &str| ada.get(&format!("{PATH}?{query}")).await.ok(200);
    assert_eq!(actions(&find("actor=BOB").await), ["group.created"]);
    assert_eq!(actions(&find("actor=bo").await), [""; 0]);
    let users = find("action=user.").await;
    assert_eq!(actions(&users), ["user.created"; 2]);
    assert_eq!(actions(&find("action=user.created&q=eve").await).len(), 1);
    assert_eq!(actions(&find("q=PUPILS%20bob").await), ["group.created"]);
    assert_eq!(actions(&find("q=pupils%20eve").await), [""; 0]);

    let (first, last) = (text(&all, "/items/3/at"), text(&all, "/items/0/at"));
    let since = find(&format!("since={last}")).await;
    assert_eq!(since["items"][0], all["items"][0]);
    assert_eq!(actions(&find(&format!("until={first}")).await), [""; 0]);
    assert_eq!(actions(&find(&format!("since={first}")).await).len(), 4);
    assert_eq!(
        find("since=2999-01-01T00:00:00Z").await.get("next_cursor"),
        None
    );
    let page = find("action=user.&limit=1").await;
    let cursor = text(&page, "/next_cursor");
    let rest = find(&format!("action=user.&limit=1&cursor={cursor}")).await;
    assert_eq!(rest["items"][0], users["items"][1]);
    for query in ["since=today", "until=1", "limit=0"] {
        let answer = ada.get(&format!("{PATH}?{query}")).await;
        answer.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_log_whose_end_was_cut_off_is_found_by_its_head_or_by_the_store() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    for mode in ["open", "closed", "open"] {
        let change = json!({"registration": {"mode": mode}});
        ada.patch("/api/v1/admin/settings", change).await.ok(200);
    }
    let export = ada.get(&format!("{PATH}/export")).await.text;
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["head"]["sequence"], 4);
    let head = text(&list, "/head/hash").to_owned();
    assert_eq!(head, list["items"][0]["hash"]);

    let folder = house.folder.path().to_owned();
    let data = house.data();
    let data = data.to_str().expect("a path");
    let check = |text: &str, more: &[&str]| {
        let file = folder.join("audit.ndjson");
        std::fs::write(&file, text).expect("a file");
        run_to_end(binary().args(["audit", "check"]).arg(&file).args(more))
    };
    let whole = check(&export, &["--head", &head]);
    let said = String::from_utf8_lossy(&whole.stdout).into_owned();
    assert!(whole.status.success() && said.contains(&head), "{said}");
    let lines: Vec<&str> = export.lines().collect();
    let cut = lines[..3].join("\n");
    assert!(check(&cut, &[]).status.success(), "an older export is good");
    assert_eq!(check(&cut, &["--head", &head]).status.code(), Some(1));
    assert_eq!(check("", &[]).status.code(), Some(1), "nothing is no log");
    assert_eq!(check("\n", &[]).status.code(), Some(1));

    house.stop().await;
    let older = check(&cut, &["--data", data]);
    let said = String::from_utf8_lossy(&older.stdout).into_owned();
    assert!(older.status.success() && said.contains("1 more"), "{said}");
    assert!(check(&export, &["--data", data]).status.success());
    let other = House::start().await;
    let eve = other.set_up().await;
    let foreign = eve.get(&format!("{PATH}/export")).await.text;
    assert_eq!(check(&foreign, &["--data", data]).status.code(), Some(1));
}
