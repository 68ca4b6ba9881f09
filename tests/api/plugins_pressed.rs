//! Rules under pressure: many ask at once, strangers write at length, and callers leave in the middle.
//! None of that opens a door, keeps others out, or switches a rule off.

use std::sync::Arc;
use std::time::Duration;

use chatelaine::plugins::{
    NewPlugin, PluginChange, PriceVerdict, RegistrationVerdict, ReplyVerdict,
};
use serde_json::{Value, json};

use crate::plugins::{PLUGINS, registration, until};
use crate::plugins_asked::{Admin, Room, applying, pricing, replying};
use crate::plugins_server::SlowServer;
use crate::support::{Answer, House, Options, Person, text};

const REPLY: &str = "reply_before_start";

/// A plugin that may speak to a server, turned on.
pub(crate) async fn asking(ada: &Person, name: &str, hook: &str, source: &str, host: &str) {
    let manifest =
        format!("name = \"{name}\"\nversion = \"1\"\nhooks = [\"{hook}\"]\nhosts = [\"{host}\"]\n");
    let new = json!({"name": name, "manifest": manifest, "source": source});
    ada.post(PLUGINS, new).await.ok(201);
    let on = json!({"enabled": true, "confirmed_hosts": [host]});
    let path = format!("{PLUGINS}/{name}");
    ada.patch(&path, on).await.ok(200);
}

fn words(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": text}]})
}

async fn complete(person: &Person) -> Answer {
    person.post("/v1/chat/completions", words("x")).await
}

#[tokio::test]
async fn whoever_floods_a_rule_gets_nothing_through_and_keeps_nobody_out() {
    let options = Options::default().with("CHATELAINE_PLUGINS__DEADLINE_MS", "2000");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    let (bob, carol) = (
        house.add_user(&ada, "bob").await,
        house.add_user(&ada, "carol").await,
    );
    let server = SlowServer::taking(Duration::from_millis(500)).await;
    let source = format!(
        "fn {REPLY}(user, conversation, request) {{ http_get(\"http://{}/\"); refuse(\"no\") }}",
        server.address
    );
    asking(&ada, "slow", REPLY, &source, &server.address).await;
    let flood = futures_util::future::join_all((0..40).map(|_| complete(&bob)));
    let other = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        complete(&carol).await
    };
    let (flooded, other) = tokio::join!(flood, other);
    assert_eq!(
        other.status, 403,
        "others are asked about too: {}",
        other.text
    );
    let mut busy = 0;
    for answer in flooded {
        match answer.status {
            403 => {}
            503 => {
                busy += 1;
                assert!(!answer.header("retry-after").is_empty(), "{}", answer.text);
            }
            _ => panic!("{} came through: {}", answer.status, answer.text),
        }
    }
    assert!(busy > 0, "forty cannot all be asked about at once");
    let shown = ada.get(&format!("{PLUGINS}/slow")).await.ok(200);
    assert_eq!(shown["plugin"]["state"], "on", "it is not to blame");
    let chat = json!({"content": "x"});
    bob.post("/api/v1/chat", chat)
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn who_leaves_while_a_rule_is_asked_is_counted_and_ends_nothing() {
    let options = Options::default().with("CHATELAINE_PLUGINS__DEADLINE_MS", "1000");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    let change = json!({"registration": {"mode": "open"}});
    ada.patch("/api/v1/admin/settings", change).await.ok(200);
    let server = SlowServer::start(Duration::ZERO, |_| None).await;
    let source = registration(&format!(
        "http_get(\"http://{}/\"); allow()",
        server.address
    ));
    asking(
        &ada,
        "hangs",
        "registration_before_accept",
        &source,
        &server.address,
    )
    .await;
    let path = format!("{PLUGINS}/hangs");
    for turn in 1..=3 {
        let body = json!({"username": format!("bob{turn}"), "password": crate::support::PASSWORD});
        let stranger = house.stranger();
        let request = stranger.request(reqwest::Method::POST, "/api/v1/auth/register");
        let leaving = request
            .json(&body)
            .timeout(Duration::from_millis(300))
            .send();
        assert!(leaving.await.is_err(), "it left");
        until("the call has its end", async || {
            let shown = ada.get(&path).await.ok(200);
            shown["plugin"]["failures"] == turn || shown["plugin"]["state"] == "switched_off"
        })
        .await;
    }
    let log = ada.get(&format!("{path}/log")).await.ok(200);
    let items = log["items"].as_array().expect("a list").iter();
    let failed: Vec<_> = items.filter(|item| item["outcome"] == "failed").collect();
    assert_eq!(failed.len(), 3, "{log}");
}

#[tokio::test]
async fn a_price_that_hangs_is_ended_logged_and_switched_off_whatever_the_deadline() {
    let options = Options::default().with("CHATELAINE_PLUGINS__DEADLINE_MS", "2500");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    let server = SlowServer::start(Duration::ZERO, |_| None).await;
    let source = format!(
        "fn message_price(user, model, usage) {{ http_get(\"http://{}/\"); 1 }}",
        server.address
    );
    asking(&ada, "hangs", "message_price", &source, &server.address).await;
    let rules = json!({"allowance": {"enabled": true, "price": {"kind": "policy"}}});
    ada.patch("/api/v1/admin/settings", rules).await.ok(200);
    for _ in 0..2 {
        assert_eq!(ada.chat("Hello").await["reply"]["cost"], 100);
    }
    until("it is switched off", async || {
        let shown = ada.get(&format!("{PLUGINS}/hangs")).await.ok(200);
        shown["plugin"]["state"] == "switched_off"
    })
    .await;
    let log = ada.get(&format!("{PLUGINS}/hangs/log")).await.ok(200);
    assert!(
        !text(&log, "/items/1/error").is_empty(),
        "each has its line: {log}"
    );
}

