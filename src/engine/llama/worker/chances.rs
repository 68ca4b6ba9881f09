//! How likely a token was, for those who ask: before warmth and limits, as the model saw it.
//!
//! Pure but for the bytes of tokens, which the vocabulary knows.

use super::vocabulary::Vocabulary;
use crate::engine::TokenChance;

pub(super) fn chance_of(
    vocabulary: &Vocabulary<'_>,
    logits: &[f32],
    token: i32,
    likeliest: u32,
) -> TokenChance {
    let sum = log_sum(logits);
    let at = usize::try_from(token).unwrap_or(usize::MAX);
    let logit = logits.get(at).copied().unwrap_or(f32::NEG_INFINITY);
    let mut all: Vec<(i32, f32)> = (0_i32..).zip(logits.iter().copied()).collect();
    let most = (likeliest as usize).min(all.len());
    if most > 0 {
        all.select_nth_unstable_by(most - 1, |one, other| other.1.total_cmp(&one.1));
    }
    all.truncate(most);
    all.sort_unstable_by(|one, other| other.1.total_cmp(&one.1));
    let told = all.into_iter();
    TokenChance {
        bytes: vocabulary.bytes_of(token),
        logprob: logprob(logit, sum),
        likeliest: told
            .map(|(token, logit)| (vocabulary.bytes_of(token), logprob(logit, sum)))
            .collect(),
    }
}

/// The logarithm of the sum of exponentials, kept from overflowing.
fn log_sum(logits: &[f32]) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let each = logits.iter().map(|logit| f64::from(logit - most).exp());
    f64::from(most) + each.sum::<f64>().ln()
}

/// JSON has no infinity; clients know this number from elsewhere.
fn logprob(logit: f32, sum: f64) -> f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "seven digits are enough to tell"
    )]
    let logprob = (f64::from(logit) - sum) as f32;
    logprob.max(-9999.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chances_of_all_come_to_one() {
        let logits = [1000.0_f32, 999.0, 998.0, f32::NEG_INFINITY];
        let sum = log_sum(&logits);
        let each = logits.iter().map(|&logit| logprob(logit, sum).exp());
        assert!((each.sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(
            logprob(f32::NEG_INFINITY, sum).to_bits(),
            (-9999.0_f32).to_bits()
        );
    }
}
