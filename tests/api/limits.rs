//! How often one may ask, and from which address a request comes: an account and an address of
//! which none is known have a limit each, and only a proxy that is trusted is believed.
//! Limits are small here, because the usual ones would take a minute to be reached.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Answer, House, Options, Person, connect, text};

const ACCOUNT: &str = "CHATELAINE_LIMITS__REQUESTS_PER_MINUTE";
const NOBODY: &str = "CHATELAINE_LIMITS__ANONYMOUS_REQUESTS_PER_MINUTE";
const PROXIES: &str = "CHATELAINE_HTTP__TRUSTED_PROXIES";
/// At most so many can come before a limit of ten a minute says no.
const MORE_THAN_ENOUGH: usize = 200;

/// Asks until the limit says no; gives that answer.
async fn exhaust(person: &Person, path: &str) -> Answer {
    for _ in 0..MORE_THAN_ENOUGH {
        let answer = person.get(path).await;
        if answer.status == 429 {
            return answer;
        }
    }
    panic!("{path} has no limit");
}

/// As through a proxy that wrote this down.
async fn get_for(person: &Person, hops: &str, path: &str) -> Answer {
    let request = person.request(Method::GET, path);
    Answer::of(request.header("x-forwarded-for", hops)).await
}

#[tokio::test]
async fn an_account_has_one_limit_for_all_its_requests() {
    let house = House::start_with(Options::default().with(ACCOUNT, "10")).await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let body = json!({"name": "x", "scopes": ["read"]});
    let mut key = bob.post("/api/v1/users/me/api-keys", body.clone()).await;
    for _ in 0..20 {
        if key.status != 429 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        key = bob.post("/api/v1/users/me/api-keys", body.clone()).await;
    }
    let key = house.stranger().with_token(text(&key.ok(201), "/secret"));

    let answer = exhaust(&bob, "/api/v1/auth/me").await;
    let seconds: u32 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=6).contains(&seconds), "{seconds}");
    let error = answer.refused(429, "rate_limited");
    assert_eq!(error["details"]["retry_after_s"], seconds);

    for path in ["/api/v1/conversations", "/v1/models", "/api/v1/nothing"] {
        exhaust(&bob, path).await.refused(429, "rate_limited");
        exhaust(&key, path).await.refused(429, "rate_limited");
    }
    let error = exhaust(&bob, "/v1/models").await.body["error"].clone();
    assert_eq!(error["type"], "rate_limit_error");

    for free in ["/health", "/ready"] {
        bob.get(free).await.ok(200);
    }
    assert_ne!(
        bob.get("/").await.status,
        429,
        "the page's files are not counted"
    );
    for path in ["/api/v1/setup", "/api/v1/auth/registration"] {
        house.stranger().get(path).await.ok(200);
    }
}

