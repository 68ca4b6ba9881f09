//! The mail server that an administrator sets, and the test of it: what arrives, and what is said
//! where nothing does. The servers are real; see `support/smtp.rs`.

use serde_json::{Value, json};

use crate::support::{House, Person, Smtp, text};

const PATH: &str = "/api/v1/admin/mail";
const TEST: &str = "/api/v1/admin/mail/test";

async fn house_with(smtp: &Smtp) -> (House, Person) {
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    (house, ada)
}

async fn test_to(admin: &Person, to: &str) -> Value {
    admin.post(TEST, json!({"to": to})).await.ok(200)
}

fn settings() -> Value {
    json!({
        "server": "Mail.Example.org", "port": 465, "security": "tls", "username": "house",
        "password": "geheim", "from_address": "house@example.org", "from_name": "Our house",
        "reply_to": "ada@example.org", "approver_address": "approver@example.org",
        "approver_language": "de",
    })
}

#[tokio::test]
async fn an_administrator_sets_a_mail_server_and_the_password_does_not_come_back() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let nothing = json!({"waiting": 0, "failed": 0});
    assert_eq!(ada.get(PATH).await.ok(200), nothing);
    let mut shown = settings();
    shown.as_object_mut().expect("an object").remove("password");
    shown["has_password"] = true.into();
    shown["server"] = "mail.example.org".into();
    assert_eq!(ada.put(PATH, settings()).await.ok(200), shown);
    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    let status = ada.get(PATH).await;
    assert!(!status.text.contains("geheim"));
    assert_eq!(status.ok(200)["settings"], shown);
    assert_eq!(ada.delete(PATH).await.status, 204);
    assert_eq!(ada.get(PATH).await.ok(200), nothing);
    let audit = ada.get("/api/v1/admin/audit").await;
    assert!(!audit.text.contains("geheim"));
    let entries = audit.ok(200)["items"].clone();
    for (index, action) in ["mail_server.removed", "mail_server.changed"]
        .iter()
        .enumerate()
    {
        assert_eq!(entries[index]["action"], *action, "{entries}");
        assert_eq!(entries[index]["subject"], "mail.example.org");
    }
    ada.delete(PATH).await.refused(404, "not_found");
}

#[tokio::test]
async fn the_password_is_kept_for_the_same_server_and_wanted_again_for_another() {
    let house = House::start().await;
    let ada = house.set_up().await;
    ada.put(PATH, settings()).await.ok(200);
    let without_password = |field: &str, value: Value| {
        let mut body = settings();
        body.as_object_mut().expect("an object").remove("password");
        body[field] = value;
        body
    };
    let same = without_password("from_name", "Another name".into());
    assert_eq!(ada.put(PATH, same).await.ok(200)["has_password"], true);
    for (field, value) in [
        ("server", json!("elsewhere.example.org")),
        ("port", json!(587)),
        ("security", json!("starttls")),
    ] {
        let answer = ada.put(PATH, without_password(field, value)).await;
        let error = answer.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "password", "{field}");
    }
    let mut emptied = settings();
    emptied["password"] = "".into();
    assert_eq!(ada.put(PATH, emptied).await.ok(200)["has_password"], false);
}

#[tokio::test]
async fn bad_settings_are_refused_by_the_name_of_the_field_and_change_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    ada.put(PATH, settings()).await.ok(200);
    let before = ada.get(PATH).await.ok(200);
    for (field, value) in [
        ("server", json!("mail.example.org:465")),
        ("server", json!("")),
        ("port", json!(0)),
        ("username", json!("a\r\nb")),
        ("password", json!("x".repeat(2000))),
        ("from_address", json!("house")),
        ("from_address", json!("a@b.org\r\nBcc: c@d.org")),
        ("from_name", json!("a\nb")),
        ("reply_to", json!("nobody")),
        ("approver_address", json!("a@b, c@d")),
    ] {
        let mut body = settings();
        body[field] = value.clone();
        let error = ada.put(PATH, body).await.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], field, "{value}");
    }
    for (field, value) in [
        ("security", json!("ssl")),
        ("port", json!(70000)),
        ("colour", json!(1)),
    ] {
        let mut body = settings();
        body[field] = value;
        ada.put(PATH, body).await.refused(400, "invalid_request");
    }
    assert_eq!(ada.get(PATH).await.ok(200), before);
}

#[tokio::test]
async fn without_encryption_mail_goes_only_to_private_networks() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let mut body = settings();
    body["security"] = "none".into();
    body["server"] = "8.8.8.8".into();
    let error = ada
        .put(PATH, body.clone())
        .await
        .refused(400, "invalid_request");
    assert_eq!(error["details"]["field"], "security");
    for private in ["192.168.1.2", "localhost", "::1"] {
        body["server"] = private.into();
        ada.put(PATH, body.clone()).await.ok(200);
    }
}

#[tokio::test]
async fn only_administrators_have_to_do_with_mail() {
    let house = House::start().await;
    let ada = house.set_up().await;
    ada.put(PATH, settings()).await.ok(200);
    let bob = house.add_user(&ada, "bob").await;
    let queue = format!("{PATH}/queue");
    let one = format!("{queue}/0190163d8694739b8abd4b6cc22ea000");
    for (person, status, code) in [
        (&bob, 403, "forbidden"),
        (&house.stranger(), 401, "unauthenticated"),
    ] {
        let to = json!({"to": "bob@example.org"});
        let queued = json!({"to": "bob@example.org", "queued": true});
        person.get(PATH).await.refused(status, code);
        person.put(PATH, settings()).await.refused(status, code);
        person.delete(PATH).await.refused(status, code);
        person.post(TEST, to).await.refused(status, code);
        person.post(TEST, queued).await.refused(status, code);
        person.get(&queue).await.refused(status, code);
        person.delete(&one).await.refused(status, code);
        let retry = person.post(&format!("{one}/retry"), json!({})).await;
        retry.refused(status, code);
    }
}

