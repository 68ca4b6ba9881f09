//! Somebody else's thing is not found, whichever door one tries. A fix on one path and a hole on
//! its sibling is how this goes wrong, so every path with an id stands in one list here.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{AdapterFile, Answer, ENDLESS, House, Person, text};

/// What is Ada's: a conversation, something she said, a reply that is running. The job is nobody's:
/// those of administrators are tested with the resource.
struct Belongings {
    conversation: String,
    message: String,
    reply: String,
    job: String,
}

impl Belongings {
    async fn of(ada: &Person) -> Self {
        let mut stream = ada.chat_stream(ENDLESS).await;
        let started = stream.next().await.expect("an event").data;
        let id = |part: &str| started[part]["id"].as_str().expect("an id").to_owned();
        Self {
            conversation: id("conversation"),
            message: id("message"),
            reply: id("reply"),
            job: "0".repeat(32),
        }
    }

    /// Every operation that takes an id, with a body that would do.
    fn doors(&self) -> Vec<(Method, String, Value)> {
        let Self {
            conversation,
            message,
            reply,
            job,
        } = self;
        let chats = format!("/api/v1/conversations/{conversation}");
        let messages = "/api/v1/messages";
        let mut doors = doors_of_job(job);
        doors.extend([
            (Method::GET, chats.clone(), json!(null)),
            (Method::PATCH, chats.clone(), json!({"title": "mine"})),
            (Method::PATCH, chats.clone(), json!({"head_id": message})),
            (Method::DELETE, chats.clone(), json!(null)),
            (Method::GET, format!("{chats}/messages"), json!(null)),
            (
                Method::GET,
                format!("{chats}/messages?all=true"),
                json!(null),
            ),
            (
                Method::POST,
                format!("{chats}/messages"),
                json!({"content": "x"}),
            ),
            (
                Method::POST,
                format!("{chats}/messages"),
                json!({"content": "x", "stream": true}),
            ),
            (
                Method::POST,
                format!("{messages}/{reply}/regenerate"),
                json!({}),
            ),
            (
                Method::POST,
                format!("{messages}/{reply}/continue"),
                json!({}),
            ),
            (
                Method::POST,
                format!("{messages}/{message}/edit"),
                json!({"content": "x"}),
            ),
        ]);
        doors.extend(doors_of_reply(reply));
        doors.extend(doors_of_account(conversation));
        doors
    }
}

/// What is somebody's own and found among their own alone.
fn doors_of_account(id: &str) -> [(Method, String, Value); 3] {
    ["sessions", "api-keys", "notices"].map(|kind| {
        let path = format!("/api/v1/users/me/{kind}/{id}");
        (Method::DELETE, path, json!(null))
    })
}

fn doors_of_reply(reply: &str) -> [(Method, String, Value); 3] {
    let reply = format!("/api/v1/replies/{reply}");
    [
        (Method::GET, format!("{reply}/events"), json!(null)),
        (Method::POST, format!("{reply}/stop"), json!(null)),
        (Method::POST, format!("{reply}/answer"), json!(null)),
    ]
}

