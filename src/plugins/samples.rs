//! A question of each hook as it could be, for those who try a plugin out. Made from the very types
//! of the questions, so a sample has all of their fields and no others.

use serde_json::{Map, Value, json};

use super::hook::Hook;
use super::questions::{
    Applicant, ConversationFacts, KeyFacts, ModelFacts, PersonFacts, RequestFacts, UsageFacts,
};

const CREATED_AT: i64 = 1_767_261_600_000;

/// Each argument under its name.
pub(super) fn sample(hook: Hook, now: &Value) -> Map<String, Value> {
    let sample = match hook {
        Hook::RegistrationBeforeAccept => {
            json!({"key": key(), "applicant": applicant(), "now": now})
        }
        Hook::MessagePrice => json!({"user": person(), "model": model(), "usage": usage()}),
        Hook::ReplyBeforeStart => {
            json!({"user": person(), "conversation": conversation(), "request": request()})
        }
    };
    match sample {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn key() -> KeyFacts {
    KeyFacts {
        id: "01996ad0a5b07000a5d8b0a6a7c8d9e0".into(),
        prefix: "K7QM".into(),
        note: "class 7b".into(),
        role: "user".into(),
        groups: vec!["pupils".into()],
        tokens: Some(100_000),
        expires_at: None,
        uses_left: Some(28),
        created_at: CREATED_AT,
    }
}

fn applicant() -> Applicant {
    Applicant {
        username: "bea".into(),
        email: Some("bea@example.org".into()),
        email_domain: Some("example.org".into()),
        display_name: Some("Bea".into()),
        address: Some("192.0.2.7".into()),
        language: Some("en".into()),
    }
}

fn person() -> PersonFacts {
    PersonFacts {
        id: "01996ad0a5b07000a5d8b0a6a7c8d9e1".into(),
        username: "bea".into(),
        role: "user".into(),
        groups: vec!["pupils".into()],
    }
}

fn model() -> ModelFacts {
    ModelFacts {
        id: "qwen3-4b-q4_k_m".into(),
        name: "Qwen3 4B".into(),
        size_bytes: Some(2_500_000_000),
        context_tokens: Some(8_192),
    }
}

fn usage() -> UsageFacts {
    UsageFacts {
        prompt_tokens: 400,
        cached_tokens: 300,
        completion_tokens: 200,
        estimated: false,
    }
}

fn conversation() -> ConversationFacts {
    ConversationFacts {
        id: Some("01996ad0a5b07000a5d8b0a6a7c8d9e2".into()),
        message_count: 6,
    }
}

fn request() -> RequestFacts {
    RequestFacts {
        model: "qwen3-4b-q4_k_m".into(),
        max_tokens: Some(1_024),
        temperature: Some(0.5),
        system_prompt_chars: 0,
        content_chars: 120,
        adapters: Vec::new(),
    }
}
