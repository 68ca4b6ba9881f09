//! Asking to be let in or to become an administrator, and nobody comes in before. A request is decided
//! once, on the page or behind a link that looking at does not use up.

use serde_json::{Value, json};

use crate::support::{Answer, House, PASSWORD, Person, text};

const PATH: &str = "/api/v1/admin/requests";

async fn rules(admin: &Person, registration: Value) {
    let change = json!({"registration": registration});
    admin.patch("/api/v1/admin/settings", change).await.ok(200);
}

async fn register(house: &House, name: &str) -> Answer {
    let body = json!({"username": name, "password": PASSWORD, "reason": "I am in class 7b"});
    house.stranger().post("/api/v1/auth/register", body).await
}

async fn sign_in(house: &House, name: &str) -> Answer {
    let login = json!({"login": name, "password": PASSWORD});
    house.stranger().post("/api/v1/auth/login", login).await
}

fn names(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| text(item, "/applicant/username"))
        .collect()
}

#[tokio::test]
async fn nobody_comes_in_before_an_administrator_approved() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(&ada, json!({"mode": "open", "approval": "always"})).await;
    let made = register(&house, "bob").await.ok(202);
    assert_eq!(made["pending"], "approval");
    assert_eq!(made.get("access_token"), None);
    let error = sign_in(&house, "bob").await.refused(403, "forbidden");
    assert_eq!(error["details"]["pending"], "approval");

    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"][0]["request"]["reason"], "I am in class 7b");
    assert_eq!(list["items"][0]["applicant"]["username"], "bob");
    let approve = format!("{PATH}/{}/approve", text(&list, "/items/0/request/id"));
    ada.post(&approve, json!({"note": "welcome"})).await.ok(200);
    sign_in(&house, "bob").await.ok(200);
    ada.post(&approve, json!({})).await.refused(409, "conflict");
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"][0]["request"]["decision"]["by"], "ada");
}

#[tokio::test]
async fn who_is_rejected_stays_out() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(&ada, json!({"mode": "open", "approval": "always"})).await;
    register(&house, "eve").await.ok(202);
    let list = ada.get(PATH).await.ok(200);
    let reject = format!("{PATH}/{}/reject", text(&list, "/items/0/request/id"));
    ada.post(&reject, json!({})).await.ok(200);
    sign_in(&house, "eve").await.refused(403, "forbidden");
}

#[tokio::test]
async fn looking_at_a_link_decides_nothing_and_deciding_uses_it_up() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(&ada, json!({"mode": "open", "approval": "without_key"})).await;
    register(&house, "bob").await.ok(202);
    let token = house.logged_token("/approve/", 1).await;
    let path = format!("/api/v1/approvals/{token}");
    let nobody = house.stranger();
    for _ in 0..3 {
        let shown = nobody.get(&path).await.ok(200);
        assert_eq!(shown["username"], "bob");
        let page = nobody.get(&format!("/approve/{token}")).await;
        assert_eq!(page.status, 200);
    }
    sign_in(&house, "bob").await.refused(403, "forbidden");
    let decided = nobody.post(&path, json!({"approve": true})).await.ok(200);
    assert_eq!(decided, json!({"approved": true, "username": "bob"}));
    sign_in(&house, "bob").await.ok(200);
    nobody
        .post(&path, json!({"approve": false}))
        .await
        .refused(404, "not_found");
    nobody.get(&path).await.refused(404, "not_found");
    sign_in(&house, "bob").await.ok(200);
}

#[tokio::test]
async fn a_token_that_is_none_decides_nothing() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(
        &ada,
        json!({"mode": "open", "approval": "always", "verify_email": true}),
    )
    .await;
    let body = json!({"username": "bob", "password": PASSWORD, "email": "bob@example.org"});
    house
        .stranger()
        .post("/api/v1/auth/register", body)
        .await
        .ok(202);
    let foreign = house.logged_token("/verify-email?token=", 1).await;
    let nobody = house.stranger();
    for token in ["x", "null", "%00", &foreign, &"a".repeat(5000)] {
        let path = format!("/api/v1/approvals/{token}");
        nobody.get(&path).await.refused(404, "not_found");
        let yes = json!({"approve": true});
        nobody.post(&path, yes).await.refused(404, "not_found");
    }
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"][0]["request"].get("decision"), None);
}

#[tokio::test]
async fn one_asks_for_administrator_rights_once_and_is_told() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let ask = "/api/v1/auth/admin-request";
    bob.post(ask, json!({"reason": "Ada is on holiday"}))
        .await
        .ok(202);
    bob.post(ask, json!({})).await.refused(409, "conflict");
    ada.post(ask, json!({})).await.refused(409, "conflict");
    let me = bob.get("/api/v1/auth/me").await.ok(200);
    assert_eq!(me["admin_request"].get("decision"), None);
    bob.get(PATH).await.refused(403, "forbidden");

    let list = ada.get(PATH).await.ok(200);
    let path = format!("{PATH}/{}", text(&list, "/items/0/request/id"));
    let old = house.logged_token("/approve/", 1).await;
    let made = ada.post(&format!("{path}/link"), json!(null)).await.ok(200);
    let link = text(&made, "/link");
    let token = link.rsplit('/').next().expect("a token");
    let nobody = house.stranger();
    let approval = |token: &str| format!("/api/v1/approvals/{token}");
    nobody.get(&approval(&old)).await.refused(404, "not_found");
    let yes = json!({"approve": true});
    nobody.post(&approval(token), yes).await.ok(200);
    assert_eq!(
        bob.get("/api/v1/auth/me").await.ok(200)["user"]["role"],
        "admin"
    );
    bob.get(PATH).await.ok(200);
    let log = ada.get("/api/v1/admin/audit?limit=2").await.ok(200);
    assert_eq!(log["items"][1]["action"], "request.link_made");
    assert_eq!(log["items"][1]["subject"], "bob");
    assert_eq!(
        log["items"][1]["details"]["id"],
        list["items"][0]["request"]["id"]
    );
}

