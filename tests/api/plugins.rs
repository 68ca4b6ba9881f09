//! Plugins as administrators have them: seeing, writing, turning on, setting, trying out, throwing
//! away. That a script cannot hurt the house is in `plugins_hostile`, what those that are shipped
//! answer in `plugins_shipped`, how questions are answered in `plugins_asked`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{House, Person, text};

pub(crate) const PLUGINS: &str = "/api/v1/admin/plugins";
pub(crate) const HOOK: &str = "registration_before_accept";

pub(crate) fn registration(body: &str) -> String {
    format!("fn {HOOK}(key, applicant, now) {{\n{body}\n}}\n")
}

pub(crate) async fn create(ada: &Person, name: &str, source: &str) -> Value {
    let body = json!({"name": name, "source": source});
    ada.post(PLUGINS, body).await.ok(201)
}

pub(crate) async fn dry_run(ada: &Person, name: &str, body: Value) -> Value {
    let path = format!("{PLUGINS}/{name}/test");
    ada.post(&path, body).await.ok(200)
}

/// What it answers now, to the sample.
pub(crate) async fn reason(ada: &Person, name: &str) -> Value {
    dry_run(ada, name, json!({"hook": HOOK})).await["reason"].clone()
}

#[tokio::test]
async fn shipped_plugins_are_there_and_off() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let list = ada.get(PLUGINS).await.ok(200);
    let items = list["items"].as_array().expect("a list");
    let names: Vec<&str> = items.iter().map(|it| text(it, "/name")).collect();
    assert_eq!(names, ["fair-price", "office-hours", "school-domain"]);
    for plugin in items {
        assert_eq!(plugin["origin"], "shipped");
        assert_eq!(plugin["state"], "off");
        assert_eq!(plugin["enabled"], false);
        assert!(plugin["error"].is_null(), "{plugin}");
    }
    let details = ada.get(&format!("{PLUGINS}/fair-price")).await.ok(200);
    assert!(text(&details, "/source").contains("fn message_price"));
    assert!(text(&details, "/manifest").contains("name = \"fair-price\""));
    assert_eq!(details["plugin"], items[0]);
    ada.delete(&format!("{PLUGINS}/fair-price"))
        .await
        .refused(409, "conflict");
}

#[tokio::test]
async fn a_plugin_is_written_turned_on_edited_and_deleted_and_survives_a_restart() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let created = create(&ada, "closed", &registration("refuse(\"one\")")).await;
    assert_eq!(created["plugin"]["state"], "off");
    assert_eq!(created["plugin"]["origin"], "own");
    assert_eq!(created["plugin"]["hooks"], json!([HOOK]));
    assert_eq!(reason(&ada, "closed").await, "one");

    let path = format!("{PLUGINS}/closed");
    let edit = json!({"enabled": true, "source": registration("refuse(\"two\")")});
    let edited = ada.patch(&path, edit).await.ok(200);
    assert_eq!(edited["plugin"]["state"], "on");
    assert_eq!(
        reason(&ada, "closed").await,
        "two",
        "an edit is in force at once"
    );
    let again = json!({"name": "closed", "source": registration("allow()")});
    ada.post(PLUGINS, again).await.refused(409, "conflict");

    house.stop().await;
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    let after = ada.get(&path).await.ok(200);
    assert_eq!(after["plugin"]["state"], "on");
    assert_eq!(reason(&ada, "closed").await, "two");
    ada.delete(&path).await.ok(204);
    ada.get(&path).await.refused(404, "not_found");
    let audit = ada.get("/api/v1/admin/audit").await.ok(200);
    let entries = audit["items"].as_array().expect("a list").iter();
    let actions: Vec<&str> = entries.map(|entry| text(entry, "/action")).collect();
    let expected = ["plugin.deleted", "plugin.changed", "plugin.created"];
    assert_eq!(actions[..3], expected, "the latest first");
    assert!(!house.data().join("plugins/closed").exists());
}

