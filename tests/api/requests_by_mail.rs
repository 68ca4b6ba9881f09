//! Links that decide, as they are mailed: each who decides has their own, nobody who may not decide has
//! one, and nothing of an administrator's outlives their role. The mail server needs Python:
//! see `support/python.rs`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{House, PASSWORD, Person, Smtp, TakenMail, text};

const USERS: &str = "/api/v1/admin/users";
const ASK: &str = "/api/v1/auth/admin-request";

/// Ada, who has no e-mail, and a house that mails.
async fn house_with(smtp: &Smtp, approver: Value) -> (House, Person) {
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    let mut settings = smtp.settings();
    settings["approver_address"] = approver;
    ada.put("/api/v1/admin/mail", settings).await.ok(200);
    (house, ada)
}

/// Somebody with an e-mail, and their address among the people.
async fn add(house: &House, admin: &Person, name: &str, role: &str) -> (Person, String) {
    let email = format!("{name}@example.org");
    let new = json!({"username": name, "password": PASSWORD, "email": email, "role": role});
    let made = admin.post(USERS, new).await.ok(201);
    let login = json!({"login": name, "password": PASSWORD});
    let answer = house.stranger().post("/api/v1/auth/login", login).await;
    let person = house.stranger().signed_in(&answer);
    (person, format!("{USERS}/{}", text(&made, "/user/id")))
}

fn approval(smtp: &Smtp, mail: &TakenMail) -> String {
    let link = smtp.link_in(mail);
    let token = link.rsplit('/').next().expect("a token");
    format!("/api/v1/approvals/{token}")
}

/// So many mails by whom they are for, behind which none waits and none came.
async fn mails(smtp: &mut Smtp, admin: &Person, count: usize) -> Vec<TakenMail> {
    let mut mails = Vec::new();
    for _ in 0..count {
        mails.push(smtp.next_mail().await);
    }
    let mut waiting = json!(null);
    for _ in 0..600 {
        let queue = admin.get("/api/v1/admin/mail/queue").await.ok(200);
        waiting = queue["items"].clone();
        if waiting == json!([]) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(waiting, json!([]));
    let more = smtp.told();
    assert!(
        more.iter().all(|line| line.get("mail").is_none()),
        "{more:?}"
    );
    mails.sort_by(|one: &TakenMail, other| one.to.cmp(&other.to));
    mails
}

fn recipients(mails: &[TakenMail]) -> Vec<&str> {
    mails.iter().map(|mail| mail.to.as_str()).collect()
}

#[tokio::test]
async fn who_is_demoted_loses_their_own_link_and_nobody_elses_and_no_one_is_asked_again() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada) = house_with(&smtp, Value::Null).await;
    let (_, his) = add(&house, &ada, "bob", "admin").await;
    add(&house, &ada, "carol", "admin").await;
    let (eve, _) = add(&house, &ada, "eve", "user").await;
    eve.post(ASK, json!({})).await.ok(202);
    let asked = mails(&mut smtp, &ada, 2).await;
    assert_eq!(recipients(&asked), ["bob@example.org", "carol@example.org"]);
    let (of_bob, of_carol) = (approval(&smtp, &asked[0]), approval(&smtp, &asked[1]));
    assert_ne!(of_bob, of_carol);

    ada.patch(&his, json!({"role": "user"})).await.ok(200);
    let told = mails(&mut smtp, &ada, 1).await;
    assert_eq!(recipients(&told), ["bob@example.org"], "of the role alone");
    let (stranger, yes) = (house.stranger(), json!({"approve": true}));
    let by_bob = stranger.post(&of_bob, yes.clone()).await;
    by_bob.refused(404, "not_found");
    stranger.post(&of_carol, yes).await.ok(200);
    assert_eq!(
        eve.get("/api/v1/auth/me").await.ok(200)["user"]["role"],
        "admin"
    );
}

#[tokio::test]
async fn an_administrator_who_was_the_approver_is_asked_no_more_whatever_their_address() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada) = house_with(&smtp, "bob@example.org".into()).await;
    let (_, his) = add(&house, &ada, "bob", "admin").await;
    add(&house, &ada, "carol", "admin").await;
    let (eve, _) = add(&house, &ada, "eve", "user").await;
    eve.post(ASK, json!({})).await.ok(202);
    let asked = mails(&mut smtp, &ada, 1).await;
    assert_eq!(recipients(&asked), ["bob@example.org"]);
    let old = approval(&smtp, &asked[0]);
    house.stranger().get(&old).await.ok(200);

    ada.patch(&his, json!({"role": "user"})).await.ok(200);
    house.stranger().get(&old).await.refused(404, "not_found");
    let told = mails(&mut smtp, &ada, 2).await;
    assert_eq!(recipients(&told), ["bob@example.org", "carol@example.org"]);
    let new = approval(&smtp, &told[1]);
    house.stranger().get(&new).await.ok(200);

    // The address is nobody's now.
    let no_email = json!({"email": ""});
    ada.patch(&his, no_email).await.ok(200);
    let told = mails(&mut smtp, &ada, 1).await;
    assert_eq!(recipients(&told), ["bob@example.org"]);
    let login = json!({"login": "bob", "password": PASSWORD});
    let answer = house.stranger().post("/api/v1/auth/login", login).await;
    let bob = house.stranger().signed_in(&answer);
    bob.post(ASK, json!({})).await.ok(202);
    let asked = mails(&mut smtp, &ada, 1).await;
    assert_eq!(recipients(&asked), ["carol@example.org"]);
    let mail = ada.get("/api/v1/admin/mail").await.ok(200);
    assert_eq!(mail["settings"].get("approver_address"), None, "{mail}");
    assert_eq!(mail["settings"]["server"], "localhost");
}

