//! Does a model fit this machine, and how fast will it be? Estimated before it is downloaded, from
//! the size of its file alone.
//!
//! Rules of thumb, on the careful side: the whole file stands in memory, a conversation's memory
//! grows a little with the model, and for each token every weight that is used is read once. What
//! the header of the file would say better is known when it has come. Called by `models/pull/`.

use crate::machine;

const GIB: u64 = 1 << 30;
/// Llama.cpp's own buffers, whatever the model.
const BUFFERS_BYTES: u64 = 300 << 20;
/// A token of context in a small model, and what each GiB of file adds to that.
const TOKEN_BYTES: u64 = 112 << 10;
const TOKEN_BYTES_PER_GIB: u64 = 5 << 10;
/// What reading weights reaches of the speed with which memory is copied.
const REACHED_PERCENT: u64 = 70;
/// Of all memory, what a model may take before the rest of the machine feels it.
const COMFORT_PERCENT: u64 = 85;

/// What the estimate stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    pub memory_bytes: u64,
    pub memory_bytes_per_s: u64,
}

impl Machine {
    /// This one. Blocking for a tenth of a second, the first time.
    pub fn measure() -> Self {
        Self {
            memory_bytes: machine::memory_bytes(),
            memory_bytes_per_s: machine::memory_bytes_per_s(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Fits,
    /// There is hardly anything left for the rest of the machine.
    Tight,
    /// It would be read from the disk again and again, which is very slow.
    TooLarge,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    pub verdict: Verdict,
    /// Weights, one conversation of full length, and buffers.
    pub needs_bytes: u64,
    pub memory_bytes: u64,
    /// None where the model would not run at the speed of memory.
    pub tokens_per_s: Option<f64>,
}

impl Fit {
    /// `active` is which part of the weights a token uses, from 0 to 1: see [`active_share`].
    pub fn estimate(size_bytes: u64, active: f64, context_tokens: u32, machine: Machine) -> Self {
        let gibibytes = size_bytes / GIB;
        let token_bytes = TOKEN_BYTES.saturating_add(gibibytes.saturating_mul(TOKEN_BYTES_PER_GIB));
        let needs_bytes = size_bytes
            .saturating_add(size_bytes / 20)
            .saturating_add(token_bytes.saturating_mul(u64::from(context_tokens)))
            .saturating_add(BUFFERS_BYTES);
        let comfort = machine.memory_bytes / 100 * COMFORT_PERCENT;
        let verdict = match needs_bytes {
            needed if needed <= comfort => Verdict::Fits,
            needed if needed <= machine.memory_bytes => Verdict::Tight,
            _ => Verdict::TooLarge,
        };
        let read_bytes = (size_bytes as f64 * active).max(1.0);
        let reached = (machine.memory_bytes_per_s / 100 * REACHED_PERCENT) as f64;
        Self {
            verdict,
            needs_bytes,
            memory_bytes: machine.memory_bytes,
            tokens_per_s: (verdict != Verdict::TooLarge).then_some(reached / read_bytes),
        }
    }

    /// For people: `fits: needs about 5.2 GB of 16 GB; about 7 tokens a second`.
    pub fn sentence(&self) -> String {
        let needs = format!(
            "needs about {} of {}",
            size_for_people(self.needs_bytes),
            size_for_people(self.memory_bytes)
        );
        let verdict = match self.verdict {
            Verdict::Fits => "fits",
            Verdict::Tight => "fits, but tightly",
            Verdict::TooLarge => "does not fit into memory",
        };
        match self.tokens_per_s {
            Some(rate) => format!("{verdict}: {needs}; {}", rate_for_people(rate)),
            None => format!("{verdict}: {needs}; it would be very slow"),
        }
    }
}

fn rate_for_people(tokens_per_s: f64) -> String {
    match tokens_per_s {
        rate if rate >= 100.0 => "more than 100 tokens a second".into(),
        rate if rate >= 1.5 => format!("about {rate:.0} tokens a second"),
        rate => format!("about {rate:.1} tokens a second"),
    }
}

/// In the units that disks and downloads are sold in: `5.2 GB`.
pub fn size_for_people(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000_000 => return format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        1_000_000_000..1_000_000_000_000 => (1e9, "GB"),
        _ => (1e12, "TB"),
    };
    let number = bytes as f64 / unit;
    let digits = usize::from(number < 10.0);
    format!("{number:.digits$} {name}")
}

/// Which part of its weights a mixture of experts uses for a token, where its name says so:
/// `Qwen3-30B-A3B` has 30 billion and uses 3. Otherwise all of them.
pub(super) fn active_share(name: &str) -> f64 {
    let words: Vec<String> = name
        .split(['-', '_', '/', '.'])
        .map(str::to_ascii_uppercase)
        .collect();
    let billions = |word: &str| word.strip_suffix('B')?.parse::<u32>().ok();
    let shares = words.windows(2).filter_map(|pair| {
        let all = billions(&pair[0])?;
        let active = pair[1].strip_prefix('A').and_then(billions)?;
        (active > 0 && active <= all).then(|| f64::from(active) / f64::from(all))
    });
    shares.fold(1.0, f64::min)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAPTOP: Machine = Machine {
        memory_bytes: 16_000_000_000,
        memory_bytes_per_s: 50_000_000_000,
    };

    #[test]
    fn an_estimate_is_one_sentence() {
        let of = |size_bytes, active| Fit::estimate(size_bytes, active, 8192, LAPTOP).sentence();
        assert_eq!(
            of(5_030_000_000, 1.0),
            "fits: needs about 6.7 GB of 16 GB; about 7 tokens a second"
        );
        assert_eq!(
            of(12_000_000_000, 0.1),
            "fits, but tightly: needs about 14 GB of 16 GB; about 29 tokens a second"
        );
        assert_eq!(
            of(40_000_000_000, 1.0),
            "does not fit into memory: needs about 45 GB of 16 GB; it would be very slow"
        );
        assert!(of(600_000, 1.0).ends_with("more than 100 tokens a second"));
    }

    #[test]
    fn a_mixture_of_experts_uses_what_its_name_says() {
        let share = active_share("unsloth/Qwen3-30B-A3B-GGUF/Qwen3-30B-A3B-Q4_K_M.gguf");
        assert!((share - 0.1).abs() < 1e-9);
        for dense in ["Qwen3-8B-Q4_K_M.gguf", "", "A3B-30B", "3B-A30B", "1B-A0B"] {
            assert!((active_share(dense) - 1.0).abs() < 1e-9, "{dense}");
        }
    }

    #[test]
    fn sizes_are_said_as_they_are_sold() {
        for (bytes, said) in [
            (0, "0 kB"),
            (1, "1 kB"),
            (639_446_688, "639 MB"),
            (5_200_000_000, "5.2 GB"),
            (16_777_216_000, "17 GB"),
            (2_000_000_000_000, "2.0 TB"),
        ] {
            assert_eq!(size_for_people(bytes), said);
        }
    }

    proptest! {
        #[test]
        fn a_larger_model_never_needs_less_and_is_never_faster(
            size in any::<u64>(),
            more in any::<u64>(),
            context in any::<u32>(),
            memory_bytes in any::<u64>(),
            memory_bytes_per_s in any::<u64>(),
        ) {
            let machine = Machine { memory_bytes, memory_bytes_per_s };
            let of = |size| Fit::estimate(size, 1.0, context, machine);
            let (less, more) = (of(size), of(size.saturating_add(more)));
            prop_assert!(less.needs_bytes <= more.needs_bytes);
            prop_assert!(less.needs_bytes >= size);
            if let (Some(fast), Some(slow)) = (less.tokens_per_s, more.tokens_per_s) {
                prop_assert!(fast >= slow);
            }
            prop_assert!(!less.sentence().is_empty());
        }
    }
}
