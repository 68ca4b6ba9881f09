//! What is taken for an adapter of a model, and what is refused with a sentence. Files are written
//! here, a few kilobytes each.

use std::fs;

use super::*;
use crate::models::gguf::writer_tests::{self, F32, TestFile, U32, adapter};

pub(in crate::models) fn adapter_with_alpha(alpha: f32) -> Vec<u8> {
    with_alpha(alpha).bytes()
}

pub(in crate::models) fn model(architecture: &str) -> Vec<u8> {
    writer_tests::model(architecture).bytes()
}

fn with_alpha(alpha: f32) -> TestFile {
    adapter().with("adapter.lora.alpha", F32, &alpha.to_le_bytes())
}

fn fits(bytes: &[u8], architecture: &str) -> Result<AdapterHeader, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("adapter"), bytes).unwrap();
    fs::write(path("model"), model(architecture)).unwrap();
    check(&path("adapter"), Some(&path("model"))).map_err(|failure| {
        assert!(failure.lasting);
        failure.reason
    })
}

/// An adapter with one pair more.
fn with_pair(of: &str, a: &[u64], b: &[u64]) -> Vec<u8> {
    let file = adapter().tensor(&format!("{of}.lora_a"), a);
    file.tensor(&format!("{of}.lora_b"), b).bytes()
}

#[test]
fn an_adapter_says_what_it_is() {
    let found = AdapterHeader {
        architecture: "qwen3".into(),
        alpha: 16.0,
        rank: 8,
        tensors: 1,
        name: "Pirate".into(),
    };
    assert_eq!(fits(&adapter().bytes(), "qwen3"), Ok(found.clone()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter");
    fs::write(&path, adapter().bytes()).unwrap();
    assert_eq!(check(&path, None), Ok(found));
}

#[test]
fn every_shape_of_a_model_can_be_adapted() {
    for (of, a, b) in [
        ("blk.0.attn_k.weight", &[64, 4][..], &[4, 32][..]),
        ("token_embd.weight", &[4, 4], &[4, 64]),
        ("blk.0.ffn_up_exps.weight", &[64, 16, 4], &[16, 96, 4]),
    ] {
        let found = fits(&with_pair(of, a, b), "qwen3").unwrap();
        assert_eq!(found.tensors, 2, "{of}");
    }
    let norms = adapter().tensor("blk.0.attn_norm.weight", &[64]);
    assert!(fits(&norms.bytes(), "qwen3").is_ok());
    let mut half = adapter();
    half.tensors[0].kind = 1;
    half.tensors[1].kind = 1;
    assert!(fits(&half.bytes(), "qwen3").is_ok());
}

#[test]
fn what_is_no_adapter_is_refused() {
    let alone = |name: &str, sizes: &[u64]| {
        let mut file = adapter();
        file.tensors.clear();
        file.tensor(name, sizes).bytes()
    };
    let mut none = adapter();
    none.tensors.clear();
    let mut whole_numbers = adapter();
    whole_numbers.tensors[1].kind = 26;
    for (bytes, part) in [
        (b"GGUF".to_vec(), "too short"),
        (
            b"these are words, and no file of ours".to_vec(),
            "not a GGUF",
        ),
        (
            adapter().text("general.type", "model").bytes(),
            "no LoRA adapter",
        ),
        (
            adapter().number("general.type", 1).bytes(),
            "no LoRA adapter",
        ),
        (
            adapter().text("adapter.type", "other").bytes(),
            "no LoRA adapter",
        ),
        (
            adapter()
                .with("adapter.lora.alpha", U32, &[16, 0, 0, 0])
                .bytes(),
            "alpha",
        ),
        (with_alpha(f32::NAN).bytes(), "alpha"),
        (with_alpha(f32::INFINITY).bytes(), "alpha"),
        (none.bytes(), "no tensors"),
        (whole_numbers.bytes(), "attn_q.weight.lora_b is stored"),
        (alone("x.lora_a", &[64, 8]), "x has no lora_b"),
        (alone("x.lora_b", &[64, 8]), "x has no lora_a"),
        (
            alone("token_embd.weight", &[64, 8]),
            "token_embd.weight is none of",
        ),
        (
            with_pair("x", &[64, 8], &[4, 64]),
            "x do not belong together",
        ),
        (
            with_pair("x", &[64, 5000], &[5000, 64]),
            "x do not belong together",
        ),
    ] {
        let found = fits(&bytes, "qwen3").unwrap_err();
        assert!(found.contains(part), "{found} for {part}");
    }
}

#[test]
fn what_is_made_for_another_model_is_refused_by_its_tensor() {
    let (q, up) = ("blk.0.attn_k.weight", "blk.0.ffn_up_exps.weight");
    for (bytes, part) in [
        (
            with_pair("blk.7.attn_q.weight", &[64, 8], &[8, 64]),
            "no blk.7.attn_q.weight",
        ),
        (
            with_pair(q, &[32, 8], &[8, 32]),
            "attn_k.weight has other sizes",
        ),
        (
            with_pair(q, &[64, 8], &[8, 64]),
            "attn_k.weight has other sizes",
        ),
        (
            with_pair(up, &[64, 8, 2], &[8, 96, 4]),
            "ffn_up_exps.weight has other sizes",
        ),
        (
            with_pair("token_embd.weight", &[8, 5], &[8, 64]),
            "token_embd.weight has other sizes",
        ),
    ] {
        let found = fits(&bytes, "qwen3").unwrap_err();
        assert!(found.contains(part), "{found} for {part}");
    }
    let found = fits(&adapter().bytes(), "llama").unwrap_err();
    assert_eq!(
        found,
        "it is made for models of the kind qwen3, and this one is llama"
    );
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let whole = adapter().bytes();
    for length in (0..whole.len()).step_by(7) {
        assert!(fits(&whole[..length], "qwen3").is_err(), "{length} bytes");
    }
}

#[test]
fn no_damaged_adapter_does_more_than_be_refused() {
    let whole = adapter().bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("model"), model("qwen3")).unwrap();
    let (mut state, mut refused) = (7_u64, 0);
    let mut below = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % limit
    };
    for _ in 0..500 {
        let mut bytes = whole.clone();
        for _ in 0..1 + below(3) {
            let at = below(480);
            bytes[at] = below(256) as u8;
        }
        fs::write(path("adapter"), &bytes).unwrap();
        match check_adapter(&path("adapter"), &path("model")) {
            Ok(header) => assert!(header.alpha.is_finite() && header.rank == 8),
            Err(failure) => {
                assert!(failure.lasting && !failure.reason.is_empty());
                refused += 1;
            }
        }
    }
    assert!((250..500).contains(&refused), "{refused} refused");
}
