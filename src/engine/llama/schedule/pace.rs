//! How long things take here, learnt from the steps that were made.
//!
//! From it follow how much of a prompt goes into a step while others are being written, and how
//! long whoever waits will have to. Pure: it is told times and reads no clock.

/// Before anything was measured.
const FIRST_GUESS_US: f64 = 2000.0;
/// How much the latest measurement counts.
const NEWEST: f64 = 0.2;
/// The target is stretched by so much for each beyond a few who wait for their first token.
const STRETCH: f64 = 1.0;
const FEW: u32 = 6;
const MOST_STRETCH: f64 = 6.0;
/// Reading gets at least so many times what writing takes, however long that is, and more of it with
/// each who waits.
const LEAST_READING: f64 = 1.25;
const LEAST_READING_EACH: f64 = 0.25;
const MOST_READING: f64 = 3.0;
/// Smaller pieces are not made.
const LEAST_TOKENS: u32 = 16;
/// A smaller piece of a prompt says little about a larger one.
const TELLING_TOKENS: u32 = 16;

/// Who wants the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Demand {
    /// Sequences that get a token in it.
    pub(in super::super) decoding: u32,
    /// Those that wait for their first token.
    pub(in super::super) reading: u32,
    /// How many tokens of the first of these are computed.
    pub(in super::super) depth: u32,
}

#[derive(Debug, Clone)]
pub(in super::super) struct Pace {
    target_us: f64,
    /// What to compute one token of so many sequences took; the first is for one.
    decode_us: Vec<Option<f64>>,
    /// Pieces of prompts are whole multiples of it.
    grain: u32,
    /// To look at so many tokens takes as long as all the rest.
    row_tokens: u32,
    prompt_token_us: f64,
    /// From admission to the end, of a whole reply.
    reply_us: Option<f64>,
}

impl Pace {
    /// `target_ms`: how long those who are being written may wait between two tokens. A piece of a
    /// prompt of less than `grain` tokens costs as much as one of so many, and to look at `row_tokens`
    /// others as much as to compute a token that looks at none.
    pub(in super::super) fn new(target_ms: u32, grain: u32, row_tokens: u32) -> Self {
        Self {
            grain: grain.max(1),
            row_tokens: row_tokens.max(1),
            target_us: f64::from(target_ms) * 1000.0,
            decode_us: Vec::new(),
            prompt_token_us: FIRST_GUESS_US,
            reply_us: None,
        }
    }

