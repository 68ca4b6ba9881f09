//! Registration keys: made, loaded from a file, used, counted and withdrawn. Of many who come with one
//! key at once, no more get in than it has uses.

use serde_json::{Value, json};

use crate::support::{House, PASSWORD, Person, binary, run_to_end, text};

const PATH: &str = "/api/v1/admin/keys";

async fn open_for_keys(admin: &Person) {
    let change = json!({"registration": {"mode": "key"}});
    admin.patch("/api/v1/admin/settings", change).await.ok(200);
}

async fn new_key(admin: &Person, terms: Value) -> String {
    let body = json!({"count": 1, "terms": terms});
    let made = admin.post(&format!("{PATH}/generate"), body).await.ok(201);
    text(&made, "/items/0/key").to_owned()
}

async fn register(house: &House, name: &str, key: &str) -> crate::support::Answer {
    let body = json!({"username": name, "password": PASSWORD, "registration_key": key});
    house.stranger().post("/api/v1/auth/register", body).await
}

#[tokio::test]
async fn a_key_lets_in_gives_what_it_carries_and_is_used_up() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open_for_keys(&ada).await;
    let group = ada
        .post("/api/v1/admin/groups", json!({"name": "pupils"}))
        .await
        .ok(201);
    let group = text(&group, "/id");
    let terms = json!({"note": "class 7b", "group_ids": [group], "role": "auditor"});
    let key = new_key(&ada, terms).await;
    assert!(key.len() >= 26, "at least 128 bits: {key}");

    let body = json!({"username": "bob", "password": PASSWORD});
    let without = house.stranger().post("/api/v1/auth/register", body).await;
    let error = without.refused(403, "forbidden");
    assert_eq!(error["details"]["field"], "registration_key");
    register(&house, "bob", "never-was-a-key-at-all")
        .await
        .refused(403, "forbidden");
    let lower = key.to_lowercase().replace('-', " ");
    let made = register(&house, "bob", &lower).await.ok(201);
    assert_eq!(made["user"]["role"], "auditor");
    register(&house, "eve", &key)
        .await
        .refused(403, "forbidden");

    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    assert_eq!(found["items"][0]["group_ids"], json!([group]));
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"][0]["uses"], 1);
    assert_eq!(list["items"][0]["note"], "class 7b");
    assert!(!list.to_string().contains(&key));
    let uses = format!("{PATH}/{}/uses", text(&list, "/items/0/id"));
    let uses = ada.get(&uses).await.ok(200);
    assert_eq!(uses["items"][0]["username"], "bob");
}

#[tokio::test]
async fn of_fifty_at_once_with_a_key_for_one_exactly_one_gets_in() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open_for_keys(&ada).await;
    let key = new_key(&ada, json!({})).await;
    let register = |number: usize| {
        let (key, person) = (key.clone(), house.stranger());
        async move {
            let body = json!({"username": format!("pupil{number}"), "password": PASSWORD, "registration_key": key});
            person.post("/api/v1/auth/register", body).await.status
        }
    };
    let statuses = futures_util::future::join_all((0..50).map(register)).await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    let refused = statuses
        .iter()
        .all(|status| matches!(status, 201 | 403 | 429 | 503));
    assert!(refused, "{statuses:?}");
    assert_eq!(ada.get("/api/v1/admin/users").await.ok(200)["total"], 2);
}