/// Every operation with an id that is for administrators, whoever's it is.
fn house_doors(id: &str) -> Vec<(Method, String, Value)> {
    let adapter = format!("/api/v1/admin/adapters/{id}");
    let source = format!("/api/v1/admin/remote-sources/{id}");
    let model = format!("/api/v1/admin/models/{id}");
    let user = format!("/api/v1/admin/users/{id}");
    let group = format!("/api/v1/admin/groups/{id}");
    let user_id = if id == "{id}" { "{user_id}" } else { id };
    let member = format!("{group}/members/{user_id}");
    let (user_tokens, group_tokens) = (format!("{user}/tokens"), format!("{group}/tokens"));
    let key = format!("/api/v1/admin/keys/{id}");
    let request = format!("/api/v1/admin/requests/{id}");
    let mail = format!("/api/v1/admin/mail/queue/{id}");
    let mut doors = plugin_doors(id);
    doors.extend([
        (Method::POST, format!("{mail}/retry"), json!(null)),
        (Method::DELETE, mail, json!(null)),
        (Method::GET, user.clone(), json!(null)),
        (Method::PATCH, user.clone(), json!({"role": "admin"})),
        (Method::DELETE, user.clone(), json!(null)),
        (Method::POST, format!("{user}/reset-link"), json!(null)),
        (
            Method::POST,
            format!("{user}/conversations"),
            json!({"reason": "x"}),
        ),
        (
            Method::POST,
            format!("/api/v1/admin/conversations/{id}/messages"),
            json!({"reason": "x"}),
        ),
        (Method::PATCH, group.clone(), json!({"name": "mine"})),
        (Method::DELETE, group, json!(null)),
        (Method::PUT, member.clone(), json!(null)),
        (Method::DELETE, member, json!(null)),
        (Method::GET, format!("{key}/uses"), json!(null)),
        (Method::DELETE, key, json!(null)),
        (Method::POST, format!("{request}/approve"), json!({})),
        (Method::POST, format!("{request}/reject"), json!({})),
        (Method::POST, format!("{request}/link"), json!(null)),
        (Method::GET, user_tokens.clone(), json!(null)),
        (Method::GET, format!("{user_tokens}/ledger"), json!(null)),
        (Method::POST, user_tokens, json!({"amount": 1})),
        (Method::GET, group_tokens.clone(), json!(null)),
        (Method::GET, format!("{group_tokens}/ledger"), json!(null)),
        (Method::POST, group_tokens.clone(), json!({"amount": 1})),
        (Method::PUT, group_tokens.clone(), json!({"amount": 1})),
        (Method::DELETE, group_tokens, json!(null)),
        (Method::GET, adapter.clone(), json!(null)),
        (Method::PATCH, adapter.clone(), json!({"name": "mine"})),
        (Method::DELETE, adapter, json!(null)),
        (Method::PATCH, source.clone(), json!({"name": "mine"})),
        (Method::DELETE, source.clone(), json!(null)),
        (Method::POST, format!("{source}/test"), json!(null)),
        (Method::DELETE, model.clone(), json!(null)),
        (Method::POST, format!("{model}/load"), json!(null)),
        (Method::POST, format!("{model}/unload"), json!(null)),
    ]);
    doors
}

fn plugin_doors(id: &str) -> Vec<(Method, String, Value)> {
    let plugin = match id {
        "{id}" => "/api/v1/admin/plugins/{name}".to_owned(),
        name => format!("/api/v1/admin/plugins/{name}"),
    };
    let test = json!({"hook": "message_price"});
    vec![
        (Method::GET, plugin.clone(), json!(null)),
        (Method::PATCH, plugin.clone(), json!({"enabled": false})),
        (Method::DELETE, plugin.clone(), json!(null)),
        (Method::POST, format!("{plugin}/test"), test),
        (
            Method::POST,
            format!("{plugin}/check"),
            json!({"source": "x"}),
        ),
        (Method::GET, format!("{plugin}/log"), json!(null)),
    ]
}

fn doors_of_job(id: &str) -> Vec<(Method, String, Value)> {
    let job = format!("/api/v1/jobs/{id}");
    vec![
        (Method::GET, job.clone(), json!(null)),
        (Method::GET, format!("{job}/events"), json!(null)),
        (Method::DELETE, job, json!(null)),
    ]
}

/// "{id}" in an address of the document stands for any of them.
#[tokio::test]
async fn every_address_with_an_id_is_among_the_doors() {
    let any = || "{id}".to_owned();
    let everybodys = Belongings {
        conversation: any(),
        message: any(),
        reply: any(),
        job: any(),
    };
    let known: BTreeSet<_> = everybodys
        .doors()
        .into_iter()
        .chain(house_doors("{id}"))
        .map(|(method, path, _)| {
            let path = path.split('?').next().expect("a path");
            let path = path.strip_prefix("/api/v1").expect("our own path");
            (path.to_owned(), method.as_str().to_lowercase())
        })
        .collect();
    let house = House::start().await;
    let document = house.stranger().get("/api/v1/openapi.json").await.ok(200);
    for (path, operations) in document["paths"].as_object().expect("paths") {
        // What a mailed link opens has a secret in its address, and no owner.
        if path.contains("{token}") {
            continue;
        }
        for method in operations.as_object().expect("operations").keys() {
            let door = (path.clone(), method.clone());
            assert!(!path.contains('{') || known.contains(&door), "{door:?}");
        }
    }
}

