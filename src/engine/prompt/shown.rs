//! Messages and tools as templates see them: every text guarded, JSON as objects.
//!
//! What a person wrote also stands in names, descriptions, arguments and what tools answered, so all
//! of these are guarded, after JSON was read: an escape in it could spell a special token otherwise.

use minijinja::value::{Value, ValueKind};

use super::guard::SpecialTexts;
use super::python::to_json;
use crate::engine::{ChatMessage, Role, Tool};

/// Ids of calls that Mistral's templates take.
const SHORT_ID_CHARS: usize = 9;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    pub(super) role: Role,
    pub(super) content: String,
    pub(super) reasoning: String,
    pub(super) calls: Vec<ShownCall>,
    /// Of a tool's message: the call it answers, and that call's name.
    pub(super) call_id: String,
    pub(super) call_name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ShownCall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Value,
}

/// How a template wants what it is given.
#[derive(Clone, Copy)]
pub(super) struct Wishes {
    pub(super) short_ids: bool,
    pub(super) arguments_as_text: bool,
}

pub(super) fn shown_messages(messages: &[ChatMessage], specials: &SpecialTexts) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::with_capacity(messages.len());
    for message in messages {
        let guard = |text: &str| specials.guard(text, Role::User);
        let calls = message.tool_calls.iter().map(|call| ShownCall {
            id: guard(&call.id),
            name: guard(&call.name),
            arguments: guarded_json(&call.arguments, specials),
        });
        let calls = calls.collect();
        let call_id = guard(&message.tool_call_id);
        let answered = shown
            .iter()
            .rev()
            .flat_map(|earlier| &earlier.calls)
            .find(|call| !call_id.is_empty() && call.id == call_id);
        shown.push(Shown {
            role: message.role,
            content: specials.guard(&message.content, message.role),
            reasoning: guard(&message.reasoning),
            calls,
            call_name: answered.map(|call| call.name.clone()).unwrap_or_default(),
            call_id,
        });
    }
    shown
}

/// An object, in its order; a text where it is none.
fn guarded_json(json: &str, specials: &SpecialTexts) -> Value {
    match serde_json::from_str::<Value>(json) {
        Ok(value) if value.kind() == ValueKind::Map => guarded(&value, specials),
        _ if json.trim().is_empty() => empty_object(),
        _ => Value::from(specials.guard(json, Role::User)),
    }
}

fn empty_object() -> Value {
    Value::from_pairs(std::iter::empty::<(Value, Value)>())
}

fn guarded(value: &Value, specials: &SpecialTexts) -> Value {
    match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) => Value::from(specials.guard(text, Role::User)),
        (ValueKind::Seq, _) => {
            let items = value.try_iter().into_iter().flatten();
            Value::from(
                items
                    .map(|item| guarded(&item, specials))
                    .collect::<Vec<_>>(),
            )
        }
        (ValueKind::Map, _) => {
            let keys = value.try_iter().into_iter().flatten();
            let entries = keys.map(|key| {
                let item = value.get_item(&key).unwrap_or_default();
                (guarded(&key, specials), guarded(&item, specials))
            });
            Value::from_pairs(entries)
        }
        _ => value.clone(),
    }
}

/// The list templates loop over.
pub(super) fn shown_tools(tools: &[Tool], specials: &SpecialTexts) -> Vec<Value> {
    let shown = |tool: &Tool| {
        let guard = |text: &str| Value::from(specials.guard(text, Role::User));
        let parameters = guarded_json(&tool.parameters, specials);
        let is_empty = parameters.len() == Some(0) || parameters.kind() != ValueKind::Map;
        let parameters = match is_empty {
            true => Value::from_pairs([
                ("type", Value::from("object")),
                ("properties", empty_object()),
            ]),
            false => parameters,
        };
        let function = Value::from_pairs([
            ("name", guard(&tool.name)),
            ("description", guard(&tool.description)),
            ("parameters", parameters),
        ]);
        Value::from_pairs([("type", Value::from("function")), ("function", function)])
    };
    tools.iter().map(shown).collect()
}

impl Shown {
    /// As a template sees it.
    pub(super) fn value(&self, wishes: Wishes) -> Value {
        let role = match self.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let mut fields = vec![
            ("role", Value::from(role)),
            ("content", Value::from(self.content.as_str())),
        ];
        if !self.reasoning.is_empty() {
            let reasoning = Value::from(self.reasoning.as_str());
            // Both names are in use; the second one only beside calls.
            if !self.calls.is_empty() && self.content.is_empty() {
                fields.push(("thinking", reasoning.clone()));
            }
            fields.push(("reasoning_content", reasoning));
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter().map(|call| call.value(wishes));
            fields.push(("tool_calls", Value::from(calls.collect::<Vec<_>>())));
        }
        if self.role == Role::Tool {
            fields.push(("tool_call_id", id_for(&self.call_id, wishes)));
            fields.push(("name", Value::from(self.call_name.as_str())));
        }
        Value::from_pairs(fields)
    }
}

impl ShownCall {
    /// The arguments as JSON.
    pub(super) fn arguments_text(&self) -> String {
        match self.arguments.as_str() {
            Some(text) => text.to_owned(),
            None => to_json(&self.arguments, None).unwrap_or_default(),
        }
    }

    fn value(&self, wishes: Wishes) -> Value {
        let arguments = match wishes.arguments_as_text {
            true => Value::from(self.arguments_text()),
            false => self.arguments.clone(),
        };
        let function = Value::from_pairs([
            ("name", Value::from(self.name.as_str())),
            ("arguments", arguments),
        ]);
        Value::from_pairs([
            ("id", id_for(&self.id, wishes)),
            ("type", Value::from("function")),
            ("function", function),
        ])
    }
}

fn id_for(id: &str, wishes: Wishes) -> Value {
    let is_short =
        id.len() == SHORT_ID_CHARS && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !wishes.short_ids || is_short {
        return Value::from(id);
    }
    let hash = hex::encode(crate::secrets::hash_secret(id));
    Value::from(&hash[..SHORT_ID_CHARS])
}
