//! Which token comes next: from logits to one token, as one request wants it.
//!
//! Vocabularies are large and a step chooses for many, so only the likeliest tokens are looked at
//! wherever the rest cannot matter. The same seed and the same logits give the same tokens.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use crate::engine::Sampling;

/// How far back a repeated token is punished.
const PENALTY_TOKENS: usize = 64;
/// A grammar is asked about so many of the likeliest at first.
const GRAMMAR_CANDIDATES: usize = 256;

pub(super) struct Chooser {
    /// None takes the likeliest.
    chain: Option<LlamaSampler>,
    top_k: usize,
    penalties: Penalties,
    biases: Vec<(i32, f32)>,
    constraint: Option<Constraint>,
    /// Never chosen.
    forbidden: Vec<i32>,
    changed_logits: Vec<f32>,
}

/// A grammar, and from when on it holds.
pub(super) struct Constraint {
    grammar: LlamaSampler,
    /// None: it holds.
    trigger: Option<Trigger>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// What follows this token.
    After(i32),
    /// This token, and what follows it.
    With(i32),
}

impl Constraint {
    pub(super) fn new(grammar: LlamaSampler, trigger: Option<Trigger>) -> Self {
        Self { grammar, trigger }
    }

    fn active(&mut self) -> Option<&mut LlamaSampler> {
        self.trigger.is_none().then_some(&mut self.grammar)
    }

    fn accept(&mut self, token: i32) {
        let takes_it = match self.trigger {
            None => true,
            Some(Trigger::After(trigger)) if trigger == token => {
                self.trigger = None;
                false
            }
            Some(Trigger::With(trigger)) if trigger == token => {
                self.trigger = None;
                true
            }
            Some(_) => false,
        };
        if takes_it {
            self.grammar.accept(LlamaToken(token));
        }
    }
}

struct Penalties {
    repeat: f32,
    presence: f32,
    frequency: f32,
    latest: VecDeque<i32>,
}

/// A token and its logit; ordered by the logit, of equals the earlier token is more.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    token: i32,
    logit: f32,
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_logit = self.logit.total_cmp(&other.logit);
        by_logit.then_with(|| other.token.cmp(&self.token))
    }
}

impl Chooser {
    /// `sampling` has every number; `constraint` is what alone may be written, and `forbidden` what
    /// may never.
    pub(super) fn new(
        sampling: &Sampling,
        seed: u32,
        constraint: Option<Constraint>,
        forbidden: Vec<i32>,
    ) -> Self {
        let temperature = sampling.temperature.unwrap_or(0.0);
        let chain = (temperature > 0.0).then(|| {
            let samplers = [
                LlamaSampler::top_p(sampling.top_p.unwrap_or(1.0), 1),
                LlamaSampler::min_p(sampling.min_p.unwrap_or(0.0), 1),
                LlamaSampler::temp(temperature),
                LlamaSampler::dist(seed),
            ];
            LlamaSampler::chain(samplers, true)
        });
        Self {
            top_k: match &chain {
                None => 1,
                Some(_) => sampling.top_k.unwrap_or(0) as usize,
            },
            chain,
            penalties: Penalties {
                repeat: sampling.repeat_penalty.unwrap_or(1.0),
                presence: sampling.presence_penalty.unwrap_or(0.0),
                frequency: sampling.frequency_penalty.unwrap_or(0.0),
                latest: VecDeque::new(),
            },
            biases: sampling.logit_bias.clone(),
            constraint,
            forbidden,
            changed_logits: Vec::new(),
        }
    }

    /// The next token; None when nothing may follow.
    pub(super) fn choose(&mut self, logits: &[f32]) -> Option<i32> {
        let mut changed = std::mem::take(&mut self.changed_logits);
        let logits = if self.changes_logits() {
            changed.clear();
            changed.extend_from_slice(logits);
            self.change(&mut changed);
            &changed
        } else {
            logits
        };
        let candidates = self.candidates(logits);
        self.changed_logits = changed;
        let token = match &mut self.chain {
            None => candidates.first()?.token,
            Some(chain) => {
                let data = candidates.iter();
                let data = data
                    .map(|one| LlamaTokenData::new(LlamaToken(one.token), one.logit, 0.0))
                    .collect();
                let mut array = LlamaTokenDataArray::new(data, true);
                chain.apply(&mut array);
                array.selected_token()?.0
            }
        };
        self.accept(token);
        Some(token)
    }

    pub(super) fn is_constrained(&self) -> bool {
        self.constraint.is_some()
    }

    /// `token` comes next, whoever chose it.
    pub(super) fn accept(&mut self, token: i32) {
        if let Some(constraint) = &mut self.constraint {
            constraint.accept(token);
        }
        if self.penalties.latest.len() == PENALTY_TOKENS {
            self.penalties.latest.pop_front();
        }
        self.penalties.latest.push_back(token);
    }

    fn changes_logits(&self) -> bool {
        !self.biases.is_empty() || !self.forbidden.is_empty() || self.penalties.weigh()
    }

