//! The set-up link: it makes the first administrator, once, and nobody else.
//! What a person sees of it in the page is tested in the browser.

use serde_json::json;

use crate::support::{House, PASSWORD};

#[tokio::test]
async fn the_printed_link_makes_the_first_administrator() {
    let house = House::start().await;
    let stranger = house.stranger();
    assert_eq!(
        stranger.get("/api/v1/setup").await.ok(200),
        json!({"needed": true})
    );

    let body = json!({
        "token": house.setup_token(), "username": "Ada", "password": PASSWORD, "email": "ada@example.org"
    });
    let answer = stranger.post("/api/v1/setup", body).await;
    let ada = stranger.signed_in(&answer);
    let signed_in = answer.ok(201);
    assert_eq!(signed_in["user"]["role"], "admin");
    assert_eq!(
        signed_in["user"]["username"], "ada",
        "usernames are lower case"
    );
    assert_eq!(signed_in["user"]["email"], "ada@example.org");
    assert_eq!(signed_in["token_type"], "Bearer");
    assert_eq!(signed_in["expires_in"], 900);

    assert_eq!(
        ada.get("/api/v1/auth/me").await.ok(200)["user"]["username"],
        "ada"
    );
    assert_eq!(
        stranger.get("/api/v1/setup").await.ok(200),
        json!({"needed": false})
    );
}

#[tokio::test]
async fn a_set_up_link_works_once() {
    let house = House::start().await;
    let token = house.setup_token();
    let body = |name: &str| json!({"token": token, "username": name, "password": PASSWORD});
    house
        .stranger()
        .post("/api/v1/setup", body("ada"))
        .await
        .ok(201);
    let second = house.stranger().post("/api/v1/setup", body("eve")).await;
    assert!(matches!(second.status, 403 | 409), "{}", second.text);
    let login = json!({"login": "eve", "password": PASSWORD});
    house
        .stranger()
        .post("/api/v1/auth/login", login)
        .await
        .refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_wrong_set_up_token_is_refused() {
    let house = House::start().await;
    for token in ["", "wrong", &"x".repeat(5000)] {
        let body = json!({"token": token, "username": "eve", "password": PASSWORD});
        house
            .stranger()
            .post("/api/v1/setup", body)
            .await
            .refused(403, "forbidden");
    }
    let body = json!({"token": house.setup_token(), "username": "ada", "password": PASSWORD});
    house.stranger().post("/api/v1/setup", body).await.ok(201);
}

#[tokio::test]
async fn a_mistake_in_the_form_does_not_use_up_the_link() {
    let house = House::start().await;
    let token = house.setup_token();
    let body = json!({"token": token, "username": "ada", "password": "password"});
    let error = house
        .stranger()
        .post("/api/v1/setup", body)
        .await
        .refused(400, "invalid_request");
    assert_eq!(error["details"]["field"], "password");
    let body = json!({"token": token, "username": "ada", "password": PASSWORD});
    house.stranger().post("/api/v1/setup", body).await.ok(201);
}

#[tokio::test]
async fn of_eight_set_ups_at_once_exactly_one_makes_an_administrator() {
    let house = House::start().await;
    let token = house.setup_token();
    let mut attempts = Vec::new();
    for index in 0..8 {
        let (stranger, token) = (house.stranger(), token.clone());
        attempts.push(tokio::spawn(async move {
            let body =
                json!({"token": token, "username": format!("ada{index}"), "password": PASSWORD});
            stranger.post("/api/v1/setup", body).await.status
        }));
    }
    let mut made = 0;
    for attempt in attempts {
        match attempt.await.expect("an attempt ends") {
            201 => made += 1,
            status => assert!(matches!(status, 403 | 409), "{status}"),
        }
    }
    assert_eq!(made, 1);
    let mut can_sign_in = 0;
    for index in 0..8 {
        let login = json!({"login": format!("ada{index}"), "password": PASSWORD});
        can_sign_in += u32::from(
            house
                .stranger()
                .post("/api/v1/auth/login", login)
                .await
                .status
                == 200,
        );
    }
    assert_eq!(can_sign_in, 1, "nobody else may have been left behind");
}

#[tokio::test]
async fn a_restart_renews_the_link_until_there_is_an_administrator() {
    let mut house = House::start().await;
    let old = house.setup_token();
    house.start_again().await;
    let new = house.setup_token();
    assert_ne!(old, new);
    let body = |token: &str| json!({"token": token, "username": "ada", "password": PASSWORD});
    house
        .stranger()
        .post("/api/v1/setup", body(&old))
        .await
        .refused(403, "forbidden");
    house
        .stranger()
        .post("/api/v1/setup", body(&new))
        .await
        .ok(201);

    house.start_again().await;
    assert_eq!(
        house.stranger().get("/api/v1/setup").await.ok(200),
        json!({"needed": false})
    );
    assert_eq!(house.next_line(), None, "no link is printed any more");
}
