//! Writes a tiny BERT with random weights: a model that makes vectors of texts and writes nothing.
//!
//! Its words are single letters and digits, as WordPiece spells them.

use crate::tiny_gguf::{Metadata, Random, Tensor, gguf};

const WIDTH: usize = 32;
const FEED_FORWARD: usize = 64;
const LAYERS: usize = 2;
const SPECIALS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// `pooling` as llama.cpp numbers it: 1 the mean, 2 the first token.
pub(crate) fn tiny_bert(context_tokens: usize, pooling: u32) -> Vec<u8> {
    let letters = ('a'..='z').chain('0'..='9').chain(['.', ',', '?']);
    let letters: Vec<char> = letters.collect();
    let mut tokens: Vec<String> = SPECIALS.map(str::to_owned).into();
    tokens.extend(letters.iter().map(|letter| format!("\u{2581}{letter}")));
    tokens.extend(letters.iter().map(char::to_string));
    let mut metadata = Metadata::default();
    metadata.text("general.architecture", "bert");
    metadata.text("general.name", "Tiny vectors");
    for (key, value) in [
        ("block_count", LAYERS),
        ("context_length", context_tokens),
        ("embedding_length", WIDTH),
        ("feed_forward_length", FEED_FORWARD),
        ("attention.head_count", 2),
        ("pooling_type", pooling as usize),
    ] {
        metadata.number(&format!("bert.{key}"), value as u32);
    }
    metadata.float("bert.attention.layer_norm_epsilon", 1e-12);
    metadata.flag("bert.attention.causal", false);
    metadata.text("tokenizer.ggml.model", "bert");
    metadata.text("tokenizer.ggml.pre", "default");
    metadata.texts("tokenizer.ggml.tokens", tokens.iter().map(String::as_str));
    let types = (0..tokens.len()).map(|at| if at < SPECIALS.len() { 3 } else { 1 });
    metadata.integers("tokenizer.ggml.token_type", types.collect());
    for (key, token) in [
        ("token_type_count", 2),
        ("padding_token_id", 0),
        ("unknown_token_id", 1),
        ("bos_token_id", 2),
        ("cls_token_id", 2),
        ("eos_token_id", 3),
        ("seperator_token_id", 3),
        ("mask_token_id", 4),
    ] {
        metadata.number(&format!("tokenizer.ggml.{key}"), token);
    }
    gguf(&metadata, &tensors(tokens.len(), context_tokens))
}

fn tensors(vocabulary: usize, context_tokens: usize) -> Vec<Tensor> {
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut tensors = Vec::new();
    let mut add = |name: String, sizes: Vec<usize>, mean: f32, deviation: f32| {
        let count = sizes.iter().product();
        let values = (0..count).map(|_| mean + random.normal() * deviation);
        let values: Vec<f32> = values.collect();
        tensors.push((name, sizes, values));
    };
    add(
        "token_embd.weight".into(),
        vec![WIDTH, vocabulary],
        0.0,
        1.0,
    );
    add("token_types.weight".into(), vec![WIDTH, 2], 0.0, 0.1);
    add(
        "position_embd.weight".into(),
        vec![WIDTH, context_tokens],
        0.0,
        0.5,
    );
    add("token_embd_norm.weight".into(), vec![WIDTH], 1.0, 0.0);
    add("token_embd_norm.bias".into(), vec![WIDTH], 0.0, 0.0);
    for layer in 0..LAYERS {
        for (part, columns, rows) in [
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH, WIDTH),
            ("attn_v", WIDTH, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_up", WIDTH, FEED_FORWARD),
            ("ffn_down", FEED_FORWARD, WIDTH),
        ] {
            let deviation = 1.0 / (columns as f32).sqrt();
            add(
                format!("blk.{layer}.{part}.weight"),
                vec![columns, rows],
                0.0,
                deviation,
            );
            add(format!("blk.{layer}.{part}.bias"), vec![rows], 0.0, 0.1);
        }
        for part in ["attn_output_norm", "layer_output_norm"] {
            add(format!("blk.{layer}.{part}.weight"), vec![WIDTH], 1.0, 0.0);
            add(format!("blk.{layer}.{part}.bias"), vec![WIDTH], 0.0, 0.0);
        }
    }
    tensors
}
