//! How much a plugin may keep. Each limit is filled to the last value that fits, by the plugin itself,
//! which is told in a sentence that it is full.

use std::time::Duration;

use chatelaine::plugins::{CANNOT_BE_ASKED, PluginChange, RegistrationVerdict};

use crate::plugins::registration;
use crate::plugins_asked::{Admin, Room};

/// Fills what one plugin may keep, `each` values of `bytes` a call, until there is no more room; how
/// many it keeps, and the sentence it is told.
async fn filled(room: &Room, each: usize, bytes: usize) -> (usize, String) {
    let body = format!(
        "let n = store_get(\"n\"); if n == () {{ n = 0; }} let text = \"\"; text.pad({bytes}, 'x');\n\
         for i in 0..{each} {{ try {{ store_set(`k${{n}}`, text); }} catch (e) {{ return refuse(e); }} n += 1; }}\n\
         store_set(\"n\", n); allow()"
    );
    room.guard("filling", &body).await;
    for _ in 0..200 {
        match room.register().await {
            RegistrationVerdict::Refused { reason, .. } if reason != CANNOT_BE_ASKED => {
                let count = "refuse(`${store_list(\"k\").len()}`)";
                let change = PluginChange {
                    source: Some(registration(count)),
                    ..PluginChange::default()
                };
                let changed = room.plugins.change(&Admin, "filling", change).await;
                changed.expect("a change");
                let RegistrationVerdict::Refused { reason: kept, .. } = room.register().await
                else {
                    panic!("it counts");
                };
                return (kept.parse().expect("a number"), reason);
            }
            _ => {}
        }
    }
    panic!("there must be a limit");
}

#[tokio::test]
async fn a_plugin_keeps_a_thousand_values_and_no_more() {
    let room = Room::open_with(Duration::from_secs(10)).await;
    // The number of them is one more.
    let (kept, told) = filled(&room, 37, 1).await;
    assert_eq!(kept, 999);
    assert!(told.contains("1,000 values"), "{told}");
    room.close().await;
}

#[tokio::test]
async fn a_plugin_keeps_a_mebibyte_and_no_more() {
    let room = Room::open_with(Duration::from_secs(10)).await;
    let (kept, told) = filled(&room, 9, 16_384).await;
    assert_eq!(kept, 63, "64 of them and their keys are a little too much");
    assert!(told.contains("1 MiB"), "{told}");
    room.close().await;
}