/// The same as `asking`, of several hooks, in a room of this process.
async fn add(room: &Room, name: &str, hooks: &[&str], body: &str, server: &SlowServer) {
    let host = &server.address;
    let manifest =
        format!("name = \"{name}\"\nversion = \"1\"\nhooks = {hooks:?}\nhosts = [\"{host}\"]\n");
    let function = |hook: &&str| {
        let body = format!("http_get(\"http://{host}/\"); {body}");
        match *hook {
            REPLY => format!("fn {REPLY}(user, conversation, request) {{ {body} }}\n"),
            "message_price" => format!("fn message_price(user, model, usage) {{ {body} }}\n"),
            _ => registration(&body),
        }
    };
    let new = NewPlugin {
        name: name.into(),
        manifest: Some(manifest),
        source: hooks.iter().map(function).collect(),
    };
    room.plugins.create(&Admin, new).await.expect("a plugin");
    let on = PluginChange {
        enabled: Some(true),
        confirmed_hosts: Some(vec![host.clone()]),
        ..PluginChange::default()
    };
    room.plugins.change(&Admin, name, on).await.expect("on");
}

#[tokio::test]
async fn who_keeps_the_rules_busy_does_not_get_another_price() {
    let room = Room::open_with(Duration::from_secs(2)).await;
    let server = SlowServer::taking(Duration::from_millis(300)).await;
    add(&room, "dear", &["message_price"], "9", &server).await;
    let question = pricing();
    let asked = (0..20).map(|_| room.plugins.message_price(&question));
    let said = futures_util::future::join_all(asked).await;
    let is = |wanted: PriceVerdict| said.iter().filter(|it| **it == wanted).count();
    assert!(
        is(PriceVerdict::Busy) > 0 && is(PriceVerdict::Tokens(9)) > 0,
        "{said:?}"
    );
    assert_eq!(is(PriceVerdict::House), 0, "{said:?}");
    room.close().await;
}

#[tokio::test]
async fn strangers_from_many_networks_keep_out_nobody_who_is_signed_in() {
    let room = Room::open_with(Duration::from_secs(2)).await;
    let server = SlowServer::taking(Duration::from_millis(300)).await;
    let hooks = ["registration_before_accept", REPLY];
    add(&room, "both", &hooks, "allow()", &server).await;
    let strangers = (0..200).map(|number| {
        let mut question = applying();
        question.network = format!("192.0.2.{number}");
        let plugins = Arc::clone(&room.plugins);
        async move { plugins.registration_before_accept(&question).await }
    });
    let strangers = futures_util::future::join_all(strangers);
    let person = async {
        until("strangers are asked about", async || {
            !server.asked().is_empty()
        })
        .await;
        room.plugins.reply_before_start(&replying()).await
    };
    let (strangers, person) = tokio::join!(strangers, person);
    assert_eq!(person, ReplyVerdict::Allowed(Default::default()));
    let busy = strangers
        .iter()
        .filter(|it| **it == RegistrationVerdict::Busy);
    assert!(busy.count() > 100, "two hundred are too many");
    room.close().await;
}

#[tokio::test]
async fn plugins_that_use_up_the_time_leave_to_the_last_what_its_manifest_says() {
    let hook = "registration_before_accept";
    let hangs = registration("loop { let text = \"\"; text.pad(1000000, 'x'); }");
    for (last, is_let_in) in [("allow", true), ("refuse", false)] {
        let room = Room::open().await;
        for name in ["a", "b", "c", "d", "e"] {
            room.add(name, hook, hangs.clone(), "on_failure = \"allow\"")
                .await;
        }
        let more = format!("on_failure = \"{last}\"");
        room.add("last", hook, registration("allow()"), &more).await;
        let verdict = room.register().await;
        match verdict {
            RegistrationVerdict::Allowed(_) => assert!(is_let_in),
            RegistrationVerdict::Refused { plugin, .. } => {
                assert!(!is_let_in && plugin == "last");
            }
            RegistrationVerdict::Busy => panic!("nobody else asked"),
        }
        let entry = room.log("last").await.remove(0);
        assert!(entry.error.is_some_and(|it| it.contains("not asked")));
        let details = room.plugins.get(&Admin, "last").await.expect("a plugin");
        assert_eq!(details.summary.failures, 0, "it is not to blame");
        room.close().await;
    }
}

#[tokio::test]
async fn a_plugin_that_is_turned_off_or_deleted_meanwhile_is_asked_no_more() {
    let room = Room::open_with(Duration::from_secs(10)).await;
    let server = SlowServer::taking(Duration::from_secs(4)).await;
    let hook = "registration_before_accept";
    add(&room, "a", &[hook], "allow()", &server).await;
    room.guard("off", "refuse(\"off\")").await;
    room.guard("thrown", "refuse(\"thrown\")").await;
    let changing = async {
        until("the first is asked", async || !server.asked().is_empty()).await;
        let off = PluginChange {
            enabled: Some(false),
            ..PluginChange::default()
        };
        room.plugins.change(&Admin, "off", off).await.expect("off");
        let thrown = room.plugins.delete(&Admin, "thrown").await;
        thrown.expect("it can be deleted");
    };
    let (verdict, ()) = tokio::join!(room.register(), changing);
    assert_eq!(verdict, RegistrationVerdict::Allowed(Default::default()));
    room.close().await;
}