#[tokio::test]
async fn a_broken_edit_is_refused_with_its_line_and_column_while_the_old_one_answers() {
    let house = House::start().await;
    let ada = house.set_up().await;
    create(&ada, "closed", &registration("refuse(\"old\")")).await;
    let path = format!("{PLUGINS}/closed");
    let broken = registration("let x = ;\nallow()");
    let answer = ada.patch(&path, json!({"source": broken})).await;
    let error = answer.refused(400, "invalid_request");
    assert_eq!(error["details"]["line"], 2, "{error}");
    assert_eq!(error["details"]["column"], 9, "{error}");
    let manifest = "name = \"closed\"\nversion = 1\nhooks = []\n";
    let answer = ada.patch(&path, json!({"manifest": manifest})).await;
    let error = answer.refused(400, "invalid_request");
    assert_eq!(error["details"]["line"], 2, "{error}");
    assert_eq!(reason(&ada, "closed").await, "old");

    let checked = ada
        .post(&format!("{path}/check"), json!({"source": broken}))
        .await;
    let checked = checked.ok(200);
    assert_eq!(checked["ok"], false);
    assert_eq!(checked["error"]["line"], 2);
    let good = json!({"source": registration("allow()")});
    let checked = ada.post(&format!("{path}/check"), good).await.ok(200);
    assert_eq!(checked, json!({"ok": true}));
    assert_eq!(
        reason(&ada, "closed").await,
        "old",
        "a check changes nothing"
    );
    let tried = json!({"hook": HOOK, "source": broken});
    let tried = dry_run(&ada, "closed", tried).await;
    assert_eq!(tried["error"]["line"], 2, "{tried}");
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_and_leaves_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let good = registration("allow()");
    let manifest =
        |text: &str| format!("name = \"a\"\nversion = \"1\"\nhooks = [\"{HOOK}\"]\n{text}");
    let long = "x".repeat(41);
    for name in ["", "Upper", "a b", "../etc", "a/b", "a.b", &long, "é"] {
        let body = json!({"name": name, "source": good});
        ada.post(PLUGINS, body)
            .await
            .refused(400, "invalid_request");
    }
    for text in [
        "colour = \"red\"",
        "hosts = [\"https://example.org\"]",
        "hosts = [\"example.org/x\"]",
        "data = [\"passwords\"]",
        "on_failure = \"shrug\"",
        "[[settings]]\nname = \"a\"\ntype = \"integer\"\ndefault = \"x\"",
        "[[settings]]\nname = \"a\"\ntype = \"date\"\ndefault = 1",
        "[[settings]]\nname = \"A b\"\ntype = \"integer\"\ndefault = 1",
        "nonsense",
    ] {
        let body = json!({"name": "a", "source": good, "manifest": manifest(text)});
        let answer = ada.post(PLUGINS, body).await;
        let error = answer.refused(400, "invalid_request");
        assert!(text_of(&error).contains("plugin.toml"), "{text}: {error}");
    }
    for source in [
        "fn something_else() { allow() }",
        "fn registration_before_accept() { allow() }",
        "fn registration_before_accept(key, applicant, now) { allow() } fn message_price(a, b, c) { 1 }",
        "fn message_price(user, model, usage) { 1 }",
        "fn registration_before_accept(key, applicant, now) { \0 }",
    ] {
        let body = json!({"name": "a", "source": source, "manifest": manifest("")});
        ada.post(PLUGINS, body)
            .await
            .refused(400, "invalid_request");
    }
    let none = json!({"name": "a", "source": "fn other() { 1 }"});
    ada.post(PLUGINS, none)
        .await
        .refused(400, "invalid_request");
    let list = ada.get(PLUGINS).await.ok(200);
    assert_eq!(list["items"].as_array().expect("a list").len(), 3);
}

