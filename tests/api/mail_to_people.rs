//! What people are told by mail: in their language, with the end of a link, what they were given, and
//! nothing once they are gone. The server is real; see `support/smtp.rs`. How mails get there is tested with the queue.

use serde_json::json;

use crate::support::{House, PASSWORD, Person, Smtp, text};

/// Gives her an e-mail that is proved, and the text of the mail that did.
async fn prove_email(house: &House, smtp: &mut Smtp, person: &Person) -> String {
    let change = json!({"email": "ada@house.example", "current_password": PASSWORD});
    person.patch("/api/v1/users/me", change).await.ok(200);
    let proof = smtp.next_mail().await;
    let link = smtp.link_in(&proof);
    let token = link.rsplit('=').next().expect("a token");
    let body = json!({"token": token});
    let path = "/api/v1/auth/verify-email";
    house.stranger().post(path, body).await.ok(200);
    proof.text
}

#[tokio::test]
async fn who_is_topped_up_is_told_and_a_new_address_hears_how_long_its_link_is_good() {
    let mut smtp = Smtp::start(json!({})).await;
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    let found = ada.get("/api/v1/admin/users").await.ok(200);
    let id = text(&found, "/items/0/user/id");
    let path = format!("/api/v1/admin/users/{id}/tokens");
    // Nobody hears of this one: there is no e-mail yet.
    ada.post(&path, json!({"amount": 5})).await.ok(200);
    let proof = prove_email(&house, &mut smtp, &ada).await;
    assert!(proof.contains("works once, until "), "{proof}");
    ada.post(&path, json!({"amount": -3})).await.ok(200);
    ada.post(&path, json!({"amount": 1234})).await.ok(200);
    let told = smtp.next_mail().await;
    assert_eq!(told.to, "ada@house.example");
    assert!(told.text.contains("1,234"), "{}", told.raw);
}

#[tokio::test]
async fn whoever_decides_is_written_to_in_their_language() {
    let mut smtp = Smtp::start(json!({})).await;
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    let mut settings = smtp.settings();
    settings["approver_address"] = "head@school.example".into();
    settings["approver_language"] = "de".into();
    let path = "/api/v1/admin/mail";
    let set = ada.put(path, settings.clone()).await.ok(200);
    assert_eq!(set["approver_language"], "de");
    let ask = "/api/v1/auth/admin-request";
    let bob = house.add_user(&ada, "bob").await;
    bob.post(ask, json!({})).await.ok(202);
    let asked = smtp.next_mail().await;
    assert_eq!(asked.to, "head@school.example");
    assert!(asked.text.contains("bittet um"), "{}", asked.raw);

    prove_email(&house, &mut smtp, &ada).await;
    settings["approver_address"] = "ada@house.example".into();
    ada.put(path, settings).await.ok(200);
    ada.patch("/api/v1/users/me", json!({"language": "en-GB"}))
        .await
        .ok(200);
    let carol = house.add_user(&ada, "carol").await;
    carol.post(ask, json!({})).await.ok(202);
    let asked = smtp.next_mail().await;
    assert!(asked.text.contains("asks for"), "her own: {}", asked.raw);
}

#[tokio::test]
async fn who_is_removed_leaves_no_mail_and_no_name_with_the_key() {
    let house = House::start().await;
    let ada = house.set_up().await;
    // Nobody is there to take a mail.
    let mail = json!({"server": "127.0.0.1", "port": 1, "security": "none", "from_address": "house@example.org"});
    ada.put("/api/v1/admin/mail", mail).await.ok(200);
    let open = json!({"registration": {"mode": "open"}});
    ada.patch("/api/v1/admin/settings", open).await.ok(200);
    let keys = "/api/v1/admin/keys";
    let generate = format!("{keys}/generate");
    let made = ada.post(&generate, json!({"count": 1})).await.ok(201);
    let body = json!({
        "username": "bob", "password": PASSWORD, "email": "Bob@school.example",
        "registration_key": text(&made, "/items/0/key"),
    });
    let answer = house.stranger().post("/api/v1/auth/register", body).await;
    answer.ok(201);
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    let path = format!("/api/v1/admin/users/{}", text(&found, "/items/0/user/id"));
    ada.patch(&path, json!({"disabled": true})).await.ok(200);
    let queue = "/api/v1/admin/mail/queue";
    let waiting = ada.get(queue).await.ok(200);
    assert_eq!(waiting["items"][0]["to"], "bob@school.example");
    let uses = format!("{keys}/{}/uses", text(&made, "/items/0/record/id"));
    assert_eq!(ada.get(&uses).await.ok(200)["items"][0]["username"], "bob");

    ada.delete(&path).await.ok(204);
    assert_eq!(ada.get(queue).await.ok(200)["items"], json!([]));
    assert_eq!(ada.get(&uses).await.ok(200)["items"], json!([]));
    let list = ada.get(keys).await.ok(200);
    assert_eq!(list["items"][0]["uses"], 1, "it is used up all the same");
}

#[tokio::test]
async fn who_registers_with_anothers_address_and_goes_takes_none_of_their_mails_along() {
    let house = House::start().await;
    let ada = house.set_up().await;
    // Nobody is there to take a mail.
    let mail = json!({
        "server": "127.0.0.1", "port": 1, "security": "none", "from_address": "house@example.org",
        "approver_address": "head@school.example",
    });
    ada.put("/api/v1/admin/mail", mail).await.ok(200);
    let open = json!({"registration": {"mode": "open"}});
    ada.patch("/api/v1/admin/settings", open).await.ok(200);
    let bob = house.add_user(&ada, "bob").await;
    let ask = "/api/v1/auth/admin-request";
    bob.post(ask, json!({})).await.ok(202);
    let body = json!({"username": "eve", "password": PASSWORD, "email": "head@school.example"});
    let answer = house.stranger().post("/api/v1/auth/register", body).await;
    let eve = house.stranger().signed_in(&answer);
    answer.ok(201);
    let password = json!({"password": PASSWORD});
    eve.post("/api/v1/users/me/delete", password).await.ok(204);
    let waiting = ada.get("/api/v1/admin/mail/queue").await.ok(200);
    assert_eq!(waiting["items"][0]["to"], "head@school.example");
    assert_eq!(waiting["items"][0]["kind"], "approval_requested");
}
