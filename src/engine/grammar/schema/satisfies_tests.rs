//! A small judge of JSON by its schema, for the tests of the translation. It knows nothing of
//! grammars, and each keyword is read by itself, as the standard has it.

use super::super::json::Json;

pub(super) fn satisfies(root: &Json, schema: &Json, value: &Json) -> bool {
    let Json::Object(keywords) = schema else {
        return *schema == Json::Bool(true);
    };
    let mut keywords = keywords.iter();
    keywords.all(|(name, said)| keeps(root, schema, name, said, value))
}

fn keeps(root: &Json, schema: &Json, name: &str, said: &Json, value: &Json) -> bool {
    let fits = |schema: &Json| satisfies(root, schema, value);
    match name {
        "$ref" => {
            let Json::Text(pointer) = said else {
                panic!("a reference is a string")
            };
            let pointer = pointer[1..].replace("%20", " ");
            fits(root.find(&pointer).expect("the place exists"))
        }
        "exclusiveMaximum" if *said == Json::Bool(true) => !schema
            .get("maximum")
            .is_some_and(|bound| bound.equals(value)),
        "const" => said.equals(value),
        "enum" => list(said).iter().any(|listed| listed.equals(value)),
        "anyOf" | "oneOf" => list(said).iter().any(fits),
        "allOf" => list(said).iter().all(fits),
        "type" if *value == Json::Null && schema.get("nullable") == Some(&Json::Bool(true)) => true,
        "type" => match said {
            Json::Array(names) => names.iter().any(|name| is_a(name, value)),
            name => is_a(name, value),
        },
        _ => match value {
            Json::Text(text) => keeps_text(name, said, text),
            Json::Number(number) => keeps_number(name, said, number.as_f64().unwrap()),
            Json::Array(items) => keeps_array(root, schema, name, said, items),
            Json::Object(_) => keeps_object(root, schema, name, said, value),
            _ => true,
        },
    }
}

fn list(json: &Json) -> &[Json] {
    match json {
        Json::Array(items) => items,
        other => panic!("no list: {other:?}"),
    }
}

fn number(json: &Json) -> f64 {
    match json {
        Json::Number(number) => number.as_f64().unwrap(),
        other => panic!("no number: {other:?}"),
    }
}

fn is_a(name: &Json, value: &Json) -> bool {
    let Json::Text(name) = name else {
        panic!("a type is a name")
    };
    match value {
        Json::Null => name == "null",
        Json::Bool(_) => name == "boolean",
        Json::Text(_) => name == "string",
        Json::Array(_) => name == "array",
        Json::Object(_) => name == "object",
        Json::Number(number) => {
            name == "number" || (name == "integer" && number.as_f64().unwrap().fract() == 0.0)
        }
    }
}

fn keeps_text(name: &str, said: &Json, text: &str) -> bool {
    let length = text.chars().count() as f64;
    match (name, said) {
        ("minLength", said) => length >= number(said),
        ("maxLength", said) => length <= number(said),
        ("pattern", Json::Text(pattern)) => regex::Regex::new(pattern).unwrap().is_match(text),
        ("format", Json::Text(format)) => keeps_format(format, text),
        _ => true,
    }
}

fn keeps_format(format: &str, text: &str) -> bool {
    match format {
        "date" => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "time" => text[..8].parse::<jiff::civil::Time>().is_ok(),
        "uuid" => text.parse::<uuid::Uuid>().is_ok() && text.len() == 36,
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "email" => text
            .split_once('@')
            .is_some_and(|(left, right)| !left.is_empty() && right.contains('.')),
        _ => true,
    }
}

fn keeps_number(name: &str, said: &Json, value: f64) -> bool {
    match name {
        "minimum" => value >= number(said),
        "maximum" => value <= number(said),
        "exclusiveMinimum" => value > number(said),
        "exclusiveMaximum" => value < number(said),
        _ => true,
    }
}

fn keeps_array(root: &Json, schema: &Json, name: &str, said: &Json, items: &[Json]) -> bool {
    let places = match schema.get("items") {
        Some(Json::Array(places)) => places,
        _ => schema.get("prefixItems").map_or(&[][..], list),
    };
    match name {
        "minItems" => items.len() as f64 >= number(said),
        "maxItems" => items.len() as f64 <= number(said),
        "prefixItems" | "items" if name == "prefixItems" || matches!(said, Json::Array(_)) => {
            let mut pairs = items.iter().zip(list(said));
            pairs.all(|(item, schema)| satisfies(root, schema, item))
        }
        "items" | "additionalItems" => {
            let mut rest = items.iter().skip(places.len());
            rest.all(|item| satisfies(root, said, item))
        }
        _ => true,
    }
}

fn keeps_object(root: &Json, schema: &Json, name: &str, said: &Json, value: &Json) -> bool {
    let Json::Object(members) = value else {
        return true;
    };
    let declared = schema.get("properties");
    match (name, said) {
        ("required", said) => list(said).iter().all(|name| match name {
            Json::Text(name) => value.get(name).is_some(),
            _ => false,
        }),
        ("minProperties", said) => members.len() as f64 >= number(said),
        ("maxProperties", said) => members.len() as f64 <= number(said),
        ("properties", Json::Object(properties)) => properties.iter().all(|(name, schema)| {
            value
                .get(name)
                .is_none_or(|value| satisfies(root, schema, value))
        }),
        ("additionalProperties", said) => {
            let others = members
                .iter()
                .filter(|(name, _)| declared.is_none_or(|it| it.get(name).is_none()));
            others
                .into_iter()
                .all(|(_, value)| satisfies(root, said, value))
        }
        _ => true,
    }
}

#[test]
fn the_judge_tells_good_from_bad() {
    let json = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    for (schema, good, bad) in [
        (r#"{"type":"integer","minimum":3}"#, "3", "2"),
        (r#"{"type":"integer"}"#, "3.0", "3.5"),
        (
            r#"{"type":["string","null"],"maxLength":2}"#,
            r#""äö""#,
            r#""abc""#,
        ),
        (
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"const":1}}}"##,
            "1.0",
            "2",
        ),
        (
            r#"{"properties":{"a":{"type":"null"}},"required":["a"]}"#,
            r#"{"a":null}"#,
            "{}",
        ),
        (
            r#"{"properties":{"a":true},"additionalProperties":false}"#,
            r#"{"a":1}"#,
            r#"{"b":1}"#,
        ),
        (
            r#"{"prefixItems":[{"type":"null"}],"items":false}"#,
            "[null]",
            "[null,1]",
        ),
        (r#"{"pattern":"^a+$"}"#, r#""aa""#, r#""ab""#),
        (r#"{"format":"date"}"#, r#""2024-02-29""#, r#""2023-02-29""#),
    ] {
        let schema = json(schema);
        assert!(satisfies(&schema, &schema, &json(good)), "{good}");
        assert!(!satisfies(&schema, &schema, &json(bad)), "{bad}");
    }
}
