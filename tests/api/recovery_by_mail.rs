//! Links that are mailed: one that somebody holds is ended by what makes it dangerous, and by nothing
//! that a stranger can do. The mail server needs Python: see `support/python.rs`.

use serde_json::{Value, json};

use crate::support::{Answer, House, PASSWORD, Person, Smtp, text};

const ME: &str = "/api/v1/users/me";
const TO_PROVE: &str = "/api/v1/users/me/email-to-prove";
const USERS: &str = "/api/v1/admin/users";
const NEW_PASSWORD: &str = "quite another sentence";

/// Ada, and Bob with an e-mail that he has not proved.
async fn house_with(smtp: &Smtp) -> (House, Person, Person) {
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let email = json!({"email": "bob@example.org", "current_password": PASSWORD});
    bob.patch(ME, email).await.ok(200);
    smtp.set_in(&ada).await;
    (house, ada, bob)
}

async fn post(house: &House, path: &str, body: Value) -> Answer {
    house.stranger().post(path, body).await
}

async fn forgot(house: &House, login: &str) {
    let body = json!({"login": login});
    post(house, "/api/v1/auth/password/forgot", body)
        .await
        .ok(202);
}

async fn reset(house: &House, link: &str) -> Answer {
    let (_, token) = link.split_once('=').expect("a token");
    let body = json!({"token": token, "password": NEW_PASSWORD});
    post(house, "/api/v1/auth/password/reset", body).await
}

async fn prove(house: &House, link: &str) -> Answer {
    let (_, token) = link.split_once('=').expect("a token");
    post(house, "/api/v1/auth/verify-email", json!({"token": token})).await
}

async fn sign_in(house: &House, name: &str, password: &str) -> Person {
    let login = json!({"login": name, "password": password});
    let answer = post(house, "/api/v1/auth/login", login).await;
    let person = house.stranger().signed_in(&answer);
    answer.ok(200);
    person
}

async fn id_of(admin: &Person, name: &str) -> String {
    let found = admin.get(&format!("{USERS}?q={name}")).await.ok(200);
    text(&found, "/items/0/user/id").to_owned()
}

#[tokio::test]
async fn who_took_an_account_does_not_come_back_by_a_link_from_before() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, _ada, bob) = house_with(&smtp).await;
    let new = json!({"email": "eve@example.org", "current_password": PASSWORD});
    let asked = bob.patch(ME, new).await.ok(200);
    assert_eq!(asked["email_to_prove"], "eve@example.org");
    let (one, other) = (smtp.next_mail().await, smtp.next_mail().await);
    let (to_eve, to_bob) = match one.to.contains("eve") {
        true => (one, other),
        false => (other, one),
    };
    assert_eq!(to_bob.to, "bob@example.org", "the owner hears at once");
    assert!(to_bob.text.contains("eve@example.org"), "{}", to_bob.text);
    let to_prove = smtp.link_in(&to_eve);

    let key = json!({"name": "script", "scopes": ["chat"]});
    let key = bob.post("/api/v1/users/me/api-keys", key).await.ok(201);
    let program = house.stranger().with_token(text(&key, "/secret"));
    forgot(&house, "bob").await;
    let mail = smtp.next_mail().await;
    reset(&house, &smtp.link_in(&mail)).await.ok(204);
    let told = smtp.next_mail().await;
    assert!(told.text.contains("API keys"), "{}", told.text);
    program
        .get("/api/v1/models")
        .await
        .refused(401, "unauthenticated");
    prove(&house, &to_prove).await.refused(404, "not_found");
    let bob = sign_in(&house, "bob", NEW_PASSWORD).await;
    assert_eq!(bob.get(ME).await.ok(200)["email"], "bob@example.org");
}

#[tokio::test]
async fn changing_the_password_ends_links_that_set_one_and_is_written_down_and_told() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada, bob) = house_with(&smtp).await;
    let key = json!({"name": "script", "scopes": ["chat"]});
    let key = bob.post("/api/v1/users/me/api-keys", key).await.ok(201);
    forgot(&house, "bob").await;
    let mail = smtp.next_mail().await;
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    bob.post("/api/v1/users/me/password", change).await.ok(204);
    let told = smtp.next_mail().await;
    assert_eq!(told.to, "bob@example.org");
    assert!(told.text.contains("password"), "{}", told.text);
    reset(&house, &smtp.link_in(&mail))
        .await
        .refused(404, "not_found");
    bob.get(ME).await.ok(200);
    let program = house.stranger().with_token(text(&key, "/secret"));
    program.get("/api/v1/models").await.ok(200);
    let log = ada.get("/api/v1/admin/audit?limit=1").await.ok(200);
    assert_eq!(log["items"][0]["action"], "user.password_changed");
    assert_eq!(log["items"][0]["actor"], "bob");
}

