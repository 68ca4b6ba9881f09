//! The page's session: a cookie no script can read, that no other site can use.
//! Requests with a bearer token need no such care, since no browser adds one by itself.

use reqwest::Method;
use reqwest::header::{COOKIE, ORIGIN, USER_AGENT};
use serde_json::json;

use crate::support::{Answer, House, PASSWORD, Person};

fn login(cookie: bool) -> serde_json::Value {
    json!({"login": "ada", "password": PASSWORD, "cookie": cookie})
}

async fn in_browser(house: &House) -> Person {
    let answer = house
        .stranger()
        .post("/api/v1/auth/login", login(true))
        .await;
    let person = house.stranger().signed_in(&answer);
    answer.ok(200);
    person
}

#[tokio::test]
async fn a_cookie_session_gives_no_tokens_away() {
    let house = House::start().await;
    house.set_up().await;
    let answer = house
        .stranger()
        .post("/api/v1/auth/login", login(true))
        .await;
    let header = answer.header("set-cookie").to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Secure"] {
        assert!(header.contains(attribute), "{attribute} in {header}");
    }
    assert!(header.starts_with("__Host-"), "{header}");
    assert!(!header.contains("Domain"), "{header}");
    let body = answer.ok(200);
    for secret in ["access_token", "refresh_token", "token_type", "expires_in"] {
        assert!(body.get(secret).is_none(), "{secret} in {body}");
    }
    let tokens = house
        .stranger()
        .post("/api/v1/auth/login", login(false))
        .await;
    assert_eq!(
        tokens.header("set-cookie"),
        "",
        "who wants tokens gets no cookie"
    );
}

