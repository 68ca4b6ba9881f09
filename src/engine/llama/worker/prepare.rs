//! From a request to the tokens to compute: render, tokenise, make it fit, choose how to choose.
//!
//! Everything is checked again here, on the side where a wrong number would end the process.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;

use super::super::cache::Scope;
use super::super::protocol::Resume;
use super::chooser::{Chooser, Constraint, Trigger};
use super::reply::{Reply, count};
use super::vocabulary::Vocabulary;
use crate::engine::grammar::{grammar_of, grammar_of_calls};
use crate::engine::parse::{Dialect, ReplyStart};
use crate::engine::prompt::{PromptRequest, fit_history};
use crate::engine::{
    EngineError, Generate, OutputFormat, Reasoning, Sampling, ToolChoice, validity,
};

/// A reply that can begin, and how its text is to be read.
pub(super) struct Prepared {
    pub(super) reply: Reply,
    pub(super) dialect: Dialect,
    pub(super) start: ReplyStart,
}

/// What of the model and its setting a request is prepared with.
pub(super) struct Kitchen<'a, 'model> {
    pub(super) model: &'model LlamaModel,
    pub(super) vocabulary: &'a Vocabulary<'model>,
    pub(super) context_tokens: u32,
    /// What the model file recommends.
    pub(super) recommended: &'a Sampling,
    /// All tokens that end a reply.
    pub(super) ends: &'a [i32],
    pub(super) shares_prefixes: bool,
}

impl Kitchen<'_, '_> {
    /// `set` names the adapters it runs under.
    pub(super) fn prepare(
        &self,
        request: &Generate,
        set: u64,
        resume: &Resume,
    ) -> Result<Prepared, EngineError> {
        validity::check(request)?;
        let request = &without_idle_thoughts(request);
        let vocabulary = self.vocabulary;
        let room_for_reply = request
            .max_tokens
            .unwrap_or(256)
            .min(self.context_tokens / 4)
            .max(1);
        // What is written already came after this prompt, so it must not change which messages fit.
        let count = |messages: &[_]| {
            let prompt = PromptRequest::of(request, messages).without_reply();
            Ok(count(vocabulary.prompt(&prompt)?.tokens.len()))
        };
        let limit = self.context_tokens - room_for_reply;
        let (messages, left_out) =
            fit_history(&request.messages, limit, request.trim_history, count)?;
        let prompt = vocabulary.prompt(&PromptRequest::of(request, &messages))?;
        let tokens = prompt.tokens;
        if tokens.is_empty() {
            return Err(EngineError::InvalidRequest(
                "there is nothing to answer".into(),
            ));
        }
        let house = (request.house_messages as usize).min(messages.len());
        let scope = Scope {
            set,
            lane: request.lane,
            house_tokens: vocabulary
                .house_tokens(&messages[..house], &tokens)
                .unwrap_or(0),
        };
        let reuses = request.reuse_prefix && self.shares_prefixes;
        let (dialect, start) = (prompt.dialect, prompt.start);
        let chooser = self.chooser(request, &dialect, start)?;
        let mut reply = Reply::new(tokens, scope, chooser, request, left_out, reuses);
        reply.preserved = self.preserved(&dialect, request);
        reply.resume(vocabulary, resume, self.context_tokens);
        Ok(Prepared {
            reply,
            dialect,
            start,
        })
    }

    /// Special tokens whose texts tell calls and thoughts from the rest.
    fn preserved(&self, dialect: &Dialect, request: &Generate) -> Vec<i32> {
        if request.raw_prompt.is_some() {
            return Vec::new();
        }
        let texts = dialect.preserved_texts().into_iter();
        texts
            .filter_map(|text| self.vocabulary.find_special(text))
            .collect()
    }

    fn chooser(
        &self,
        request: &Generate,
        dialect: &Dialect,
        start: ReplyStart,
    ) -> Result<Chooser, EngineError> {
        let sampling = validity::resolve(&request.sampling, self.recommended);
        let seed = match sampling.seed {
            Some(seed) => seed,
            None => getrandom::u32().map_err(|error| EngineError::Failed(error.to_string()))?,
        };
        let forbidden = match request.ignore_end {
            true => self.ends.to_vec(),
            false => Vec::new(),
        };
        let constraint = self.constraint(request, dialect, start)?;
        Ok(Chooser::new(&sampling, seed, constraint, forbidden))
    }

    /// What alone may be written, and from when on.
    fn constraint(
        &self,
        request: &Generate,
        dialect: &Dialect,
        start: ReplyStart,
    ) -> Result<Option<Constraint>, EngineError> {
        let close = || self.vocabulary.find_special(dialect.thought.close);
        let after_thought = match start {
            ReplyStart::Thought | ReplyStart::WithinThought => close(),
            ReplyStart::Anew if thinks_aloud(request, dialect) => close(),
            _ => None,
        };
        let after_thought = after_thought.map(Trigger::After);
        if let Some(text) = grammar_of(&request.format)? {
            return Ok(Some(Constraint::new(self.grammar(&text)?, after_thought)));
        }
        let (tools, choice) = (&request.tools, &request.tool_choice);
        let calls = dialect.call_grammar(tools, choice, request.parallel_tool_calls);
        let Some(calls) = calls else {
            return Ok(None);
        };
        let from = match request.tool_choice {
            ToolChoice::Auto => {
                let trigger = dialect.call_trigger();
                let token = trigger.and_then(|text| self.vocabulary.find_special(text));
                // Where a call begins like any other text, it is read and not held to a form.
                let Some(token) = token else { return Ok(None) };
                Some(Trigger::With(token))
            }
            _ => after_thought,
        };
        let text = grammar_of_calls(&calls)?;
        Ok(Some(Constraint::new(self.grammar(&text)?, from)))
    }

    /// llama.cpp's own reading of a grammar that was checked.
    fn grammar(&self, text: &str) -> Result<LlamaSampler, EngineError> {
        let refused = |error| EngineError::Failed(format!("llama.cpp refuses a grammar: {error}"));
        LlamaSampler::grammar(self.model, text, "root").map_err(refused)
    }
}

/// A form leaves no room for thoughts, unless somebody asks for both.
fn without_idle_thoughts(request: &Generate) -> Generate {
    let mut request = request.clone();
    let forced = matches!(
        request.tool_choice,
        ToolChoice::Required | ToolChoice::Named(_)
    );
    if request.format != OutputFormat::Text || (forced && !request.tools.is_empty()) {
        request.reasoning.get_or_insert(Reasoning::Off);
    }
    request
}

fn thinks_aloud(request: &Generate, dialect: &Dialect) -> bool {
    let wanted = request
        .reasoning
        .is_some_and(|reasoning| reasoning != Reasoning::Off);
    wanted && dialect.thought.in_template
}