#[tokio::test]
async fn a_stranger_who_asks_ends_no_link_and_has_no_second_mail_sent() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada, bob) = house_with(&smtp).await;
    let id = id_of(&ada, "bob").await;
    let path = format!("{USERS}/{id}/reset-link");
    let made = ada.post(&path, json!(null)).await.ok(200);
    let told = smtp.next_mail().await;
    assert!(told.text.contains("ada"), "{}", told.text);
    let me = bob.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me["notices"][0]["kind"], "reset_link_made");
    assert_eq!(me["notices"][0]["by"], "ada");

    forgot(&house, "bob").await;
    let mail = smtp.next_mail().await;
    for _ in 0..5 {
        forgot(&house, "bob").await;
    }
    // Behind it in the queue, so that a second would have come before.
    let test = json!({"to": "grace@example.org", "queued": true});
    ada.post("/api/v1/admin/mail/test", test).await.ok(200);
    assert_eq!(smtp.next_mail().await.to, "grace@example.org");
    let mailed = smtp.link_in(&mail);
    let weak = json!({"token": mailed.split_once('=').expect("a token").1, "password": "12345678"});
    post(&house, "/api/v1/auth/password/reset", weak)
        .await
        .refused(400, "invalid_request");

    reset(&house, text(&made, "/link")).await.ok(204);
    let told = smtp.next_mail().await;
    assert!(told.text.contains("ada"), "{}", told.text);
    reset(&house, &mailed).await.refused(404, "not_found");
    let bob = sign_in(&house, "bob", NEW_PASSWORD).await;
    let me = bob.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me["notices"][1]["kind"], "reset_link_used");
}

#[tokio::test]
async fn a_link_to_the_old_address_is_good_no_more_when_an_administrator_mends_it() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada, _bob) = house_with(&smtp).await;
    forgot(&house, "bob").await;
    let mail = smtp.next_mail().await;
    let path = format!("{USERS}/{}", id_of(&ada, "bob").await);
    let another = json!({"email": "robert@example.org"});
    ada.patch(&path, another).await.ok(200);
    reset(&house, &smtp.link_in(&mail))
        .await
        .refused(404, "not_found");
}

#[tokio::test]
async fn an_e_mail_that_one_has_can_be_proved_later() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, _ada, bob) = house_with(&smtp).await;
    let ask = async || bob.post(TO_PROVE, json!({})).await;
    ask().await.ok(202);
    let mail = smtp.next_mail().await;
    assert_eq!(mail.to, "bob@example.org");
    prove(&house, &smtp.link_in(&mail)).await.ok(200);
    assert_eq!(bob.get(ME).await.ok(200)["email_verified"], true);
    ask().await.refused(409, "conflict");
}

#[tokio::test]
async fn a_profile_saved_with_the_e_mail_one_has_takes_no_wish_for_another_back() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, _ada, bob) = house_with(&smtp).await;
    let wish = json!({"email": "new@example.org", "current_password": PASSWORD});
    bob.patch(ME, wish).await.ok(200);
    // The old address is told too.
    let mut mails = [smtp.next_mail().await, smtp.next_mail().await];
    mails.sort_by_key(|mail| mail.to != "new@example.org");
    let [mail, _] = mails;
    for number in 0..12 {
        let same = json!({"email": "bob@example.org", "display_name": format!("Bob {number}")});
        let saved = bob.patch(ME, same).await.ok(200);
        assert_eq!(saved.get("email_to_prove"), None);
    }
    prove(&house, &smtp.link_in(&mail)).await.ok(200);
    assert_eq!(bob.get(ME).await.ok(200)["email"], "new@example.org");
}

#[tokio::test]
async fn who_is_no_administrator_any_more_decides_by_no_link_and_the_others_get_another() {
    let mut smtp = Smtp::start(json!({})).await;
    let (house, ada, bob) = house_with(&smtp).await;
    let eve = house.add_user(&ada, "eve").await;
    let his = format!("{USERS}/{}", id_of(&ada, "bob").await);
    ada.patch(&his, json!({"role": "admin"})).await.ok(200);
    smtp.next_mail().await;
    eve.post("/api/v1/auth/admin-request", json!({}))
        .await
        .ok(202);
    let to_bob = smtp.next_mail().await;
    assert_eq!(to_bob.to, "bob@example.org");
    let old = smtp.link_in(&to_bob);
    let approval = |link: &str| {
        let token = link.rsplit('/').next().expect("a token");
        format!("/api/v1/approvals/{token}")
    };
    house.stranger().get(&approval(&old)).await.ok(200);

    let carol = json!({"username": "carol", "password": PASSWORD, "email": "carol@example.org", "role": "admin"});
    ada.post(USERS, carol).await.ok(201);
    ada.patch(&his, json!({"role": "auditor"})).await.ok(200);
    bob.get(USERS).await.refused(401, "unauthenticated");
    let mails = [smtp.next_mail().await, smtp.next_mail().await];
    let to = |name: &str| mails.iter().find(|mail| mail.to.starts_with(name));
    let told = to("bob").expect("bob is told");
    assert!(told.text.contains("audit log"), "{}", told.text);
    let new = smtp.link_in(to("carol").expect("carol is asked"));
    let yes = json!({"approve": true});
    post(&house, &approval(&old), yes.clone())
        .await
        .refused(404, "not_found");
    post(&house, &approval(&new), yes).await.ok(200);
    assert_eq!(eve.get(ME).await.ok(200)["role"], "admin");
}
