//! From the start of the process to its line `Listening on`, with a data folder that has been used,
//! and the memory of an idle house that has loaded no model. Linux only, for the memory.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[expect(
    dead_code,
    unused_imports,
    clippy::print_stderr,
    reason = "what the tests use of it"
)]
#[path = "../tests/api/support/mod.rs"]
mod support;

use std::time::Duration;

use serde_json::json;
use support::{House, Options};

const STARTS: usize = 15;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let mut house = House::start_with(Options::default().without_script()).await;
    let ada = house.set_up().await;
    for index in 0..100 {
        let title = json!({"title": format!("number {index}")});
        ada.post("/api/v1/conversations", title).await.ok(201);
    }
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        house.start_again().await;
        starts.push(house.start_took);
    }
    starts.sort();
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!(
        "start to Listening:     {:>9.1?} at the median, {:.1?} at most",
        starts[STARTS / 2],
        starts[STARTS - 1]
    );
    println!(
        "idle memory:            {:>9.1} MB resident",
        resident_mb(house.process_id())
    );
}

fn resident_mb(process_id: u32) -> f64 {
    let status =
        std::fs::read_to_string(format!("/proc/{process_id}/status")).expect("Linux has /proc");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("a line VmRSS");
    let kib: f64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    kib * 1024.0 / 1e6
}
