//! For whoever watches the house: alive, ready, and how quickly it starts and stops.
//! These doors need no credentials and say nothing of what is inside.

use std::time::Duration;

use crate::support::{House, Options};

#[tokio::test]
async fn the_house_says_that_it_is_alive_and_ready() {
    let house = House::start().await;
    house.stranger().get("/health").await.ok(200);
    house.stranger().get("/ready").await.ok(200);
}

#[tokio::test]
async fn the_house_starts_quickly() {
    let mut house = House::start().await;
    house.set_up().await;
    house.start_again().await;
    // The bench `startup` prints how quickly; this only tells that nothing is waited for.
    assert!(
        house.start_took < Duration::from_secs(10),
        "it took {:?}",
        house.start_took
    );
}

#[tokio::test]
async fn the_house_stops_when_asked_and_says_it_went_well() {
    let mut house = House::start().await;
    house.set_up().await;
    assert!(house.stop().await.success());
}

#[tokio::test]
async fn an_idle_house_takes_little_memory() {
    let house = House::start_with(Options::default().without_script()).await;
    house.set_up().await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", house.process_id()));
    let Ok(status) = status else { return };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .expect("a size")
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    // The promise is 40 MB, of a release build; the bench `startup` prints that.
    assert!(kib < 80 * 1024, "{kib} KiB");
}
