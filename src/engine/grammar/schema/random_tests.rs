//! Schemas at random: what satisfies one is allowed by its grammar, what violates it is not, and
//! whatever its grammar allows satisfies it. A seed gives the same schema again.

use proptest::prelude::*;

use super::super::json::{Json, spell_text};
use super::super::matcher_tests::{Random, accepts, grammar};
use super::grammar_of_schema;
use super::satisfies_tests::satisfies;
use super::schema_tests::expect_sound;

fn object(members: Vec<(&str, Json)>) -> Json {
    Json::Object(
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn text(text: &str) -> Json {
    Json::Text(text.to_owned())
}

fn whole(number: i64) -> Json {
    Json::Number(number.into())
}

fn schema(random: &mut Random, depth: usize) -> Json {
    match random.below(if depth == 0 { 7 } else { 14 }) {
        0 => object(vec![("type", text("null"))]),
        1 => object(vec![("type", text("boolean")), ("title", text("A title"))]),
        2 | 3 => {
            let low = random.below(400) as i64 - 200;
            let kind = text(if random.one_in(2) {
                "integer"
            } else {
                "number"
            });
            let mut members = vec![("type", kind)];
            if random.one_in(2) {
                members.push(("minimum", whole(low)));
            }
            if random.one_in(2) {
                members.push(("maximum", whole(low + 1 + random.below(1000) as i64)));
            }
            object(members)
        }
        4 | 5 => {
            let min = random.below(3) as i64;
            let mut members = vec![("type", text("string")), ("minLength", whole(min))];
            if random.one_in(2) {
                members.push(("maxLength", whole(min + random.below(4) as i64)));
            }
            object(members)
        }
        6 => {
            let texts = ["one", "once", "\"", ""].map(text);
            let values = [&texts[..], &[whole(1), whole(12), Json::Null]].concat();
            let count = 1 + random.below(values.len());
            object(vec![("enum", Json::Array(values[..count].to_vec()))])
        }
        7 | 8 => array_schema(random, depth - 1),
        9 => object(vec![("$ref", text("#/$defs/leaf"))]),
        10 => {
            let count = 0..1 + random.below(3);
            let branches = count.map(|_| schema(random, depth - 1)).collect();
            object(vec![(
                *random.choose(&["anyOf", "oneOf"]),
                Json::Array(branches),
            )])
        }
        11 => {
            let parts = [["a", "b"], ["c", "d"]]
                .map(|names| object_schema(random, depth - 1, &names, false));
            object(vec![("allOf", Json::Array(parts.to_vec()))])
        }
        _ => object_schema(
            random,
            depth - 1,
            &["name", "n", "long name", "\"q\""],
            true,
        ),
    }
}

fn array_schema(random: &mut Random, depth: usize) -> Json {
    let min = random.below(3) as i64;
    let mut members = vec![("type", text("array")), ("minItems", whole(min))];
    if random.one_in(2) {
        members.push(("maxItems", whole(min + random.below(3) as i64)));
    }
    if random.one_in(3) {
        let places = (0..1 + random.below(3))
            .map(|_| schema(random, depth))
            .collect();
        members.push(("prefixItems", Json::Array(places)));
    }
    members.push(("items", schema(random, depth)));
    object(members)
}

fn object_schema(random: &mut Random, depth: usize, names: &[&str], may_close: bool) -> Json {
    let mut properties = Vec::new();
    let mut required = Vec::new();
    for name in names {
        if random.one_in(4) {
            continue;
        }
        properties.push((*name, schema(random, depth)));
        if random.one_in(2) {
            required.push(text(name));
        }
    }
    let mut members = vec![
        ("type", text("object")),
        ("properties", object(properties)),
        ("required", Json::Array(required)),
    ];
    match random.below(4) {
        0 if may_close => members.push(("additionalProperties", Json::Bool(false))),
        1 if may_close => members.push(("additionalProperties", schema(random, depth))),
        _ => {}
    }
    object(members)
}

/// A value that satisfies the schema, written as the grammar has it: properties in their order.
fn example(root: &Json, schema: &Json, random: &mut Random) -> Json {
    let list = |name: &str| match schema.get(name) {
        Some(Json::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    let bound = |name: &str| match schema.get(name) {
        Some(Json::Number(number)) => number.as_i64(),
        _ => None,
    };
    if schema.get("$ref").is_some() {
        return example(root, root.find("/$defs/leaf").unwrap(), random);
    }
    for name in ["enum", "anyOf", "oneOf"] {
        if schema.get(name).is_some() {
            let chosen = random.choose(&list(name)).clone();
            return if name == "enum" {
                chosen
            } else {
                example(root, &chosen, random)
            };
        }
    }
    if schema.get("allOf").is_some() {
        let parts = list("allOf")
            .into_iter()
            .map(|part| example(root, &part, random));
        let members = parts.flat_map(|part| match part {
            Json::Object(members) => members,
            other => panic!("an object is expected: {other:?}"),
        });
        return Json::Object(members.collect());
    }
    match schema.get("type") {
        Some(Json::Text(kind)) => match kind.as_str() {
            "null" => Json::Null,
            "boolean" => Json::Bool(random.one_in(2)),
            "string" | "integer" | "number" => example_leaf(schema, random),
            "array" => {
                let (places, min) = (list("prefixItems"), bound("minItems").unwrap_or(0));
                let count = min
                    + random.below((bound("maxItems").unwrap_or(min + 3) - min + 1) as usize)
                        as i64;
                let of = |index: i64| places.get(index as usize).or(schema.get("items")).unwrap();
                Json::Array(
                    (0..count)
                        .map(|index| example(root, of(index), random))
                        .collect(),
                )
            }
            _ => example_object(root, schema, &list("required"), random),
        },
        other => panic!("no type: {other:?}"),
    }
}

fn example_leaf(schema: &Json, random: &mut Random) -> Json {
    let bound = |name: &str| match schema.get(name) {
        Some(Json::Number(number)) => number.as_i64(),
        _ => None,
    };
    let Some(Json::Text(kind)) = schema.get("type") else {
        panic!("a leaf has a type")
    };
    match kind.as_str() {
        "string" => {
            let min = bound("minLength").unwrap_or(0);
            let length = min
                + random.below((bound("maxLength").unwrap_or(min + 5) - min + 1) as usize) as i64;
            let chars =
                (0..length).map(|_| *random.choose(&['a', 'é', '"', '\\', '\n', '🦀', ' ']));
            Json::Text(chars.collect())
        }
        "integer" | "number" => {
            let low = bound("minimum").unwrap_or(bound("maximum").unwrap_or(0) - 50);
            let high = bound("maximum").unwrap_or(low + 500);
            let number = low + random.below((high - low + 1) as usize) as i64;
            if kind == "number" && number < high && number >= 0 && random.one_in(2) {
                return serde_json::from_str(&format!("{number}.25")).unwrap();
            }
            whole(number)
        }
        other => panic!("no leaf: {other}"),
    }
}

fn example_object(root: &Json, schema: &Json, required: &[Json], random: &mut Random) -> Json {
    let Some(Json::Object(properties)) = schema.get("properties") else {
        panic!("an object declares properties")
    };
    let mut members = Vec::new();
    for (name, property) in properties {
        if required.contains(&text(name)) || random.one_in(2) {
            members.push((name.clone(), example(root, property, random)));
        }
    }
    if let Some(others @ Json::Object(_)) = schema.get("additionalProperties") {
        for name in ["", "nam", "other", "names"] {
            if random.one_in(3) {
                members.push((name.to_owned(), example(root, others, random)));
            }
        }
    }
    Json::Object(members)
}

/// The value with something else somewhere in it.
fn mutate(value: &Json, random: &mut Random) -> Json {
    let other = [
        Json::Null,
        whole(-7_777),
        text("something else"),
        Json::Array(vec![]),
        Json::Object(vec![]),
    ];
    if random.one_in(4) {
        return random.choose(&other).clone();
    }
    match value {
        Json::Array(items) if !items.is_empty() => {
            let mut items = items.clone();
            let index = random.below(items.len());
            match random.below(3) {
                0 => drop(items.remove(index)),
                1 => items.extend(vec![items[index].clone(); 4]),
                _ => items[index] = mutate(&items[index], random),
            }
            Json::Array(items)
        }
        Json::Object(members) if !members.is_empty() => {
            let mut members = members.clone();
            let index = random.below(members.len());
            match random.below(3) {
                0 => drop(members.remove(index)),
                1 => members.push(("undeclared".into(), Json::Null)),
                _ => members[index].1 = mutate(&members[index].1, random),
            }
            Json::Object(members)
        }
        Json::Text(text) => Json::Text(format!("{text}{text}abcdefgh")),
        _ => random.choose(&other).clone(),
    }
}

/// With line breaks and two spaces for each level.
fn pretty(value: &Json, level: usize) -> String {
    let lines = |parts: Vec<String>, open: &str, close: &str| {
        let (inner, outer) = ("  ".repeat(level + 1), "  ".repeat(level));
        let parts = parts.join(&format!(",\n{inner}"));
        format!("{open}\n{inner}{parts}\n{outer}{close}")
    };
    match value {
        Json::Array(items) if !items.is_empty() => lines(
            items.iter().map(|item| pretty(item, level + 1)).collect(),
            "[",
            "]",
        ),
        Json::Object(members) if !members.is_empty() => {
            let member = |(name, value): &(String, Json)| {
                format!("{}: {}", spell_text(name), pretty(value, level + 1))
            };
            lines(members.iter().map(member).collect(), "{", "}")
        }
        value => value.spell(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn a_grammar_allows_what_satisfies_its_schema_and_nothing_else(seed: u64) {
        let random = &mut Random::new(seed);
        let leaf = schema(random, 0);
        let mut root = schema(random, 3);
        if let Json::Object(members) = &mut root {
            members.push(("$defs".into(), object(vec![("leaf", leaf)])));
        }
        let schema_text = root.spell();
        let grammar_text = grammar_of_schema(&schema_text).map_err(|error| TestCaseError::fail(format!("{error}: {schema_text}")))?;
        let grammar = grammar(&grammar_text);
        for _ in 0..8 {
            let value = example(&root, &root, random);
            prop_assert!(satisfies(&root, &root, &value), "{} {}", value.spell(), schema_text);
            for spelled in [value.spell(), pretty(&value, 0)] {
                prop_assert!(accepts(&grammar, &spelled), "refuses {} of {}\n{}", spelled, schema_text, grammar_text);
            }
            let mutated = mutate(&value, random);
            if !satisfies(&root, &root, &mutated) {
                let spelled = mutated.spell();
                prop_assert!(!accepts(&grammar, &spelled), "allows {} of {}\n{}", spelled, schema_text, grammar_text);
            }
        }
        expect_sound(&schema_text, 12);
    }
}