#[tokio::test]
async fn who_was_shut_out_is_let_in_by_no_link() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(&ada, json!({"mode": "open", "approval": "always"})).await;
    register(&house, "bob").await.ok(202);
    let token = house.logged_token("/approve/", 1).await;
    let list = ada.get(PATH).await.ok(200);
    let request = format!("{PATH}/{}", text(&list, "/items/0/request/id"));
    let id = text(&list, "/items/0/applicant/id");
    let person = format!("/api/v1/admin/users/{id}");
    ada.patch(&person, json!({"disabled": true})).await.ok(200);
    house
        .stranger()
        .post(
            &format!("/api/v1/approvals/{token}"),
            json!({"approve": true}),
        )
        .await
        .refused(404, "not_found");
    ada.post(&format!("{request}/approve"), json!({}))
        .await
        .refused(409, "conflict");
    sign_in(&house, "bob").await.refused(403, "forbidden");
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"][0]["request"]["decision"]["approved"], false);
}

#[tokio::test]
async fn what_people_write_is_bounded_and_plain() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let ask = "/api/v1/auth/admin-request";
    for reason in ["x".repeat(10_000), "\u{7}".into(), "a\nb\u{202e}".into()] {
        let body = json!({"reason": reason});
        bob.post(ask, body).await.refused(400, "invalid_request");
    }
    let markup = "<script>alert(1)</script>\nsecond line";
    bob.post(ask, json!({"reason": markup})).await.ok(202);
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["items"][0]["request"]["reason"], markup);
}

#[tokio::test]
async fn requests_come_in_pages_and_those_to_be_decided_are_counted() {
    let house = House::start().await;
    let ada = house.set_up().await;
    rules(&ada, json!({"mode": "open", "approval": "always"})).await;
    for number in 1..=5 {
        register(&house, &format!("pupil{number}")).await.ok(202);
    }
    let list = async |query: &str| ada.get(&format!("{PATH}?{query}")).await.ok(200);
    let first = list("limit=2").await;
    assert_eq!(names(&first), ["pupil1", "pupil2"]);
    assert_eq!(first["waiting"], 5);
    for (index, word) in [(0, "approve"), (1, "reject")] {
        let id = text(&first, &format!("/items/{index}/request/id"));
        let path = format!("{PATH}/{id}/{word}");
        ada.post(&path, json!({})).await.ok(200);
    }
    // What was decided meanwhile stands elsewhere, and the cursor is good all the same.
    let mut page = list(&format!("limit=2&cursor={}", text(&first, "/next_cursor"))).await;
    let mut found = Vec::new();
    for _ in 0..4 {
        found.extend(names(&page).into_iter().map(str::to_owned));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        page = list(&format!("limit=2&cursor={cursor}")).await;
    }
    assert_eq!(found, ["pupil3", "pupil4", "pupil5", "pupil2", "pupil1"]);
    assert_eq!(page["waiting"], 3);
    let decided = list("decided=true").await;
    assert_eq!(names(&decided), ["pupil2", "pupil1"]);
    assert_eq!(decided["waiting"], 3);
    assert_eq!(names(&list("decided=false&limit=1").await), ["pupil3"]);
    for query in ["cursor=x", "cursor=.5", "decided=perhaps", "limit=101"] {
        let answer = ada.get(&format!("{PATH}?{query}")).await;
        answer.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn who_was_made_an_administrator_directly_waits_for_no_answer_and_no_old_link_does_it_again()
{
    let house = House::start().await;
    let ada = house.set_up().await;
    let bob = house.add_user(&ada, "bob").await;
    let ask = "/api/v1/auth/admin-request";
    bob.post(ask, json!({})).await.ok(202);
    let token = house.logged_token("/approve/", 1).await;
    let list = ada.get(PATH).await.ok(200);
    let id = text(&list, "/items/0/applicant/id");
    let person = format!("/api/v1/admin/users/{id}");
    ada.patch(&person, json!({"role": "admin"})).await.ok(200);
    let list = ada.get(PATH).await.ok(200);
    assert_eq!(list["waiting"], 0);
    let decision = &list["items"][0]["request"]["decision"];
    assert_eq!(
        (&decision["approved"], &decision["by"]),
        (&json!(true), &json!("ada"))
    );

    ada.patch(&person, json!({"role": "user"})).await.ok(200);
    let (path, yes) = (
        format!("/api/v1/approvals/{token}"),
        json!({"approve": true}),
    );
    let deciding = house.stranger().post(&path, yes).await;
    deciding.refused(404, "not_found");
    let bob = house.stranger().signed_in(&sign_in(&house, "bob").await);
    bob.post(ask, json!({})).await.ok(202);
}
