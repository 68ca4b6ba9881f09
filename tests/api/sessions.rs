//! Where one is signed in: listed, and ended one by one or all together. Everything that is open in a
//! session ends with it; a reply that is being written does not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{ENDLESS, Events, House, PASSWORD, Person, text};

const PATH: &str = "/api/v1/users/me/sessions";

async fn sign_in(house: &House, name: &str) -> Person {
    let body = json!({"login": name, "password": PASSWORD});
    let answer = house.stranger().post("/api/v1/auth/login", body).await;
    let person = house.stranger().signed_in(&answer);
    answer.ok(200);
    person
}

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| text(item, "/id").to_owned())
        .collect()
}

/// Reads on until the stream ends; fails when it goes on for long.
async fn ends_soon(mut stream: Events) -> Duration {
    let begun = Instant::now();
    let end = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(10), end)
        .await
        .expect("the stream ends");
    begun.elapsed()
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all_others() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let (phone, laptop) = (sign_in(&house, "ada").await, sign_in(&house, "ada").await);
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(ids(&list).len(), 3);
    let current: Vec<&Value> = list["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|item| item["current"] == true)
        .collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["address"], "127.0.0.1");

    let of_phone = phone.get(PATH).await.ok(200);
    let id = of_phone["items"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|item| item["current"] == true)
        .map(|item| text(item, "/id").to_owned())
        .expect("the phone's");
    ada.delete(&format!("{PATH}/{id}")).await.ok(204);
    phone.get(PATH).await.refused(401, "unauthenticated");
    ada.delete(&format!("{PATH}/{id}"))
        .await
        .refused(404, "not_found");

    laptop.get(PATH).await.ok(200);
    ada.delete(PATH).await.ok(204);
    laptop.get(PATH).await.refused(401, "unauthenticated");
    assert_eq!(ids(&ada.get(PATH).await.ok(200)).len(), 1);
}

#[tokio::test]
async fn anothers_session_is_not_found() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let hers = ids(&ada.get(PATH).await.ok(200)).remove(0);
    bob.delete(&format!("{PATH}/{hers}"))
        .await
        .refused(404, "not_found");
    ada.get(PATH).await.ok(200);
}

#[tokio::test]
async fn what_is_open_ends_with_the_session_and_the_reply_goes_on() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let phone = sign_in(&house, "ada").await;
    let mut watched = phone.chat_stream(ENDLESS).await;
    watched.next().await.expect("an event");
    let mut mine = ada.get("/api/v1/replies").await.ok(200);
    let reply = text(&mine, "/items/0/id").to_owned();
    ada.delete(PATH).await.ok(204);
    let took = ends_soon(watched).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    mine = ada.get("/api/v1/replies").await.ok(200);
    assert_eq!(
        text(&mine, "/items/0/id"),
        reply,
        "it is still being written"
    );
}

#[tokio::test]
async fn what_is_open_ends_when_the_password_changes_and_when_a_key_is_ended() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let phone = sign_in(&house, "ada").await;
    let body = json!({"name": "script", "scopes": ["chat"]});
    let key = ada.post("/api/v1/users/me/api-keys", body).await.ok(201);
    let program = house.stranger().with_token(text(&key, "/secret"));

    let mut of_phone = phone.chat_stream(ENDLESS).await;
    let mut of_program = program.chat_stream(ENDLESS).await;
    of_phone.next().await.expect("an event");
    of_program.next().await.expect("an event");

    let path = format!("/api/v1/users/me/api-keys/{}", text(&key, "/key/id"));
    ada.delete(&path).await.ok(204);
    let took = ends_soon(of_program).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    of_phone
        .next()
        .await
        .expect("that of another credential goes on");

    let change = json!({"current_password": PASSWORD, "new_password": "quite another sentence"});
    ada.post("/api/v1/users/me/password", change).await.ok(204);
    let took = ends_soon(of_phone).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test]
async fn with_one_session_too_many_the_one_ends_that_was_not_used_for_longest() {
    let name = "CHATELAINE_LIMITS__ANONYMOUS_REQUESTS_PER_MINUTE";
    let options = crate::support::Options::default().with(name, "0");
    let house = House::start_with(options).await;
    let first = house.set_up().await;
    let login = json!({"login": "ada", "password": PASSWORD});
    let mut second = None;
    for _ in 0..100 {
        let answer = house
            .stranger()
            .post("/api/v1/auth/login", login.clone())
            .await;
        let person = house.stranger().signed_in(&answer);
        answer.ok(200);
        second.get_or_insert(person);
    }
    let me = "/api/v1/auth/me";
    first.get(me).await.refused(401, "unauthenticated");
    let second = second.expect("somebody");
    second.get(me).await.ok(200);
    let list = second.get("/api/v1/users/me/sessions").await.ok(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(100));
}