#[tokio::test]
async fn a_file_of_keys_is_loaded_whole_or_reported_by_line() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open_for_keys(&ada).await;
    let load = format!("{PATH}/load");
    let good = "# autumn\nautumn-key-0001-abcdef\n\nautumn-key-0002-abcdef # Ada\n";
    let loaded = ada.post(&load, json!({"keys": good})).await.ok(201);
    assert_eq!(loaded["items"].as_array().map(Vec::len), Some(2));
    register(&house, "bob", "autumn-key-0001-abcdef")
        .await
        .ok(201);

    let bad = "spring-key-0001-abcdef\nshort\nspring-key-0001-abcdef\n";
    let error = ada
        .post(&load, json!({"keys": bad}))
        .await
        .refused(400, "invalid_request");
    let lines = &error["details"]["lines"];
    assert_eq!(
        (&lines[0]["line"], &lines[1]["line"]),
        (&json!(2), &json!(3))
    );
    let known = "winter-key-0001-abcdef\nautumn-key-0002-abcdef";
    let error = ada
        .post(&load, json!({"keys": known}))
        .await
        .refused(400, "invalid_request");
    assert_eq!(error["details"]["lines"][0]["line"], 2);
    for key in ["spring-key-0001-abcdef", "winter-key-0001-abcdef"] {
        register(&house, "eve", key).await.refused(403, "forbidden");
    }
    assert_eq!(
        ada.get(PATH).await.ok(200)["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[tokio::test]
async fn a_key_ends_at_its_time_and_when_it_is_withdrawn() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open_for_keys(&ada).await;
    let key = new_key(&ada, json!({"uses_allowed": 5})).await;
    register(&house, "bob", &key).await.ok(201);
    let list = ada.get(PATH).await.ok(200);
    let path = format!("{PATH}/{}", text(&list, "/items/0/id"));
    ada.delete(&path).await.ok(204);
    register(&house, "eve", &key)
        .await
        .refused(403, "forbidden");
    for terms in [
        json!({"expires_at": "2020-01-01T00:00:00Z"}),
        json!({"uses_allowed": 0}),
        json!({"note": "a\nb"}),
        json!({"group_ids": ["x"]}),
        json!({"role": "king"}),
    ] {
        let body = json!({"count": 1, "terms": terms});
        ada.post(&format!("{PATH}/generate"), body)
            .await
            .refused(400, "invalid_request");
    }
    for count in [0, 5001] {
        let body = json!({"count": count});
        ada.post(&format!("{PATH}/generate"), body)
            .await
            .refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn nobody_but_an_administrator_makes_or_sees_keys() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    bob.get(PATH).await.refused(403, "forbidden");
    let body = json!({"count": 1});
    bob.post(&format!("{PATH}/generate"), body)
        .await
        .refused(403, "forbidden");
    let body = json!({"keys": "autumn-key-0001-abcdef"});
    bob.post(&format!("{PATH}/load"), body)
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn keys_are_made_listed_and_withdrawn_on_the_command_line() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    open_for_keys(&ada).await;
    house.stop().await;
    let run = |arguments: &[&str]| {
        let mut command = binary();
        command
            .arg("key")
            .args(arguments)
            .arg("--data")
            .arg(house.data());
        let output = run_to_end(&mut command);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).expect("text")
    };
    let made = run(&[
        "generate",
        "--count",
        "3",
        "--note",
        "by hand",
        "--expires",
        "30d",
    ]);
    let keys: Vec<String> = made.lines().map(str::to_owned).collect();
    assert_eq!(keys.len(), 3);
    let file = house.folder.path().join("keys.txt");
    std::fs::write(&file, "# old ones\nfrom-a-file-0001-abcdef\n").expect("a file");
    run(&["load", file.to_str().expect("a path")]);
    assert_eq!(run(&["list"]).lines().count(), 4);
    run(&["revoke", &keys[1]]);
    assert_eq!(run(&["list"]).matches("withdrawn").count(), 1);

    house.start_again().await;
    register(&house, "bob", &keys[0]).await.ok(201);
    register(&house, "eve", &keys[1])
        .await
        .refused(403, "forbidden");
    register(&house, "carol", "from-a-file-0001-abcdef")
        .await
        .ok(201);
}

fn notes(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items.iter().map(|item| text(item, "/note")).collect()
}

#[tokio::test]
async fn keys_are_listed_newest_first_and_found_by_state_and_note() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open_for_keys(&ada).await;
    let soon = chatelaine::clock::rfc3339(chatelaine::clock::now_ms() + 2_000);
    new_key(&ada, json!({"note": "too late", "expires_at": soon})).await;
    let used = new_key(&ada, json!({"note": "Class 7b"})).await;
    register(&house, "bob", &used).await.ok(201);
    for note in ["taken back", "for the neighbours"] {
        new_key(&ada, json!({"note": note})).await;
    }
    let find = async |query: &str| ada.get(&format!("{PATH}?{query}")).await.ok(200);
    let taken_back = find("q=TAKEN").await;
    let id = text(&taken_back, "/items/0/id");
    ada.delete(&format!("{PATH}/{id}")).await.ok(204);

    let first = find("limit=3").await;
    let newest = ["for the neighbours", "taken back", "Class 7b"];
    assert_eq!(notes(&first), newest);
    let cursor = text(&first, "/next_cursor");
    let rest = find(&format!("limit=3&cursor={cursor}")).await;
    assert_eq!(notes(&rest), ["too late"]);
    assert_eq!(rest.get("next_cursor"), None);

    let mut waited = 0;
    while notes(&find("state=expired").await).is_empty() {
        assert!(waited < 200, "its time is over");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        waited += 1;
    }
    for (state, note) in [
        ("usable", "for the neighbours"),
        ("revoked", "taken back"),
        ("used_up", "Class 7b"),
        ("expired", "too late"),
    ] {
        let found = find(&format!("state={state}")).await;
        assert_eq!(notes(&found), [note]);
        assert_eq!(found["items"][0]["state"], state);
    }
    assert_eq!(notes(&find("state=usable&q=7b").await), [""; 0]);
    let begin: String = used.to_lowercase().chars().take(4).collect();
    assert_eq!(
        notes(&find(&format!("q={begin}&state=used_up")).await),
        ["Class 7b"]
    );
    let answer = ada.get(&format!("{PATH}?state=lost")).await;
    answer.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_mark_within_a_key_is_a_part_of_it() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open_for_keys(&ada).await;
    let keys = "abcdefgh12345678#pupil-one\nabcdefgh12345678#pupil-two\t# Eve\n";
    let loaded = ada
        .post(&format!("{PATH}/load"), json!({"keys": keys}))
        .await;
    assert_eq!(loaded.ok(201)["items"].as_array().map(Vec::len), Some(2));
    register(&house, "bob", "abcdefgh12345678")
        .await
        .refused(403, "forbidden");
    for (name, key) in [("bob", "#pupil-one"), ("eve", "#pupil-two")] {
        let key = format!("abcdefgh12345678{key}");
        register(&house, name, &key).await.ok(201);
    }
}

