//! What holds when a plugin gives no answer: that whoever should be kept out is, that a plugin which
//! fails too often is no longer called, and that nobody else waits for it. Asked as in
//! `plugins_asked`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chatelaine::plugins::{
    CANNOT_BE_ASKED, PluginChange, PluginState, PriceVerdict, RegistrationVerdict, ReplyVerdict,
};
use tokio_util::sync::CancellationToken;

use crate::plugins::{registration, until};
use crate::plugins_asked::{Admin, Room, applying, pricing, refused, replying};

#[tokio::test]
async fn without_an_answer_a_registration_is_refused_and_the_rest_goes_on_unless_it_says_otherwise()
{
    let room = Room::open().await;
    room.guard("broken", "throw \"no\"").await;
    assert_eq!(room.register().await, refused("broken", CANNOT_BE_ASKED));
    let off = PluginChange {
        enabled: Some(false),
        ..PluginChange::default()
    };
    room.plugins
        .change(&Admin, "broken", off)
        .await
        .expect("a change");
    let hook = "registration_before_accept";
    let careless = registration("throw \"no\"");
    room.add("careless", hook, careless, "on_failure = \"allow\"")
        .await;
    assert!(matches!(
        room.register().await,
        RegistrationVerdict::Allowed(_)
    ));

    let price = "fn message_price(user, model, usage) { -1 }".to_owned();
    room.add("price", "message_price", price, "").await;
    assert_eq!(
        room.plugins.message_price(&pricing()).await,
        PriceVerdict::House
    );
    let reply = "fn reply_before_start(user, conversation, request) { 7 }".to_owned();
    room.add("reply", "reply_before_start", reply.clone(), "")
        .await;
    let verdict = room.plugins.reply_before_start(&replying()).await;
    assert_eq!(verdict, ReplyVerdict::Allowed(Default::default()));
    room.add(
        "strict",
        "reply_before_start",
        reply,
        "on_failure = \"refuse\"",
    )
    .await;
    let verdict = room.plugins.reply_before_start(&replying()).await;
    assert!(matches!(verdict, ReplyVerdict::Refused { plugin, .. } if plugin == "strict"));
    let log = room.log("strict").await;
    assert_eq!(log[0].outcome, "failed");
    assert!(
        log[0]
            .error
            .as_deref()
            .is_some_and(|it| it.contains("allow()"))
    );
    room.close().await;
}

#[tokio::test]
async fn three_failures_in_a_row_switch_a_plugin_off_say_so_and_open_no_door() {
    let room = Room::open().await;
    let mut notices = room.plugins.switched_off();
    room.guard(
        "shaky",
        "if store_get(\"fine\") == true { allow() } else { throw \"shaken\" }",
    )
    .await;
    for _ in 0..3 {
        assert_eq!(room.register().await, refused("shaky", CANNOT_BE_ASKED));
    }
    let notice = tokio::time::timeout(Duration::from_secs(30), notices.recv()).await;
    let notice = notice.expect("a notice in time").expect("a notice");
    assert_eq!(notice.plugin, "shaky");
    assert!(notice.reason.contains("shaken"), "{}", notice.reason);
    assert_eq!(room.state("shaky").await, PluginState::SwitchedOff);
    assert_eq!(room.register().await, refused("shaky", CANNOT_BE_ASKED));
    let log = room.log("shaky").await;
    assert!(log.iter().any(|entry| entry.outcome == "switched_off"));

    let folder = room.close().await;
    let room = Room::open_in(folder).await;
    assert_eq!(
        room.state("shaky").await,
        PluginState::SwitchedOff,
        "also after a restart"
    );
    let mended = PluginChange {
        source: Some(registration("allow()")),
        enabled: Some(true),
        ..PluginChange::default()
    };
    room.plugins
        .change(&Admin, "shaky", mended)
        .await
        .expect("a change");
    assert_eq!(room.state("shaky").await, PluginState::On);
    assert!(matches!(
        room.register().await,
        RegistrationVerdict::Allowed(_)
    ));
    room.close().await;
}

