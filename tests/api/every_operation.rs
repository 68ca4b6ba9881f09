//! Every operation of the document, knocked at by those who may not and with what cannot be right:
//! each is refused in the way its description says, and none ever breaks. What a schema cannot say of
//! somebody else's things is in `strangers.rs`.

use std::collections::BTreeSet;

use reqwest::header::{CONTENT_TYPE, COOKIE};
use reqwest::{Method, RequestBuilder};
use serde_json::{Map, Value, json};

use crate::support::{Answer, House, PASSWORD, Person, binary, run_to_end, text};

const MIB: usize = 1024 * 1024;

struct Operation {
    id: String,
    method: Method,
    /// With an id that is none in its place.
    path: String,
    schemes: BTreeSet<String>,
    /// The media type of the body, and one that could be right.
    body: Option<(String, Value)>,
}

fn operations() -> Vec<Operation> {
    let output = run_to_end(binary().arg("openapi"));
    let document: Value = serde_json::from_slice(&output.stdout).expect("a document");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let content = operation["requestBody"]["content"].as_object();
            let body = content.and_then(|content| content.iter().next());
            operations.push(Operation {
                id: text(operation, "/operationId").to_owned(),
                method: method.to_uppercase().parse().expect("a method"),
                path: format!("/api/v1{}", filled(path, operation, &document)),
                schemes: schemes(operation),
                body: body
                    .map(|(kind, body)| (kind.clone(), sample(&body["schema"], &document, 0))),
            });
        }
    }
    assert!(operations.len() > 40, "the document was not found");
    operations
}

fn schemes(operation: &Value) -> BTreeSet<String> {
    let security = operation["security"].as_array();
    let names = security.into_iter().flatten().filter_map(Value::as_object);
    names.flat_map(|names| names.keys().cloned()).collect()
}

/// Ids in the path, and the parameters that must be there.
fn filled(path: &str, operation: &Value, document: &Value) -> String {
    let parts = path.split('/').map(|part| match part.starts_with('{') {
        true => "0".repeat(32),
        false => part.to_owned(),
    });
    let mut filled = parts.collect::<Vec<_>>().join("/");
    let parameters = operation["parameters"].as_array();
    let needed = parameters
        .into_iter()
        .flatten()
        .filter(|it| it["in"] == "query" && it["required"] == true);
    for (index, parameter) in needed.enumerate() {
        let value = sample(&parameter["schema"], document, 0);
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let sign = if index == 0 { '?' } else { '&' };
        filled.push_str(&format!("{sign}{}={value}", text(parameter, "/name")));
    }
    filled
}

/// The least that a schema allows.
fn sample(schema: &Value, document: &Value, depth: usize) -> Value {
    assert!(depth < 20, "a schema without an end");
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().expect("a name");
        return sample(
            &document["components"]["schemas"][name],
            document,
            depth + 1,
        );
    }
    for several in ["allOf", "anyOf", "oneOf"] {
        if let Some(first) = schema[several].as_array().and_then(|all| all.first()) {
            return sample(first, document, depth + 1);
        }
    }
    if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let mut object = Map::new();
            for name in schema["required"].as_array().into_iter().flatten() {
                let name = name.as_str().expect("a name");
                let value = sample(&schema["properties"][name], document, depth + 1);
                object.insert(name.to_owned(), value);
            }
            object.into()
        }
        Some("array") => json!([sample(&schema["items"], document, depth + 1)]),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(false),
        _ => json!("scripted"),
    }
}

impl Operation {
    fn request(&self, person: &Person) -> RequestBuilder {
        let request = person.request(self.method.clone(), &self.path);
        match &self.body {
            None => request,
            Some((kind, body)) => request.header(CONTENT_TYPE, kind).body(body.to_string()),
        }
    }

    fn is_open(&self) -> bool {
        self.schemes.is_empty()
    }

    fn takes_json(&self) -> bool {
        self.body
            .as_ref()
            .is_some_and(|(kind, _)| kind.contains("json"))
    }

    fn is_for_administrators(&self) -> bool {
        self.path.starts_with("/api/v1/admin/")
    }
}

#[track_caller]
fn lives(answer: &Answer, operation: &Operation) {
    let (id, status) = (&operation.id, answer.status);
    assert!(
        status < 500 || status == 503,
        "{id}: {status} {}",
        answer.text
    );
    assert_ne!(answer.body["error"]["code"], "internal", "{id}");
}

#[tokio::test]
async fn nobody_gets_no_further_than_the_door() {
    let house = House::start().await;
    house.set_up().await;
    let stranger = house.stranger();
    for operation in operations() {
        let answer = Answer::of(operation.request(&stranger)).await;
        lives(&answer, &operation);
        let shut = answer.status == 401;
        // Signing in with nonsense is refused likewise.
        let signs_in = matches!(
            operation.id.as_str(),
            "sign_in" | "refresh_tokens" | "send_verification"
        );
        assert_eq!(
            shut,
            !operation.is_open() || signs_in,
            "{}: {}",
            operation.id,
            answer.text
        );
        for carrier in [
            ("authorization", "Bearer x"),
            ("x-api-key", "x"),
            ("cookie", "chatelaine=x"),
        ] {
            if operation.is_open() {
                continue;
            }
            let request = operation.request(&stranger).header(carrier.0, carrier.1);
            let request = request.header("sec-fetch-site", "same-origin");
            let answer = Answer::of(request).await;
            // Who tries many keys is told to wait.
            let refused = matches!(answer.status, 401 | 429);
            assert!(refused, "{} {carrier:?}: {}", operation.id, answer.text);
        }
    }
}