    /// How many tokens of prompts the next step may carry. Where many wait for their first token,
    /// those who are written may wait longer: what a step spends on one, the other waits for.
    pub(in super::super) fn prompt_tokens(&self, demand: Demand, batch_tokens: u32) -> u32 {
        let Demand {
            decoding,
            reading,
            depth,
        } = demand;
        if decoding == 0 {
            return batch_tokens;
        }
        let stretch = 1.0 + f64::from(reading.saturating_sub(FEW)) * STRETCH;
        let decoding_us = self.decoding_us(decoding);
        let target_us = self.target_us * stretch.min(MOST_STRETCH);
        let fair = LEAST_READING + LEAST_READING_EACH * f64::from(reading);
        let left_us = (target_us - decoding_us).max(decoding_us * fair.min(MOST_READING));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of floats saturates, and nothing here is negative"
        )]
        let tokens = (left_us / self.prompt_token_us / self.dearer(depth)) as u32;
        let whole = tokens / self.grain * self.grain;
        let least = self.grain.max(LEAST_TOKENS);
        whole
            .clamp(least, batch_tokens.max(least))
            .min(batch_tokens)
    }

    /// A token that looks at `depth` others, against one that looks at none.
    fn dearer(&self, depth: u32) -> f64 {
        1.0 + f64::from(depth) / f64::from(self.row_tokens)
    }

    /// What one token of each takes: as measured, or as for the nearest number that was.
    fn decoding_us(&self, sequences: u32) -> f64 {
        let known = (1_u32..).zip(&self.decode_us);
        let known = known.filter_map(|(number, us)| Some((number, (*us)?)));
        let nearest = known.min_by_key(|(number, _)| number.abs_diff(sequences));
        nearest.map_or(0.0, |(number, us)| {
            us * f64::from(sequences.max(number)) / f64::from(number)
        })
    }

    /// One token of each of so many sequences took so long.
    pub(in super::super) fn decoded(&mut self, sequences: u32, elapsed_us: u64) {
        let at = sequences.saturating_sub(1) as usize;
        if self.decode_us.len() <= at {
            self.decode_us.resize(at + 1, None);
        }
        match &mut self.decode_us[at] {
            Some(known) => learn(known, micros(elapsed_us)),
            unknown => *unknown = Some(micros(elapsed_us)),
        }
    }

    /// So many tokens of a prompt behind `depth` others took so long.
    pub(in super::super) fn read(&mut self, tokens: u32, depth: u32, elapsed_us: u64) {
        if tokens >= TELLING_TOKENS {
            let token_us = micros(elapsed_us) / f64::from(tokens) / self.dearer(depth + tokens / 2);
            learn(&mut self.prompt_token_us, token_us);
        }
    }

    /// A whole reply took so long since it was admitted.
    pub(in super::super) fn replied(&mut self, elapsed_us: u64) {
        match &mut self.reply_us {
            Some(known) => learn(known, micros(elapsed_us)),
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

fn learn(known: &mut f64, measured_us: f64) {
    *known += (measured_us - *known) * NEWEST;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(steps: &[(u32, u64)], decode_us: u64) -> Pace {
        let mut pace = Pace::new(100, 64, 1000);
        for _ in 0..50 {
            pace.decoded(4, decode_us);
            for &(tokens, elapsed_us) in steps {
                pace.read(tokens, 0, elapsed_us);
            }
        }
        pace
    }

    fn demand(decoding: u32, reading: u32) -> Demand {
        Demand {
            decoding,
            reading,
            depth: 0,
        }
    }

    #[test]
    fn a_prompt_alone_gets_the_whole_step() {
        let pace = Pace::new(100, 64, 1000);
        assert_eq!(pace.prompt_tokens(demand(0, 1), 512), 512);
        assert_eq!(pace.prompt_tokens(demand(0, 1), 20), 20);
    }

    #[test]
    fn beside_others_it_gets_what_the_target_leaves_in_whole_squares() {
        let pace = after(&[(16, 4000)], 19_000);
        // 81 ms are left, a token takes a quarter of one: 324.
        assert_eq!(pace.prompt_tokens(demand(4, 1), 512), 320);
        assert_eq!(pace.prompt_tokens(demand(4, 1), 100), 100);
        // Twice as many take twice as long, as far as is known; fewer not less.
        assert_eq!(pace.prompt_tokens(demand(8, 1), 512), 192);
        assert_eq!(pace.prompt_tokens(demand(2, 1), 512), 320);
    }

    #[test]
    fn what_lies_deeper_is_dearer() {
        let mut pace = after(&[(16, 4000)], 19_000);
        let deep = Demand {
            depth: 1000,
            ..demand(4, 1)
        };
        assert_eq!(pace.prompt_tokens(deep, 512), 128);
        for _ in 0..50 {
            pace.read(100, 950, 50_000);
        }
        assert_eq!(pace.prompt_tokens(demand(4, 1), 512), 320);
    }

    #[test]
    fn the_more_wait_for_their_first_token_the_more_they_get() {
        let pace = after(&[(16, 4000)], 19_000);
        let few = pace.prompt_tokens(demand(4, 6), 4096);
        let more = pace.prompt_tokens(demand(4, 8), 4096);
        let most = pace.prompt_tokens(demand(4, 100), 4096);
        assert!(few < more && more < most, "{few} {more} {most}");
        assert!(most < 10 * few, "there is an end to that: {most} of {few}");
    }

    #[test]
    fn however_long_writing_takes_reading_is_not_starved() {
        let slow = after(&[(16, 4000)], 200_000);
        // 300 ms, a token takes a quarter of one.
        assert_eq!(slow.prompt_tokens(demand(4, 1), 4096), 1152);
    }

    #[test]
    fn it_always_gets_something() {
        let slow = after(&[(64, 1_000_000)], 500_000);
        assert_eq!(slow.prompt_tokens(demand(4, 1), 512), 64);
        assert_eq!(slow.prompt_tokens(demand(4, 1), 8), 8);
    }

    #[test]
    fn small_pieces_teach_nothing_about_large_ones() {
        let mut pace = Pace::new(100, 64, 1000);
        pace.read(1, 0, 50_000);
        assert_eq!(pace.reading_us(1), FIRST_GUESS_US);
    }

    #[test]
    fn waiting_is_estimated_from_what_replies_took() {
        let mut pace = Pace::new(100, 64, 1000);
        assert_eq!(pace.eta_ms(3, 4), None);
        pace.replied(8_000_000);
        assert_eq!(pace.eta_ms(3, 4), Some(8000));
        assert_eq!(pace.eta_ms(0, 4), Some(2000));
    }
}
