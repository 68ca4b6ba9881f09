//! Vectors of texts: many texts a batch, a batch between two steps.
//!
//! A model that also writes gets a second context for it, made when it is first wanted. A text must
//! fit into one batch as a whole, since all of it makes its vector.

use std::collections::VecDeque;

use llama_cpp_2::model::LlamaModel;

use super::super::cache::Layout;
use super::super::protocol::ReplyEvent;
use super::context::{Context, ContextSize, Row};
use super::reply::count;
use super::setting::Setting;
use super::vocabulary::Vocabulary;
use crate::engine::{Embed, Embeddings, EngineError};

/// Texts computed together.
const TEXTS_AT_ONCE: u32 = 32;
/// The longest text, whatever the model was trained for: a batch takes memory.
const MOST_TOKENS: u32 = 8192;

pub(super) struct Embedding<'model> {
    model: &'model LlamaModel,
    setting: Setting,
    context: Option<Context<'model>>,
    /// In the order they came.
    orders: VecDeque<Order>,
}

struct Order {
    id: u64,
    texts: VecDeque<Vec<i32>>,
    vectors: Vec<Vec<f32>>,
    prompt_tokens: u32,
}

impl<'model> Embedding<'model> {
    pub(super) fn new(model: &'model LlamaModel, setting: Setting) -> Self {
        Self {
            model,
            setting,
            context: None,
            orders: VecDeque::new(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.orders.is_empty()
    }

    pub(super) fn cancel(&mut self, id: u64) {
        self.orders.retain(|order| order.id != id);
    }

    /// The most tokens a text may have.
    fn most_tokens(&self) -> u32 {
        let trained = self.model.n_ctx_train().max(1);
        trained.min(self.setting.context_tokens).min(MOST_TOKENS)
    }

    pub(super) fn begin(
        &mut self,
        id: u64,
        request: &Embed,
        vocabulary: &Vocabulary<'_>,
    ) -> Result<(), EngineError> {
        let limit = self.most_tokens();
        let mut texts = VecDeque::new();
        let mut prompt_tokens = 0_u32;
        for text in &request.texts {
            let tokens = vocabulary.text(text);
            let length = count(tokens.len());
            if length > limit {
                return Err(EngineError::ContextTooLong {
                    tokens: length,
                    limit,
                });
            }
            prompt_tokens = prompt_tokens.saturating_add(length);
            texts.push_back(tokens);
        }
        self.orders.push_back(Order {
            id,
            texts,
            vectors: Vec::new(),
            prompt_tokens,
        });
        Ok(())
    }

    /// Computes one batch for the request that came first. What there is to tell.
    pub(super) fn step(&mut self) -> Option<(u64, ReplyEvent)> {
        let size = self.context_size();
        let order = self.orders.front_mut()?;
        if self.context.is_none() {
            self.context = Context::new(self.model, size);
        }
        let computed = match &mut self.context {
            Some(context) => order.compute(context, size.batch_tokens),
            None => Err("there is not enough memory for vectors with this model".to_owned()),
        };
        let event = match computed {
            Ok(()) if order.texts.is_empty() => ReplyEvent::Embedded(Embeddings {
                vectors: std::mem::take(&mut order.vectors),
                prompt_tokens: order.prompt_tokens,
            }),
            Ok(()) => return None,
            Err(reason) => ReplyEvent::Failed(EngineError::Failed(reason)),
        };
        let id = order.id;
        self.orders.pop_front();
        Some((id, event))
    }

    fn context_size(&self) -> ContextSize {
        let tokens = self.most_tokens();
        ContextSize {
            layout: Layout::Unified { tokens },
            bf16_kv: false,
            batch_tokens: tokens,
            sequences: TEXTS_AT_ONCE,
            threads: self.setting.threads,
            embeddings: true,
        }
    }
}

impl Order {
    fn compute(&mut self, context: &mut Context<'_>, batch_tokens: u32) -> Result<(), String> {
        let mut rows: Vec<Row> = Vec::new();
        let mut sequences = 0;
        while let Some(text) = self.texts.front() {
            let fits = rows.len() + text.len() <= batch_tokens as usize;
            if sequences == TEXTS_AT_ONCE || (sequences > 0 && !fits) {
                break;
            }
            let row = |(position, &token)| Row {
                token,
                position,
                sequence: sequences,
                output: true,
            };
            rows.extend((0..).zip(text).map(row));
            sequences += 1;
            self.texts.pop_front();
        }
        let decoded = context.decode(&rows);
        let failed = |failure| format!("llama.cpp could not make vectors: {failure:?}");
        decoded.map_err(failed)?;
        for sequence in 0..sequences {
            let vector = context.vector(sequence);
            let vector = vector.ok_or("this model makes no vector of a whole text")?;
            self.vectors.push(of_length_one(vector));
            context.forget(sequence, 0);
        }
        Ok(())
    }
}

fn of_length_one(vector: &[f32]) -> Vec<f32> {
    let length = vector
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt();
    let divisor = if length > 0.0 { length } else { 1.0 };
    vector.iter().map(|number| number / divisor).collect()
}
