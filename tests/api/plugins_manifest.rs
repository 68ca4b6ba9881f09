//! What `plugin.toml` may not say, and what its settings may not hold together. Each is refused before
//! it is in force, and what was there goes on answering.

use serde_json::{Value, json};

use crate::plugins::{PLUGINS, reason, registration, text_of};
use crate::support::House;

const HOOK: &str = "registration_before_accept";

#[tokio::test]
async fn settings_that_are_too_much_together_are_refused_and_the_rule_goes_on() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let lists: String = (0..30)
        .map(|n| {
            format!("[[settings]]\nname = \"l{n}\"\ntype = \"list of strings\"\ndefault = []\n")
        })
        .collect();
    let manifest = format!("name = \"set\"\nversion = \"1\"\nhooks = [\"{HOOK}\"]\n{lists}");
    let source = registration("refuse(`${setting(\"l0\").len()}`)");
    let body = json!({"name": "set", "manifest": manifest, "source": source});
    ada.post(PLUGINS, body).await.ok(201);
    let path = format!("{PLUGINS}/set");
    let full: Vec<&str> = vec!["x"; 500];
    let all: Value = (0..30)
        .map(|n| (format!("l{n}"), json!(full)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let answer = ada.patch(&path, json!({"settings": all})).await;
    let error = answer.refused(400, "invalid_request");
    assert_eq!(error["details"]["field"], "settings");
    let run = json!({"hook": HOOK, "settings": all});
    ada.post(&format!("{path}/test"), run)
        .await
        .refused(400, "invalid_request");
    let some = json!({"settings": {"l0": full, "l1": full}});
    ada.patch(&path, some).await.ok(200);
    assert_eq!(reason(&ada, "set").await, "500");
    let defaults = manifest.replace("[]", &format!("{:?}", vec![""; 500]));
    let answer = ada.patch(&path, json!({"manifest": defaults})).await;
    answer.refused(400, "invalid_request");
}

#[tokio::test]
async fn a_price_cannot_be_refused_and_a_manifest_that_says_so_is_told_where() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let manifest = |hooks: &str| {
        format!("name = \"price\"\nversion = \"1\"\nhooks = [{hooks}]\non_failure = \"refuse\"\n")
    };
    let price = "fn message_price(user, model, usage) { 1 }";
    let body = json!({"name": "price", "manifest": manifest("\"message_price\""), "source": price});
    let error = ada
        .post(PLUGINS, body)
        .await
        .refused(400, "invalid_request");
    assert_eq!(error["details"]["line"], 4, "{error}");
    assert!(text_of(&error).contains("price"), "{error}");
    let both = format!("{price} {}", registration("allow()"));
    let hooks = format!("\"message_price\", \"{HOOK}\"");
    let body = json!({"name": "price", "manifest": manifest(&hooks), "source": both});
    ada.post(PLUGINS, body).await.ok(201);
}