#[tokio::test]
async fn two_failures_and_an_answer_do_not_switch_it_off() {
    let room = Room::open().await;
    let body = "let n = store_get(\"n\"); if n == () { n = 0; } store_set(\"n\", n + 1);\n\
                if n % 3 == 2 { allow() } else { throw \"no\" }";
    room.guard("often", body).await;
    for turn in 0..9 {
        let allowed = matches!(room.register().await, RegistrationVerdict::Allowed(_));
        assert_eq!(allowed, turn % 3 == 2, "turn {turn}");
    }
    assert_eq!(room.state("often").await, PluginState::On);
    room.close().await;
}

#[tokio::test]
async fn a_plugin_that_hangs_delays_no_other_and_is_ended_by_the_clock() {
    let room = Room::open().await;
    // Long steps, so that the clock ends it and not the number of its operations.
    room.guard("hangs", "loop { let text = \"\"; text.pad(1000000, 'x'); }")
        .await;
    let price = "fn message_price(user, model, usage) { 1 }".to_owned();
    room.add("quick", "message_price", price, "").await;
    assert_eq!(
        room.plugins.message_price(&pricing()).await,
        PriceVerdict::Tokens(1)
    );
    let (plugins, done) = (Arc::clone(&room.plugins), CancellationToken::new());
    let asked = room.tasks.spawn({
        let done = done.clone();
        async move {
            let begun = Instant::now();
            let verdict = plugins.registration_before_accept(&applying()).await;
            done.cancel();
            (verdict, begun.elapsed())
        }
    });
    let mut answered = 0;
    while !done.is_cancelled() && answered < 1_000_000 {
        assert_eq!(
            room.plugins.message_price(&pricing()).await,
            PriceVerdict::Tokens(1)
        );
        answered += 1;
    }
    let (verdict, took) = asked.await.expect("an answer");
    assert_eq!(verdict, refused("hangs", CANNOT_BE_ASKED));
    assert!(took >= Duration::from_millis(400), "{took:?}");
    assert!(
        answered >= 5,
        "only {answered} answers while the other hung"
    );
    room.close().await;
}

#[tokio::test]
async fn files_that_cannot_be_used_at_the_start_let_nobody_in() {
    let room = Room::open().await;
    room.guard("guard", "allow()").await;
    let folder = room.close().await;
    let file = folder.path().join("plugins/guard/plugin.toml");
    std::fs::write(&file, "nonsense").expect("a file can be written");
    let room = Room::open_in(folder).await;
    assert_eq!(room.state("guard").await, PluginState::Broken);
    assert_eq!(room.register().await, refused("guard", CANNOT_BE_ASKED));
    assert_eq!(
        room.plugins.message_price(&pricing()).await,
        PriceVerdict::House
    );
    let good = "name = \"guard\"\nversion = \"2\"\nhooks = [\"registration_before_accept\"]\n";
    std::fs::write(&file, good).expect("a file can be written");
    until("the mended file is taken over", async || {
        room.state("guard").await == PluginState::On
    })
    .await;
    assert!(matches!(
        room.register().await,
        RegistrationVerdict::Allowed(_)
    ));
    room.close().await;
}

#[tokio::test]
async fn a_plugin_that_is_on_and_whose_files_vanish_lets_nobody_in_until_it_is_turned_off() {
    let room = Room::open().await;
    room.guard("guard", "allow()").await;
    std::fs::remove_dir_all(room.folder.path().join("plugins/guard")).expect("a folder can go");
    until("it is noticed", async || {
        room.state("guard").await == PluginState::Broken
    })
    .await;
    assert_eq!(room.register().await, refused("guard", CANNOT_BE_ASKED));
    let room = Room::open_in(room.close().await).await;
    assert_eq!(room.register().await, refused("guard", CANNOT_BE_ASKED));
    let deleted = room.plugins.delete(&Admin, "guard").await;
    deleted.expect("it can be deleted");
    assert!(matches!(
        room.register().await,
        RegistrationVerdict::Allowed(_)
    ));
    room.close().await;
}
