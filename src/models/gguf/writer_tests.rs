//! Writes small GGUF files for the tests of this room, right or wrong as they need them.
//! Weights are zeros; nobody computes with them.

pub(in crate::models) const U16: u32 = 2;
pub(in crate::models) const U32: u32 = 4;
pub(in crate::models) const I32: u32 = 5;
pub(in crate::models) const F32: u32 = 6;
pub(in crate::models) const TEXT: u32 = 8;
pub(in crate::models) const LIST: u32 = 9;

#[derive(Clone)]
pub(in crate::models) struct TestTensor {
    pub(in crate::models) name: String,
    pub(in crate::models) sizes: Vec<u64>,
    /// llama.cpp's number of how it is stored; 0 for F32.
    pub(in crate::models) kind: u32,
}

#[derive(Clone, Default)]
pub(in crate::models) struct TestFile {
    metadata: Vec<(String, Vec<u8>)>,
    pub(in crate::models) tensors: Vec<TestTensor>,
}

fn append_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

impl TestFile {
    /// A value as it is stored, in place of one of the same key.
    pub(in crate::models) fn with(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.metadata.retain(|(known, _)| known != key);
        let stored = [&kind.to_le_bytes()[..], value].concat();
        self.metadata.push((key.to_owned(), stored));
        self
    }

    pub(in crate::models) fn text(self, key: &str, value: &str) -> Self {
        let mut stored = Vec::new();
        append_text(&mut stored, value);
        self.with(key, TEXT, &stored)
    }

    pub(in crate::models) fn number(self, key: &str, value: u32) -> Self {
        self.with(key, U32, &value.to_le_bytes())
    }

    pub(in crate::models) fn texts(self, key: &str, values: &[&str]) -> Self {
        let mut stored = TEXT.to_le_bytes().to_vec();
        stored.extend((values.len() as u64).to_le_bytes());
        values
            .iter()
            .for_each(|value| append_text(&mut stored, value));
        self.with(key, LIST, &stored)
    }

    pub(in crate::models) fn numbers(self, key: &str, kind: u32, values: &[i32]) -> Self {
        let mut stored = kind.to_le_bytes().to_vec();
        stored.extend((values.len() as u64).to_le_bytes());
        stored.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.with(key, LIST, &stored)
    }

    pub(in crate::models) fn tensor(mut self, name: &str, sizes: &[u64]) -> Self {
        self.tensors.push(TestTensor {
            name: name.to_owned(),
            sizes: sizes.to_vec(),
            kind: 0,
        });
        self
    }

    pub(in crate::models) fn bytes(&self) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend((self.tensors.len() as u64).to_le_bytes());
        file.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, stored) in &self.metadata {
            append_text(&mut file, key);
            file.extend(stored);
        }
        let mut offset = 0_u64;
        for TestTensor { name, sizes, kind } in &self.tensors {
            append_text(&mut file, name);
            file.extend((sizes.len() as u32).to_le_bytes());
            file.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
            file.extend(kind.to_le_bytes());
            file.extend(offset.to_le_bytes());
            let number_bytes = if *kind == 1 { 2 } else { 4 };
            let numbers = sizes
                .iter()
                .fold(1_u64, |product, size| product.saturating_mul(*size));
            offset += (numbers.min(1 << 20) * number_bytes).next_multiple_of(32);
        }
        file.resize(file.len().next_multiple_of(32) + offset as usize, 0);
        file
    }
}

/// A model of one layer that says all it must say.
pub(in crate::models) fn model(architecture: &str) -> TestFile {
    let key = |name: &str| format!("{architecture}.{name}");
    TestFile::default()
        .text("general.architecture", architecture)
        .text("general.name", "Small")
        .number(&key("block_count"), 1)
        .number(&key("context_length"), 512)
        .number(&key("embedding_length"), 64)
        .number(&key("attention.head_count"), 4)
        .number(&key("attention.head_count_kv"), 2)
        .text("tokenizer.ggml.model", "gpt2")
        .texts("tokenizer.ggml.tokens", &["a", "b", "ab", ""])
        .texts("tokenizer.ggml.merges", &["a b"])
        .numbers("tokenizer.ggml.token_type", I32, &[1, 1, 1, 3])
        .tensor("token_embd.weight", &[64, 4])
        .tensor("blk.0.attn_q.weight", &[64, 64])
        .tensor("blk.0.attn_k.weight", &[64, 32])
        .tensor("blk.0.ffn_up_exps.weight", &[64, 96, 4])
}

/// An adapter for it.
pub(in crate::models) fn adapter() -> TestFile {
    TestFile::default()
        .text("general.architecture", "qwen3")
        .text("general.type", "adapter")
        .text("general.name", "Pirate")
        .text("adapter.type", "lora")
        .with("adapter.lora.alpha", F32, &16_f32.to_le_bytes())
        .tensor("blk.0.attn_q.weight.lora_a", &[64, 8])
        .tensor("blk.0.attn_q.weight.lora_b", &[8, 64])
}
