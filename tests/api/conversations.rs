//! One's conversations: making, listing in pages, renaming, pinning, archiving, deleting, titles.
//! What is said in them is tested in `messages.rs`.

use serde_json::{Value, json};

use crate::support::{ENDLESS, House, Person, SLOW, text};

const PATH: &str = "/api/v1/conversations";

async fn create(person: &Person, title: &str) -> String {
    let made = person.post(PATH, json!({"title": title})).await.ok(201);
    assert_eq!(made["title"], title);
    text(&made, "/id").to_owned()
}

async fn titles(person: &Person, query: &str) -> Vec<String> {
    let page = person.get(&format!("{PATH}{query}")).await.ok(200);
    let items = page["items"].as_array().expect("a list").iter();
    items.map(|item| text(item, "/title").to_owned()).collect()
}

#[tokio::test]
async fn a_new_conversation_is_empty_and_ones_own() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let made = ada.post(PATH, json!({})).await.ok(201);
    assert_eq!(
        (&made["pinned"], &made["archived"]),
        (&json!(false), &json!(false))
    );
    for absent in ["model", "head_id", "running_reply_id"] {
        assert!(
            made.get(absent).is_none(),
            "{absent} has no value yet: {made}"
        );
    }
    let id = text(&made, "/id");
    assert_eq!(ada.get(&format!("{PATH}/{id}")).await.ok(200), made);
    let messages = ada.get(&format!("{PATH}/{id}/messages")).await.ok(200);
    assert_eq!(messages, json!({"items": []}));
}

#[tokio::test]
async fn pinned_come_first_then_the_latest() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let first = create(&ada, "first").await;
    let second = create(&ada, "second").await;
    create(&ada, "third").await;
    assert_eq!(titles(&ada, "").await, ["third", "second", "first"]);

    let pinned = ada
        .patch(&format!("{PATH}/{first}"), json!({"pinned": true}))
        .await
        .ok(200);
    assert_eq!(pinned["pinned"], true);
    assert_eq!(titles(&ada, "").await, ["first", "third", "second"]);
    ada.post(
        &format!("{PATH}/{second}/messages"),
        json!({"content": "Hello"}),
    )
    .await
    .ok(200);
    let list = titles(&ada, "").await;
    assert_eq!((list[0].as_str(), list.len()), ("first", 3));
    assert_eq!(list[2], "third", "what was last said in comes before");
}

#[tokio::test]
async fn archived_ones_are_a_list_of_their_own() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let id = create(&ada, "old").await;
    create(&ada, "new").await;
    ada.patch(&format!("{PATH}/{id}"), json!({"archived": true}))
        .await
        .ok(200);
    assert_eq!(titles(&ada, "").await, ["new"]);
    assert_eq!(titles(&ada, "?archived=false").await, ["new"]);
    assert_eq!(titles(&ada, "?archived=true").await, ["old"]);
    ada.patch(&format!("{PATH}/{id}"), json!({"archived": false}))
        .await
        .ok(200);
    assert_eq!(titles(&ada, "?archived=true").await, Vec::<String>::new());
}

#[tokio::test]
async fn pages_give_every_conversation_once() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for index in 0..7 {
        create(&ada, &format!("number {index}")).await;
    }
    let mut seen = Vec::new();
    let mut query = "?limit=3".to_owned();
    loop {
        let page = ada.get(&format!("{PATH}{query}")).await.ok(200);
        let items = page["items"].as_array().expect("a list");
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(|item| item["title"].clone()));
        match page.get("next_cursor") {
            Some(cursor) => {
                query = format!("?limit=3&cursor={}", cursor.as_str().expect("a cursor"))
            }
            None => break,
        }
    }
    let all: Vec<Value> = (0..7)
        .rev()
        .map(|index| json!(format!("number {index}")))
        .collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn a_cursor_and_a_limit_are_checked() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    create(&bob, "one").await;
    create(&bob, "two").await;
    let page = bob.get(&format!("{PATH}?limit=1")).await.ok(200);
    let cursor = text(&page, "/next_cursor");
    let foreign = format!("?cursor={cursor}");
    for query in [
        "?limit=0",
        "?limit=101",
        "?limit=-1",
        "?limit=x",
        "?cursor=x",
        "?cursor=",
        "?cursor=%00",
        &foreign,
    ] {
        ada.get(&format!("{PATH}{query}"))
            .await
            .refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_conversation_can_be_renamed_and_keeps_that_name() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let id = create(&ada, "draft").await;
    let path = format!("{PATH}/{id}");
    let renamed = ada
        .patch(&path, json!({"title": "Keys and locks"}))
        .await
        .ok(200);
    assert_eq!(renamed["title"], "Keys and locks");
    let mut events = ada
        .stream(&format!("{path}/messages"), json!({"content": "Hello"}))
        .await;
    events.rest().await;
    assert_eq!(ada.get(&path).await.ok(200)["title"], "Keys and locks");
    for title in ["", "   ", &"x".repeat(1000)] {
        ada.patch(&path, json!({"title": title}))
            .await
            .refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn the_first_exchange_gives_a_title() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut events = ada.chat_stream("Hello").await;
    let events = events.rest().await;
    let title = events
        .iter()
        .find(|event| event.name == "title")
        .expect("a title comes");
    let conversation = &title.data["conversation"];
    let title = text(conversation, "/title");
    assert!(!title.trim().is_empty());
    let id = text(conversation, "/id");
    assert_eq!(
        ada.get(&format!("{PATH}/{id}")).await.ok(200)["title"],
        title
    );
}

#[tokio::test]
async fn a_first_reply_that_was_stopped_costs_no_title() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut events = ada.chat_stream(ENDLESS).await;
    let started = events.deltas(1).await.remove(0);
    let reply = started.reply_id();
    ada.post(&format!("/api/v1/replies/{reply}/stop"), json!(null))
        .await
        .ok(200);
    let path = format!("/api/v1/messages/{reply}/regenerate");
    let cut = json!({"settings": {"max_tokens": 2}});
    let again = ada.stream(&path, cut).await.rest().await;
    assert!(again.iter().any(|event| event.name == "title"));
}

