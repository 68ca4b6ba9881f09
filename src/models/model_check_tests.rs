//! Which models' numbers are refused before llama.cpp sees them, and which are none of our business.
//!
//! What is unknown passes: new models must not need a new house.

use std::fs;
use std::io::Cursor;

use super::*;
use crate::models::gguf::writer_tests::{I32, LIST, TestFile, U16, model};

fn checked(file: &TestFile) -> Result<ModelHeader, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, file.bytes()).unwrap();
    check_model(&path).map_err(|failure| {
        assert!(failure.lasting);
        failure.reason
    })
}

#[test]
fn a_sane_model_passes_and_says_what_it_is() {
    let expected = ModelHeader {
        architecture: "qwen3".into(),
        name: "Small".into(),
        parts: 1,
        tensors: 4,
    };
    assert_eq!(checked(&model("qwen3")), Ok(expected));
    let demo = include_bytes!("../../assets/models/chatelaine-demo.gguf");
    let demo = Gguf::read(Cursor::new(demo)).unwrap();
    assert_eq!(check_metadata(&demo), Ok(()));
}

#[test]
fn what_nobody_here_knows_passes() {
    for file in [
        TestFile::default(),
        model("a-new-one").text("a-new-one.of.its.own", "x"),
        // A model without attention, and one that has it in some layers.
        model("mamba")
            .number("mamba.attention.head_count", 0)
            .number("mamba.attention.head_count_kv", 0),
        model("qwen3").numbers("qwen3.attention.head_count_kv", I32, &[0]),
        model("qwen3")
            .numbers("qwen3.attention.head_count", I32, &[4])
            .numbers("qwen3.attention.head_count_kv", I32, &[2]),
        model("qwen3")
            .number("qwen3.expert_count", 8)
            .number("qwen3.expert_used_count", 2),
        model("hunyuan-dense")
            .number("hunyuan-dense.expert_count", 1)
            .number("hunyuan-dense.expert_used_count", 0),
        model("clip").number("clip.block_count", 0),
        model("qwen3").text("qwen3.rope.scaling.type", "yarn"),
        model("qwen3")
            .text("tokenizer.ggml.model", "none")
            .texts("tokenizer.ggml.tokens", &["a", "a"]),
        model("qwen3").with("split.count", U16, &[1, 0]),
        // llama.cpp says by itself what is wrong with it.
        model("qwen3").text("qwen3.block_count", "two"),
    ] {
        assert!(checked(&file).is_ok(), "{:?}", checked(&file));
    }
}

#[test]
fn what_would_end_llama_cpp_is_refused() {
    let number = |key: &str, value: u32| model("qwen3").number(&format!("qwen3.{key}"), value);
    let tokens = |key: &str| format!("tokenizer.ggml.{key}");
    for (file, part) in [
        (number("block_count", 0), "block_count is 0"),
        (number("block_count", 513), "block_count is 513"),
        (number("context_length", 0), "context_length is 0"),
        (number("embedding_length", 0), "embedding_length is 0"),
        (number("embedding_length", u32::MAX), "embedding_length is"),
        (
            number("nextn_predict_layers", 2),
            "nextn_predict_layers is 2",
        ),
        (number("attention.head_count", 65), "head_count is 65"),
        (number("attention.head_count_kv", 3), "head_count_kv is 3"),
        (
            model("qwen3").numbers("qwen3.attention.head_count_kv", I32, &[-1]),
            "head_count_kv is -1",
        ),
        (number("expert_count", 2000), "expert_count is 2000"),
        (number("expert_count", 8), "expert_used_count is 0"),
        (number("expert_used_count", 1), "expert_used_count is 1"),
        (number("expert_group_count", 1), "expert_group_count is 1"),
        (
            model("qwen3").text("qwen3.rope.scaling.type", "odd"),
            "rope.scaling.type",
        ),
        (
            model("qwen3").texts(&tokens("tokens"), &["a", "b", "a"]),
            "token 2 of its vocabulary",
        ),
        (model("qwen3").texts(&tokens("tokens"), &[]), "empty"),
        (
            model("qwen3").numbers(&tokens("token_type"), I32, &[1]),
            "shorter",
        ),
        (
            model("qwen3").numbers(&tokens("token_type"), I32, &[1, 1, 1, 99]),
            "unknown type",
        ),
        (
            model("qwen3").numbers(&tokens("scores"), I32, &[1]),
            "shorter",
        ),
        (
            model("qwen3").numbers(&tokens("merges"), I32, &[1]),
            "merges is of a wrong kind",
        ),
        (model("qwen3").text(&tokens("tokens"), "a"), "not a list"),
        (
            model("qwen3").with(&tokens("tokens"), LIST, &[0; 12]),
            "wrong kind",
        ),
        (model("qwen3").text("general.type", "adapter"), "no model"),
        (model("qwen3").number("split.count", 2), "split.count"),
    ] {
        let found = checked(&file).unwrap_err();
        assert!(found.contains(part), "{found} for {part}");
    }
}

#[test]
fn a_model_in_parts_is_looked_at_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |number: u32| folder.path().join(format!("big-{number:05}-of-00002.gguf"));
    let count = |file: TestFile| file.with("split.count", U16, &[2, 0]);
    let first = count(model("qwen3"))
        .with("split.no", U16, &[0, 0])
        .numbers_of_parts(5);
    let later = |number: u8| {
        let part = TestFile::default().with("split.no", U16, &[number, 0]);
        count(part).tensor("blk.0.ffn_down.weight", &[64, 64])
    };
    fs::write(path(1), first.bytes()).unwrap();
    let failure = |word: &str| {
        let failure = check_model(&path(1)).unwrap_err();
        assert!(
            failure.reason.contains(word),
            "{} for {word}",
            failure.reason
        );
    };
    failure("big-00002-of-00002.gguf: it is missing");
    fs::write(path(2), later(1).bytes()).unwrap();
    let header = check_model(&path(1)).unwrap();
    assert_eq!((header.parts, header.tensors), (2, 5));
    assert!(
        check_model(&path(2))
            .unwrap_err()
            .reason
            .contains("later part")
    );
    fs::write(path(2), later(0).bytes()).unwrap();
    failure("part of another model");
    let whole = later(1).bytes();
    fs::write(path(2), &whole[..whole.len() - 64]).unwrap();
    failure("00002.gguf: it is incomplete");
    fs::write(path(2), later(1).tensor("token_embd.weight", &[64]).bytes()).unwrap();
    failure("in two of its parts");
    fs::write(path(2), later(1).tensor("more", &[64]).bytes()).unwrap();
    failure("tensors they should");
    let alone = folder.path().join("alone.gguf");
    fs::write(&alone, first.bytes()).unwrap();
    assert!(
        check_model(&alone)
            .unwrap_err()
            .reason
            .contains("must end in")
    );
}

impl TestFile {
    fn numbers_of_parts(self, tensors: u32) -> Self {
        self.with("split.tensors.count", I32, &tensors.to_le_bytes())
    }
}
