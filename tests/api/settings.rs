//! What an administrator changes while the house runs, and that nobody else does.
//! That a setting has its effect is tested where the effect is.

use serde_json::{Value, json};

use crate::support::House;

const PATH: &str = "/api/v1/admin/settings";

fn rules(mode: &str) -> Value {
    json!({"mode": mode, "verify_email": false, "approval": "never"})
}

#[tokio::test]
async fn an_administrator_reads_and_changes_settings() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    assert_eq!(ada.get(PATH).await.ok(200)["registration"], rules("closed"));
    let change = json!({"registration": {"mode": "open"}});
    assert_eq!(
        ada.patch(PATH, change).await.ok(200)["registration"],
        rules("open")
    );
    let change = json!({"registration": {"approval": "always"}});
    let both = json!({"mode": "open", "verify_email": false, "approval": "always"});
    assert_eq!(
        ada.patch(PATH, change).await.ok(200)["registration"],
        both,
        "what is not named stays"
    );

    house.start_again().await;
    let again = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    let kept = again.get(PATH).await.ok(200)["registration"].take();
    assert_eq!(kept, both, "a setting survives a restart");
}

#[tokio::test]
async fn a_user_neither_reads_nor_changes_settings() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    bob.get(PATH).await.refused(403, "forbidden");
    bob.patch(PATH, json!({"registration": {"mode": "closed"}}))
        .await
        .refused(403, "forbidden");
    assert_eq!(ada.get(PATH).await.ok(200)["registration"], rules("open"));
}

#[tokio::test]
async fn a_setting_takes_only_its_values() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for body in [
        json!({"registration": {"mode": "ajar"}}),
        json!({"registration": {"mode": true}}),
        json!({"registration": "open"}),
        json!({"registration": {"mode": "open", "approval": "sometimes"}}),
    ] {
        ada.patch(PATH, body).await.refused(400, "invalid_request");
    }
    assert_eq!(ada.get(PATH).await.ok(200)["registration"], rules("closed"));
}
