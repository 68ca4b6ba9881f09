//! Budgets of groups, which pay beside their people, and what comes and goes with an account.
//! The groups themselves are in `groups.rs`, registration keys in `registration_keys.rs`.

use serde_json::{Value, json};

use crate::groups::{new_group, put_in};
use crate::support::{House, PASSWORD, Person, text};
use crate::tokens::{charge, purse};

fn path_of(group: &str) -> String {
    format!("/api/v1/admin/groups/{group}/tokens")
}

async fn refused(person: &Person) -> Value {
    let answer = person.post("/api/v1/chat", json!({"content": "Hello"}));
    answer.await.refused(402, "quota_exceeded")["details"].take()
}

#[tokio::test]
async fn a_group_gets_a_budget_that_is_filled_up_and_can_go() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let group = new_group(&ada, "Pupils", json!([])).await;
    let path = path_of(&group);
    ada.get(&path).await.refused(404, "not_found");
    let budget = json!({"amount": 900, "refill": {"every": "month", "amount": 900, "up_to": true}});
    let set = ada.put(&path, budget).await.ok(200);
    assert_eq!(
        (&set["balance"], &set["refill"]["every"]),
        (&json!(900), &json!("month"))
    );
    assert!(set["refill"]["next_at"].is_string());
    let set = ada.put(&path, json!({"amount": 500})).await.ok(200);
    assert_eq!(
        (&set["balance"], &set["refill"]["amount"]),
        (&json!(500), &json!(900))
    );
    let entries = ada.get(&format!("{path}/ledger")).await.ok(200);
    assert_eq!(entries["items"][0]["amount"], -400);
    let audit = ada.get("/api/v1/admin/audit").await.ok(200);
    assert_eq!(audit["items"][0]["subject"], "Pupils");
    assert_eq!(ada.delete(&path).await.status, 204);
    ada.get(&path).await.refused(404, "not_found");
    let nowhere = path_of("0192aa00000070008000000000000001");
    let set = ada.put(&nowhere, json!({"amount": 1})).await;
    set.refused(404, "not_found");
}

#[tokio::test]
async fn all_who_pay_must_suffice_and_each_pays_the_same() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let (bob, eve) = (
        house.add_user(&ada, "bob").await,
        house.add_user(&ada, "eve").await,
    );
    let group = new_group(&ada, "Pupils", json!([])).await;
    put_in(&ada, "bob", &[&group]).await;
    put_in(&ada, "eve", &[&group]).await;
    charge(&ada, json!({})).await;
    let path = path_of(&group);
    ada.put(&path, json!({"amount": 250})).await.ok(200);
    bob.chat("Hello").await;
    eve.chat("Hello").await;
    assert_eq!(
        (purse(&bob).await, purse(&eve).await),
        ((3_900, 0), (3_900, 0))
    );
    let shown = bob.get("/api/v1/tokens").await.ok(200);
    let budget = json!([{
        "id": group, "name": "Pupils", "is_everyone": false,
        "balance": 50, "reserved": 0, "unlimited": false,
    }]);
    assert_eq!(shown["groups"], budget);
    let details = refused(&bob).await;
    assert_eq!(
        (&details["holder"], &details["missing"]),
        (&json!("group"), &json!(50))
    );
    assert_eq!(details["group_id"], json!(group));
    assert_eq!(purse(&bob).await, (3_900, 0), "nobody pays alone");
    ada.chat("Hello").await;

    ada.post(&path, json!({"unlimited": true})).await.ok(200);
    bob.chat("Hello").await;
    ada.delete(&format!("/api/v1/admin/groups/{group}"))
        .await
        .ok(204);
    bob.chat("Hello").await;
    assert_eq!(purse(&bob).await, (3_700, 0));
}

#[tokio::test]
async fn nothing_opens_a_budget_but_an_amount() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({})).await;
    let everyone = path_of("00000000000000000000000000000001");
    for body in [json!({"unlimited": false}), json!({"unlimited": true})] {
        let refused = ada.post(&everyone, body).await;
        refused.refused(404, "not_found");
    }
    let refill = json!({"refill": {"every": "day", "amount": 5}});
    for body in [json!({}), refill] {
        let refused = ada.put(&everyone, body).await;
        let error = refused.refused(400, "invalid_request");
        assert_eq!(error["details"]["field"], "amount");
    }
    ada.get(&everyone).await.refused(404, "not_found");
    ada.chat("Hello").await;

    let opened = ada.post(&everyone, json!({"amount": 70})).await.ok(200);
    assert_eq!(opened["balance"], 70);
    let lifted = json!({"unlimited": true});
    assert_eq!(ada.post(&everyone, lifted).await.ok(200)["unlimited"], true);
    let set = ada.put(&everyone, json!({"amount": 150})).await.ok(200);
    assert_eq!(
        (&set["balance"], &set["unlimited"]),
        (&json!(150), &json!(false))
    );
    ada.put(&everyone, json!({}))
        .await
        .refused(400, "invalid_request");
}

#[tokio::test]
async fn the_house_itself_may_have_a_budget() {
    let house = House::start().await;
    let ada = house.set_up().await;
    charge(&ada, json!({})).await;
    let everyone = path_of("00000000000000000000000000000001");
    ada.put(&everyone, json!({"amount": 100})).await.ok(200);
    ada.chat("Hello").await;
    assert_eq!(refused(&ada).await["holder"], "group");
}

#[tokio::test]
async fn a_registration_key_may_carry_an_allowance_of_its_own() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let made = ada.post(
        "/api/v1/admin/keys/generate",
        json!({"count": 1, "terms": {"tokens": 130}}),
    );
    let made = made.await.ok(201);
    let key = text(&made, "/items/0/key");
    charge(&ada, json!({})).await;
    let mode = json!({"registration": {"mode": "key"}});
    ada.patch("/api/v1/admin/settings", mode).await.ok(200);
    let body = json!({"username": "bob", "password": PASSWORD, "registration_key": key});
    let answer = house.stranger().post("/api/v1/auth/register", body).await;
    let bob = house.stranger().signed_in(&answer);
    answer.ok(201);
    assert_eq!(purse(&bob).await, (130, 0));
    bob.chat("Hello").await;
    assert_eq!(refused(&bob).await["missing"], 70);
}

#[tokio::test]
async fn who_goes_takes_their_allowance_along() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    charge(&ada, json!({})).await;
    bob.chat("Hello").await;
    let me = bob.get("/api/v1/users/me").await.ok(200);
    let path = format!("/api/v1/admin/users/{}", text(&me, "/id"));
    let tokens = format!("{path}/tokens");
    assert_eq!(ada.get(&tokens).await.ok(200)["balance"], 3_900);
    ada.delete(&path).await.ok(204);
    ada.get(&tokens).await.refused(404, "not_found");
    let entries = ada.get(&format!("{tokens}/ledger")).await;
    entries.refused(404, "not_found");
}