    fn change(&self, logits: &mut [f32]) {
        let of = |token: i32| usize::try_from(token).unwrap_or(usize::MAX);
        for &(token, bias) in &self.biases {
            if let Some(logit) = logits.get_mut(of(token)) {
                *logit += bias;
            }
        }
        self.penalties.change(logits);
        for &token in &self.forbidden {
            if let Some(logit) = logits.get_mut(of(token)) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }

    /// The likeliest that may be written, the likeliest first: as many as matter.
    fn candidates(&mut self, logits: &[f32]) -> Vec<Candidate> {
        let wanted = match self.top_k {
            0 => logits.len(),
            top_k => top_k,
        };
        let Some(grammar) = self.constraint.as_mut().and_then(Constraint::active) else {
            return likeliest(logits, wanted);
        };
        // Mostly the likeliest is allowed already; only seldom must all be asked about.
        let mut asked = wanted.max(GRAMMAR_CANDIDATES);
        loop {
            let some = likeliest(logits, asked);
            let mut allowed = allowed(grammar, &some);
            if allowed.len() >= wanted || some.len() >= logits.len() || asked > some.len() {
                allowed.truncate(wanted);
                return allowed;
            }
            asked = if allowed.is_empty() {
                asked * 16
            } else {
                logits.len()
            };
        }
    }
}

impl Penalties {
    #[expect(
        clippy::float_cmp,
        reason = "1 and 0 switch them off, and only exactly those"
    )]
    fn weigh(&self) -> bool {
        self.repeat != 1.0 || self.presence != 0.0 || self.frequency != 0.0
    }

    fn change(&self, logits: &mut [f32]) {
        if !self.weigh() {
            return;
        }
        let mut latest: Vec<i32> = self.latest.iter().copied().collect();
        latest.sort_unstable();
        for same in latest.chunk_by(|one, other| one == other) {
            let index = usize::try_from(same[0]).unwrap_or(usize::MAX);
            let Some(logit) = logits.get_mut(index) else {
                continue;
            };
            *logit = if *logit > 0.0 {
                *logit / self.repeat
            } else {
                *logit * self.repeat
            };
            let times = u16::try_from(same.len()).unwrap_or(u16::MAX);
            *logit -= f32::from(times) * self.frequency + self.presence;
        }
    }
}

/// The `count` likeliest, the likeliest first. What is no number is never among them.
fn likeliest(logits: &[f32], count: usize) -> Vec<Candidate> {
    if count == 1 {
        return likeliest_one(logits).into_iter().collect();
    }
    let all = (0_i32..)
        .zip(logits)
        .map(|(token, &logit)| Candidate { token, logit });
    let numbers = all.filter(|one| one.logit > f32::NEG_INFINITY);
    if count >= logits.len() {
        let mut sorted: Vec<Candidate> = numbers.collect();
        sorted.sort_unstable_by(|one, other| other.cmp(one));
        return sorted;
    }
    let mut kept: BinaryHeap<Reverse<Candidate>> = BinaryHeap::with_capacity(count + 1);
    let mut least = f32::NEG_INFINITY;
    for one in numbers {
        if kept.len() == count && one.logit <= least {
            continue;
        }
        kept.push(Reverse(one));
        if kept.len() > count {
            kept.pop();
        }
        if kept.len() == count {
            least = kept.peek().map_or(least, |one| one.0.logit);
        }
    }
    let sorted = kept.into_sorted_vec();
    sorted.into_iter().map(|one| one.0).collect()
}

/// In blocks: only the best one is looked at twice.
fn likeliest_one(logits: &[f32]) -> Option<Candidate> {
    const BLOCK: usize = 1024;
    let mut best: Option<(usize, f32)> = None;
    for (block, logits) in logits.chunks(BLOCK).enumerate() {
        let most = most_of(logits);
        if most > best.map_or(f32::NEG_INFINITY, |(_, best)| best) {
            best = Some((block, most));
        }
    }
    let (block, logit) = best?;
    let start = block * BLOCK;
    #[expect(clippy::float_cmp, reason = "it is one of these very numbers")]
    let within = logits[start..].iter().position(|&one| one == logit)?;
    let token = i32::try_from(start + within).ok()?;
    Some(Candidate { token, logit })
}

/// In lanes, so that a processor compares many at once. What is no number is never the most.
fn most_of(logits: &[f32]) -> f32 {
    const LANES: usize = 32;
    let more = |most: f32, logit: f32| if logit > most { logit } else { most };
    let mut most = [f32::NEG_INFINITY; LANES];
    let chunks = logits.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (most, &logit) in most.iter_mut().zip(chunk) {
            *most = more(*most, logit);
        }
    }
    let all = most.iter().chain(rest).copied();
    all.fold(f32::NEG_INFINITY, more)
}

/// Those of `candidates` that may follow, in their order.
fn allowed(grammar: &mut LlamaSampler, candidates: &[Candidate]) -> Vec<Candidate> {
    let data = candidates.iter();
    let data = data.map(|one| LlamaTokenData::new(LlamaToken(one.token), one.logit, 0.0));
    let mut array = LlamaTokenDataArray::new(data.collect(), true);
    array.apply_sampler(grammar);
    let allowed = array
        .data
        .iter()
        .filter(|one| one.logit() > f32::NEG_INFINITY);
    let allowed = allowed.map(|one| Candidate {
        token: one.id().0,
        logit: one.logit(),
    });
    allowed.collect()
}

#[cfg(test)]
#[path = "chooser_tests.rs"]
mod tests;
