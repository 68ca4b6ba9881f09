//! Who guesses waits, longer and longer, whatever is guessed; who is signed in, came in from there
//! before, or holds a good link goes on working, and nobody can keep another out for long. Delays
//! themselves are unit tests of `accounts::throttle`.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::COOKIE;
use serde_json::{Value, json};

use crate::support::{Answer, House, Options, PASSWORD, Person, text};

const LOGIN: &str = "/api/v1/auth/login";

fn guess(login: &str) -> Value {
    json!({"login": login, "password": "not this one"})
}

fn right(login: &str) -> Value {
    json!({"login": login, "password": PASSWORD})
}

async fn behind_proxy() -> House {
    let name = "CHATELAINE_HTTP__TRUSTED_PROXIES";
    House::start_with(Options::default().with(name, "127.0.0.1")).await
}

/// As through a trusted proxy.
async fn sign_in_from(house: &House, address: &str, body: Value) -> Answer {
    let request = house.stranger().request(Method::POST, LOGIN);
    Answer::of(request.header("x-forwarded-for", address).json(&body)).await
}

/// Fails as often as costs nothing.
async fn fail_five_times(person: &Person, login: &str) {
    for _ in 0..5 {
        let answer = person.post(LOGIN, guess(login)).await;
        answer.refused(401, "unauthenticated");
    }
}

#[track_caller]
fn delayed(answer: Answer) -> u64 {
    let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
    let error = answer.refused(429, "rate_limited");
    assert_eq!(error["details"]["retry_after_s"], seconds);
    seconds
}

#[tokio::test]
async fn after_five_wrong_passwords_not_even_the_right_one_is_looked_at() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let stranger = house.stranger();
    fail_five_times(&stranger, "ada").await;
    for body in [guess("ada"), right("ada"), right(" ADA ")] {
        let seconds = delayed(stranger.post(LOGIN, body).await);
        assert!((1..=6).contains(&seconds), "{seconds}");
    }
    for _ in 0..10 {
        ada.get("/api/v1/auth/me").await.ok(200);
    }
    let refresh = json!({"refresh_token": ada.refresh_token});
    ada.post("/api/v1/auth/refresh", refresh).await.ok(200);
    stranger.post(LOGIN, right("bob")).await.ok(200);
    bob.get("/api/v1/auth/me").await.ok(200);
}

#[tokio::test]
async fn a_name_that_is_nobodys_is_slowed_down_just_the_same() {
    let house = House::start().await;
    house.set_up().await;
    let stranger = house.stranger();
    let mut told = Vec::new();
    for login in ["ada", "nobody"] {
        let mut answers = Vec::new();
        for _ in 0..8 {
            let answer = stranger.post(LOGIN, guess(login)).await;
            let message = answer.body["error"]["message"].to_string();
            let message: String = message.chars().filter(|c| !c.is_ascii_digit()).collect();
            answers.push((answer.status, message));
        }
        told.push(answers);
    }
    assert_eq!(told[0], told[1]);
    let statuses: Vec<u16> = told[0].iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
}

#[tokio::test]
async fn signing_in_forgives_what_failed_before() {
    let house = House::start().await;
    house.set_up().await;
    let stranger = house.stranger();
    for _ in 0..4 {
        for _ in 0..4 {
            let answer = stranger.post(LOGIN, guess("ada")).await;
            answer.refused(401, "unauthenticated");
        }
        stranger.post(LOGIN, right("ada")).await.ok(200);
    }
}