async fn knock(person: &Person, method: &Method, path: &str, body: &Value) -> Answer {
    let request = person.request(method.clone(), path);
    Answer::of(if body.is_null() {
        request
    } else {
        request.json(body)
    })
    .await
}

#[tokio::test]
async fn a_user_cannot_reach_anothers_things_through_any_door() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let hers = Belongings::of(&ada).await;
    let path = format!("/api/v1/conversations/{}/messages", hers.conversation);
    let before = ada.get(&format!("{path}?all=true")).await.ok(200);

    for (method, path, body) in hers.doors() {
        knock(&bob, &method, &path, &body)
            .await
            .refused(404, "not_found");
    }
    assert_eq!(
        bob.get("/api/v1/conversations").await.ok(200)["items"],
        json!([])
    );
    let after = ada.get(&format!("{path}?all=true")).await.ok(200);
    let count = |list: &Value| list["items"].as_array().expect("a list").len();
    assert_eq!(count(&after), count(&before));
    assert_eq!(
        after["items"][1]["status"], "running",
        "he did not stop it either"
    );
}

#[tokio::test]
async fn a_user_is_kept_from_what_is_the_houses_whether_it_is_there_or_not() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let file = AdapterFile::default().bytes();
    ada.upload_adapter("scripted", file).await.ok(201);
    for id in ["pirate", "nothing"] {
        for (method, path, body) in house_doors(id) {
            knock(&bob, &method, &path, &body)
                .await
                .refused(403, "forbidden");
            knock(&house.stranger(), &method, &path, &body)
                .await
                .refused(401, "unauthenticated");
        }
    }
    bob.get("/api/v1/admin/adapters")
        .await
        .refused(403, "forbidden");
    ada.get("/api/v1/admin/adapters/pirate").await.ok(200);
}

#[tokio::test]
async fn an_administrator_cannot_read_a_users_conversations() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    for (method, path, body) in Belongings::of(&bob).await.doors() {
        knock(&ada, &method, &path, &body)
            .await
            .refused(404, "not_found");
    }
}

#[tokio::test]
async fn without_credentials_no_door_opens() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for (method, path, body) in Belongings::of(&ada).await.doors() {
        knock(&house.stranger(), &method, &path, &body)
            .await
            .refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_not_found() {
    let house = House::start().await;
    let ada = house.set_up().await;
    // Where it is off, nobody is told what there is.
    let allow = json!({"privacy": {"break_glass": true}});
    ada.patch("/api/v1/admin/settings", allow).await.ok(200);
    let unknown = "0".repeat(32);
    for id in [
        "x",
        "..",
        "%00",
        "%2e%2e%2fetc",
        "-1",
        &unknown,
        &"f".repeat(4000),
    ] {
        let nowhere = Belongings {
            conversation: id.to_owned(),
            message: id.to_owned(),
            reply: id.to_owned(),
            job: id.to_owned(),
        };
        for (method, path, body) in nowhere.doors().into_iter().chain(house_doors(id)) {
            let answer = knock(&ada, &method, &path, &body).await;
            // Some of these make another address of the path.
            assert!(
                matches!(answer.status, 404 | 405),
                "{method} {path}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn foreign_ids_in_bodies_are_not_found() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let hers = Belongings::of(&ada).await;
    let his = bob.chat("Hello").await;
    let conversation = format!("/api/v1/conversations/{}", text(&his, "/conversation/id"));
    bob.patch(&conversation, json!({"head_id": hers.reply}))
        .await
        .refused(404, "not_found");
    let body = json!({"content": "x", "parent_id": hers.reply});
    bob.post(&format!("{conversation}/messages"), body)
        .await
        .refused(404, "not_found");
}
