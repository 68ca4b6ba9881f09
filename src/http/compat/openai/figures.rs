//! The numbers of an answer: usage as OpenAI counts it, timings as llama-server names them, and how
//! likely each token was. Whole answers and chunks have them in the same form.

use serde_json::{Value, json};

use crate::engine::{FinishReason, Finished, TokenChance, Usage};

pub(super) fn usage_json(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": { "cached_tokens": usage.cached_tokens },
        "completion_tokens_details": { "reasoning_tokens": usage.reasoning_tokens },
    })
}

/// Several answers to one prompt: it counts once.
pub(super) fn added_usage(sum: Option<Usage>, usage: Usage, same_prompt: bool) -> Usage {
    let Some(sum) = sum else { return usage };
    let prompt = if same_prompt { 0 } else { usage.prompt_tokens };
    let cached = if same_prompt { 0 } else { usage.cached_tokens };
    Usage {
        prompt_tokens: sum.prompt_tokens.saturating_add(prompt),
        cached_tokens: sum.cached_tokens.saturating_add(cached),
        completion_tokens: sum
            .completion_tokens
            .saturating_add(usage.completion_tokens),
        reasoning_tokens: sum.reasoning_tokens.saturating_add(usage.reasoning_tokens),
    }
}

pub(super) fn reason_text(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
    }
}

pub(super) fn timings_json(finished: &Finished) -> Value {
    let (usage, timings) = (finished.usage, finished.timings);
    let prompt_n = usage.prompt_tokens.saturating_sub(usage.cached_tokens);
    // Both rates are of times above zero, as a division by none is no number in JSON.
    let per_second = |n: u32, ms: u64| f64::from(n) * 1000.0 / as_number(ms.max(1));
    let per_token = |n: u32, ms: u64| as_number(ms) / f64::from(n.max(1));
    let (prefill_ms, decode_ms) = (timings.prefill_ms, timings.decode_ms);
    json!({
        "cache_n": usage.cached_tokens,
        "prompt_n": prompt_n,
        "prompt_ms": prefill_ms,
        "prompt_per_token_ms": per_token(prompt_n, prefill_ms),
        "prompt_per_second": per_second(prompt_n, prefill_ms),
        "predicted_n": usage.completion_tokens,
        "predicted_ms": decode_ms,
        "predicted_per_token_ms": per_token(usage.completion_tokens, decode_ms),
        "predicted_per_second": per_second(usage.completion_tokens, decode_ms),
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of a request are exact in a float"
)]
fn as_number(ms: u64) -> f64 {
    ms as f64
}

/// As in a chat completion; null where none were asked for.
pub(super) fn chat_logprobs(chances: &[TokenChance]) -> Value {
    if chances.is_empty() {
        return Value::Null;
    }
    let token = |bytes: &[u8], logprob: f32| json!({ "token": String::from_utf8_lossy(bytes), "logprob": logprob, "bytes": bytes });
    let content: Vec<Value> = chances
        .iter()
        .map(|chance| {
            let likeliest = chance.likeliest.iter();
            let mut entry = token(&chance.bytes, chance.logprob);
            entry["top_logprobs"] = likeliest
                .map(|(bytes, logprob)| token(bytes, *logprob))
                .collect();
            entry
        })
        .collect();
    json!({ "content": content, "refusal": null })
}

/// As in a completion of a text; `offset` is where the tokens begin in it, in characters.
pub(super) fn text_logprobs(chances: &[TokenChance], mut offset: usize) -> Value {
    if chances.is_empty() {
        return Value::Null;
    }
    let mut offsets = Vec::with_capacity(chances.len());
    let mut tokens = Vec::with_capacity(chances.len());
    for chance in chances {
        let text = String::from_utf8_lossy(&chance.bytes);
        offsets.push(offset);
        offset += text.chars().count();
        tokens.push(text);
    }
    let likeliest = |chance: &TokenChance| -> Value {
        let entries = chance.likeliest.iter();
        let entries = entries.map(|(bytes, logprob)| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            (text, Value::from(*logprob))
        });
        Value::Object(entries.collect())
    };
    json!({
        "tokens": tokens,
        "token_logprobs": chances.iter().map(|chance| chance.logprob).collect::<Vec<_>>(),
        "top_logprobs": chances.iter().map(likeliest).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}