pub(crate) fn text_of(error: &Value) -> String {
    error["message"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_shipped_plugin_that_is_edited_is_a_copy_and_without_it_the_shipped_one_is_back() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let path = format!("{PLUGINS}/school-domain");
    let edit = json!({"source": registration("refuse(\"edited\")"), "enabled": true});
    let edited = ada.patch(&path, edit).await.ok(200);
    assert_eq!(edited["plugin"]["origin"], "edited");
    assert_eq!(reason(&ada, "school-domain").await, "edited");
    assert!(
        house
            .data()
            .join("plugins/school-domain/main.rhai")
            .exists()
    );
    ada.delete(&path).await.ok(204);
    let back = ada.get(&path).await.ok(200);
    assert_eq!(back["plugin"]["origin"], "shipped");
    assert_eq!(back["plugin"]["enabled"], true, "what was decided stays");
    assert_ne!(reason(&ada, "school-domain").await, "edited");
    assert!(!house.data().join("plugins/school-domain").exists());
}

#[tokio::test]
async fn a_file_that_changes_on_the_disk_is_taken_over_and_a_broken_one_is_not() {
    let house = House::start().await;
    let ada = house.set_up().await;
    create(&ada, "closed", &registration("refuse(\"one\")")).await;
    let file = house.data().join("plugins/closed/main.rhai");
    std::fs::write(&file, registration("refuse(\"two\")")).expect("a file can be written");
    until("the change is noticed", async || {
        reason(&ada, "closed").await == "two"
    })
    .await;
    std::fs::write(&file, registration("let = 1;")).expect("a file can be written");
    let path = format!("{PLUGINS}/closed");
    let trouble = async || ada.get(&path).await.ok(200)["plugin"]["error"].clone();
    until("the trouble is told", async || trouble().await.is_object()).await;
    assert_eq!(trouble().await["line"], 2);
    assert_eq!(reason(&ada, "closed").await, "two", "the old one answers");
    std::fs::write(&file, vec![b' '; 10 << 20]).expect("a file can be written");
    until("its size is told", async || {
        trouble().await["message"]
            .as_str()
            .is_some_and(|it| it.contains("KiB"))
    })
    .await;
    std::fs::remove_dir_all(house.data().join("plugins/closed")).expect("a folder can go");
    until("it is gone", async || ada.get(&path).await.status == 404).await;
}

/// Asks again and again, for a while.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..300 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not in half a minute: {what}");
}

#[tokio::test]
async fn settings_are_checked_kept_and_handed_to_the_script() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let manifest = format!(
        "name = \"set\"\nversion = \"1\"\nhooks = [\"{HOOK}\"]\n\
         [[settings]]\nname = \"word\"\ntype = \"string\"\ndefault = \"plain\"\n\
         [[settings]]\nname = \"count\"\ntype = \"integer\"\ndefault = 3\n\
         [[settings]]\nname = \"share\"\ntype = \"number\"\ndefault = 1\n\
         [[settings]]\nname = \"strict\"\ntype = \"boolean\"\ndefault = false\n\
         [[settings]]\nname = \"names\"\ntype = \"list of strings\"\ndefault = [\"a\"]\n"
    );
    let source = registration(
        "refuse(`${setting(\"word\")} ${setting(\"count\")} ${setting(\"share\")} ${setting(\"strict\")} ${setting(\"names\")}`)",
    );
    let body = json!({"name": "set", "manifest": manifest, "source": source});
    ada.post(PLUGINS, body).await.ok(201);
    assert_eq!(reason(&ada, "set").await, "plain 3 1.0 false [\"a\"]");
    let path = format!("{PLUGINS}/set");
    let set = |settings: Value| ada.patch(&path, json!({"settings": settings}));
    let values = json!({"word": "ornate", "count": 4, "share": 2, "strict": true, "names": []});
    let changed = async { set(values).await.ok(200) }.await;
    assert_eq!(changed["plugin"]["settings"][1]["value"], 4);
    assert_eq!(changed["plugin"]["settings"][1]["default"], 3);
    assert_eq!(reason(&ada, "set").await, "ornate 4 2.0 true []");
    for bad in [
        json!({"word": 1}),
        json!({"count": 1.5}),
        json!({"strict": "yes"}),
        json!({"names": [1]}),
        json!({"colour": "red"}),
        json!([]),
    ] {
        let answer = ada.patch(&path, json!({"settings": bad})).await;
        let error = answer.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "settings");
    }
    async { set(json!({"word": null})).await.ok(200) }.await;
    assert_eq!(reason(&ada, "set").await, "plain 4 2.0 true []");
    let tried = json!({"hook": HOOK, "settings": {"count": 9}});
    assert_eq!(
        dry_run(&ada, "set", tried).await["reason"],
        "plain 9 2.0 true []"
    );
    assert_eq!(
        reason(&ada, "set").await,
        "plain 4 2.0 true []",
        "a dry run sets nothing"
    );
}

