//! Mails that wait: they survive the house being killed, are tried again where that makes sense, and
//! are shown to administrators where it does not. Nothing else waits for a mail server.

use serde_json::{Value, json};

use crate::support::{House, Person, Smtp, text};

const PATH: &str = "/api/v1/admin/mail";
const QUEUE: &str = "/api/v1/admin/mail/queue";

async fn house_with(smtp: &Smtp) -> (House, Person) {
    let house = House::start_with(smtp.options()).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    (house, ada)
}

async fn queue(admin: &Person, to: &str) {
    let body = json!({"to": to, "queued": true});
    let answer = admin.post(&format!("{PATH}/test"), body).await.ok(200);
    assert_eq!(answer["ok"], true);
}

async fn queued(admin: &Person) -> Vec<Value> {
    let page = admin.get(QUEUE).await.ok(200);
    page["items"].as_array().expect("a list").clone()
}

/// The mails, once they are as they should be.
async fn wait_for(admin: &Person, reached: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..600 {
        let mails = queued(admin).await;
        if reached(&mails) {
            return mails;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the queue stays as it is: {:?}", queued(admin).await);
}

#[tokio::test]
async fn a_queued_mail_survives_the_house_being_killed_and_arrives_once() {
    let busy = json!({"refuse": "451 4.3.0 not now"});
    let mut smtp = Smtp::start(busy).await;
    let (mut house, ada) = house_with(&smtp).await;
    queue(&ada, "grace@example.org").await;
    smtp.next_event("refused").await;
    house.kill();
    smtp.change(json!({})).await;
    house.start_again().await;
    assert_eq!(smtp.next_mail().await.to, "grace@example.org");
    let token = ada.access_token.expect("a token");
    let ada = house.stranger().with_token(&token);
    wait_for(&ada, <[Value]>::is_empty).await;
    let again = smtp.told();
    assert!(
        !again.iter().any(|line| line.get("mail").is_some()),
        "{again:?}"
    );
}

#[tokio::test]
async fn a_greylisted_mail_is_tried_again_as_the_same_mail() {
    let mut smtp = Smtp::start(json!({"greylist": 2})).await;
    let (_house, ada) = house_with(&smtp).await;
    queue(&ada, "grace@example.org").await;
    smtp.next_event("greylisted").await;
    let mails = wait_for(&ada, |mails| mails.iter().any(|mail| mail["attempts"] == 1)).await;
    let mail = &mails[0];
    assert_eq!(
        (&mail["kind"], &mail["state"]),
        (&json!("test"), &json!("waiting"))
    );
    assert_eq!(mail["to"], "grace@example.org");
    assert!(
        text(mail, "/last_error").contains("451 4.7.1 greylisted"),
        "{mail}"
    );
    assert!(
        text(mail, "/next_attempt_at") > text(mail, "/created_at"),
        "{mail}"
    );
    smtp.next_event("greylisted").await;
    let arrived = smtp.next_mail().await;
    let id = text(mail, "/id");
    assert!(arrived.header("message-id").contains(id), "{arrived:?}");
    wait_for(&ada, <[Value]>::is_empty).await;
}

#[tokio::test]
async fn a_final_refusal_is_kept_with_its_words_and_can_be_tried_again_by_hand() {
    let mut smtp = Smtp::start(json!({"refuse": "550 5.1.1 nobody here"})).await;
    let (mut house, ada) = house_with(&smtp).await;
    queue(&ada, "grace@example.org").await;
    let failed = |mails: &[Value]| mails.iter().any(|mail| mail["state"] == "failed");
    wait_for(&ada, failed).await;
    house.start_again().await;
    let token = ada.access_token.expect("a token");
    let ada = house.stranger().with_token(&token);
    let mails = queued(&ada).await;
    let mail = &mails[0];
    assert_eq!(mail["attempts"], 1, "a final refusal is not tried again");
    assert!(
        text(mail, "/last_error").contains("550 5.1.1 nobody here"),
        "{mail}"
    );
    assert!(
        mail["next_attempt_at"].is_null() && mail["failed_at"].is_string(),
        "{mail}"
    );
    let status = ada.get(PATH).await.ok(200);
    assert_eq!(
        (&status["waiting"], &status["failed"]),
        (&json!(0), &json!(1))
    );

    smtp.change(json!({})).await;
    let retry = format!("{QUEUE}/{}/retry", text(mail, "/id"));
    assert_eq!(
        ada.post(&retry, json!({})).await.ok(200)["state"],
        "waiting"
    );
    assert_eq!(smtp.next_mail().await.to, "grace@example.org");
    wait_for(&ada, <[Value]>::is_empty).await;
    ada.post(&retry, json!({})).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_deleted_mail_is_not_sent_and_the_list_comes_in_pages() {
    let smtp = Smtp::start(json!({"refuse": "550 no"})).await;
    let (_house, ada) = house_with(&smtp).await;
    for name in ["a", "b", "c"] {
        queue(&ada, &format!("{name}@example.org")).await;
    }
    let all_failed = |mails: &[Value]| mails.iter().all(|mail| mail["state"] == "failed");
    let mails = wait_for(&ada, all_failed).await;
    let to: Vec<&str> = mails.iter().map(|mail| text(mail, "/to")).collect();
    assert_eq!(to, ["c@example.org", "b@example.org", "a@example.org"]);
    let first = ada.get(&format!("{QUEUE}?limit=2")).await.ok(200);
    let cursor = text(&first, "/next_cursor");
    let rest = ada
        .get(&format!("{QUEUE}?limit=2&cursor={cursor}"))
        .await
        .ok(200);
    assert_eq!(rest["items"][0], mails[2]);
    assert!(rest["next_cursor"].is_null());
    let refused = ada.get(&format!("{QUEUE}?cursor=nonsense")).await;
    refused.refused(400, "invalid_request");

    let one = format!("{QUEUE}/{}", text(&mails[0], "/id"));
    assert_eq!(ada.delete(&one).await.status, 204);
    ada.delete(&one).await.refused(404, "not_found");
    ada.delete(&format!("{QUEUE}/nonsense"))
        .await
        .refused(404, "not_found");
    assert_eq!(queued(&ada).await.len(), 2);
}

#[tokio::test]
async fn a_mail_that_is_deleted_while_it_waits_is_not_sent() {
    let mut smtp = Smtp::start(json!({"refuse": "451 4.3.0 not now"})).await;
    let (_house, ada) = house_with(&smtp).await;
    queue(&ada, "grace@example.org").await;
    queue(&ada, "bob@example.org").await;
    let both_wait =
        |mails: &[Value]| mails.len() == 2 && mails.iter().all(|it| it["attempts"] != 0);
    let mails = wait_for(&ada, both_wait).await;
    let grace = mails.iter().find(|mail| mail["to"] == "grace@example.org");
    let id = text(grace.expect("it waits"), "/id");
    assert_eq!(ada.delete(&format!("{QUEUE}/{id}")).await.status, 204);
    smtp.change(json!({})).await;
    assert_eq!(smtp.next_mail().await.to, "bob@example.org");
    queue(&ada, "carol@example.org").await;
    assert_eq!(smtp.next_mail().await.to, "carol@example.org");
    wait_for(&ada, <[Value]>::is_empty).await;
}

/// Everything that a house sends that is started again now, with a mail behind it all.
async fn start_again_and_collect(house: &mut House, smtp: &mut Smtp, ada: &Person) -> Vec<String> {
    house.start_again().await;
    let token = ada.access_token.as_ref().expect("a token");
    let ada = house.stranger().with_token(token);
    queue(&ada, "last@example.org").await;
    let mut sent = Vec::new();
    while sent.last().is_none_or(|to| to != "last@example.org") {
        sent.push(smtp.next_mail().await.to);
    }
    wait_for(&ada, <[Value]>::is_empty).await;
    sent
}

#[tokio::test]
async fn a_mail_that_the_server_is_just_taking_comes_once_though_the_house_stops() {
    let mut smtp = Smtp::start(json!({"slow_ms": 2000})).await;
    let (mut house, ada) = house_with(&smtp).await;
    queue(&ada, "grace@example.org").await;
    smtp.next_event("data").await;
    assert!(house.stop().await.success());
    assert_eq!(smtp.next_mail().await.to, "grace@example.org");
    smtp.change(json!({})).await;
    let sent = start_again_and_collect(&mut house, &mut smtp, &ada).await;
    assert_eq!(sent, ["last@example.org"]);
}

#[tokio::test]
async fn that_a_mail_was_taken_is_written_down_before_leave_is_taken() {
    let mut smtp = Smtp::start(json!({"no_quit": true})).await;
    let (mut house, ada) = house_with(&smtp).await;
    queue(&ada, "grace@example.org").await;
    assert_eq!(smtp.next_mail().await.to, "grace@example.org");
    smtp.next_event("quit").await;
    house.kill();
    let sent = start_again_and_collect(&mut house, &mut smtp, &ada).await;
    assert_eq!(sent, ["last@example.org"]);
}

#[tokio::test]
async fn a_server_that_takes_its_time_with_a_mail_gets_it_once() {
    let mut smtp = Smtp::start(json!({"slow_ms": 2500})).await;
    let options = smtp.options().with("CHATELAINE_MAIL__TIMEOUT_MS", "800");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    queue(&ada, "grace@example.org").await;
    assert_eq!(smtp.next_mail().await.to, "grace@example.org");
    wait_for(&ada, <[Value]>::is_empty).await;
    let told = smtp.change(json!({})).await;
    assert!(!told.iter().any(|line| line["event"] == "data"), "{told:?}");
}

#[tokio::test]
async fn a_server_that_wants_another_sender_or_a_sign_in_gives_up_no_mail() {
    for (name, answer) in [
        ("from", "553 5.7.1 this is not your address"),
        ("from", "530 5.7.0 sign in first"),
        ("refuse", "530 5.7.0 sign in first"),
    ] {
        let mut smtp = Smtp::start(json!({ name: answer })).await;
        let (_house, ada) = house_with(&smtp).await;
        queue(&ada, "grace@example.org").await;
        let tried = |mails: &[Value]| mails.iter().any(|mail| mail["attempts"] != 0);
        let mails = wait_for(&ada, tried).await;
        assert_eq!(mails[0]["state"], "waiting", "{}", mails[0]);
        assert!(
            text(&mails[0], "/last_error").contains(answer),
            "{}",
            mails[0]
        );
        smtp.change(json!({})).await;
        assert_eq!(smtp.next_mail().await.to, "grace@example.org");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_is_tried_again() {
    let mut smtp = Smtp::start(json!({"drop": true})).await;
    let (_house, ada) = house_with(&smtp).await;
    queue(&ada, "grace@example.org").await;
    smtp.next_event("data").await;
    smtp.change(json!({})).await;
    assert_eq!(smtp.next_mail().await.to, "grace@example.org");
    wait_for(&ada, <[Value]>::is_empty).await;
}

#[tokio::test]
async fn several_mails_are_sent_at_once_and_no_more_than_four() {
    let mut smtp = Smtp::start(json!({"slow_ms": 1500})).await;
    let (_house, ada) = house_with(&smtp).await;
    for number in 0..7 {
        queue(&ada, &format!("person-{number}@example.org")).await;
    }
    let (mut under_way, mut most) = (0_usize, 0_usize);
    let mut taken = Vec::new();
    while taken.len() < 7 {
        let line = smtp.next_line().await;
        if line["event"] == "data" {
            under_way += 1;
            most = most.max(under_way);
        } else if line.get("mail").is_some() {
            under_way -= 1;
            taken.push(line["mail"]["to"][0].to_string());
        }
    }
    assert!((2..=4).contains(&most), "{most} at once");
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 7, "each of them once");
}

#[tokio::test]
async fn a_silent_mail_server_holds_up_nothing_but_mail() {
    let mut smtp = Smtp::start(json!({"silent": true})).await;
    let options = smtp.options().with("CHATELAINE_MAIL__TIMEOUT_MS", "60000");
    let mut house = House::start_with(options).await;
    let ada = house.set_up().await;
    smtp.set_in(&ada).await;
    for number in 0..6 {
        queue(&ada, &format!("person-{number}@example.org")).await;
    }
    smtp.next_event("connected").await;
    let mut events = ada.chat_stream("Hello").await;
    events.until("title").await;
    assert_eq!(ada.get(PATH).await.ok(200)["waiting"], 6);
    assert!(house.stop().await.success(), "it stops all the same");
}

#[tokio::test]
async fn nobody_is_flooded_through_the_house() {
    let smtp = Smtp::start(json!({})).await;
    let (_house, ada) = house_with(&smtp).await;
    for _ in 0..20 {
        queue(&ada, "grace@example.org").await;
    }
    let body = json!({"to": "Grace@example.org", "queued": true});
    let answer = ada.post(&format!("{PATH}/test"), body).await;
    answer.refused(429, "rate_limited");
    queue(&ada, "bob@example.org").await;
}

#[tokio::test]
async fn mail_that_was_switched_off_waits_until_there_is_a_server_again() {
    let mut smtp = Smtp::start(json!({"refuse": "451 not now"})).await;
    let (_house, ada) = house_with(&smtp).await;
    queue(&ada, "grace@example.org").await;
    smtp.next_event("refused").await;
    assert_eq!(ada.delete(PATH).await.status, 204);
    smtp.change(json!({})).await;
    assert_eq!(ada.get(PATH).await.ok(200)["waiting"], 1);
    smtp.set_in(&ada).await;
    assert_eq!(smtp.next_mail().await.to, "grace@example.org");
}
