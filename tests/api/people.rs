//! What administrators do about others. And what no administrator can do: leave a house without one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{ENDLESS, House, PASSWORD, Person, Smtp, text};

const PATH: &str = "/api/v1/admin/users";

async fn id_of(admin: &Person, name: &str) -> String {
    let found = admin.get(&format!("{PATH}?q={name}")).await.ok(200);
    text(&found, "/items/0/user/id").to_owned()
}

#[tokio::test]
async fn everybody_is_listed_found_and_made() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let new = json!({"username": "bob", "password": PASSWORD, "email": "bob@school.example", "display_name": "Bobby"});
    let made = ada.post(PATH, new).await.ok(201);
    assert_eq!(made["user"]["role"], "user");
    for name in ["carol", "dave", "erin"] {
        let new = json!({"username": name, "password": PASSWORD});
        ada.post(PATH, new).await.ok(201);
    }
    let page = ada.get(&format!("{PATH}?limit=2")).await.ok(200);
    assert_eq!(page["total"], 5);
    assert_eq!(page["items"][1]["user"]["username"], "bob");
    let cursor = text(&page, "/next_cursor");
    let rest = ada
        .get(&format!("{PATH}?limit=50&cursor={cursor}"))
        .await
        .ok(200);
    assert_eq!(rest["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(rest["next_cursor"], json!(null));
    for query in ["BOB", "school", "bobby"] {
        let found = ada.get(&format!("{PATH}?q={query}")).await.ok(200);
        assert_eq!(found["total"], 1, "{query}");
    }
    let answer = json!({"login": "bob", "password": PASSWORD});
    house
        .stranger()
        .post("/api/v1/auth/login", answer)
        .await
        .ok(200);
}

#[tokio::test]
async fn name_and_e_mail_are_set_and_removed_and_written_down() {
    let house = House::start().await;
    let ada = house.set_up().await;
    house.add_user(&ada, "bob").await;
    house.add_user(&ada, "eve").await;
    let path = format!("{PATH}/{}", id_of(&ada, "bob").await);
    let set = json!({"display_name": " Bobby ", "email": "Bob@Example.org"});
    let changed = ada.patch(&path, set.clone()).await.ok(200);
    assert_eq!(changed["user"]["display_name"], "Bobby");
    assert_eq!(changed["user"]["email"], "bob@example.org");
    assert_eq!(changed["user"]["email_verified"], false);
    ada.patch(&path, set).await.ok(200);
    let login = json!({"login": "bob@example.org", "password": PASSWORD});
    let sign_in = async || {
        house
            .stranger()
            .post("/api/v1/auth/login", login.clone())
            .await
    };
    sign_in().await.ok(200);

    let eve = format!("{PATH}/{}", id_of(&ada, "eve").await);
    let taken = json!({"email": "bob@example.org"});
    let error = ada.patch(&eve, taken).await.refused(409, "conflict");
    assert_eq!(error["details"]["field"], "email");
    for (field, value) in [
        ("email", json!("nonsense")),
        ("email", json!(7)),
        ("display_name", json!("a\nb")),
        ("display_name", json!("x".repeat(65))),
    ] {
        let answer = ada.patch(&eve, json!({ field: value })).await;
        answer.refused(400, "invalid_request");
    }
    let removed = json!({"display_name": "", "email": ""});
    let removed = ada.patch(&path, removed).await.ok(200);
    assert_eq!(removed["user"].get("email"), None);
    assert_eq!(removed["user"].get("display_name"), None);
    sign_in().await.refused(401, "unauthenticated");

    let audit = ada.get("/api/v1/admin/audit?q=bob").await.ok(200);
    let items = audit["items"].as_array().expect("a list");
    let actions: Vec<&str> = items.iter().map(|item| text(item, "/action")).collect();
    let (name, email) = ("user.name_changed", "user.email_changed");
    assert_eq!(actions[..4], [email, name, email, name]);
    assert_eq!(items[0]["details"], json!({"removed": true}));
}

#[tokio::test]
async fn ones_own_e_mail_takes_the_password_also_of_an_administrator() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let path = format!("{PATH}/{}", id_of(&ada, "ada").await);
    let answer = ada.patch(&path, json!({"email": "eve@example.org"})).await;
    let error = answer.refused(400, "invalid_request");
    assert_eq!(error["details"]["field"], "email");
    let name = json!({"display_name": "Ada", "email": ""});
    let changed = ada.patch(&path, name).await.ok(200);
    assert_eq!(changed["user"]["display_name"], "Ada");
}