#[tokio::test]
async fn the_first_words_are_the_title_until_there_is_better() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let content =
        format!("{SLOW} about the keys of this old house and all the doors that they open");
    let mut events = ada.chat_stream(&content).await;
    let started = events.next().await.expect("an event");
    let title = text(&started.data, "/conversation/title").to_owned();
    let words = title.trim_end_matches('…');
    assert!(
        !words.is_empty() && content.starts_with(words) && title.chars().count() <= 61,
        "{title:?}"
    );
}

#[tokio::test]
async fn a_deleted_conversation_is_gone_with_everything_in_it() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let exchange = ada
        .post(
            "/api/v1/chat",
            json!({"content": "Hello", "client_id": "one"}),
        )
        .await
        .ok(200);
    let id = text(&exchange, "/conversation/id");
    let reply = text(&exchange, "/reply/id");
    ada.delete(&format!("{PATH}/{id}")).await.ok(204);
    let gone = [
        format!("{PATH}/{id}"),
        format!("{PATH}/{id}/messages"),
        format!("/api/v1/replies/{reply}/events"),
    ];
    for path in &gone {
        ada.get(path).await.refused(404, "not_found");
    }
    ada.delete(&format!("{PATH}/{id}"))
        .await
        .refused(404, "not_found");
    ada.post(&format!("/api/v1/messages/{reply}/regenerate"), json!({}))
        .await
        .refused(404, "not_found");
    assert_eq!(titles(&ada, "").await, Vec::<String>::new());

    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    ada.get(&gone[0]).await.refused(404, "not_found");
}

#[tokio::test]
async fn deleting_a_conversation_in_mid_reply_ends_the_reply() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut events = ada.chat_stream(ENDLESS).await;
    let started = events.next().await.expect("an event");
    let id = text(&started.data, "/conversation/id");
    events.deltas(3).await;
    ada.delete(&format!("{PATH}/{id}")).await.ok(204);
    events.rest().await;
    assert_eq!(
        ada.get("/api/v1/replies").await.ok(200),
        json!({"items": []})
    );
    ada.get(&format!("{PATH}/{id}"))
        .await
        .refused(404, "not_found");
}

/// The demo model is in the binary, so this needs llama.cpp and nothing else.
#[cfg(feature = "llama")]
#[tokio::test]
async fn what_was_computed_of_a_deleted_conversation_leaves_the_disk() {
    use std::time::{Duration, Instant};

    let mut house = House::start_with(crate::support::Options::default().without_script()).await;
    let ada = house.set_up().await;
    let leo = house.add_user(&ada, "leo").await;
    let folder = house.data().join("kv");
    let saved = || {
        let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let paths = files.map(|file| file.path());
        paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "kv"))
            .count()
    };
    let becomes = async |wanted: &dyn Fn(usize) -> bool| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !wanted(saved()) {
            assert!(Instant::now() < deadline, "{} files", saved());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let long = "Tell me about the keys of the house. ".repeat(12);
    let reply = ada.chat(&long).await;
    becomes(&|files| files > 0).await;
    let id = text(&reply, "/conversation/id");
    ada.delete(&format!("{PATH}/{id}")).await.ok(204);
    becomes(&|files| files == 0).await;

    // Also where no model is in memory.
    leo.chat(&long).await;
    becomes(&|files| files > 0).await;
    let people = ada.get("/api/v1/admin/users?q=leo").await.ok(200);
    assert!(house.stop().await.success());
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    assert!(saved() > 0);
    let id = text(&people, "/items/0/user/id");
    ada.delete(&format!("/api/v1/admin/users/{id}"))
        .await
        .ok(204);
    becomes(&|files| files == 0).await;
}
