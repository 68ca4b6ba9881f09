//! What a rule says to a request, piece by piece: thoughts, text, calls.
//!
//! Pure. Each piece counts as one token; what is thought and written already is not said again.

use super::script::{Rule, ScriptedCall};
use crate::engine::{
    AdapterUse, EngineEvent, FinishReason, Generate, Reasoning, Role, TokenChance, ToolCallDelta,
    ToolChoice,
};

/// Characters of a call's arguments in one piece.
const ARGUMENT_CHARS: usize = 8;

pub(super) enum Piece {
    Thought(String),
    Text(String),
    Call(ToolCallDelta),
}

impl Piece {
    pub(super) fn into_event(self) -> EngineEvent {
        match self {
            Self::Thought(text) => EngineEvent::Reasoning(text),
            Self::Text(text) => EngineEvent::Delta(text),
            Self::Call(delta) => EngineEvent::ToolCall(delta),
        }
    }

    /// Made up: every token is as likely as the next.
    pub(super) fn chances(&self, likeliest: Option<u32>) -> Option<Vec<TokenChance>> {
        let bytes = match self {
            Self::Thought(text) | Self::Text(text) => text.as_bytes().to_vec(),
            Self::Call(delta) => delta.arguments.as_bytes().to_vec(),
        };
        let others = (1..likeliest?).map(|at| (format!("other{at}").into_bytes(), -3.0));
        let first = (likeliest? > 0).then(|| (bytes.clone(), -0.5));
        Some(vec![TokenChance {
            likeliest: first.into_iter().chain(others).collect(),
            bytes,
            logprob: -0.5,
        }])
    }
}

pub(super) fn pieces_of(rule: &Rule, request: &Generate) -> (Vec<Piece>, FinishReason) {
    let mut pieces = Vec::new();
    let thinks = request.reasoning != Some(Reasoning::Off)
        && !request.answer_now
        && request.raw_prompt.is_none()
        && request.written.is_empty();
    if thinks {
        let thoughts = behind(rule.reasoning.pieces(), &request.thought);
        pieces.extend(thoughts.into_iter().map(Piece::Thought));
    }
    let calls = calls_of(rule, request);
    if !calls.is_empty() {
        for (index, call) in (0..).zip(&calls) {
            pieces.extend(call_pieces(index, call).into_iter().map(Piece::Call));
        }
        return (pieces, FinishReason::ToolCalls);
    }
    if rule.repeat_request {
        // Stop strings stand in it as well, and do not end it.
        let told = serde_json::to_string(request).unwrap_or_default();
        pieces.push(Piece::Text(told));
        return (pieces, FinishReason::Stop);
    }
    let once = rule.reply.pieces_with(&in_words(&request.adapters));
    let all = once.len() * rule.repeat.unwrap_or(1);
    let said = once.into_iter().cycle().take(all).collect();
    let mut said = behind(said, &request.written);
    cut_at_stop(&mut said, &request.stop);
    pieces.extend(said.into_iter().map(Piece::Text));
    (pieces, FinishReason::Stop)
}

/// Those of the rule, while no tool has answered; else what the request demands.
fn calls_of(rule: &Rule, request: &Generate) -> Vec<ScriptedCall> {
    let has_answer = request
        .messages
        .last()
        .is_some_and(|message| message.role == Role::Tool);
    let demanded = match &request.tool_choice {
        ToolChoice::None => return Vec::new(),
        ToolChoice::Auto => None,
        ToolChoice::Required => request.tools.first().map(|tool| &tool.name),
        ToolChoice::Named(name) => Some(name),
    };
    if request.tools.is_empty() {
        return Vec::new();
    }
    if !rule.tool_calls.is_empty() && !has_answer {
        return rule.tool_calls.clone();
    }
    let call = demanded.map(|name| ScriptedCall {
        name: name.clone(),
        arguments: serde_json::json!({}),
    });
    call.into_iter().collect()
}

fn call_pieces(index: u32, call: &ScriptedCall) -> Vec<ToolCallDelta> {
    let arguments = match &call.arguments {
        serde_json::Value::String(text) => text.clone(),
        object => object.to_string(),
    };
    let id = hex::encode(&crate::secrets::random_bytes()[..8]);
    let mut pieces = vec![ToolCallDelta {
        index,
        id: Some(format!("call_{id}")),
        name: Some(call.name.clone()),
        arguments: String::new(),
    }];
    let chars: Vec<char> = arguments.chars().collect();
    pieces.extend(chars.chunks(ARGUMENT_CHARS).map(|chars| ToolCallDelta {
        index,
        arguments: chars.iter().collect(),
        ..ToolCallDelta::default()
    }));
    pieces
}

/// What is yet to be said when so much was.
fn behind(mut pieces: Vec<String>, said: &str) -> Vec<String> {
    let mut said = said;
    let whole_pieces = pieces
        .iter()
        .take_while(|piece| match said.strip_prefix(piece.as_str()) {
            Some(rest) => {
                said = rest;
                true
            }
            None => false,
        });
    let whole_pieces = whole_pieces.count();
    pieces.drain(..whole_pieces);
    if let Some(rest) = pieces
        .first()
        .and_then(|piece| piece.strip_prefix(said))
        .map(str::to_owned)
    {
        pieces[0] = rest;
    }
    pieces
}

fn in_words(adapters: &[AdapterUse]) -> String {
    let words = |used: &AdapterUse| format!("{} at {}", used.id, used.scale);
    match adapters.is_empty() {
        true => "none".to_owned(),
        false => adapters.iter().map(words).collect::<Vec<_>>().join(", "),
    }
}

fn cut_at_stop(pieces: &mut Vec<String>, stops: &[String]) {
    if stops.is_empty() {
        return;
    }
    let text = pieces.concat();
    let Some(end) = stops
        .iter()
        .filter_map(|stop| text.find(stop.as_str()))
        .min()
    else {
        return;
    };
    let mut left = end;
    pieces.retain_mut(|piece| {
        let kept = piece.len().min(left);
        left -= kept;
        piece.truncate(kept);
        kept > 0
    });
}
