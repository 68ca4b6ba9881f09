//! How long things take here, learnt from the steps that were made.
//!
//! From it follow how much of a prompt goes into a step while others are being written, and how
//! long whoever waits will have to. Pure: it is told times and reads no clock.

/// On processors attention is computed in squares of this side, so less costs as much.
pub(in super::super) const PROMPT_GRAIN: u32 = 64;
/// Before anything was measured.
const FIRST_GUESS_US: f64 = 2000.0;
/// How much the latest measurement counts.
const NEWEST: f64 = 0.2;
/// A smaller piece of a prompt says little about a larger one.
const TELLING_TOKENS: u32 = 16;

#[derive(Debug, Clone)]
pub(in super::super) struct Pace {
    target_us: f64,
    decode_us: f64,
    prompt_token_us: f64,
    /// From admission to the end, of a whole reply.
    reply_us: Option<f64>,
}

impl Pace {
    /// `target_ms`: how long those who are being written may wait between two tokens.
    pub(in super::super) fn new(target_ms: u32) -> Self {
        Self {
            target_us: f64::from(target_ms) * 1000.0,
            decode_us: 0.0,
            prompt_token_us: FIRST_GUESS_US,
            reply_us: None,
        }
    }

    /// How many tokens of prompts the next step may carry beside `decoding` sequences.
    pub(in super::super) fn prompt_tokens(&self, decoding: bool, batch_tokens: u32) -> u32 {
        if !decoding {
            return batch_tokens;
        }
        let left_us = (self.target_us - self.decode_us).max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of floats saturates, and nothing here is negative"
        )]
        let tokens = (left_us / self.prompt_token_us) as u32;
        let whole = tokens / PROMPT_GRAIN * PROMPT_GRAIN;
        whole
            .clamp(PROMPT_GRAIN, batch_tokens.max(PROMPT_GRAIN))
            .min(batch_tokens)
    }

    pub(in super::super) fn decoded(&mut self, elapsed_us: u64) {
        learn(&mut self.decode_us, elapsed_us);
    }

    pub(in super::super) fn read(&mut self, tokens: u32, elapsed_us: u64) {
        if tokens >= TELLING_TOKENS {
            learn(&mut self.prompt_token_us, elapsed_us / u64::from(tokens));
        }
    }

    /// A whole reply took so long since it was admitted.
    pub(in super::super) fn replied(&mut self, elapsed_us: u64) {
        match &mut self.reply_us {
            Some(known) => learn(known, elapsed_us),
            None => self.reply_us = Some(micros(elapsed_us)),
        }
    }

    /// How long it takes to compute so many tokens of a prompt.
    pub(in super::super) fn reading_us(&self, tokens: u32) -> f64 {
        self.prompt_token_us * f64::from(tokens)
    }

    /// How long the one at `position` of those who wait will wait, with `slots` written at once.
    pub(in super::super) fn eta_ms(&self, position: u32, slots: u32) -> Option<u64> {
        let rounds = f64::from(position + 1) / f64::from(slots.max(1));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of floats saturates, and nothing here is negative"
        )]
        let eta = |reply_us: f64| (reply_us * rounds / 1000.0) as u64;
        self.reply_us.map(eta)
    }
}

#[expect(clippy::cast_precision_loss, reason = "no step lasts for centuries")]
fn micros(elapsed_us: u64) -> f64 {
    elapsed_us as f64
}

fn learn(known: &mut f64, elapsed_us: u64) {
    *known += (micros(elapsed_us) - *known) * NEWEST;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(steps: &[(u32, u64)], decode_us: u64) -> Pace {
        let mut pace = Pace::new(100);
        for _ in 0..50 {
            pace.decoded(decode_us);
            for &(tokens, elapsed_us) in steps {
                pace.read(tokens, elapsed_us);
            }
        }
        pace
    }

    #[test]
    fn a_prompt_alone_gets_the_whole_step() {
        assert_eq!(Pace::new(100).prompt_tokens(false, 512), 512);
        assert_eq!(Pace::new(100).prompt_tokens(false, 20), 20);
    }

    #[test]
    fn beside_others_it_gets_what_the_target_leaves_in_whole_squares() {
        let pace = after(&[(512, 128_000)], 19_000);
        // 81 ms are left, a token takes a quarter of one: 324.
        assert_eq!(pace.prompt_tokens(true, 512), 320);
        assert_eq!(pace.prompt_tokens(true, 100), 100);
    }

    #[test]
    fn it_always_gets_something() {
        let slow = after(&[(64, 1_000_000)], 500_000);
        assert_eq!(slow.prompt_tokens(true, 512), PROMPT_GRAIN);
        assert_eq!(slow.prompt_tokens(true, 8), 8);
    }

    #[test]
    fn small_pieces_teach_nothing_about_large_ones() {
        let pace = after(&[(1, 50_000)], 0);
        assert_eq!(pace.reading_us(1), FIRST_GUESS_US);
    }

    #[test]
    fn waiting_is_estimated_from_what_replies_took() {
        let mut pace = Pace::new(100);
        assert_eq!(pace.eta_ms(3, 4), None);
        pace.replied(8_000_000);
        assert_eq!(pace.eta_ms(3, 4), Some(8000));
        assert_eq!(pace.eta_ms(0, 4), Some(2000));
    }
}
