//! The administrator's overview: numbers that follow what happens. Users do not see it, and it says
//! nothing of what anybody wrote.

use serde_json::json;

use crate::support::{ENDLESS, House};

const PATH: &str = "/api/v1/admin/overview";

#[tokio::test]
async fn the_numbers_follow_what_happens() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let before = ada.get(PATH).await.ok(200);
    assert_eq!(before["counts"]["users"], 1);
    assert_eq!(before["usage"], json!([]));
    assert!(before["disk"]["database_bytes"].as_u64() > Some(0));
    assert!(before["memory"]["used_bytes"].as_u64() > Some(1 << 20));

    let bob = house.add_user(&ada, "bob").await;
    bob.chat("A secret of Bob's").await;
    bob.chat("Another one").await;
    let mut running = bob.chat_stream(ENDLESS).await;
    running.next().await.expect("an event");
    let after = ada.get(PATH).await.ok(200);
    assert_eq!(after["counts"]["users"], 2);
    assert_eq!(after["counts"]["conversations"], 3);
    assert_eq!(after["counts"]["messages"], 6);
    assert_eq!(after["queue"]["running_replies"], 1);
    assert_eq!(after["usage"][0]["replies"], 2);
    assert!(after["usage"][0]["completion_tokens"].as_u64() > Some(0));
    assert!(!after.to_string().contains("secret"));
    bob.get(PATH).await.refused(403, "forbidden");

    let completion = json!({"messages": [{"role": "user", "content": "x"}]});
    bob.post("/v1/chat/completions", completion).await.ok(200);
    for _ in 0..200 {
        let now = ada.get(PATH).await.ok(200);
        if now["usage"][0]["replies"] == 3 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("what a program asked for is not added up");
}
