//! `/v1/completions`: goes on from a text as it stands, whole or in chunks.
//!
//! The old interface, still spoken by many tools. A prompt is taken as text: what looks like a
//! special token in it stays text.

use std::sync::Arc;

use poem::web::{Data, Json};
use poem::{Body, IntoResponse, Request, Response, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answers::{Answer, Answers, usage_of};
use super::chat::variants;
use super::chunks::{ChunkShape, Chunks, Piece};
use super::figures::{reason_text, text_logprobs, timings_json, usage_json};
use super::generation::{GenerationFields, MAX_ANSWERS, OneOrMany};
use super::{Identity, parse, refuse, unsupported};
use crate::accounts::Purpose;
use crate::appliance::Appliance;
use crate::engine::{FinishReason, Generate, OutputFormat, TokenChance};
use crate::error::{Error, Result};
use crate::http::caller::authenticate;
use crate::http::events::event_stream;

const OBJECT: &str = "text_completion";
/// As OpenAI has it for this interface.
const DEFAULT_MAX_TOKENS: u32 = 16;

#[derive(Deserialize)]
struct TextCompletionRequest {
    prompt: Value,
    #[serde(flatten)]
    fields: GenerationFields,
    max_tokens: Option<u32>,
    logprobs: Option<u32>,
    #[serde(default)]
    echo: Option<bool>,
    suffix: Option<String>,
    best_of: Option<u32>,
    grammar: Option<String>,
}

/// What each of several answers is the answer to.
struct Echo {
    /// The prompts, where they are to be repeated; else empty texts.
    prompts: Vec<String>,
    /// How many answers each prompt has.
    answers: u32,
}

impl Echo {
    fn prompt_of(&self, index: u32) -> &str {
        let at = (index / self.answers) as usize;
        self.prompts.get(at).map(String::as_str).unwrap_or_default()
    }
}

impl TextCompletionRequest {
    fn prompts(&self) -> Result<Vec<String>> {
        let prompts = match serde_json::from_value::<OneOrMany>(self.prompt.clone()) {
            Ok(prompts) => prompts.into_vec(),
            Err(_) if self.prompt.is_array() => {
                return Err(unsupported("prompt", "a prompt in tokens"));
            }
            Err(_) => {
                return Err(Error::invalid_field(
                    "prompt",
                    "prompt is a text or a list of texts",
                ));
            }
        };
        let most = (MAX_ANSWERS / self.fields.answers()?).max(1) as usize;
        match prompts.len() {
            0 => Err(Error::invalid_field("prompt", "there is no prompt")),
            count if count > most => Err(Error::invalid_field(
                "prompt",
                format!("there may be at most {MAX_ANSWERS} answers to all prompts together"),
            )),
            _ => Ok(prompts),
        }
    }

    fn into_generate(self) -> Result<Generate> {
        if self.suffix.is_some_and(|suffix| !suffix.is_empty()) {
            return Err(unsupported("suffix", "a text behind the answer"));
        }
        let wanted = self.fields.answers()?;
        if self.best_of.is_some_and(|best_of| best_of != wanted) {
            return Err(unsupported("best_of", "choosing the best of more answers"));
        }
        let mut generate = Generate::new("", Vec::new());
        generate.max_tokens = Some(self.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS));
        generate.chances = self.logprobs;
        if let Some(grammar) = self.grammar.filter(|grammar| !grammar.trim().is_empty()) {
            generate.format = OutputFormat::Grammar(grammar);
        }
        self.fields.apply(&mut generate)?;
        Ok(generate)
    }
}

#[handler]
pub(super) async fn create_completion(
    request: &Request,
    body: Body,
    appliance: Data<&Arc<Appliance>>,
) -> poem::Result<Response> {
    let caller = authenticate(request, Purpose::Chat).map_err(refuse)?;
    let body = body.into_bytes().await?;
    let request: TextCompletionRequest = parse(&body).map_err(refuse)?;
    let (streams, include_usage) = (request.fields.streams(), request.fields.include_usage());
    let who = request.fields.answering().map_err(refuse)?;
    let answers_each = request.fields.answers().map_err(refuse)?;
    let prompts = request.prompts().map_err(refuse)?;
    let echoes = request.echo == Some(true);
    let generate = request.into_generate().map_err(refuse)?;
    let wanted = prompts.iter().flat_map(|prompt| {
        let asked = Generate {
            raw_prompt: Some(prompt.clone()),
            ..generate.clone()
        };
        variants(&asked, answers_each)
    });
    let (wanted, same_prompt) = (wanted.collect(), prompts.len() == 1);
    let echo = Echo {
        prompts: if echoes { prompts } else { Vec::new() },
        answers: answers_each,
    };
    let answers = Answers::ask(&appliance, &caller, &who, wanted, same_prompt).await;
    let mut answers = answers.map_err(refuse)?;
    let identity = Identity::new("cmpl", answers.model.clone());
    if streams {
        answers.begin().await.map_err(refuse)?;
        let shape = TextChunks {
            told_chars: vec![0; answers.count as usize],
            echo,
        };
        let chunks = Chunks::new(shape, identity, answers, include_usage);
        return Ok(event_stream(chunks.into_frames()));
    }
    let answers = answers.collect().await.map_err(refuse)?;
    Ok(Json(whole_completion(&identity, answers, &echo, same_prompt)).into_response())
}

fn whole_completion(
    identity: &Identity,
    answers: Vec<Answer>,
    echo: &Echo,
    same_prompt: bool,
) -> Value {
    let usage = usage_of(&answers, same_prompt);
    let first = answers.first().and_then(|answer| answer.finished.as_ref());
    let timings = first.filter(|_| answers.len() == 1).map(timings_json);
    let choices: Vec<Value> = (0..)
        .zip(answers)
        .map(|(index, answer)| {
            let prompt = echo.prompt_of(index);
            let reason = answer.finished.map_or(FinishReason::Stop, |end| end.reason);
            json!({
                "index": index,
                "text": format!("{prompt}{}", answer.text),
                "finish_reason": reason_text(reason),
                "logprobs": text_logprobs(&answer.chances, prompt.chars().count()),
            })
        })
        .collect();
    let mut completion = identity.envelope(OBJECT, &choices);
    completion["usage"] = usage_json(usage);
    if let Some(timings) = timings {
        completion["timings"] = timings;
    }
    completion
}

struct TextChunks {
    /// Of each answer: how much of it was told.
    told_chars: Vec<usize>,
    echo: Echo,
}

impl ChunkShape for TextChunks {
    const OBJECT: &'static str = OBJECT;

    fn opening(&self, index: u32) -> Option<Value> {
        let prompt = self.echo.prompt_of(index);
        (!prompt.is_empty()).then(|| json!({ "index": index, "text": prompt, "logprobs": null }))
    }

    fn piece(&mut self, index: u32, piece: Piece, chances: &[TokenChance]) -> Option<Value> {
        let text = match piece {
            Piece::Text(text) => text,
            Piece::Nothing => String::new(),
            Piece::Reasoning(_) | Piece::ToolCall(_) => return None,
        };
        let told = &mut self.told_chars[index as usize];
        let offset = self.echo.prompt_of(index).chars().count() + *told;
        *told += text.chars().count();
        let logprobs = text_logprobs(chances, offset);
        Some(json!({ "index": index, "text": text, "logprobs": logprobs }))
    }
}
