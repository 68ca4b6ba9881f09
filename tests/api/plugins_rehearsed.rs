//! Trying a plugin out. A dry run keeps nothing; it says what the script wrote and with what it was
//! asked.

use serde_json::json;

use crate::plugins::{HOOK, PLUGINS, create, dry_run, registration};
use crate::support::{House, text};

#[tokio::test]
async fn a_dry_run_keeps_nothing_and_says_what_the_script_wrote() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let source = registration(
        "log(\"so far \" + store_get(\"n\")); store_set(\"n\", 1); store_set(\"n\", store_get(\"n\") + 1);\n\
         log(store_get(\"n\")); log(store_list(\"\")); print(store_remove(\"n\")); log(store_get(\"n\"));\n\
         log(caller()); refuse(applicant.email_domain + \" \" + applicant.email + \" \" + now.weekday)",
    );
    create(&ada, "keeper", &source).await;
    let input = json!({"applicant": {"email_domain": "x.example"}, "subject": "u1",
        "now": "2026-11-22T10:00:00Z"});
    for _ in 0..2 {
        let run = json!({"hook": HOOK, "input": input});
        let ran = dry_run(&ada, "keeper", run).await;
        assert_eq!(
            ran["reason"], "x.example  7",
            "it did not ask for addresses: {ran}"
        );
        assert_eq!(ran["decision"], "refused");
        let log = json!(["so far ", "2", "[\"n\"]", "true", "", "u1"]);
        assert_eq!(ran["log"], log);
        assert!(ran["took_us"].as_u64().is_some_and(|took| took > 0));
    }
    let log = ada.get(&format!("{PLUGINS}/keeper/log")).await.ok(200);
    assert_eq!(log["items"], json!([]));
    let path = format!("{PLUGINS}/keeper/test");
    for bad in [
        json!({"hook": "no_such_hook"}),
        json!({"hook": HOOK, "input": {"colour": 1}}),
        json!({"hook": HOOK, "input": {"now": "yesterday"}}),
        json!({"hook": HOOK, "input": 7}),
    ] {
        ada.post(&path, bad).await.refused(400, "invalid_request");
    }
    let wrong = json!({"hook": HOOK, "source": registration("let a = 1;\na.nothing()")});
    let ran = dry_run(&ada, "keeper", wrong).await;
    assert_eq!(ran["error"]["line"], 3, "{ran}");
    assert!(ran["decision"].is_null());
    assert_eq!(
        ran["sample"]["applicant"]["email_domain"], "example.org",
        "also when it fails"
    );
    let odd = json!({"hook": HOOK, "source": registration("42")});
    let ran = dry_run(&ada, "keeper", odd).await;
    assert_eq!(ran["result"], 42);
    assert!(text(&ran, "/error/message").contains("allow()"), "{ran}");
}

#[tokio::test]
async fn a_dry_run_tells_what_it_was_asked_with_and_that_can_be_asked_again() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let source = registration("refuse(applicant.email_domain + \" \" + now.weekday)");
    create(&ada, "told", &source).await;
    let input = json!({"applicant": {"email_domain": "x.example"}, "now": "2026-11-22T10:00:00Z"});
    let ran = dry_run(&ada, "told", json!({"hook": HOOK, "input": input})).await;
    let sample = &ran["sample"];
    assert_eq!(sample["applicant"]["email_domain"], "x.example");
    assert_eq!(sample["applicant"]["language"], "en", "the sample's");
    assert!(
        sample["applicant"]["email"].is_null(),
        "it is not told that"
    );
    assert_eq!(sample["now"]["weekday"], 7);
    assert!(sample["key"]["uses_left"].is_number());
    let again = dry_run(&ada, "told", json!({"hook": HOOK, "input": sample})).await;
    assert_eq!(
        (&again["sample"], &again["reason"]),
        (sample, &ran["reason"])
    );
    let nothing = dry_run(&ada, "told", json!({"hook": HOOK})).await;
    assert_eq!(
        nothing["sample"]["applicant"]["email_domain"],
        "example.org"
    );
    let broken = json!({"hook": HOOK, "source": "fn ("});
    let broken = dry_run(&ada, "told", broken).await;
    assert!(broken["error"].is_object() && broken["sample"].is_object());
}