#[tokio::test]
async fn an_approver_whose_account_may_not_decide_is_passed_over() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada) = house_with(&smtp, "bob@example.org".into()).await;
    add(&house, &ada, "carol", "admin").await;
    let (bob, his) = add(&house, &ada, "bob", "auditor").await;
    bob.post(ASK, json!({})).await.ok(202);
    let asked = mails(&mut smtp, &ada, 1).await;
    assert_eq!(recipients(&asked), ["carol@example.org"]);
    ada.patch(&his, json!({"role": "admin"})).await.ok(200);
    mails(&mut smtp, &ada, 1).await;
    let (eve, _) = add(&house, &ada, "eve", "user").await;
    eve.post(ASK, json!({})).await.ok(202);
    let asked = mails(&mut smtp, &ada, 1).await;
    assert_eq!(recipients(&asked), ["bob@example.org"]);
}

#[tokio::test]
async fn whoever_writes_the_approvers_address_as_theirs_unseats_nobody() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada) = house_with(&smtp, "head@example.org".into()).await;
    add(&house, &ada, "carol", "admin").await;
    let (pretender, _) = add(&house, &ada, "head", "user").await;
    let (eve, _) = add(&house, &ada, "eve", "user").await;
    eve.post(ASK, json!({})).await.ok(202);
    let asked = mails(&mut smtp, &ada, 1).await;
    assert_eq!(recipients(&asked), ["head@example.org"]);
    pretender.post(ASK, json!({})).await.ok(202);
    let asked = mails(&mut smtp, &ada, 1).await;
    assert_eq!(
        recipients(&asked),
        ["carol@example.org"],
        "never about its owner"
    );
}

#[tokio::test]
async fn an_approver_who_takes_another_e_mail_leaves_no_place_behind() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada) = house_with(&smtp, "bob@example.org".into()).await;
    let (bob, his) = add(&house, &ada, "bob", "admin").await;
    let approver = async || {
        let mail = ada.get("/api/v1/admin/mail").await.ok(200);
        mail["settings"].get("approver_address").cloned()
    };
    let another = json!({"email": "robert@example.org", "current_password": PASSWORD});
    bob.patch("/api/v1/users/me", another).await.ok(200);
    assert_eq!(
        approver().await,
        Some("bob@example.org".into()),
        "as long as it is"
    );
    let sent = mails(&mut smtp, &ada, 2).await;
    assert_eq!(recipients(&sent), ["bob@example.org", "robert@example.org"]);
    let link = smtp.link_in(&sent[1]);
    let (_, token) = link.split_once('=').expect("a token");
    let (stranger, proof) = (house.stranger(), json!({"token": token}));
    let proved = stranger.post("/api/v1/auth/verify-email", proof).await;
    proved.ok(200);
    assert_eq!(approver().await, Some("robert@example.org".into()));

    ada.patch(&his, json!({"email": "rob@example.org"}))
        .await
        .ok(200);
    assert_eq!(approver().await, None);
    ada.patch(&his, json!({"role": "user"})).await.ok(200);
    let log = ada.get("/api/v1/admin/audit").await.ok(200);
    let of_approver = |entry: &&Value| text(entry, "/action").contains("approver");
    let items = log["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(of_approver);
    let actions: Vec<&str> = items.map(|entry| text(entry, "/action")).collect();
    let (removed, changed) = (
        "mail_server.approver_removed",
        "mail_server.approver_changed",
    );
    assert_eq!(actions, [removed, changed]);
}

#[tokio::test]
async fn a_link_that_went_to_nobodys_address_goes_with_whoever_had_it_later() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada) = house_with(&smtp, "head@example.org".into()).await;
    let (eve, _) = add(&house, &ada, "eve", "user").await;
    eve.post(ASK, json!({})).await.ok(202);
    let asked = mails(&mut smtp, &ada, 1).await;
    assert_eq!(recipients(&asked), ["head@example.org"]);
    let link = approval(&smtp, &asked[0]);
    let (_, other) = add(&house, &ada, "bob", "admin").await;
    ada.patch(&other, json!({"role": "user"})).await.ok(200);
    house.stranger().get(&link).await.ok(200);
    let (_, pretender) = add(&house, &ada, "head", "user").await;
    ada.delete(&pretender).await.ok(204);
    house.stranger().get(&link).await.ok(200);
    let (_, heads) = add(&house, &ada, "head", "admin").await;
    ada.patch(&heads, json!({"disabled": true})).await.ok(200);
    house.stranger().get(&link).await.refused(404, "not_found");
}
