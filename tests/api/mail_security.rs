//! Whom the house sends mail to, and what it tells them before it knows who they are. Nothing of a
//! mail and no password goes to a server that is not who it should be, and the password is written
//! down nowhere.

use serde_json::{Value, json};

use crate::support::{House, Person, Smtp, text};

const PATH: &str = "/api/v1/admin/mail";
const PASSWORD: &str = "geheim-wie-ein-Schatz";

fn settings(smtp: &Smtp, security: &str, server: &str) -> Value {
    let mut settings = smtp.settings();
    settings["security"] = security.into();
    settings["server"] = server.into();
    settings["username"] = "house".into();
    settings["password"] = PASSWORD.into();
    settings
}

async fn start(smtp: &Smtp) -> (House, Person) {
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    (house, ada)
}

async fn test(admin: &Person, settings: Value) -> Value {
    admin.put(PATH, settings).await.ok(200);
    let body = json!({"to": "grace@example.org"});
    admin.post(&format!("{PATH}/test"), body).await.ok(200)
}

#[tokio::test]
async fn mail_goes_over_tls_to_a_server_that_a_private_authority_vouches_for() {
    let behaviour = json!({"tls": "implicit"});
    let mut smtp = Smtp::start(behaviour).await;
    let (_house, ada) = start(&smtp).await;
    for server in ["localhost", "127.0.0.1"] {
        let mut settings = settings(&smtp, "tls", server);
        settings
            .as_object_mut()
            .expect("an object")
            .remove("username");
        let answer = test(&ada, settings).await;
        assert_eq!(answer["ok"], true, "{server}: {answer}");
        assert!(smtp.next_mail().await.encrypted);
    }
}

#[tokio::test]
async fn starttls_comes_before_the_password_and_the_mail() {
    let behaviour = json!({"tls": "starttls", "auth": ["house", PASSWORD]});
    let mut smtp = Smtp::start(behaviour).await;
    let (_house, ada) = start(&smtp).await;
    let answer = test(&ada, settings(&smtp, "starttls", "localhost")).await;
    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(smtp.next_event("auth").await["encrypted"], true);
    let mail = smtp.next_mail().await;
    assert!(mail.encrypted && mail.authenticated);
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing_where_it_is_wanted() {
    let behaviour = json!({"auth": ["house", PASSWORD]});
    let mut smtp = Smtp::start(behaviour).await;
    let (_house, ada) = start(&smtp).await;
    let answer = test(&ada, settings(&smtp, "starttls", "localhost")).await;
    assert_eq!(answer["step"], "tls", "{answer}");
    assert!(text(&answer, "/message").contains("STARTTLS"), "{answer}");
    let told = smtp.change(json!({})).await;
    let events: Vec<&str> = told.iter().map(|line| text(line, "/event")).collect();
    assert_eq!(events, ["ehlo"], "neither password nor mail");
}

#[tokio::test]
async fn a_certificate_for_another_name_or_of_a_stranger_ends_it_before_anything_is_said() {
    for certificate in ["wrong_name", "unknown_authority"] {
        for (tls, security) in [("implicit", "tls"), ("starttls", "starttls")] {
            let behaviour = json!({"tls": tls, "certificate": certificate});
            let mut smtp = Smtp::start(behaviour).await;
            let (_house, ada) = start(&smtp).await;
            let answer = test(&ada, settings(&smtp, security, "localhost")).await;
            assert_eq!(answer["step"], "tls", "{certificate}, {tls}: {answer}");
            let message = text(&answer, "/message");
            assert!(
                message.contains("certificate"),
                "{certificate}, {tls}: {message}"
            );
            let told = smtp.told();
            let said = |line: &Value| line["event"] != "ehlo";
            assert!(!told.iter().any(said), "{certificate}, {tls}: {told:?}");
        }
    }
}

#[tokio::test]
async fn the_password_is_in_no_answer_no_log_and_no_file() {
    let mut smtp = Smtp::start(json!({"auth": ["house", PASSWORD]})).await;
    let options = smtp.options().with("CHATELAINE_LOG__LEVEL", "trace");
    let mut house = House::start_with(options).await;
    let ada = house.set_up().await;
    let right = settings(&smtp, "none", "localhost");
    assert_eq!(test(&ada, right.clone()).await["ok"], true);
    smtp.next_mail().await;
    let mut wrong = right;
    wrong["username"] = "somebody".into();
    assert_eq!(test(&ada, wrong).await["step"], "sign_in");
    let body = json!({"to": "grace@example.org", "queued": true});
    ada.post(&format!("{PATH}/test"), body).await.ok(200);
    smtp.next_event("auth").await;
    for path in [PATH.to_owned(), format!("{PATH}/queue")] {
        let answer = ada.get(&path).await;
        assert!(!answer.text.contains(PASSWORD), "{path}");
    }
    house.stop().await;
    let sent = "AGhvdXNlAGdlaGVpbS13aWUtZWluLVNjaGF0eg==";
    for secret in [PASSWORD, sent, &sent[16..32]] {
        assert!(!house.log().contains(secret), "in the log: {secret}");
        let database = std::fs::read(house.data().join("chatelaine.redb")).expect("a file");
        let found = database
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "in the database: {secret}");
    }
}

#[tokio::test]
async fn a_house_with_an_unusable_file_of_authorities_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = crate::support::binary();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .env("CHATELAINE_MAIL__CA_FILE", "/nowhere/authority.pem");
    let output = crate::support::run_to_end(&mut command);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/nowhere/authority.pem"), "{said}");
}

#[tokio::test]
async fn a_link_that_is_mailed_stands_in_the_mail_and_nowhere_else() {
    let mut smtp = Smtp::start(json!({"refuse": "451 4.3.0 not now"})).await;
    let options = smtp.options().with("CHATELAINE_LOG__LEVEL", "trace");
    let mut house = House::start_with(options).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    let rules = json!({"registration": {"mode": "open", "verify_email": true}});
    ada.patch("/api/v1/admin/settings", rules).await.ok(200);
    let body = json!({"username": "bob", "password": crate::support::PASSWORD, "email": "bob@example.org"});
    let stranger = house.stranger();
    let registered = stranger.post("/api/v1/auth/register", body).await;
    assert_eq!(registered.ok(202)["pending"], "email");
    smtp.next_event("refused").await;
    let queue = ada.get(&format!("{PATH}/queue")).await;
    let (log, file) = (house.log(), house.data().join("chatelaine.redb"));
    house.kill();
    let database = std::fs::read(file).expect("a file");
    smtp.change(json!({})).await;
    house.start_again().await;

    let mail = smtp.next_mail().await;
    assert_eq!(mail.to, "bob@example.org");
    let link = smtp.link_in(&mail);
    let (_, token) = link.split_once("/verify-email?token=").expect("a token");
    assert!(token.len() >= 43, "{token}");
    assert!(
        !log.contains(token) && !house.log().contains(token),
        "in the log"
    );
    assert!(queue.text.contains("verify_email") && !queue.text.contains(token));
    let in_file = database
        .windows(token.len())
        .any(|it| it == token.as_bytes());
    assert!(!in_file, "in the database");
    let body = json!({"token": token});
    let stranger = house.stranger();
    let proved = stranger.post("/api/v1/auth/verify-email", body).await;
    assert_eq!(proved.ok(200)["username"], "bob");
}