#[tokio::test]
async fn a_host_is_asked_only_once_it_was_confirmed() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let address = house.base.trim_start_matches("http://").to_owned();
    let manifest = format!(
        "name = \"caller\"\nversion = \"1\"\nhooks = [\"{HOOK}\"]\nhosts = [\"{address}\"]\n"
    );
    let source = registration(&format!(
        "let answer = http_get(\"{}/health?x=1\"); refuse(`${{answer.status}}`)",
        house.base
    ));
    let body = json!({"name": "caller", "manifest": manifest, "source": source});
    let created = ada.post(PLUGINS, body).await.ok(201);
    let host = json!([{"host": address, "confirmed": false}]);
    assert_eq!(created["plugin"]["hosts"], host);
    let ran = dry_run(&ada, "caller", json!({"hook": HOOK})).await;
    assert!(text(&ran, "/error/message").contains("confirmed"), "{ran}");
    let path = format!("{PLUGINS}/caller");
    let other = json!({"confirmed_hosts": ["example.org"]});
    ada.patch(&path, other)
        .await
        .refused(400, "invalid_request");
    ada.patch(&path, json!({"confirmed_hosts": [address]}))
        .await
        .ok(200);
    let ran = dry_run(&ada, "caller", json!({"hook": HOOK})).await;
    assert_eq!(ran["reason"], "200", "{ran}");
    let post = registration(&format!(
        "http_post(\"{}/health\", \"x\"); allow()",
        house.base
    ));
    let ran = dry_run(&ada, "caller", json!({"hook": HOOK, "source": post})).await;
    assert!(text(&ran, "/error/message").contains("dry run"), "{ran}");
}

#[tokio::test]
async fn what_a_demoted_administrator_has_begun_is_not_done() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    let his = format!("/api/v1/admin/users/{}", text(&found, "/items/0/user/id"));
    ada.patch(&his, json!({"role": "admin"})).await.ok(200);
    create(&ada, "closed", &registration("refuse(\"ada's\")")).await;
    let mut begun = Vec::new();
    for number in 0..40 {
        let bob = bob.clone();
        begun.push(tokio::spawn(async move {
            let source = registration(&format!("refuse(\"{number}\")"));
            match number % 2 {
                0 => {
                    let new = json!({"name": format!("eve{number}"), "source": source});
                    bob.post(PLUGINS, new).await.status
                }
                _ => {
                    let edit = json!({"source": source});
                    let path = format!("{PLUGINS}/closed");
                    bob.patch(&path, edit).await.status
                }
            }
        }));
    }
    until("some of it is done", async || {
        names_of(&ada).await.len() > 5
    })
    .await;
    ada.patch(&his, json!({"role": "user"})).await.ok(200);
    let mut refused = 0;
    for request in begun {
        match request.await.expect("a request ends") {
            200 | 201 => {}
            401 | 403 => refused += 1,
            status => panic!("{status}"),
        }
    }
    assert!(refused > 0, "all were quicker than the demotion");
    let (names, rule) = (names_of(&ada).await, reason(&ada, "closed").await);
    // What the refused left in the folder would be found by the next look.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(names_of(&ada).await, names);
    assert_eq!(reason(&ada, "closed").await, rule);
}

async fn names_of(ada: &Person) -> Vec<String> {
    let list = ada.get(PLUGINS).await.ok(200);
    let items = list["items"].as_array().expect("a list").iter();
    items.map(|it| text(it, "/name").to_owned()).collect()
}
