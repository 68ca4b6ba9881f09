//! Writes a tiny language model with random weights, and adapters for it, so that tests need no
//! file and no network.
//!
//! Qwen 3's architecture, byte-level vocabulary (every byte, a few merges, the special tokens of
//! ChatML). It says nothing sensible, but it is computed, batched, cached and streamed like any.

use std::path::Path;

const WIDTH: usize = 64;
const FEED_FORWARD: usize = 512;
const HEADS: usize = 4;
const KEY_VALUE_HEADS: usize = 2;
const HEAD: usize = 16;
const ALIGNMENT: usize = 32;
/// The large tensors of a layer: columns and rows.
const MATRICES: [(&str, usize, usize); 7] = [
    ("attn_q", WIDTH, HEADS * HEAD),
    ("attn_k", WIDTH, KEY_VALUE_HEADS * HEAD),
    ("attn_v", WIDTH, KEY_VALUE_HEADS * HEAD),
    ("attn_output", HEADS * HEAD, WIDTH),
    ("ffn_gate", WIDTH, FEED_FORWARD),
    ("ffn_up", WIDTH, FEED_FORWARD),
    ("ffn_down", FEED_FORWARD, WIDTH),
];
pub(crate) const SPECIALS: [&str; 4] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"];
const MERGES: [&str; 6] = ["h e", "l l", "he ll", "hell o", "Ġ t", "u s"];
const CHATML: &str = "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// What kind of model to write.
#[derive(Clone, Debug)]
pub(crate) struct TinyModel {
    pub(crate) seed: u64,
    pub(crate) layers: usize,
    pub(crate) context_tokens: u32,
    /// Never ends a reply by itself, so that tests decide its length.
    pub(crate) endless: bool,
    /// How text is cut before it is merged, as llama.cpp names it.
    pub(crate) pre_tokenizer: &'static str,
    pub(crate) metadata: Vec<(&'static str, f32)>,
    /// Makes vectors of whole texts, in the way that llama.cpp gives this number.
    pub(crate) pooling: Option<u32>,
}

impl Default for TinyModel {
    fn default() -> Self {
        Self {
            seed: 1,
            layers: 2,
            context_tokens: 512,
            endless: true,
            pre_tokenizer: "gpt-2",
            metadata: Vec::new(),
            pooling: None,
        }
    }
}

impl TinyModel {
    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, self.bytes()).unwrap();
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let tokens = vocabulary();
        let tensors = self.tensors(tokens.len());
        let mut metadata = Metadata::default();
        self.describe(&mut metadata, &tokens);
        gguf(&metadata, &tensors)
    }

    fn describe(&self, metadata: &mut Metadata, tokens: &[String]) {
        metadata.text("general.architecture", "qwen3");
        metadata.text("general.name", "Tiny random");
        metadata.number("general.file_type", 0);
        metadata.number("qwen3.block_count", self.layers as u32);
        metadata.number("qwen3.context_length", self.context_tokens);
        metadata.number("qwen3.embedding_length", WIDTH as u32);
        metadata.number("qwen3.feed_forward_length", FEED_FORWARD as u32);
        metadata.number("qwen3.attention.head_count", HEADS as u32);
        metadata.number("qwen3.attention.head_count_kv", KEY_VALUE_HEADS as u32);
        metadata.number("qwen3.attention.key_length", HEAD as u32);
        metadata.number("qwen3.attention.value_length", HEAD as u32);
        metadata.float("qwen3.rope.freq_base", 1e6);
        metadata.float("qwen3.attention.layer_norm_rms_epsilon", 1e-5);
        for (key, value) in &self.metadata {
            metadata.float(key, *value);
        }
        if let Some(pooling) = self.pooling {
            metadata.number("qwen3.pooling_type", pooling);
        }
        metadata.text("tokenizer.ggml.model", "gpt2");
        metadata.text("tokenizer.ggml.pre", self.pre_tokenizer);
        metadata.texts("tokenizer.ggml.tokens", tokens.iter().map(String::as_str));
        let types = tokens.iter().map(|token| {
            if SPECIALS.contains(&token.as_str()) {
                3
            } else {
                1
            }
        });
        metadata.integers("tokenizer.ggml.token_type", types.collect());
        metadata.texts("tokenizer.ggml.merges", MERGES.into_iter());
        metadata.number("tokenizer.ggml.bos_token_id", 0);
        metadata.number("tokenizer.ggml.eos_token_id", 2);
        metadata.number("tokenizer.ggml.padding_token_id", 3);
        metadata.flag("tokenizer.ggml.add_bos_token", false);
        metadata.text("tokenizer.chat_template", CHATML);
    }

    fn tensors(&self, vocabulary: usize) -> Vec<Tensor> {
        let mut random = Random(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut tensors = Vec::new();
        let mut matrix = |name: String, columns: usize, rows: usize, deviation: f32| {
            let values: Vec<f32> = (0..columns * rows)
                .map(|_| random.normal() * deviation)
                .collect();
            tensors.push((name, vec![columns, rows], values));
        };
        let fan_in = |columns: usize| 1.0 / (columns as f32).sqrt();
        matrix("token_embd.weight".into(), WIDTH, vocabulary, 1.0);
        matrix(
            "output.weight".into(),
            WIDTH,
            vocabulary,
            2.0 * fan_in(WIDTH),
        );
        for layer in 0..self.layers {
            let name = |part: &str| format!("blk.{layer}.{part}.weight");
            for (part, columns, rows) in MATRICES {
                matrix(name(part), columns, rows, fan_in(columns));
            }
        }
        if self.endless {
            // The output row of a token that must never be chosen points nowhere.
            let (_, _, values) = tensors
                .iter_mut()
                .find(|(name, ..)| name == "output.weight")
                .unwrap();
            values[..SPECIALS.len() * WIDTH].fill(0.0);
        }
        let mut norm =
            |name: String, size: usize| tensors.push((name, vec![size], vec![1.0; size]));
        norm("output_norm.weight".into(), WIDTH);
        for layer in 0..self.layers {
            norm(format!("blk.{layer}.attn_norm.weight"), WIDTH);
            norm(format!("blk.{layer}.ffn_norm.weight"), WIDTH);
            norm(format!("blk.{layer}.attn_q_norm.weight"), HEAD);
            norm(format!("blk.{layer}.attn_k_norm.weight"), HEAD);
        }
        tensors
    }
}

