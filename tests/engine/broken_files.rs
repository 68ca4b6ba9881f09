//! Files with bytes changed at random: a probe says yes, or why not, and nothing else happens.
//!
//! A crafted file may end the probing process, which is one of the answers. What passes is used, and
//! may still fail in words.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chatelaine::engine::{AdapterFile, AdapterUse, Engine, Generate, ModelRunner};
use futures_util::future::join_all;

use crate::tiny_bert::tiny_bert;
use crate::tiny_gguf::{Random, TinyAdapter, TinyModel};
use crate::{House, ask, read};

/// How many times as many files as usual: built with `CHATELAINE_MUTATIONS=16`, 2,560 models.
fn times() -> usize {
    let wanted = option_env!("CHATELAINE_MUTATIONS");
    wanted.map_or(1, |times| times.parse().expect("a number"))
}

/// Bytes changed, numbers made huge, ends cut off; mostly in front, where the numbers are.
fn mutated(good: &[u8], random: &mut Random, head: usize) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let below = |random: &mut Random, limit: usize| (random.next() % limit as u64) as usize;
    match random.next() % 4 {
        0 => bytes.truncate(below(random, good.len())),
        1 => {
            let at = below(random, head - 8);
            let huge = [u64::MAX, 1 << 31, 1 << 40, 0][below(random, 4)];
            bytes[at..at + 8].copy_from_slice(&huge.to_le_bytes());
        }
        _ => {
            for _ in 0..=random.next() % 6 {
                let at = below(random, head);
                bytes[at] = random.next() as u8;
            }
        }
    }
    bytes
}

fn write(folder: &Path, name: &str, files: Vec<Vec<u8>>) -> Vec<PathBuf> {
    let write = |(number, bytes): (usize, Vec<u8>)| {
        let path = folder.join(format!("{name}-{number}.gguf"));
        fs::write(&path, bytes).unwrap();
        path
    };
    files.into_iter().enumerate().map(write).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mutated_model_gets_further_than_its_probe() {
    let house = House::open().await;
    let tiny = TinyModel {
        layers: 1,
        ..TinyModel::default()
    }
    .bytes();
    let mut random = Random(2024);
    let mut files: Vec<_> = (0..120 * times())
        .map(|_| mutated(&tiny, &mut random, 9000))
        .collect();
    let bert = tiny_bert(64, 1);
    files.extend((0..40 * times()).map(|_| mutated(&bert, &mut random, 4000)));
    let paths = write(house.folder.path(), "model", files);
    house.text(ask("hello")).await;
    let worker = house.engine.worker_process_id("tiny");
    let probed = join_all(paths.into_iter().map(|path| house.engine.probe(path))).await;
    let mut reasons = BTreeSet::new();
    for probed in &probed {
        if let Err(failure) = probed {
            assert!(!failure.reason.is_empty());
            reasons.insert(&failure.reason);
        }
    }
    let good = probed.iter().filter(|probed| probed.is_ok()).count();
    assert!(
        good > 10 && good < 150 * times() && !reasons.is_empty(),
        "{good} and {reasons:?}"
    );
    assert!(!house.text(ask("hello")).await.is_empty());
    assert_eq!(house.engine.worker_process_id("tiny"), worker);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_adapters_are_refused_or_used_and_nobody_else_notices() {
    let house = House::open().await;
    let adapter = TinyAdapter::default().bytes();
    let mut random = Random(99);
    let files: Vec<_> = (0..80 * times())
        .map(|_| mutated(&adapter, &mut random, 3000))
        .collect();
    let paths = write(house.folder.path(), "adapter", files);
    let model = house.folder.path().join("tiny.gguf");
    let probes = paths
        .iter()
        .map(|path| house.engine.probe_adapter(path.clone(), model.clone()));
    let probed = join_all(probes).await;
    let mut passed = Vec::new();
    for (path, probed) in paths.iter().zip(&probed) {
        match probed {
            Ok(()) => passed.push(path),
            Err(failure) => assert!(!failure.reason.is_empty()),
        }
    }
    assert!(
        passed.len() > 5 && passed.len() < 70 * times(),
        "{}",
        passed.len()
    );
    let alone = house.text(ask("hello")).await;
    for (number, path) in passed.into_iter().take(25).enumerate() {
        house.engine.set_adapters(vec![AdapterFile {
            id: "mutated".into(),
            path: path.clone(),
            size_bytes: path.metadata().unwrap().len(),
            modified_ms: 1,
            sha256: format!("{number:064}"),
        }]);
        let with = Generate {
            adapters: vec![AdapterUse {
                id: "mutated".into(),
                scale: 1.0,
            }],
            max_tokens: Some(3),
            ..ask("hello")
        };
        let stream = house.engine.generate(with).unwrap();
        let beside = house.text(ask("hello")).await;
        // It may say nonsense or fail, in words.
        let _either = read(stream).await;
        assert_eq!(beside, alone);
    }
    house.close().await;
}
