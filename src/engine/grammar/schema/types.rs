//! JSON Schema's types as a set. Where a schema names none, its keywords tell which it speaks of;
//! the others, which it would let pass, are left out.

use super::super::GrammarError;
use super::super::json::Json;
use super::node::Node;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Object,
    Array,
    Text,
    Number,
    Integer,
    Boolean,
    Null,
}

use Type::{Array, Boolean, Integer, Null, Number, Object, Text};

const NAMES: &[(&str, Type)] = &[
    ("object", Object),
    ("array", Array),
    ("string", Text),
    ("number", Number),
    ("integer", Integer),
    ("boolean", Boolean),
    ("null", Null),
];

/// Which keyword speaks of which type, where none is named.
const SPEAK_OF: &[(&str, Type)] = &[
    ("properties", Object),
    ("required", Object),
    ("additionalProperties", Object),
    ("minProperties", Object),
    ("maxProperties", Object),
    ("items", Array),
    ("prefixItems", Array),
    ("minItems", Array),
    ("maxItems", Array),
    ("minLength", Text),
    ("maxLength", Text),
    ("pattern", Text),
    ("minimum", Number),
    ("maximum", Number),
    ("exclusiveMinimum", Number),
    ("exclusiveMaximum", Number),
];

/// A set of types in which every integer is also a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    pub(super) const ALL: Self = Self(0x7F);

    fn of(types: &[Type]) -> Self {
        let bits = types.iter().fold(0, |bits, kind| bits | 1 << *kind as u8);
        Self(if bits & (1 << Number as u8) == 0 {
            bits
        } else {
            bits | 1 << Integer as u8
        })
    }

    pub(super) fn has(self, kind: Type) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    pub(super) fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each once; integers are not named beside numbers.
    pub(super) fn list(self) -> Vec<Type> {
        let named = NAMES.iter().map(|(_, kind)| *kind);
        let spoken = |kind: &Type| self.has(*kind) && (*kind != Integer || !self.has(Number));
        named.filter(spoken).collect()
    }

    pub(super) fn has_value(self, value: &Json) -> bool {
        match value {
            Json::Null => self.has(Null),
            Json::Bool(_) => self.has(Boolean),
            Json::Text(_) => self.has(Text),
            Json::Array(_) => self.has(Array),
            Json::Object(_) => self.has(Object),
            Json::Number(number) => {
                let whole = number.as_f64().is_some_and(|value| value.fract() == 0.0);
                self.has(Number) || (self.has(Integer) && whole)
            }
        }
    }

    /// What `type` and `nullable` say; else what the other keywords speak of; else everything.
    pub(super) fn read(node: &Node<'_>) -> Result<Self, GrammarError> {
        let Some(named) = node.keyword("type") else {
            let spoken: Vec<Type> = SPEAK_OF
                .iter()
                .filter(|(name, _)| node.json.get(name).is_some())
                .map(|(_, kind)| *kind)
                .collect();
            return Ok(if spoken.is_empty() {
                Self::ALL
            } else {
                Self::of(&spoken)
            });
        };
        let mut types = Vec::new();
        let names = match named.json {
            Json::Array(_) => named.items()?,
            _ => vec![named.clone()],
        };
        for name in &names {
            let text = name.text()?;
            match NAMES.iter().find(|(known, _)| *known == text) {
                Some((_, kind)) => types.push(*kind),
                None => return name.refuse(format!("there is no type \"{text}\"")),
            }
        }
        if node.json.get("nullable") == Some(&Json::Bool(true)) {
            types.push(Null);
        }
        if types.is_empty() {
            return named.refuse("no type is named");
        }
        Ok(Self::of(&types))
    }
}