#[tokio::test]
async fn links_that_went_to_the_old_address_are_good_no_more() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let rules = json!({"registration": {"mode": "open", "verify_email": true}});
    ada.patch("/api/v1/admin/settings", rules).await.ok(200);
    let nobody = house.stranger();
    let body = json!({"username": "bob", "password": PASSWORD, "email": "bob@exmaple.org"});
    nobody.post("/api/v1/auth/register", body).await.ok(202);
    let first = house.logged_token("/verify-email?token=", 1).await;

    let path = format!("{PATH}/{}", id_of(&ada, "bob").await);
    let right = json!({"email": "bob@example.org"});
    let changed = ada.patch(&path, right).await.ok(200);
    assert_eq!(changed["awaits"], json!(["email"]));
    let second = house.logged_token("/verify-email?token=", 2).await;
    let prove = async |token: &str| {
        let body = json!({"token": token});
        nobody.post("/api/v1/auth/verify-email", body).await
    };
    prove(&first).await.refused(404, "not_found");
    prove(&second).await.ok(200);
    let login = json!({"login": "bob", "password": PASSWORD});
    let bob = nobody.post("/api/v1/auth/login", login).await.ok(200);
    assert_eq!(bob["user"]["email"], "bob@example.org");
    assert_eq!(bob["user"]["email_verified"], true);
}

#[tokio::test]
async fn both_addresses_are_told_of_another_e_mail() {
    let mut smtp = Smtp::start(json!({})).await;
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    let new = json!({"username": "bob", "password": PASSWORD, "email": "old@example.org"});
    let made = ada.post(PATH, new).await.ok(201);
    let path = format!("{PATH}/{}", text(&made, "/user/id"));
    for (email, told) in [
        (
            "new@example.org",
            vec!["new@example.org", "old@example.org"],
        ),
        ("", vec!["new@example.org"]),
        ("third@example.org", vec!["third@example.org"]),
    ] {
        let changed = ada.patch(&path, json!({"email": email})).await.ok(200);
        assert_eq!(changed["user"]["email_verified"], false);
        let mut to = Vec::new();
        for _ in 0..told.len() {
            let mail = smtp.next_mail().await;
            assert_eq!(mail.subject, "Your e-mail address was changed");
            to.push(mail.to);
        }
        to.sort();
        assert_eq!(to, told);
    }
}

#[tokio::test]
async fn who_is_disabled_is_out_at_once_and_comes_back() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let key = json!({"name": "script", "scopes": ["chat"]});
    let key = bob.post("/api/v1/users/me/api-keys", key).await.ok(201);
    let program = house.stranger().with_token(text(&key, "/secret"));
    let mut stream = bob.chat_stream(ENDLESS).await;
    stream.next().await.expect("an event");

    let path = format!("{PATH}/{}", id_of(&ada, "bob").await);
    let off = ada.patch(&path, json!({"disabled": true})).await.ok(200);
    assert_eq!(off["disabled"], true);
    let end = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(2), end)
        .await
        .expect("the stream ends");
    bob.get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
    program
        .get("/api/v1/models")
        .await
        .refused(401, "unauthenticated");
    let login = json!({"login": "bob", "password": PASSWORD});
    let sign_in = async || {
        house
            .stranger()
            .post("/api/v1/auth/login", login.clone())
            .await
    };
    sign_in().await.refused(403, "forbidden");
    let wrong = json!({"login": "bob", "password": "wrong"});
    let answer = house.stranger().post("/api/v1/auth/login", wrong).await;
    answer.refused(401, "unauthenticated");

    ada.patch(&path, json!({"disabled": false})).await.ok(200);
    sign_in().await.ok(200);
    program.get("/api/v1/models").await.ok(200);
}

