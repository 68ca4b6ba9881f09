//! What an administrator changes while the house runs, and that nobody else does.
//! That a setting has its effect is tested where the effect is.

use serde_json::json;

use crate::support::House;

const PATH: &str = "/api/v1/admin/settings";

#[tokio::test]
async fn an_administrator_reads_and_changes_settings() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    assert_eq!(
        ada.get(PATH).await.ok(200),
        json!({"registration": "closed"})
    );
    let open = json!({"registration": "open"});
    assert_eq!(ada.put(PATH, open.clone()).await.ok(200), open);

    house.start_again().await;
    let again = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    assert_eq!(
        again.get(PATH).await.ok(200),
        open,
        "a setting survives a restart"
    );
}

#[tokio::test]
async fn a_user_neither_reads_nor_changes_settings() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    bob.get(PATH).await.refused(403, "forbidden");
    bob.put(PATH, json!({"registration": "closed"}))
        .await
        .refused(403, "forbidden");
    assert_eq!(ada.get(PATH).await.ok(200), json!({"registration": "open"}));
}

#[tokio::test]
async fn a_setting_takes_only_its_values() {
    let house = House::start().await;
    let ada = house.set_up().await;
    for body in [
        json!({"registration": "ajar"}),
        json!({"registration": true}),
        json!({}),
    ] {
        ada.put(PATH, body).await.refused(400, "invalid_request");
    }
    assert_eq!(
        ada.get(PATH).await.ok(200),
        json!({"registration": "closed"})
    );
}
