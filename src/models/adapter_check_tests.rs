//! What is taken for an adapter, and what is refused with a sentence. Files are written here, a few
//! hundred bytes each.

use std::fs;

use super::*;

enum Value {
    Text(&'static str),
    Float(f32),
    Whole(u32),
}

fn text(file: &mut Vec<u8>, text: &str) {
    file.extend((text.len() as u64).to_le_bytes());
    file.extend(text.as_bytes());
}

fn file(metadata: &[(&str, Value)], tensors: &[(&str, [u64; 2])]) -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        text(&mut file, key);
        match value {
            Value::Text(value) => {
                file.extend(TEXT.to_le_bytes());
                text(&mut file, value);
            }
            Value::Float(value) => {
                file.extend(FLOAT.to_le_bytes());
                file.extend(value.to_le_bytes());
            }
            Value::Whole(value) => {
                file.extend(4_u32.to_le_bytes());
                file.extend(value.to_le_bytes());
            }
        }
    }
    for (name, sizes) in tensors {
        text(&mut file, name);
        file.extend(2_u32.to_le_bytes());
        file.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        file.extend([0; 12]);
    }
    file
}

pub(in crate::models) fn adapter_with_alpha(alpha: f32, tensors: &[(&str, [u64; 2])]) -> Vec<u8> {
    adapter(Value::Float(alpha), tensors)
}

pub(in crate::models) fn model(architecture: &'static str) -> Vec<u8> {
    file(&[("general.architecture", Value::Text(architecture))], &[])
}

fn adapter(alpha: Value, tensors: &[(&str, [u64; 2])]) -> Vec<u8> {
    let metadata = [
        ("general.architecture", Value::Text("qwen3")),
        ("general.type", Value::Text("adapter")),
        ("general.name", Value::Text("Pirate")),
        ("adapter.type", Value::Text("lora")),
        ("adapter.lora.alpha", alpha),
    ];
    file(&metadata, tensors)
}

pub(in crate::models) const PAIR: [(&str, [u64; 2]); 2] = [
    ("blk.0.attn_q.weight.lora_a", [64, 8]),
    ("blk.0.attn_q.weight.lora_b", [8, 64]),
];

fn checked(bytes: &[u8]) -> Result<AdapterHeader, ProbeFailure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter");
    fs::write(&path, bytes).unwrap();
    check(&path, None)
}

#[test]
fn an_adapter_says_what_it_is() {
    let found = checked(&adapter(Value::Float(16.0), &PAIR)).unwrap();
    assert_eq!(
        found,
        AdapterHeader {
            architecture: "qwen3".into(),
            alpha: 16.0,
            rank: 8,
            tensors: 1,
            name: "Pirate".into(),
        }
    );
}

#[test]
fn what_is_no_adapter_is_refused() {
    let no_adapter = file(&[("general.type", Value::Text("model"))], &PAIR);
    let uneven = [PAIR[0], ("blk.0.attn_q.weight.lora_b", [4, 64])];
    let alone = [PAIR[0]];
    let other = [("token_embd.weight", [64, 8])];
    for (bytes, part) in [
        (b"GGUF".to_vec(), "too short"),
        (
            b"these are words, and no file of ours".to_vec(),
            "not a GGUF",
        ),
        (no_adapter, "no LoRA adapter"),
        (adapter(Value::Whole(16), &PAIR), "alpha"),
        (adapter(Value::Float(f32::NAN), &PAIR), "alpha"),
        (adapter(Value::Float(16.0), &[]), "no tensors"),
        (adapter(Value::Float(16.0), &uneven), "belong together"),
        (adapter(Value::Float(16.0), &alone), "belong together"),
        (adapter(Value::Float(16.0), &other), "token_embd.weight"),
    ] {
        let failure = checked(&bytes).unwrap_err();
        assert!(
            failure.reason.contains(part),
            "{} for {part}",
            failure.reason
        );
        assert!(failure.lasting);
    }
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let whole = adapter(Value::Float(16.0), &PAIR);
    for length in 0..whole.len() {
        assert!(checked(&whole[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn the_base_must_be_of_the_same_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("adapter"), adapter(Value::Float(1.0), &PAIR)).unwrap();
    for (architecture, fits) in [("qwen3", true), ("llama", false)] {
        fs::write(path("model"), model(architecture)).unwrap();
        let checked = check(&path("adapter"), Some(&path("model")));
        assert_eq!(checked.is_ok(), fits, "{architecture}");
    }
}