/// Random changes on top of a [`TinyModel`]'s layers, strong enough to change what it says.
#[derive(Clone)]
pub(crate) struct TinyAdapter {
    pub(crate) seed: u64,
    /// Of the model it is for.
    pub(crate) layers: usize,
    pub(crate) rank: usize,
}

impl Default for TinyAdapter {
    fn default() -> Self {
        Self {
            seed: 1,
            layers: TinyModel::default().layers,
            rank: 4,
        }
    }
}

impl TinyAdapter {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut metadata = Metadata::default();
        metadata.text("general.type", "adapter");
        metadata.text("general.architecture", "qwen3");
        metadata.text("adapter.type", "lora");
        metadata.float("adapter.lora.alpha", self.rank as f32);
        let mut random = Random(self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d) | 1);
        let mut tensors = Vec::new();
        for layer in 0..self.layers {
            for (part, columns, rows) in MATRICES {
                let name = format!("blk.{layer}.{part}.weight");
                for (half, columns, rows) in [("a", columns, self.rank), ("b", self.rank, rows)] {
                    let deviation = 1.0 / (columns as f32).sqrt();
                    let values = (0..columns * rows).map(|_| random.normal() * deviation);
                    let values = values.collect();
                    tensors.push((format!("{name}.lora_{half}"), vec![columns, rows], values));
                }
            }
        }
        gguf(&metadata, &tensors)
    }
}

/// Name, sizes, values.
pub(crate) type Tensor = (String, Vec<usize>, Vec<f32>);

pub(crate) fn gguf(metadata: &Metadata, tensors: &[Tensor]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(b"GGUF");
    file.extend(3_u32.to_le_bytes());
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend(metadata.count.to_le_bytes());
    file.extend(&metadata.bytes);
    let mut offset = 0;
    for (name, sizes, values) in tensors {
        text(&mut file, name);
        file.extend((sizes.len() as u32).to_le_bytes());
        for size in sizes {
            file.extend((*size as u64).to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        file.extend((offset as u64).to_le_bytes());
        offset += (values.len() * 4).next_multiple_of(ALIGNMENT);
    }
    for (_, _, values) in tensors {
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
    file
}

/// Special tokens, then every byte as GPT-2 spells it, then what the merges make.
fn vocabulary() -> Vec<String> {
    let mut tokens: Vec<String> = SPECIALS.map(str::to_owned).into();
    let mut next = 256_u32;
    for byte in 0_u32..256 {
        let printable = matches!(byte, 33..=126 | 161..=172 | 174..=255);
        let code = if printable { byte } else { next };
        next += u32::from(!printable);
        tokens.push(char::from_u32(code).unwrap().to_string());
    }
    tokens.extend(MERGES.map(|merge| merge.replace(' ', "")));
    tokens
}

#[derive(Default)]
pub(crate) struct Metadata {
    count: u64,
    bytes: Vec<u8>,
}

impl Metadata {
    fn key(&mut self, key: &str, kind: u32) {
        self.count += 1;
        text(&mut self.bytes, key);
        self.bytes.extend(kind.to_le_bytes());
    }

    pub(crate) fn number(&mut self, key: &str, value: u32) {
        self.key(key, 4);
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn float(&mut self, key: &str, value: f32) {
        self.key(key, 6);
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        self.key(key, 7);
        self.bytes.push(u8::from(value));
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.key(key, 8);
        text(&mut self.bytes, value);
    }

    pub(crate) fn texts<'a>(&mut self, key: &str, values: impl ExactSizeIterator<Item = &'a str>) {
        self.key(key, 9);
        self.bytes.extend(8_u32.to_le_bytes());
        self.bytes.extend((values.len() as u64).to_le_bytes());
        values.for_each(|value| text(&mut self.bytes, value));
    }

    pub(crate) fn integers(&mut self, key: &str, values: Vec<i32>) {
        self.key(key, 9);
        self.bytes.extend(5_u32.to_le_bytes());
        self.bytes.extend((values.len() as u64).to_le_bytes());
        self.bytes
            .extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
}

fn text(bytes: &mut Vec<u8>, value: &str) {
    bytes.extend((value.len() as u64).to_le_bytes());
    bytes.extend(value.as_bytes());
}

/// xorshift, so that a seed gives the same model everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// The sum of twelve uniform numbers is near enough.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }
}