#[tokio::test]
async fn a_role_that_falls_ends_every_session() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let path = format!("{PATH}/{}", id_of(&ada, "bob").await);
    ada.patch(&path, json!({"role": "admin"})).await.ok(200);
    bob.get(PATH).await.ok(200);
    ada.patch(&path, json!({"role": "user"})).await.ok(200);
    bob.get(PATH).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn an_auditor_reads_the_log_and_changes_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let path = format!("{PATH}/{}", id_of(&ada, "bob").await);
    ada.patch(&path, json!({"role": "auditor"})).await.ok(200);
    bob.get("/api/v1/admin/audit").await.ok(200);
    for path in [
        PATH,
        "/api/v1/admin/settings",
        "/api/v1/admin/keys",
        "/api/v1/admin/groups",
    ] {
        bob.get(path).await.refused(403, "forbidden");
    }
    bob.patch(&path, json!({"role": "admin"}))
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn the_last_administrator_stays_whoever_asks() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let path = format!("{PATH}/{}", id_of(&ada, "ada").await);
    for change in [json!({"role": "user"}), json!({"disabled": true})] {
        ada.patch(&path, change).await.refused(409, "conflict");
    }
    ada.delete(&path).await.refused(409, "conflict");
    let own = json!({"password": PASSWORD});
    ada.post("/api/v1/users/me/delete", own)
        .await
        .refused(409, "conflict");
    ada.get(PATH).await.ok(200);
}

#[tokio::test]
async fn two_administrators_who_demote_each_other_leave_one() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let hers = format!("{PATH}/{}", id_of(&ada, "ada").await);
    let his = format!("{PATH}/{}", id_of(&ada, "bob").await);
    ada.patch(&his, json!({"role": "admin"})).await.ok(200);
    let down = json!({"role": "user"});
    let (one, other) = tokio::join!(ada.patch(&his, down.clone()), bob.patch(&hers, down));
    let statuses = [one.status, other.status];
    let done = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(done, 1, "{} {}", one.text, other.text);
    let mut administrators = 0;
    for name in ["ada", "bob"] {
        let login = json!({"login": name, "password": PASSWORD});
        let answer = house.stranger().post("/api/v1/auth/login", login).await;
        administrators += usize::from(answer.ok(200)["user"]["role"] == "admin");
    }
    assert_eq!(administrators, 1);
}

#[tokio::test]
async fn who_is_removed_is_gone_with_everything() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let said = bob.chat("A secret of Bob's").await;
    let mut running = bob.chat_stream(ENDLESS).await;
    running.next().await.expect("an event");
    let id = id_of(&ada, "bob").await;
    ada.delete(&format!("{PATH}/{id}")).await.ok(204);
    bob.get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
    ada.get(&format!("{PATH}/{id}"))
        .await
        .refused(404, "not_found");
    assert_eq!(ada.get(PATH).await.ok(200)["total"], 1);

    // The name is free, and whoever takes it finds nothing of the other's.
    let again = house.add_user(&ada, "bob").await;
    assert_eq!(
        again.get("/api/v1/conversations").await.ok(200)["items"],
        json!([])
    );
    let path = format!("/api/v1/conversations/{}", text(&said, "/conversation/id"));
    again.get(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn one_removes_ones_own_account_with_the_password() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let delete = "/api/v1/users/me/delete";
    let wrong = json!({"password": "wrong"});
    bob.post(delete, wrong)
        .await
        .refused(400, "invalid_request");
    bob.post(delete, json!({"password": PASSWORD}))
        .await
        .ok(204);
    bob.get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
    assert_eq!(ada.get(PATH).await.ok(200)["total"], 1);
}

#[tokio::test]
async fn a_reset_link_sets_a_password_once_and_ends_every_session() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let path = format!("{PATH}/{}/reset-link", id_of(&ada, "bob").await);
    let made: Value = ada.post(&path, json!(null)).await.ok(200);
    let link = text(&made, "/link");
    let token = link
        .strip_prefix(&format!("{}/reset-password?token=", house.base))
        .expect("a link of this house")
        .to_owned();
    let reset = "/api/v1/auth/password/reset";
    let weak = json!({"token": token, "password": "12345678"});
    house
        .stranger()
        .post(reset, weak)
        .await
        .refused(400, "invalid_request");
    let new = json!({"token": token, "password": "quite another sentence"});
    house.stranger().post(reset, new.clone()).await.ok(204);
    bob.get("/api/v1/auth/me")
        .await
        .refused(401, "unauthenticated");
    house
        .stranger()
        .post(reset, new)
        .await
        .refused(404, "not_found");
    let login = json!({"login": "bob", "password": "quite another sentence"});
    house
        .stranger()
        .post("/api/v1/auth/login", login)
        .await
        .ok(200);
}
