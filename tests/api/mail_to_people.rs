//! What people are told by mail: in their language, with the end of a link, and what they were given.
//! The server is real; see `support/smtp.rs`. How mails get there is tested with the queue.

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
    let Some(mut smtp) = Smtp::start(json!({})).await else {
        return;
    };
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
    let Some(mut smtp) = Smtp::start(json!({})).await else {
        return;
    };
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