#[tokio::test]
async fn the_house_says_who_must_be_approved() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for (mode, approval, shown) in [
        ("key", "without_key", "never"),
        ("open", "without_key", "without_key"),
        ("key", "always", "always"),
        ("open", "never", "never"),
    ] {
        let change = json!({"registration": {"mode": mode, "approval": approval}});
        ada.patch("/api/v1/admin/settings", change).await.ok(200);
        let state = house.stranger().get("/api/v1/auth/registration").await;
        assert_eq!(state.ok(200)["approval"], shown, "{mode} {approval}");
    }
}

#[tokio::test]
async fn names_that_speak_for_the_house_are_given_by_administrators_alone() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let open = json!({"registration": {"mode": "open"}});
    ada.patch("/api/v1/admin/settings", open).await.ok(200);
    for name in ["admin", "Administrator", "chatelaine", "root", "support"] {
        let body = json!({"username": name, "password": PASSWORD});
        let answer = house.stranger().post("/api/v1/auth/register", body).await;
        let error = answer.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "username");
    }
    let body = json!({"username": "support", "password": PASSWORD});
    ada.post("/api/v1/admin/users", body).await.ok(201);
}

#[tokio::test]
async fn keys_that_make_administrators_go_with_their_makers_role_and_others_stay() {
    let house = House::start().await;
    let ada = house.set_up().await;
    open_for_keys(&ada).await;
    let users = "/api/v1/admin/users";
    let mut makers = Vec::new();
    for name in ["bob", "carol", "dave"] {
        let new = json!({"username": name, "password": PASSWORD, "role": "admin"});
        let made = ada.post(users, new).await.ok(201);
        let login = json!({"login": name, "password": PASSWORD});
        let answer = house.stranger().post("/api/v1/auth/login", login).await;
        let maker = house.stranger().signed_in(&answer);
        let to_admin = new_key(&maker, json!({"role": "admin"})).await;
        let to_user = new_key(&maker, json!({"role": "user"})).await;
        makers.push((
            format!("{users}/{}", text(&made, "/user/id")),
            to_admin,
            to_user,
        ));
    }
    let hers = new_key(&ada, json!({"role": "admin"})).await;
    for (path, change) in [
        (&makers[0].0, Some(json!({"role": "auditor"}))),
        (&makers[1].0, Some(json!({"disabled": true}))),
        (&makers[2].0, None),
    ] {
        match change {
            Some(change) => ada.patch(path, change).await.ok(200),
            None => ada.delete(path).await.ok(204),
        };
    }
    for (number, (_, to_admin, to_user)) in makers.iter().enumerate() {
        let refused = register(&house, &format!("eve{number}"), to_admin).await;
        let error = refused.refused(403, "forbidden");
        assert_eq!(error["details"]["reason"], "key_withdrawn");
        let made = register(&house, &format!("pupil{number}"), to_user).await;
        made.ok(201);
    }
    let made = register(&house, "grace", &hers).await.ok(201);
    assert_eq!(made["user"]["role"], "admin");
}