#[tokio::test]
async fn a_browser_that_refuses_secure_cookies_here_gets_another() {
    let house = House::start().await;
    house.set_up().await;
    let safari = "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15";
    let request = house.stranger().request(Method::POST, "/api/v1/auth/login");
    let answer = Answer::of(request.header(USER_AGENT, safari).json(&login(true))).await;
    let header = answer.header("set-cookie").to_owned();
    assert!(
        !header.contains("Secure") && !header.starts_with("__"),
        "{header}"
    );
    assert!(
        header.contains("HttpOnly") && header.contains("SameSite=Strict"),
        "{header}"
    );
    let person = house.stranger().signed_in(&answer);
    person.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn signing_out_takes_the_cookie_back_and_ends_the_session() {
    let house = House::start().await;
    house.set_up().await;
    let page = in_browser(&house).await;
    page.get("/api/v1/auth/me").await.ok(200);
    let answer = page.post("/api/v1/auth/logout", json!(null)).await;
    assert!(
        answer.header("set-cookie").contains("Max-Age=0"),
        "{}",
        answer.header("set-cookie")
    );
    answer.ok(204);
    page.get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
}

/// A browser that was here before and behind TLS was: it holds a cookie of either name.
#[tokio::test]
async fn signing_in_and_out_leaves_no_cookie_and_no_session_of_either_name() {
    let house = House::start().await;
    house.set_up().await;
    let secure = in_browser(&house).await;
    let cookie = secure.cookie.clone().expect("a cookie");
    let plain = in_browser(&house).await;
    let value = plain.cookie.clone().expect("a cookie");
    let value = value.replacen("__Host-chatelaine", "chatelaine", 1);
    let both = Person {
        cookie: Some(format!("{cookie}; {value}")),
        ..secure.clone()
    };
    let taken_back = |answer: &Answer| {
        let cookies = answer.headers.get_all("set-cookie").iter();
        let ended = cookies.filter(|cookie| cookie.to_str().expect("text").contains("Max-Age=0"));
        ended.count()
    };
    let answer = both.post("/api/v1/auth/logout", json!(null)).await;
    assert_eq!(taken_back(&answer), 2);
    answer.ok(204);
    let plain = Person {
        cookie: Some(value),
        ..plain
    };
    for gone in [&secure, &plain] {
        gone.get("/api/v1/auth/me")
            .await
            .refused(401, "unauthenticated");
    }

    let before = in_browser(&house).await;
    let answer = before.post("/api/v1/auth/login", login(true)).await;
    assert_eq!(taken_back(&answer), 1);
    let after = house.stranger().signed_in(&answer);
    before
        .get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
    after.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn a_plain_cookie_from_before_does_not_hide_the_good_one() {
    let house = House::start().await;
    house.set_up().await;
    let page = in_browser(&house).await;
    let good = page.cookie.clone().expect("a cookie");
    assert!(good.starts_with("__Host-"), "{good}");
    let old = format!("chatelaine={}.x", "0".repeat(32));
    for cookie in [format!("{old}; {good}"), format!("{good}; {old}")] {
        let both = Person {
            cookie: Some(cookie),
            ..page.clone()
        };
        both.get("/api/v1/auth/me").await.ok(200);
    }
}

#[tokio::test]
async fn a_cookie_that_was_changed_is_none() {
    let house = House::start().await;
    house.set_up().await;
    let page = in_browser(&house).await;
    let cookie = page.cookie.clone().expect("a cookie");
    let (name, value) = cookie.split_once('=').expect("a name and a value");
    let (session, secret) = value.split_once('.').expect("a session and a secret");
    let reversed: String = secret.chars().rev().collect();
    let changed = [
        String::new(),
        "x".into(),
        format!("{session}."),
        format!("{session}.{reversed}"),
        format!(".{secret}"),
    ];
    for value in changed {
        let changed = Person {
            cookie: Some(format!("{name}={value}")),
            ..page.clone()
        };
        changed
            .get("/api/v1/auth/me")
            .await
            .refused(401, "unauthenticated");
    }
    page.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn another_site_cannot_use_the_cookie() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let cookie = in_browser(&house).await.cookie.expect("a cookie");
    let send = async |method: Method, path: &str, name: &str, value: &str| {
        let request = house
            .stranger()
            .request(method, path)
            .header(COOKIE, &cookie);
        Answer::of(request.header(name, value).json(&json!({"title": "x"}))).await
    };
    let chats = "/api/v1/conversations";
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        (ORIGIN.as_str(), "https://evil.example"),
        (ORIGIN.as_str(), "null"),
        (ORIGIN.as_str(), "http://127.0.0.1:1"),
    ] {
        send(Method::POST, chats, name, value)
            .await
            .refused(403, "forbidden");
        send(Method::PATCH, "/api/v1/admin/settings", name, value)
            .await
            .refused(403, "forbidden");
        send(Method::DELETE, &format!("{chats}/x"), name, value)
            .await
            .refused(403, "forbidden");
        send(Method::POST, "/v1/chat/completions", name, value)
            .await
            .refused(403, "forbidden");
    }
    let unmarked = house
        .stranger()
        .request(Method::POST, chats)
        .header(COOKIE, &cookie);
    Answer::of(unmarked.json(&json!({})))
        .await
        .refused(403, "forbidden");
    assert_eq!(ada.get(chats).await.ok(200)["items"], json!([]));

    send(Method::POST, chats, "sec-fetch-site", "same-origin")
        .await
        .ok(201);
    send(Method::POST, chats, ORIGIN.as_str(), &house.base)
        .await
        .ok(201);
    for site in ["cross-site", "same-site"] {
        send(Method::GET, chats, "sec-fetch-site", site)
            .await
            .refused(403, "forbidden");
    }
    let link = house.stranger().request(Method::GET, chats);
    let link = link
        .header(COOKIE, &cookie)
        .header("sec-fetch-site", "same-site")
        .header("sec-fetch-mode", "navigate");
    Answer::of(link).await.ok(200);
}

#[tokio::test]
async fn a_bearer_token_may_come_from_anywhere() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://app.example"),
    ] {
        let request = ada
            .request(Method::POST, "/api/v1/conversations")
            .header(name, value);
        Answer::of(request.json(&json!({}))).await.ok(201);
    }
}

#[tokio::test]
async fn a_bad_bearer_token_is_not_made_good_by_a_cookie() {
    let house = House::start().await;
    house.set_up().await;
    let page = in_browser(&house).await;
    let both = Person {
        access_token: Some("nonsense".into()),
        ..page
    };
    both.get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
}

#[tokio::test]
async fn another_site_cannot_sign_somebody_in() {
    let house = House::start().await;
    house.set_up().await;
    let request = house
        .stranger()
        .request(Method::POST, "/api/v1/auth/login")
        .header("sec-fetch-site", "cross-site");
    Answer::of(request.json(&login(true)))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn another_site_may_not_read_what_is_answered() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for path in ["/api/v1/auth/me", "/v1/models", "/api/v1/setup", "/health"] {
        let request = ada
            .request(Method::GET, path)
            .header(ORIGIN, "https://evil.example");
        let answer = Answer::of(request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            "",
            "{path}"
        );
    }
}
