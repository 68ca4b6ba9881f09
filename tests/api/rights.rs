//! Rights that end: whoever loses one does nothing more by it, not by what was begun before, and not by
//! what is still open. And an administrator's API key cannot be made into more than it is.

use std::io::ErrorKind;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::support::{Answer, ENDLESS, Events, House, PASSWORD, Person, connect, text};

const USERS: &str = "/api/v1/admin/users";
const KEYS: &str = "/api/v1/users/me/api-keys";

async fn id_of(admin: &Person, name: &str) -> String {
    let found = admin.get(&format!("{USERS}?q={name}")).await.ok(200);
    text(&found, "/items/0/user/id").to_owned()
}

async fn program(house: &House, person: &Person, new: Value) -> Person {
    let made = person.post(KEYS, new).await.ok(201);
    house.stranger().with_token(text(&made, "/secret"))
}

/// Reads on until the stream ends; fails when it goes on.
async fn ends(mut stream: Events) {
    let end = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(20), end)
        .await
        .expect("the stream ends");
}

async fn watching(person: &Person) -> Events {
    let mut stream = person.chat_stream(ENDLESS).await;
    stream.next().await.expect("an event");
    stream
}

/// What would make more of an administrator's key: of Bob, of his request and of his conversation.
fn what_takes_a_session(
    his: &str,
    request: &str,
    conversation: &str,
) -> [(Method, String, Value); 11] {
    let why = json!({"reason": "why not"});
    let eve = json!({"username": "eve", "password": PASSWORD, "role": "admin"});
    let keys = json!({"count": 1, "terms": {"role": "admin"}});
    let server = json!({"server": "localhost", "port": 25, "security": "none", "from_address": "a@example.org"});
    let (post, nothing) = (Method::POST, json!({}));
    let opened = format!("/api/v1/admin/conversations/{conversation}/messages");
    [
        (post.clone(), format!("{his}/reset-link"), nothing.clone()),
        (post.clone(), USERS.to_owned(), eve),
        (Method::PATCH, his.to_owned(), json!({"role": "admin"})),
        (
            Method::PATCH,
            his.to_owned(),
            json!({"email": "eve@example.org"}),
        ),
        (post.clone(), format!("{request}/link"), nothing.clone()),
        (post.clone(), format!("{request}/approve"), nothing.clone()),
        (post.clone(), format!("{request}/reject"), nothing),
        (post.clone(), format!("{his}/conversations"), why.clone()),
        (post.clone(), opened, why),
        (post, "/api/v1/admin/keys/generate".to_owned(), keys),
        (Method::PUT, "/api/v1/admin/mail".to_owned(), server),
    ]
}

#[tokio::test]
async fn an_api_key_cannot_be_made_into_more_than_it_is() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let said = bob.chat("A secret of Bob's").await;
    let allow = json!({"privacy": {"break_glass": true}});
    ada.patch("/api/v1/admin/settings", allow).await.ok(200);
    bob.post("/api/v1/auth/admin-request", json!({}))
        .await
        .ok(202);
    let list = ada.get("/api/v1/admin/requests").await.ok(200);
    let request = text(&list, "/items/0/request/id");
    let request = format!("/api/v1/admin/requests/{request}");
    let key = json!({"name": "script", "scopes": ["admin", "chat", "read"]});
    let key = program(&house, &ada, key).await;
    let hers = format!("{USERS}/{}", id_of(&ada, "ada").await);
    let his = format!("{USERS}/{}", id_of(&ada, "bob").await);
    let conversation = text(&said, "/conversation/id");
    for (method, path, body) in what_takes_a_session(&his, &request, conversation) {
        let request = key.request(method.clone(), &path).json(&body);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.text);
    }
    for person in [&key, &ada] {
        person.delete(&hers).await.refused(409, "conflict");
    }
    let own = format!("{hers}/reset-link");
    ada.post(&own, json!({})).await.refused(409, "conflict");

    // What it is for, it goes on doing.
    let carol = json!({"username": "carol", "password": PASSWORD});
    key.post(USERS, carol).await.ok(201);
    key.patch(&his, json!({"disabled": true})).await.ok(200);
}

#[tokio::test]
async fn what_a_demoted_administrator_has_begun_is_not_done() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let path = format!("{USERS}/{}", id_of(&ada, "bob").await);
    ada.patch(&path, json!({"role": "admin"})).await.ok(200);
    let mut begun = Vec::new();
    for number in 0..40 {
        let bob = bob.clone();
        begun.push(tokio::spawn(async move {
            let name = format!("eve{number:02}");
            let new = json!({"username": name, "password": PASSWORD, "role": "admin"});
            bob.post(USERS, new).await.status
        }));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    ada.patch(&path, json!({"role": "user"})).await.ok(200);
    let count = async || ada.get(USERS).await.ok(200)["total"].clone();
    let made = count().await;
    let mut refused = 0;
    for request in begun {
        match request.await.expect("a request ends") {
            201 => {}
            401 | 403 => refused += 1,
            status => panic!("{status}"),
        }
    }
    assert!(refused > 0, "all were quicker than the demotion");
    assert_eq!(count().await, made);
}