#[tokio::test]
async fn without_a_mail_server_nothing_is_sent_or_queued() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for queued in [true, false] {
        let body = json!({"to": "ada@example.org", "queued": queued});
        ada.post(TEST, body).await.refused(409, "conflict");
    }
    assert_eq!(ada.get(PATH).await.ok(200)["waiting"], 0);
}

#[tokio::test]
async fn a_test_mail_arrives_whole() {
    let mut smtp = Smtp::start(json!({})).await;
    let mut house = House::start_with(smtp.options()).await;
    let token = house.set_up().await.access_token.expect("a token");
    let public = ("CHATELAINE_HTTP__PUBLIC_URL", "https://chat.example.net/");
    house.options = house.options.clone().with(public.0, public.1);
    house.start_again().await;
    let ada = house.stranger().with_token(&token);
    let mut settings = smtp.settings();
    settings["from_name"] = "Das Häuschen <b>, \"Аdmin\"".into();
    settings["reply_to"] = "ada@example.org".into();
    ada.put(PATH, settings).await.ok(200);
    let body = json!({"to": "grace@example.org", "language": "de"});
    let answer = ada.post(TEST, body).await.ok(200);
    assert_eq!(
        answer,
        json!({"ok": true, "message": "the server has taken it"})
    );
    assert_eq!(smtp.next_event("ehlo").await["name"], "chat.example.net");
    let mail = smtp.next_mail().await;
    assert_eq!(
        (mail.to.as_str(), mail.from.as_str()),
        ("grace@example.org", "house@example.org")
    );
    assert_eq!(mail.subject, "Post aus deinem Haus kommt an");
    assert!(mail.text.contains("die Probe") && mail.html.contains("die Probe"));
    assert_eq!(smtp.link_in(&mail), "https://chat.example.net");
    assert!(
        mail.header("content-type")
            .starts_with("multipart/alternative")
    );
    assert_eq!(mail.header("to"), "grace@example.org");
    assert_eq!(mail.header("reply-to"), "ada@example.org");
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    assert!(mail.header("message-id").ends_with("@chat.example.net>"));
    assert!(
        mail.header("from").contains("Das Häuschen <b>"),
        "{}",
        mail.header("from")
    );
    assert!(!mail.header("date").is_empty());
    assert!(
        mail.raw.is_ascii(),
        "what is not ASCII is encoded: {}",
        mail.raw
    );
    for tracking in ["<img", "src=", "List-Unsubscribe", "X-Mailer", "User-Agent"] {
        assert!(
            !mail.html.contains(tracking) && !mail.raw.contains(tracking),
            "{tracking}"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_own_words_and_with_its_step() {
    let refuse = json!({"refuse": "550 5.1.1 nobody of this name here"});
    let mut smtp = Smtp::start(refuse).await;
    let (_house, ada) = house_with(&smtp).await;
    let answer = test_to(&ada, "grace@example.org").await;
    assert_eq!(
        (&answer["ok"], &answer["step"]),
        (&json!(false), &json!("recipient"))
    );
    let message = text(&answer, "/message");
    assert!(
        message.contains("550 5.1.1 nobody of this name here"),
        "{message}"
    );

    smtp.change(json!({"drop": true})).await;
    let answer = test_to(&ada, "grace@example.org").await;
    assert_eq!(answer["step"], "content", "{answer}");
    ada.post(TEST, json!({"to": "nobody"}))
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn wrong_credentials_are_told_in_the_servers_own_words() {
    let mut smtp = Smtp::start(json!({"auth": ["house", "geheim"]})).await;
    let (_house, ada) = house_with(&smtp).await;
    let answer = test_to(&ada, "grace@example.org").await;
    assert_eq!(answer["step"], "sign_in", "without credentials: {answer}");
    assert!(text(&answer, "/message").contains("530 5.7.0"), "{answer}");

    let mut settings = smtp.settings();
    settings["username"] = "house".into();
    settings["password"] = "a mistyped one".into();
    ada.put(PATH, settings.clone()).await.ok(200);
    let answer = test_to(&ada, "grace@example.org").await;
    assert_eq!(answer["step"], "sign_in", "{answer}");
    assert!(text(&answer, "/message").contains("535 5.7.8"), "{answer}");

    settings["password"] = "geheim".into();
    ada.put(PATH, settings).await.ok(200);
    assert_eq!(test_to(&ada, "grace@example.org").await["ok"], true);
    assert!(smtp.next_mail().await.authenticated);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_told_by_its_step() {
    let smtp = Smtp::start(json!({"silent": true})).await;
    let options = smtp.options().with("CHATELAINE_MAIL__TIMEOUT_MS", "300");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    let answer = test_to(&ada, "grace@example.org").await;
    assert_eq!(answer["step"], "connection");
    assert!(
        text(&answer, "/message").contains("said nothing for 0.3 s"),
        "{answer}"
    );

    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut settings = smtp.settings();
    settings["port"] = free.local_addr().expect("an address").port().into();
    drop(free);
    ada.put(PATH, settings.clone()).await.ok(200);
    let answer = test_to(&ada, "grace@example.org").await;
    assert_eq!(answer["step"], "connection", "{answer}");

    settings["server"] = "no-such-server.invalid".into();
    ada.put(PATH, settings).await.ok(200);
    let answer = test_to(&ada, "grace@example.org").await;
    assert_eq!(answer["step"], "lookup", "{answer}");
}