#[tokio::test]
async fn who_is_not_known_has_a_limit_of_their_own() {
    let house = House::start_with(Options::default().with(NOBODY, "10")).await;
    let ada = house.set_up().await;
    exhaust(&house.stranger(), "/api/v1/setup").await;
    exhaust(&house.stranger().with_token("nonsense"), "/api/v1/auth/me").await;
    let login = json!({"login": "ada", "password": "x"});
    let mut statuses = Vec::new();
    while statuses.len() < MORE_THAN_ENOUGH && !statuses.contains(&429) {
        let request = house.stranger().request(Method::POST, "/api/v1/auth/login");
        // The credential is not even read.
        let answer = Answer::of(request.bearer_auth("nonsense").json(&login)).await;
        statuses.push(answer.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    for _ in 0..30 {
        ada.get("/api/v1/auth/me").await.ok(200);
    }
    house.stranger().get("/health").await.ok(200);
}

#[tokio::test]
async fn zero_is_no_limit_and_the_usual_one_disturbs_nobody() {
    let house = House::start().await;
    for _ in 0..400 {
        house.stranger().get("/api/v1/setup").await.ok(200);
    }
    let usual = Options::default().with(ACCOUNT, "600").with(NOBODY, "300");
    let house = House::start_with(usual).await;
    let ada = house.set_up().await;
    for _ in 0..100 {
        ada.get("/api/v1/auth/me").await.ok(200);
    }
    exhaust(&ada, "/api/v1/auth/me").await;
}

#[tokio::test]
async fn what_a_stranger_says_of_their_address_changes_nothing() {
    let house = House::start_with(Options::default().with(NOBODY, "10")).await;
    house.set_up().await;
    let stranger = house.stranger();
    exhaust(&stranger, "/api/v1/setup").await;
    let mut refused = 0;
    for number in 0..20 {
        let request = stranger.request(Method::GET, "/api/v1/setup");
        let request = request
            .header("x-forwarded-for", format!("198.51.100.{number}"))
            .header("forwarded", format!("for=198.51.100.{number}"))
            .header("x-real-ip", format!("198.51.100.{number}"));
        refused += u32::from(Answer::of(request).await.status == 429);
    }
    assert!(refused >= 15, "{refused} of 20");
}

#[tokio::test]
async fn behind_a_trusted_proxy_everybody_counts_for_themselves() {
    let options = Options::default()
        .with(NOBODY, "10")
        .with(PROXIES, "127.0.0.1, 10.0.0.0/8");
    let house = House::start_with(options).await;
    house.set_up().await;
    let (stranger, path) = (house.stranger(), "/api/v1/setup");
    for _ in 0..MORE_THAN_ENOUGH {
        if get_for(&stranger, "2001:db8:1:2::7", path).await.status == 429 {
            break;
        }
    }
    let mut refused = 0;
    for number in 0..10 {
        let neighbour = format!("6.6.6.6, 2001:db8:1:2::{number}, 10.1.2.3");
        refused += u32::from(get_for(&stranger, &neighbour, path).await.status == 429);
    }
    assert!(
        refused >= 7,
        "one network of 64 bits counts as one: {refused}"
    );
    for number in 0..30 {
        let other = format!("198.51.100.{number}");
        get_for(&stranger, &other, path).await.ok(200);
    }
}

#[tokio::test]
async fn a_session_says_where_it_was_begun_as_the_proxy_says() {
    let login = json!({"login": "ada", "password": crate::support::PASSWORD});
    for (proxies, expected) in [("127.0.0.0/8", "198.51.100.9"), ("192.0.2.1", "127.0.0.1")] {
        let house = House::start_with(Options::default().with(PROXIES, proxies)).await;
        house.set_up().await;
        let request = house.stranger().request(Method::POST, "/api/v1/auth/login");
        let request = request.header("x-forwarded-for", "6.6.6.6, 198.51.100.9");
        let answer = Answer::of(request.json(&login)).await;
        let person = house.stranger().signed_in(&answer);
        let list = person.get("/api/v1/users/me/sessions").await.ok(200);
        let sessions = list["items"].as_array().expect("a list");
        let own = sessions.iter().find(|session| session["current"] == true);
        assert_eq!(own.expect("this one")["address"], expected);
    }
}

#[tokio::test]
async fn a_header_that_the_proxy_does_not_write_is_not_looked_at() {
    let header = "CHATELAINE_HTTP__FORWARDED_HEADER";
    let login = json!({"login": "ada", "password": crate::support::PASSWORD});
    for (written_by_proxy, expected) in [
        ("x-forwarded-for", "198.51.100.9"),
        ("forwarded", "192.0.2.9"),
    ] {
        let options = Options::default().with(PROXIES, "127.0.0.1");
        let house = House::start_with(options.with(header, written_by_proxy)).await;
        house.set_up().await;
        let request = house.stranger().request(Method::POST, "/api/v1/auth/login");
        let request = request
            .header("x-forwarded-for", "198.51.100.9")
            .header("forwarded", "for=192.0.2.9");
        let person = house
            .stranger()
            .signed_in(&Answer::of(request.json(&login)).await);
        let list = person.get("/api/v1/users/me/sessions").await.ok(200);
        let sessions = list["items"].as_array().expect("a list");
        let own = sessions.iter().find(|session| session["current"] == true);
        assert_eq!(own.expect("this one")["address"], expected);
    }
}

#[tokio::test]
async fn a_proxy_that_writes_another_header_than_is_configured_is_named_in_the_log_once() {
    let house = House::start_with(Options::default().with(PROXIES, "127.0.0.1")).await;
    let warning =
        "a proxy that is trusted sends forwarded, and forwarded_header is x-forwarded-for";
    let ask = async |headers: &[(&str, &str)]| {
        let mut request = house.stranger().request(Method::GET, "/health");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request).await.ok(200);
    };
    ask(&[]).await;
    ask(&[
        ("x-forwarded-for", "192.0.2.9"),
        ("forwarded", "for=192.0.2.9"),
    ])
    .await;
    assert!(!house.log().contains(warning));
    for _ in 0..3 {
        ask(&[("forwarded", "for=192.0.2.9")]).await;
    }
    house.logs(warning).await;
    assert_eq!(house.log().matches(warning).count(), 1, "{}", house.log());
}

#[tokio::test]
async fn a_credential_that_cannot_be_looked_at_counts_too() {
    // Thirty wrong keys are looked at, the next are slowed down: those count as well.
    let house = House::start_with(Options::default().with(NOBODY, "200")).await;
    house.set_up().await;
    let mut last = String::new();
    for number in 0..MORE_THAN_ENOUGH {
        let request = house.stranger().request(Method::GET, "/api/v1/auth/me");
        let answer = Answer::of(request.bearer_auth(format!("chk_{number}"))).await;
        last = answer.text;
        if last.contains("too many requests") {
            return;
        }
    }
    panic!("never counted: {last}");
}

#[tokio::test]
async fn what_is_too_short_for_mail_is_raised_at_the_start_and_the_log_says_so() {
    let options = Options::default()
        .with("CHATELAINE_MAIL__TIMEOUT_MS", "5")
        .with("CHATELAINE_MAIL__FIRST_RETRY_MS", "100");
    let house = House::start_with(options).await;
    house.logs("timeout_ms in the section [mail] is 5").await;
    assert!(!house.log().contains("first_retry_ms"), "{}", house.log());
}

#[tokio::test]
async fn what_is_no_setting_is_said_at_the_start() {
    for (name, value) in [
        (PROXIES, "proxy.example.org"),
        (PROXIES, "10.0.0.0/33"),
        ("CHATELAINE_HTTP__ALLOWED_HOSTS", "https://chat.example.org"),
        ("CHATELAINE_HTTP__PUBLIC_URL", "chat.example.org"),
        ("CHATELAINE_HTTP__PUBLIC_URL", "https://example.org/chat"),
        ("CHATELAINE_HTTP__FORWARDED_HEADER", "x-real-ip"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = crate::support::binary();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .env(name, value);
        let output = crate::support::run_to_end(&mut command);
        assert!(!output.status.success(), "{value}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(value), "{said}");
    }
}

#[tokio::test]
async fn one_address_cannot_hold_all_connections() {
    let options = Options::default().with("CHATELAINE_LIMITS__CONNECTIONS_PER_ADDRESS", "4");
    let house = House::start_with(options).await;
    let ask = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut open = Vec::new();
    let mut closed = 0;
    for _ in 0..8 {
        let mut socket = connect(&house).await;
        let mut buffer = [0; 1024];
        // Either may find that it was closed.
        let sent = socket.write_all(ask).await;
        match socket.read(&mut buffer).await {
            Ok(1..) if sent.is_ok() => open.push(socket),
            _ => closed += 1,
        }
    }
    assert_eq!((open.len(), closed), (4, 4));
    drop(open);
    for _ in 0..200 {
        let mut socket = connect(&house).await;
        let sent = socket.write_all(ask).await;
        if sent.is_ok() && matches!(socket.read(&mut [0; 1024]).await, Ok(1..)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("what was closed is still counted");
}