#[tokio::test]
async fn the_growing_delay_survives_a_crash() {
    let mut house = House::start().await;
    house.set_up().await;
    fail_five_times(&house.stranger(), "ada").await;
    house.kill();
    house.start_again().await;
    let deadline = Instant::now() + Duration::from_secs(60);
    // The sixth; how much of its delay the restart took is not what is tested.
    while house.stranger().post(LOGIN, guess("ada")).await.status != 401 {
        assert!(Instant::now() < deadline, "the delay never ends");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seconds = delayed(house.stranger().post(LOGIN, right("ada")).await);
    assert!(
        (7..=11).contains(&seconds),
        "it grew from 5 to 10: {seconds}"
    );
}

#[tokio::test]
async fn one_address_cannot_go_from_login_to_login() {
    let house = behind_proxy().await;
    house.set_up().await;
    let mut compared = 0;
    for number in 0..60 {
        let body = guess(&format!("user{number}"));
        let status = sign_in_from(&house, "198.51.100.9", body).await.status;
        compared += u32::from(status == 401);
    }
    // One more may be let through as time goes by.
    assert!((30..=33).contains(&compared), "{compared}");
    sign_in_from(&house, "198.51.100.10", right("ada"))
        .await
        .ok(200);
}

#[tokio::test]
async fn guesses_from_everywhere_keep_nobody_out_where_they_are_known() {
    let house = behind_proxy().await;
    house.set_up().await;
    sign_in_from(&house, "192.0.2.1", right("ada"))
        .await
        .ok(200);
    let mut statuses = Vec::new();
    for number in 0..60 {
        let address = format!("198.51.100.{number}");
        statuses.push(sign_in_from(&house, &address, guess("ada")).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    sign_in_from(&house, "192.0.2.1", right("ada"))
        .await
        .ok(200);
}

/// As through a trusted proxy, with this person's credentials.
async fn post_from(person: &Person, address: &str, path: &str, body: Value) -> Answer {
    let request = person.request(Method::POST, path);
    Answer::of(request.header("x-forwarded-for", address).json(&body)).await
}

#[tokio::test]
async fn who_guesses_at_everything_keeps_nobody_out_who_is_known_in_the_same_network() {
    let house = behind_proxy().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let school = "198.51.100.9";
    sign_in_from(&house, school, right("bob")).await.ok(200);
    let mut last = 0;
    for number in 0..60 {
        let body = guess(&format!("user{number}"));
        last = sign_in_from(&house, school, body).await.status;
    }
    assert_eq!(last, 429, "the guesser waits");
    delayed(sign_in_from(&house, school, right("ada")).await);
    sign_in_from(&house, school, right("bob")).await.ok(200);
    let new = "a chain of brass keys";
    let change = json!({"current_password": PASSWORD, "new_password": new});
    let path = "/api/v1/users/me/password";
    post_from(&bob, school, path, change).await.ok(204);
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    let link = format!(
        "/api/v1/admin/users/{}/reset-link",
        text(&found, "/items/0/user/id")
    );
    let made = ada.post(&link, json!(null)).await.ok(200);
    let token = text(&made, "/link").rsplit('=').next().expect("a token");
    let reset = json!({"token": token, "password": PASSWORD});
    let path = "/api/v1/auth/password/reset";
    post_from(&house.stranger(), school, path, reset)
        .await
        .ok(204);
}

#[tokio::test]
async fn a_right_link_is_good_however_many_wrong_ones_came_before() {
    let house = House::start().await;
    let ada = house.set_up().await;
    house.add_user(&ada, "bob").await;
    let found = ada.get("/api/v1/admin/users?q=bob").await.ok(200);
    let path = format!(
        "/api/v1/admin/users/{}/reset-link",
        text(&found, "/items/0/user/id")
    );
    let made = ada.post(&path, json!(null)).await.ok(200);
    let token = text(&made, "/link").rsplit('=').next().expect("a token");
    let reset = |token: &str| json!({"token": token, "password": "quite another sentence"});
    let path = "/api/v1/auth/password/reset";
    let (stranger, mut waits) = (house.stranger(), false);
    for number in 0..40 {
        let answer = stranger.post(path, reset(&number.to_string())).await;
        waits |= answer.status == 429;
    }
    assert!(waits, "links can be tried for ever");
    stranger.post(path, reset(token)).await.ok(204);
}

#[tokio::test]
async fn a_username_and_the_e_mail_of_the_same_account_are_no_two_things_to_guess_at() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let email = json!({"email": "ada@example.org", "current_password": PASSWORD});
    ada.patch("/api/v1/users/me", email).await.ok(200);
    let stranger = house.stranger();
    for login in ["ada", "ada@example.org", "ADA", "ada@example.org", "ada"] {
        let answer = stranger.post(LOGIN, guess(login)).await;
        answer.refused(401, "unauthenticated");
    }
    delayed(stranger.post(LOGIN, guess("ada@example.org")).await);
    delayed(stranger.post(LOGIN, guess("ada")).await);
}

#[tokio::test]
async fn the_current_password_cannot_be_guessed_either() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let path = "/api/v1/users/me/password";
    let body = |current: &str| json!({"current_password": current, "new_password": "a chain of brass keys"});
    for _ in 0..5 {
        ada.post(path, body("not this one"))
            .await
            .refused(400, "invalid_request");
    }
    delayed(ada.post(path, body("not this one")).await);
    delayed(ada.post(path, body(PASSWORD)).await);
    ada.get("/api/v1/auth/me").await.ok(200);
    house.stranger().post(LOGIN, right("ada")).await.ok(200);
}

#[tokio::test]
async fn the_set_up_token_cannot_be_guessed() {
    let house = House::start().await;
    let body = json!({"token": "nonsense", "username": "eve", "password": PASSWORD});
    let token = house.setup_token();
    for _ in 0..30 {
        let answer = house.stranger().post("/api/v1/setup", body.clone()).await;
        answer.refused(403, "forbidden");
    }
    delayed(house.stranger().post("/api/v1/setup", body).await);
    let right = json!({"token": token, "username": "ada", "password": PASSWORD});
    house.stranger().post("/api/v1/setup", right).await.ok(201);
}

/// Tries until it is slowed down; before, each answer must be a plain no.
async fn guess_credentials(request: impl Fn(u32) -> reqwest::RequestBuilder) {
    for number in 0..60 {
        let answer = Answer::of(request(number)).await;
        if answer.status == 429 {
            assert_eq!(number, 30, "so many are free");
            delayed(answer);
            return;
        }
        answer.refused(401, "unauthenticated");
    }
    panic!("credentials can be guessed for ever");
}

#[tokio::test]
async fn api_keys_cannot_be_tried_for_ever_and_good_ones_always_work() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let body = json!({"name": "x", "scopes": ["read"]});
    let made = ada.post("/api/v1/users/me/api-keys", body).await.ok(201);
    let key = house.stranger().with_token(text(&made, "/secret"));
    let stranger = house.stranger();
    guess_credentials(|number| {
        let request = stranger.request(Method::GET, "/api/v1/auth/me");
        match number % 2 {
            0 => request.bearer_auth(format!("chk_{number}")),
            _ => request.header("x-api-key", format!("chk_{number}")),
        }
    })
    .await;
    key.get("/api/v1/auth/me").await.ok(200);
    ada.get("/api/v1/auth/me").await.ok(200);
    stranger.post(LOGIN, right("ada")).await.ok(200);
}

