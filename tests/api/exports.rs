//! Taking one's own data along: all of it, nobody else's, and no secret. Scripts get it as a session
//! does, never as an API key.

use serde_json::json;

use super::groups::{new_group, put_in};
use super::tokens::charge;
use crate::support::{House, text};

const PATH: &str = "/api/v1/users/me/export";

#[tokio::test]
async fn an_export_has_everything_of_one_and_nothing_of_others() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    ada.chat("A secret of Ada's").await;
    let empty = bob.get(PATH).await.ok(200);
    assert_eq!(empty["conversations"], json!([]));
    assert_eq!(empty["token_entries"], json!([]));
    charge(&ada, json!({"start": 10_000})).await;
    let pupils = new_group(&ada, "pupils", json!([])).await;
    put_in(&ada, "bob", &[&pupils]).await;
    let ask = json!({"reason": "Ada is on holiday"});
    bob.post("/api/v1/auth/admin-request", ask).await.ok(202);
    for number in 0..45 {
        bob.chat(&format!("Message {number} of Bob's")).await;
    }
    let list = bob.get("/api/v1/conversations").await.ok(200);
    let first = format!("/api/v1/conversations/{}", text(&list, "/items/0/id"));
    bob.patch(&first, json!({"archived": true})).await.ok(200);
    let key = json!({"name": "script", "scopes": ["chat", "read"]});
    let key = bob.post("/api/v1/users/me/api-keys", key).await.ok(201);

    let export = bob.get(PATH).await;
    let whole = export.ok(200);
    assert_eq!(whole["user"]["username"], "bob");
    assert_eq!(whole["api_keys"][0]["name"], "script");
    let conversations = whole["conversations"].as_array().expect("a list");
    assert_eq!(conversations.len(), 45);
    assert_eq!(whole["groups"], json!(["pupils"]));
    assert_eq!(whole["requests"][0]["reason"], "Ada is on holiday");
    assert_eq!(whole["notices"], json!([]));
    assert_eq!(whole["allowance"]["balance"], 5500);
    let entries = whole["token_entries"].as_array().expect("a list");
    assert_eq!(entries.len(), 46, "what it began with and each message");
    let text_of = whole.to_string();
    for number in 0..45 {
        assert!(text_of.contains(&format!("Message {number} of Bob's")));
    }
    assert!(!text_of.contains("Ada's"));
    assert!(!text_of.contains(text(&key, "/secret")) && !text_of.contains("argon2"));
    let program = house.stranger().with_token(text(&key, "/secret"));
    program.get(PATH).await.refused(403, "forbidden");
}
