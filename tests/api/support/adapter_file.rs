//! LoRA adapters that nobody trained: GGUF files of a few hundred bytes that say all they must say.
//! Others are made of them by changing what they say.

pub(crate) struct AdapterFile {
    /// What the file calls itself.
    pub(crate) name: &'static str,
    pub(crate) alpha: f32,
    /// A number of the kind that ends llama.cpp.
    pub(crate) whole_alpha: bool,
    /// `general.type`.
    pub(crate) kind: &'static str,
}

impl Default for AdapterFile {
    fn default() -> Self {
        Self {
            name: "Pirate",
            alpha: 16.0,
            whole_alpha: false,
            kind: "adapter",
        }
    }
}

fn text(file: &mut Vec<u8>, text: &str) {
    file.extend((text.len() as u64).to_le_bytes());
    file.extend(text.as_bytes());
}

impl AdapterFile {
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(2_u64.to_le_bytes());
        file.extend(5_u64.to_le_bytes());
        let texts = [
            ("general.architecture", "qwen3"),
            ("general.type", self.kind),
            ("general.name", self.name),
            ("adapter.type", "lora"),
        ];
        for (key, value) in texts {
            text(&mut file, key);
            file.extend(8_u32.to_le_bytes());
            text(&mut file, value);
        }
        text(&mut file, "adapter.lora.alpha");
        match self.whole_alpha {
            true => {
                file.extend(4_u32.to_le_bytes());
                file.extend(16_u32.to_le_bytes());
            }
            false => {
                file.extend(6_u32.to_le_bytes());
                file.extend(self.alpha.to_le_bytes());
            }
        }
        let tensors = [("lora_a", [64_u64, 8], 0_u64), ("lora_b", [8, 64], 2048)];
        for (part, sizes, offset) in tensors {
            text(&mut file, &format!("blk.0.attn_q.weight.{part}"));
            file.extend(2_u32.to_le_bytes());
            file.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
            file.extend(0_u32.to_le_bytes());
            file.extend(offset.to_le_bytes());
        }
        file.resize(file.len().next_multiple_of(32) + 2 * 2048, 0);
        file
    }
}