#[tokio::test]
async fn the_secret_of_a_cookie_cannot_be_guessed_and_its_owner_notices_nothing() {
    let house = House::start().await;
    house.set_up().await;
    let body = json!({"login": "ada", "password": PASSWORD, "cookie": true});
    let answer = house.stranger().post(LOGIN, body).await;
    let page = house.stranger().signed_in(&answer);
    let cookie = page.cookie.clone().expect("a cookie");
    let (session, _) = cookie.split_once('.').expect("a session and a secret");
    let stranger = house.stranger();
    guess_credentials(|number| {
        let request = stranger.request(Method::GET, "/api/v1/auth/me");
        request.header(COOKIE, format!("{session}.{number}"))
    })
    .await;
    page.get("/api/v1/auth/me").await.ok(200);
    let gone = format!("chatelaine={}.x", "0".repeat(32));
    for _ in 0..40 {
        // A page that was left open when its session ended guesses nothing.
        let request = stranger.request(Method::GET, "/api/v1/auth/me");
        let answer = Answer::of(request.header(COOKIE, &gone)).await;
        answer.refused(401, "unauthenticated");
    }
}

/// In KiB; None where the system does not say.
fn memory(house: &House, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", house.process_id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[tokio::test]
async fn two_hundred_sign_ins_at_once_take_bounded_memory_and_hold_nobody_up() {
    let house = behind_proxy().await;
    house.set_up().await;
    let before = memory(&house, "VmRSS:");
    // All from elsewhere, so that each is computed.
    let sign_ins = (0..200).map(|number| {
        let address = format!("198.51.{}.{}", number / 100, number % 100);
        let body = match number % 2 {
            0 => right("ada"),
            _ => guess(&format!("user{number}")),
        };
        let house = &house;
        async move { sign_in_from(house, &address, body).await.status }
    });
    let (sender, mut done) = tokio::sync::oneshot::channel::<()>();
    let watching = async {
        let mut slowest = Duration::ZERO;
        while done.try_recv().is_err() {
            let asked = Instant::now();
            house.stranger().get("/health").await.ok(200);
            slowest = slowest.max(asked.elapsed());
        }
        slowest
    };
    let signing_in = async {
        let statuses = join_all(sign_ins).await;
        sender.send(()).expect("somebody watches");
        statuses
    };
    let (statuses, slowest) = tokio::join!(signing_in, watching);
    assert!(
        statuses
            .iter()
            .all(|status| matches!(status, 200 | 401 | 429 | 503)),
        "{statuses:?}"
    );
    let compared = statuses.iter().filter(|status| matches!(status, 200 | 401));
    assert!(compared.count() > 100, "{statuses:?}");
    println!("the slowest /health meanwhile took {slowest:?}");
    // The promise is one second; a busy machine is given some more.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    if let (Some(before), Some(most)) = (before, memory(&house, "VmHWM:")) {
        let grown = most.saturating_sub(before) / 1024;
        println!("memory grew by {grown} MiB");
        assert!(grown < 200, "{grown} MiB");
    }
}
