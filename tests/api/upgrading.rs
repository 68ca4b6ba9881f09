//! A data folder of the first version there was is opened by this one, and nothing in it is lost.
//! What it holds is told in `tests/fixtures/README.md`.

use serde_json::{Value, json};

use crate::support::{House, Options, PASSWORD, Person, text};

async fn sign_in(house: &House, login: &str) -> Person {
    let body = json!({"login": login, "password": PASSWORD});
    let answer = house.stranger().post("/api/v1/auth/login", body).await;
    let person = house.stranger().signed_in(&answer);
    answer.ok(200);
    person
}

async fn only_conversation(person: &Person, title: &str) -> (String, Vec<Value>) {
    let list = person.get("/api/v1/conversations").await.ok(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["items"][0]["title"], title);
    let id = text(&list, "/items/0/id").to_owned();
    let path = format!("/api/v1/conversations/{id}/messages?all=true");
    let messages = person.get(&path).await.ok(200);
    let messages = messages["items"].as_array().expect("a list").clone();
    (id, messages)
}

#[tokio::test]
async fn people_conversations_and_settings_of_the_first_version_are_all_there() {
    let mut house = House::start_from("schema-1", Options::default()).await;
    let ada = sign_in(&house, "ada@example.org").await;
    let bob = sign_in(&house, "bob").await;
    let me = ada.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me["user"]["role"], "admin");
    let me = bob.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me["user"]["display_name"], "Bob B.");
    let settings = ada.get("/api/v1/admin/settings").await.ok(200);
    assert_eq!(settings["registration"]["mode"], "open");

    let (id, messages) = only_conversation(&ada, "Hello from long ago").await;
    assert_eq!(messages.len(), 5, "two things said, three replies");
    only_conversation(&bob, "Bob was here").await;
    let path = format!("/api/v1/conversations/{id}/messages");
    ada.post(&path, json!({"content": "And today"}))
        .await
        .ok(200);
    let reply = text(&messages[1], "/id");
    ada.post(&format!("/api/v1/messages/{reply}/regenerate"), json!({}))
        .await
        .ok(200);
    let group = json!({"name": "family"});
    ada.post("/api/v1/admin/groups", group).await.ok(201);
    let eve = json!({"username": "eve", "password": PASSWORD});
    house
        .stranger()
        .post("/api/v1/auth/register", eve)
        .await
        .ok(201);

    house.start_again().await;
    let ada = sign_in(&house, "ada").await;
    assert_eq!(
        only_conversation(&ada, "Hello from long ago").await.1.len(),
        8
    );
    assert_eq!(ada.get("/api/v1/admin/users").await.ok(200)["total"], 3);
}
