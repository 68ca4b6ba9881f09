//! JSON to what scripts hold, and back. Both ways are bounded in depth and number, so that neither a
//! body from elsewhere nor a value of a script takes more than a script itself could.

use rhai::{Array, Dynamic, INT, Map};
use serde_json::Value;

/// Of one value, itself and all in it.
const MAX_PARTS: usize = 10_000;
const MAX_DEPTH: usize = 64;

pub(super) fn parse(json: &str) -> Result<Dynamic, String> {
    let value: Value = serde_json::from_str(json).map_err(|error| format!("no JSON: {error}"))?;
    from_json(value, &mut 0)
}

pub(super) fn write(value: &Dynamic) -> Result<String, String> {
    Ok(to_json(value, 0, &mut 0)?.to_string())
}

fn count(parts: &mut usize) -> Result<(), String> {
    *parts += 1;
    match *parts > MAX_PARTS {
        true => Err(format!("a value may have {MAX_PARTS} parts")),
        false => Ok(()),
    }
}

/// The parser has bounded the depth.
fn from_json(value: Value, parts: &mut usize) -> Result<Dynamic, String> {
    count(parts)?;
    Ok(match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => flag.into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => (whole as INT).into(),
            None => number.as_f64().unwrap_or_default().into(),
        },
        Value::String(text) => text.into(),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| from_json(item, parts));
            Dynamic::from_array(items.collect::<Result<Array, _>>()?)
        }
        Value::Object(fields) => {
            let fields = fields
                .into_iter()
                .map(|(name, value)| Ok((name.into(), from_json(value, parts)?)));
            Dynamic::from_map(fields.collect::<Result<Map, String>>()?)
        }
    })
}

fn to_json(value: &Dynamic, depth: usize, parts: &mut usize) -> Result<Value, String> {
    count(parts)?;
    if depth > MAX_DEPTH {
        return Err(format!("a value may be {MAX_DEPTH} deep"));
    }
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Ok(flag.into());
    }
    if let Ok(whole) = value.as_int() {
        return Ok(whole.into());
    }
    if let Ok(number) = value.as_float() {
        let number = serde_json::Number::from_f64(number);
        return number
            .map(Value::Number)
            .ok_or_else(|| "this number is none".into());
    }
    if let Ok(letter) = value.as_char() {
        return Ok(letter.to_string().into());
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Ok(text.as_str().into());
    }
    if let Ok(items) = value.as_array_ref() {
        let items = items.iter().map(|item| to_json(item, depth + 1, parts));
        return Ok(Value::Array(items.collect::<Result<_, _>>()?));
    }
    if let Ok(fields) = value.as_map_ref() {
        let fields = fields
            .iter()
            .map(|(name, value)| Ok((name.to_string(), to_json(value, depth + 1, parts)?)));
        return Ok(Value::Object(fields.collect::<Result<_, String>>()?));
    }
    Err(format!("a value of type {} is no JSON", value.type_name()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(".{0,6}", inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_comes_back_as_it_went(value in any_json()) {
            let there = parse(&value.to_string()).unwrap();
            let back: Value = serde_json::from_str(&write(&there).unwrap()).unwrap();
            prop_assert_eq!(back, value);
        }
    }

    #[test]
    fn what_is_too_much_or_no_json_is_refused() {
        let many = format!("[{}1]", "1,".repeat(MAX_PARTS));
        assert!(parse(&many).is_err() && parse("{").is_err());
        let mut deep = Dynamic::UNIT;
        for _ in 0..=MAX_DEPTH + 1 {
            deep = Dynamic::from_array(vec![deep]);
        }
        assert!(write(&deep).is_err());
        assert!(write(&Dynamic::from(f64::NAN)).is_err());
        assert!(write(&Dynamic::from_blob(vec![1])).is_err());
    }
}
