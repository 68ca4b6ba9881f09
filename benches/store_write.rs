//! Writes per second through `store.write`: 200 writers at once, whose closures share an fsync,
//! against one writer who waits for an fsync of its own each time. Prints both and their ratio.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use chatelaine::store::Store;
use chatelaine::store::settings::put_setting;

const WRITERS: usize = 200;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(4);

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&folder.path().join("bench.redb"), 64 << 20).expect("a store");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let store = Arc::new(store);
    runtime.block_on(async {
        writes_per_second(&store, 1, WARM_UP).await;
        let alone = writes_per_second(&store, 1, MEASURED).await;
        let together = writes_per_second(&store, WRITERS, MEASURED).await;
        println!("one fsync per write:    {alone:>9.0} writes/s");
        println!("{WRITERS} writers together:   {together:>9.0} writes/s");
        println!("ratio:                  {:>9.1}", together / alone);
    });
}

/// Each writer writes a row, waits until it is on disk, and writes the next.
async fn writes_per_second(store: &Arc<Store>, writers: usize, duration: Duration) -> f64 {
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let store = Arc::clone(store);
        tasks.spawn(async move {
            let mut written = 0_u32;
            while begun.elapsed() < duration {
                let (key, value) = (format!("row-{writer}-{}", written % 100), "x".repeat(200));
                let write = store.write(move |tx| put_setting(tx, &key, &value));
                write.await.expect("a write succeeds");
                written += 1;
            }
            written
        });
    }
    let written: u32 = tasks.join_all().await.into_iter().sum();
    f64::from(written) / begun.elapsed().as_secs_f64()
}
