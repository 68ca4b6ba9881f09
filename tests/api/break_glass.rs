//! Administrators do not read conversations. Where the house lets them open some, it is written down
//! and the owner is told, whatever they looked at.

use serde_json::json;

use crate::support::{House, text};

#[tokio::test]
async fn what_is_opened_is_written_down_and_told() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let said = bob.chat("A secret of Bob's").await;
    let id = text(&bob.get("/api/v1/auth/me").await.ok(200), "/user/id").to_owned();
    let list = format!("/api/v1/admin/users/{id}/conversations");
    let messages = format!(
        "/api/v1/admin/conversations/{}/messages",
        text(&said, "/conversation/id")
    );
    let why = json!({"reason": "he is missing since Monday"});
    for path in [&list, &messages] {
        ada.post(path, why.clone()).await.refused(403, "forbidden");
    }
    // Not even whether there is such a one is told.
    let none = "0".repeat(32);
    for path in [
        format!("/api/v1/admin/users/{none}/conversations"),
        format!("/api/v1/admin/conversations/{none}/messages"),
    ] {
        ada.post(&path, why.clone()).await.refused(403, "forbidden");
    }
    let me = bob.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me["notices"], json!([]));

    let allow = json!({"privacy": {"break_glass": true}});
    ada.patch("/api/v1/admin/settings", allow).await.ok(200);
    let silent = json!({"reason": " "});
    ada.post(&list, silent)
        .await
        .refused(400, "invalid_request");
    bob.post(&messages, why.clone())
        .await
        .refused(403, "forbidden");
    let opened = ada.post(&list, why.clone()).await.ok(200);
    assert_eq!(opened["items"][0]["id"], said["conversation"]["id"]);
    let opened = ada.post(&messages, why.clone()).await.ok(200);
    assert_eq!(opened["items"][0]["content"], "A secret of Bob's");

    let log = ada.get("/api/v1/admin/audit?limit=2").await.ok(200);
    for entry in log["items"].as_array().expect("a list") {
        assert_eq!(entry["action"], "conversations.opened");
        assert_eq!(entry["subject"], "bob");
        assert_eq!(entry["details"]["reason"], why["reason"]);
    }
    assert!(!log.to_string().contains("secret"));
    let me = bob.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me["notices"][1]["by"], "ada");
    assert_eq!(me["notices"][1]["reason"], why["reason"]);
    assert_eq!(me["notices"][0].get("title"), None);
    let title = bob.get("/api/v1/conversations").await.ok(200)["items"][0]["title"].clone();
    assert_eq!(me["notices"][1]["title"], title);
    let notice = format!("/api/v1/users/me/notices/{}", text(&me, "/notices/0/id"));
    ada.delete(&notice).await.refused(404, "not_found");
    bob.delete(&notice).await.ok(204);
    let me = bob.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me["notices"].as_array().map(Vec::len), Some(1));
}