#[tokio::test]
async fn a_user_does_nothing_of_an_administrators() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let mut tried = 0;
    for operation in operations() {
        if !operation.is_for_administrators() {
            continue;
        }
        tried += 1;
        let answer = Answer::of(operation.request(&bob)).await;
        let (status, code) = (answer.status, &answer.body["error"]["code"]);
        assert_eq!(status, 403, "{}: {}", operation.id, answer.text);
        assert_eq!(code, "forbidden", "{}", operation.id);
    }
    assert!(tried > 10, "the administrators' operations were not found");
}

#[tokio::test]
async fn a_user_finds_nothing_under_an_id_that_is_not_theirs() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    for operation in operations() {
        let has_id = operation.path.contains(&"0".repeat(32));
        if !has_id || operation.is_for_administrators() {
            continue;
        }
        let answer = Answer::of(operation.request(&bob)).await;
        assert_eq!(answer.status, 404, "{}: {}", operation.id, answer.text);
    }
}

#[tokio::test]
async fn an_api_key_opens_what_its_scope_is_for_and_nothing_else() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for scope in ["read", "chat", "admin"] {
        let body = json!({"name": scope, "scopes": [scope]});
        let made = ada.post("/api/v1/users/me/api-keys", body).await.ok(201);
        let secret = text(&made, "/secret");
        let stranger = house.stranger();
        for operation in operations() {
            if operation.is_open() {
                continue;
            }
            let good = operation.schemes.contains(&format!("api_key_{scope}"));
            for (name, value) in [
                ("authorization", format!("Bearer {secret}")),
                ("x-api-key", secret.to_owned()),
            ] {
                let request = operation.request(&stranger).header(name, value);
                let answer = Answer::of(request).await;
                lives(&answer, &operation);
                assert_ne!(answer.status, 401, "{}: {}", operation.id, answer.text);
                let for_something_else = answer.status == 403
                    && text(&answer.body, "/error/message").contains("API key");
                assert_eq!(
                    for_something_else, !good,
                    "{} {scope}: {}",
                    operation.id, answer.text
                );
            }
            for cookie in ["chatelaine", "__Host-chatelaine"] {
                let request = operation.request(&stranger);
                let request = request.header(COOKIE, format!("{cookie}={secret}"));
                let answer = Answer::of(request.header("sec-fetch-site", "same-origin")).await;
                assert_eq!(answer.status, 401, "{}: {}", operation.id, answer.text);
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_body_is_refused_by_every_operation_that_takes_one() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let deep_field = format!("{{\"x\": {deep}}}");
    let spaces = " ".repeat(MIB - 1);
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b"[1]",
        b"\"x\"",
        b"1e999",
        b"{\"a field that is nowhere\": 1}",
        b"\xff\xfe{}",
        deep.as_bytes(),
        deep_field.as_bytes(),
        spaces.as_bytes(),
    ];
    for operation in operations()
        .iter()
        .filter(|operation| operation.takes_json())
    {
        for body in bodies {
            let request = ada.request(operation.method.clone(), &operation.path);
            let request = request.header(CONTENT_TYPE, "application/json");
            let answer = Answer::of(request.body(body.to_vec())).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
            assert_eq!(
                answer.status, 400,
                "{} {shown}: {}",
                operation.id, answer.text
            );
            answer.refused(400, "invalid_request");
        }
        let request = ada.request(operation.method.clone(), &operation.path);
        let request = request.header(CONTENT_TYPE, "application/json");
        let answer = Answer::of(request.body(" ".repeat(MIB + 1))).await;
        answer.refused(413, "payload_too_large");
        let request = ada.request(operation.method.clone(), &operation.path);
        let answer = Answer::of(request.header(CONTENT_TYPE, "text/plain").body("{}")).await;
        answer.refused(415, "unsupported_media_type");
    }
    assert!(house.is_running());
    let login = json!({"login": "ada", "password": PASSWORD});
    house
        .stranger()
        .post("/api/v1/auth/login", login)
        .await
        .ok(200);
}

/// Each field of the least body, made a value of every other kind.
#[tokio::test]
async fn no_field_of_any_operation_takes_what_it_should_not_and_none_breaks_the_house() {
    let house = House::start().await;
    house.set_up().await;
    let wrong = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!(true),
        json!(""),
        json!("\u{0}\u{202e}\u{feff}"),
        json!([]),
        json!([[[]]]),
        json!({}),
        json!({"x": 1}),
    ];
    let login = json!({"login": "ada", "password": PASSWORD});
    for operation in operations()
        .iter()
        .filter(|operation| operation.takes_json())
    {
        let Some((_, Value::Object(least))) = &operation.body else {
            continue;
        };
        // Some of these end the session that asks.
        let answer = house
            .stranger()
            .post("/api/v1/auth/login", login.clone())
            .await;
        let ada = house.stranger().signed_in(&answer);
        for name in least.keys() {
            for value in &wrong {
                let mut body = least.clone();
                body.insert(name.clone(), value.clone());
                let request = ada.request(operation.method.clone(), &operation.path);
                let answer = Answer::of(request.json(&body)).await;
                lives(&answer, operation);
            }
        }
    }
    house.stranger().get("/ready").await.ok(200);
}
