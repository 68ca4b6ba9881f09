//! A person (or a program) who calls the house: a bearer token, a cookie, or nothing at all.
//!
//! Answers are read whole. `ok` and `refused` say what was expected and what came instead, and
//! `refused` checks the envelope that every error has, whoever found it.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, SET_COOKIE};
use reqwest::{Body, Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::events::{Event, Events};

const PATIENCE: Duration = Duration::from_secs(30);

/// A client that talks to this machine and to nobody else.
fn client() -> Client {
    // The same that the house uses; whoever came first has chosen it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client can be made")
}

#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) access_token: Option<String>,
    pub(crate) refresh_token: Option<String>,
    /// `name=value`, as a browser sends it back.
    pub(crate) cookie: Option<String>,
}

impl Person {
    /// Somebody who has not signed in.
    pub(crate) fn stranger(base: &str) -> Self {
        Self {
            client: client(),
            base: base.to_owned(),
            access_token: None,
            refresh_token: None,
            cookie: None,
        }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self {
            access_token: Some(token.to_owned()),
            cookie: None,
            ..self.clone()
        }
    }

    /// Takes what a sign-in gave: tokens or the cookie.
    pub(crate) fn signed_in(&self, answer: &Answer) -> Self {
        let text = |name: &str| answer.body[name].as_str().map(str::to_owned);
        Self {
            access_token: text("access_token"),
            refresh_token: text("refresh_token"),
            cookie: answer.cookie(),
            ..self.clone()
        }
    }

    /// A request with this person's credentials, for tests that add to it.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.access_token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(cookie) = &self.cookie {
            // What a browser says of a request of our own page.
            request = request
                .header(COOKIE, cookie)
                .header("sec-fetch-site", "same-origin");
        }
        request
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PATCH, path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// Adds an adapter to a model; `query` begins with the model's id.
    pub(crate) async fn upload_adapter(&self, query: &str, file: impl Into<Body>) -> Answer {
        let path = format!("/api/v1/admin/adapters?base={query}");
        let request = self.request(Method::POST, &path);
        let request = request.header(CONTENT_TYPE, "application/octet-stream");
        Answer::of(request.body(file)).await
    }

    /// Posts and reads what comes as events; `stream` is added to the body.
    pub(crate) async fn stream(&self, path: &str, mut body: Value) -> Events {
        body["stream"] = true.into();
        Events::of(self.request(Method::POST, path).json(&body)).await
    }

    /// Says something in a new conversation and waits for the finished exchange.
    pub(crate) async fn chat(&self, content: &str) -> Value {
        let body = json!({"content": content});
        self.post("/api/v1/chat", body).await.ok(200)
    }

    /// The same, watched as it is written.
    pub(crate) async fn chat_stream(&self, content: &str) -> Events {
        self.stream("/api/v1/chat", json!({"content": content}))
            .await
    }

    /// The shown branch of a conversation, oldest first.
    pub(crate) async fn messages(&self, conversation_id: &str) -> Vec<Value> {
        let path = format!("/api/v1/conversations/{conversation_id}/messages");
        let answer = self.get(&path).await.ok(200);
        answer["items"].as_array().expect("a list").clone()
    }

    /// What the house keeps of a reply, by its stream's first event, in a new conversation.
    pub(crate) async fn stored_reply(&self, started: &Event) -> Value {
        let id = text(&started.data, "/conversation/id");
        self.messages(id).await[1].clone()
    }

    /// Follows a reply from behind the last event seen, or from nothing.
    pub(crate) async fn follow(&self, reply_id: &str, last_event_id: Option<u64>) -> Events {
        let mut request = self.request(Method::GET, &format!("/api/v1/replies/{reply_id}/events"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        Events::of(request).await
    }
}

/// The text at a JSON pointer, such as `/reply/id`.
#[track_caller]
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {pointer} in {value}"))
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Null when the body is not JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request
            .timeout(PATIENCE)
            .send()
            .await
            .expect("the house answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("an answer can be read");
        Self {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("a header is text"))
    }

    /// `name=value` of the cookie that was set.
    pub(crate) fn cookie(&self) -> Option<String> {
        let header = self.headers.get(SET_COOKIE)?.to_str().ok()?;
        header.split(';').next().map(str::to_owned)
    }

    /// The body, when the status is this.
    #[track_caller]
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "instead came: {}", self.text);
        self.body
    }

    /// The error, when the status and the code are these and the envelope is whole.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "instead came: {}", self.text);
        let error = &self.body["error"];
        assert_eq!(error["code"], code, "in {}", self.text);
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "there is no message in {}", self.text);
        let id = error["request_id"].as_str().unwrap_or_default();
        assert!(!id.is_empty(), "there is no request_id in {}", self.text);
        assert_eq!(id, self.header("x-request-id"), "the ids differ");
        self.body["error"].clone()
    }
}