/// The client leaves at once, again and again, until one of its requests was heard.
#[tokio::test]
async fn who_is_shut_out_is_cut_off_even_where_the_administrator_has_left() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let stream = watching(&bob).await;
    let path = format!("{USERS}/{}", id_of(&ada, "bob").await);
    let body = json!({"disabled": true}).to_string();
    let request = format!(
        "PATCH {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        house.base.trim_start_matches("http://"),
        ada.access_token.as_deref().expect("a token"),
        body.len(),
    );
    let mut was_heard = false;
    for number in 0..200 {
        let mut connection = connect(&house).await;
        connection
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        tokio::time::sleep(Duration::from_micros(100 * number)).await;
        drop(connection);
        was_heard = ada.get(&path).await.ok(200)["disabled"] == true;
        if was_heard {
            break;
        }
    }
    assert!(was_heard, "none of the requests was heard");
    ends(stream).await;
}

#[tokio::test]
async fn what_a_key_has_open_ends_with_the_time_of_the_key() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.expect("a clock").as_millis()).expect("a time");
    let soon = chatelaine::clock::rfc3339(now + 3000);
    let key = json!({"name": "short", "scopes": ["chat"], "expires_at": soon});
    let key = program(&house, &ada, key).await;
    ends(watching(&key).await).await;
    watching(&ada).await;
}

#[tokio::test]
async fn what_a_key_has_open_ends_when_keys_are_denied_to_its_owner() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let key = json!({"name": "script", "scopes": ["chat"]});
    let key = program(&house, &bob, key).await;
    let of_key = watching(&key).await;
    let mut of_bob = watching(&bob).await;
    let groups = ada.get("/api/v1/admin/groups").await.ok(200);
    let everyone = format!(
        "/api/v1/admin/groups/{}",
        text(&groups, "/items/0/group/id")
    );
    let deny = json!({"rules": [{"effect": "deny", "kind": "feature", "name": "api_keys"}]});
    ada.patch(&everyone, deny).await.ok(200);
    ends(of_key).await;
    of_bob.next().await.expect("a session goes on");
}

#[tokio::test]
async fn an_export_lacks_its_end_when_its_reader_is_shut_out() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let long = "word ".repeat(48 * 1024);
    for _ in 0..120 {
        bob.chat(&long).await;
    }
    // Little of it is on the way while it is not read.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(16 * 1024).expect("a size");
    let host = house.base.trim_start_matches("http://");
    let address = host.parse().expect("an address");
    let mut connection = socket.connect(address).await.expect("a connection");
    let request = format!(
        "GET /api/v1/users/me/export HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        bob.access_token.as_deref().expect("a token"),
    );
    let sent = connection.write_all(request.as_bytes()).await;
    sent.expect("it is sent");
    let mut piece = vec![0; 1024];
    connection
        .read_exact(&mut piece)
        .await
        .expect("a beginning");
    let path = format!("{USERS}/{}", id_of(&ada, "bob").await);
    ada.patch(&path, json!({"disabled": true})).await.ok(200);
    let mut rest = Vec::new();
    let reading = connection.read_to_end(&mut rest);
    let reading = tokio::time::timeout(Duration::from_secs(60), reading).await;
    let error = reading
        .expect("it ends")
        .expect_err("it ends as if it were whole");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(
        !rest.ends_with(b"]}\n") && !rest.ends_with(b"0\r\n\r\n"),
        "it looks whole"
    );
    assert!(rest.len() < 60 * long.len(), "much more came");
}

#[tokio::test]
async fn a_session_that_has_ended_leaves_no_key_behind() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let login = json!({"login": "ada", "password": PASSWORD});
    let answer = house.stranger().post("/api/v1/auth/login", login).await;
    let thief = house.stranger().signed_in(&answer);
    answer.ok(200);
    let mut making = Vec::new();
    for _ in 0..30 {
        let thief = thief.clone();
        making.push(tokio::spawn(async move {
            let new = json!({"name": "kept", "scopes": ["chat"]});
            thief.post(KEYS, new).await.status
        }));
    }
    ada.delete("/api/v1/users/me/sessions").await.ok(204);
    let kept = ada.get(KEYS).await.ok(200);
    for making in making {
        making.await.expect("a request ends");
    }
    assert_eq!(ada.get(KEYS).await.ok(200), kept);
}

#[tokio::test]
async fn only_who_helps_to_run_the_house_has_keys_for_that() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let new = json!({"name": "script", "scopes": ["read", "admin"]});
    bob.post(KEYS, new.clone()).await.refused(403, "forbidden");
    let path = format!("{USERS}/{}", id_of(&ada, "bob").await);
    ada.patch(&path, json!({"role": "auditor"})).await.ok(200);
    let key = program(&house, &bob, new).await;
    key.get("/api/v1/admin/audit").await.ok(200);
    key.get("/api/v1/admin/settings")
        .await
        .refused(403, "forbidden");
}
