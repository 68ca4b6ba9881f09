//! JSON with its order kept: a schema's properties are written in the order they were declared.
//! A name that stands twice in one object is refused, since readers differ in which one counts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A value; an object's names in their order, each once.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The value behind a JSON pointer without its leading `#`.
    pub(super) fn find(&self, pointer: &str) -> Option<&Self> {
        let Some(path) = pointer.strip_prefix('/') else {
            return pointer.is_empty().then_some(self);
        };
        path.split('/').try_fold(self, |value, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match value {
                Self::Array(items) => items.get(step.parse::<usize>().ok()?),
                value => value.get(&step),
            }
        })
    }

    /// Equal as JSON Schema compares: 1 and 1.0 are the same number.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => {
                left == right
                    || (left.as_f64() == right.as_f64() && (left.is_f64() || right.is_f64()))
            }
            (Self::Array(left), Self::Array(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(l, r)| l.equals(r))
            }
            (Self::Object(left), Self::Object(right)) => {
                let same = |(name, value): &(String, Self)| {
                    other.get(name).is_some_and(|other| value.equals(other))
                };
                left.len() == right.len() && left.iter().all(same)
            }
            _ => self == other,
        }
    }

    /// As a text: one space behind each comma and colon.
    pub(super) fn spell(&self) -> String {
        let list = |parts: Vec<String>| parts.join(", ");
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => spell_text(value),
            Self::Array(items) => format!("[{}]", list(items.iter().map(Self::spell).collect())),
            Self::Object(members) => {
                let member = |(name, value): &(String, Self)| {
                    format!("{}: {}", spell_text(name), value.spell())
                };
                format!("{{{}}}", list(members.iter().map(member).collect()))
            }
        }
    }
}

/// A JSON string with its quotes.
pub(super) fn spell_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// One more step of a JSON pointer.
pub(super) fn escape_step(step: &str) -> String {
    step.replace('~', "~0").replace('/', "~1")
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        let number = Number::from_f64(value);
        number
            .map(Json::Number)
            .ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element()? {
            read.push(item);
        }
        Ok(Json::Array(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut read: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some((name, value)) = members.next_entry::<String, Json>()? {
            if !names.insert(name.clone()) {
                let reason = format!("\"{name}\" stands twice in one object");
                return Err(serde::de::Error::custom(reason));
            }
            read.push((name, value));
        }
        Ok(Json::Object(read))
    }
}
