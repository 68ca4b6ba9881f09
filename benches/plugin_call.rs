//! How long a question to a plugin takes once its process is there, log and all: the price of a
//! message, by a plugin that comes with the house. And what the first question costs, which waits for
//! the process to start.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chatelaine::error::Result;
use chatelaine::plugins::{
    Administrator, ModelFacts, PersonFacts, PluginChange, Plugins, PluginsOptions, PriceQuestion,
    PriceVerdict, UsageFacts,
};
use chatelaine::store::audit::AuditActor;
use chatelaine::store::{Store, WriteTx};
use chatelaine::worker::WorkerProgram;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const WARM_UP: usize = 200;
const CALLS: usize = 5_000;
const STARTS: usize = 20;

#[derive(Clone)]
struct Admin;

impl Administrator for Admin {
    fn require_admin(&self) -> Result<()> {
        Ok(())
    }

    fn still_actor(&self, _: &WriteTx) -> Result<AuditActor> {
        Ok(AuditActor::CommandLine)
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&folder.path().join("bench.redb"), 64 << 20).expect("a store");
    let options = PluginsOptions {
        folder: folder.path().join("plugins"),
        deadline: Duration::from_secs(5),
        program: WorkerProgram {
            executable: Path::new(env!("CARGO_BIN_EXE_chatelaine")).into(),
        },
    };
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let plugins = Plugins::open(options, Arc::new(store), tasks.clone(), stop.clone());
    let plugins = plugins.await.expect("plugins");
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        turn(&plugins, false).await;
        turn(&plugins, true).await;
        starts.push(ask(&plugins).await);
    }
    for _ in 0..WARM_UP {
        ask(&plugins).await;
    }
    let mut calls = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        calls.push(ask(&plugins).await);
    }
    tell("a call of a plugin", calls);
    tell("the first one after it is turned on", starts);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

async fn turn(plugins: &Arc<Plugins>, on: bool) {
    let change = PluginChange {
        enabled: Some(on),
        ..PluginChange::default()
    };
    let changed = plugins.change(&Admin, "fair-price", change).await;
    changed.expect("it comes with the house");
}

async fn ask(plugins: &Arc<Plugins>) -> Duration {
    let question = PriceQuestion {
        user: PersonFacts {
            id: "01996ad0a5b07000a5d8b0a6a7c8d9e1".into(),
            username: "bea".into(),
            role: "user".into(),
            groups: vec!["pupils".into()],
        },
        model: ModelFacts {
            id: "m".into(),
            name: "M".into(),
            size_bytes: Some(8_000_000_000),
            context_tokens: Some(8_192),
        },
        usage: UsageFacts {
            prompt_tokens: 100,
            cached_tokens: 0,
            completion_tokens: 100,
            estimated: false,
        },
    };
    let begun = Instant::now();
    let price = plugins.message_price(&question).await;
    let took = begun.elapsed();
    assert_eq!(price, PriceVerdict::Tokens(800));
    took
}

fn tell(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let median = took[took.len() / 2];
    let late = took[took.len() * 99 / 100];
    println!("{what:<40} {median:>9.1?} at the median, {late:.1?} at the 99th percentile");
}
