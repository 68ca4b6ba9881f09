//! What is refused, with its place. Nothing may take long to be refused.

use std::time::{Duration, Instant};

use super::grammar_of_schema;

/// Far more than is needed on a busy machine, and far less than a bomb would take.
const SOON: Duration = Duration::from_secs(5);

fn expect_refused(schema: &str, at: &str, word: &str) {
    let started = Instant::now();
    let error = grammar_of_schema(schema).expect_err(&schema[..schema.len().min(200)]);
    assert!(
        started.elapsed() < SOON,
        "{error} took {:?}",
        started.elapsed()
    );
    assert_eq!(error.at, at, "{error}");
    assert!(error.reason.contains(word), "{error}");
}

#[test]
fn keywords_that_restrict_are_refused_by_name_and_place() {
    for keyword in [
        "not",
        "if",
        "dependentSchemas",
        "dependentRequired",
        "patternProperties",
        "propertyNames",
        "unevaluatedItems",
        "contains",
        "multipleOf",
        "$dynamicRef",
    ] {
        let value = if keyword == "multipleOf" {
            "3"
        } else {
            r#"{"x/y":{"type":"null"}}"#
        };
        let schema = format!(r#"{{"properties":{{"a b":{{"items":{{"{keyword}":{value}}}}}}}}}"#);
        let at = format!("#/properties/a b/items/{keyword}");
        expect_refused(&schema, &at, keyword);
    }
    expect_refused(
        r#"{"items":{},"uniqueItems":true}"#,
        "#/uniqueItems",
        "uniqueItems",
    );
    expect_refused(
        r#"{"unevaluatedProperties":{"type":"null"}}"#,
        "#/unevaluatedProperties",
        "only be false",
    );
}

#[test]
fn what_only_describes_is_passed_over() {
    let described = r#"{"$schema":"x","$id":"y","title":"t","description":"d","default":{"not":1},"examples":[1],"deprecated":true,"readOnly":true,"$comment":"c","x-mine":{"not":1},"type":"null","uniqueItems":false,"patternProperties":{},"then":{"not":{}},"contentEncoding":"base64","$defs":{"unused":{"not":{}}}}"#;
    assert!(grammar_of_schema(described).unwrap().contains("null"));
}

const FAULTY: &[(&str, &str, &str)] = &[
    ("{", "line 1, column 1", "cannot be read"),
    ("", "line 1, column 0", "cannot be read"),
    ("3", "#", "object or a boolean"),
    ("false", "#", "permits nothing"),
    (r#"{"type":"strin"}"#, "#/type", "strin"),
    (r#"{"type":[]}"#, "#/type", "no type"),
    (
        r#"{"properties":{"a":3}}"#,
        "#/properties/a",
        "object or a boolean",
    ),
    (r#"{"properties":[]}"#, "#/properties", "an object"),
    (r#"{"required":[3]}"#, "#/required/0", "a string"),
    (r#"{"enum":[]}"#, "#", "permits nothing"),
    (r#"{"enum":3}"#, "#/enum", "an array"),
    (r#"{"anyOf":[]}"#, "#/anyOf", "nothing to choose"),
    (r#"{"minLength":-1}"#, "#/minLength", "whole number"),
    (r#"{"minItems":"x"}"#, "#/minItems", "whole number"),
    (r#"{"minimum":"x"}"#, "#/minimum", "a number"),
    (r##"{"$ref":"#/nowhere"}"##, "#/$ref", "#/nowhere"),
    (
        r#"{"$ref":"https://example.com/x"}"#,
        "#/$ref",
        "in this schema",
    ),
    (
        r#"{"allOf":[{"type":"null"},{"type":"string"}]}"#,
        "#",
        "permits nothing",
    ),
    (
        r#"{"type":"string","minLength":3,"maxLength":2}"#,
        "#",
        "longer",
    ),
    (
        r#"{"type":"integer","minimum":3,"maximum":2}"#,
        "#",
        "within these bounds",
    ),
    (
        r#"{"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":4}"#,
        "#",
        "within these bounds",
    ),
    (
        r#"{"type":"array","minItems":3,"maxItems":2}"#,
        "#",
        "more items",
    ),
    (r#"{"type":"string","enum":[1]}"#, "#", "of this type"),
    (
        r#"{"properties":{},"required":["a"],"additionalProperties":false}"#,
        "#",
        "required and not permitted",
    ),
    (r#"{"type":"number","minimum":0.5}"#, "#", "must be whole"),
    (r#"{"enum":["a"],"minLength":1}"#, "#", "minLength"),
    (
        r#"{"properties":{"a":true},"minProperties":1}"#,
        "#",
        "minProperties",
    ),
    (r#"{"type":"object","minProperties":2}"#, "#", "above 1"),
    (r#"{"pattern":"^a$","minLength":2}"#, "#/pattern", "lengths"),
    (
        r#"{"pattern":"^a$","format":"date"}"#,
        "#/format",
        "second pattern",
    ),
    (
        r#"{"type":"null","type":"null"}"#,
        "line 1, column 29",
        "twice",
    ),
];

#[test]
fn faulty_schemas_are_refused_with_their_place() {
    for (schema, at, word) in FAULTY {
        expect_refused(schema, at, word);
    }
}

#[test]
fn patterns_that_no_grammar_says_are_refused_by_name() {
    for (pattern, word) in [
        ("(?=a)", "look-around"),
        ("(?<!a)b", "look-around"),
        ("(?i)a", "flags"),
        (r"(a)\\1", "back references"),
        (r"\\bword\\b", "word boundaries"),
        (r"\\p{L}", "properties of Unicode"),
        ("a^b", "an anchor"),
        ("(^a)", "an anchor"),
        ("a$b", "an anchor"),
        ("*a", "nothing to repeat"),
        ("a**", "repeated again"),
        ("a++", "repeated again"),
        ("(a*)*", "may be empty"),
        ("(a|b", "never closed"),
        ("a)", "closes nothing"),
        ("[a", "never closed"),
        ("[z-a]", "no beginning or no end"),
        ("[]", "no character"),
        ("a{3,2}", "less often"),
        ("a{1000000}", "up to 1000"),
        ("a{", "a number"),
        (r"\\u00", "number of a character"),
        (r"\\cA", "not supported"),
        ("\\u0001", "no short spelling"),
    ] {
        let schema =
            format!(r#"{{"properties":{{"p":{{"type":"string","pattern":"{pattern}"}}}}}}"#);
        expect_refused(&schema, "#/properties/p/pattern", word);
    }
}

#[test]
fn schemas_that_lead_nowhere_are_refused() {
    for (schema, at, word) in [
        (r##"{"$ref":"#"}"##, "#", "without end"),
        (
            r##"{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##,
            "#/$defs/a",
            "without end",
        ),
        (
            r##"{"anyOf":[{"type":"null"},{"$ref":"#"}]}"##,
            "#",
            "without end",
        ),
        (
            r##"{"properties":{"a":{"$ref":"#"}},"required":["a"]}"##,
            "#",
            "never end",
        ),
        (
            r##"{"type":"array","minItems":1,"items":{"$ref":"#"}}"##,
            "#",
            "never end",
        ),
    ] {
        expect_refused(schema, at, word);
    }
}

#[test]
fn bombs_are_refused_soon() {
    let many = |count: usize, each: &dyn Fn(usize) -> String| {
        (0..count).map(each).collect::<Vec<_>>().join(",")
    };
    let deep = format!("{}{}{}", r#"{"items":"#.repeat(500), "{}", "}".repeat(500));
    let error = grammar_of_schema(&deep).unwrap_err();
    assert!(
        error.at.starts_with("line 1, column") && error.reason.contains("recursion limit"),
        "{error}"
    );
    let properties = format!(
        r#"{{"properties":{{{}}}}}"#,
        many(3000, &|it| format!(r#""p{it}":{{}}"#))
    );
    expect_refused(&properties, "#", "256 properties");
    let properties = format!(
        r#"{{"properties":{{{}}}}}"#,
        many(10_000, &|it| format!(r#""p{it}":{{}}"#))
    );
    expect_refused(&properties, "#", "65536 bytes");
    expect_refused(
        &format!(r#"{{"enum":[{}]}}"#, many(5_000, &|it| it.to_string())),
        "#/enum",
        "1000 values",
    );
    expect_refused(
        &format!(r#"{{"enum":[{}]}}"#, many(100_000, &|it| it.to_string())),
        "#",
        "65536 bytes",
    );
    let choices = format!(
        r#"{{"anyOf":[{}]}}"#,
        many(300, &|it| format!(r#"{{"const":{it}}}"#))
    );
    expect_refused(&choices, "#", "256 alternatives");
}

#[test]
fn repetitions_that_are_bombs_are_refused_soon() {
    let many = |count: usize, each: &dyn Fn(usize) -> String| {
        (0..count).map(each).collect::<Vec<_>>().join(",")
    };
    let two = r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#;
    let product = format!(
        r#"{{"allOf":[{}]}}"#,
        many(40, &|it| two
            .replace("null", if it % 2 == 0 { "null" } else { "string" }))
    );
    let _ = grammar_of_schema(&product);
    expect_refused(
        r#"{"type":"array","minItems":1000000}"#,
        "#/minItems",
        "up to 1000",
    );
    expect_refused(
        r#"{"type":"string","maxLength":1000000}"#,
        "#/maxLength",
        "up to 50000",
    );
    expect_refused(
        r#"{"type":"object","maxProperties":1000000}"#,
        "#",
        "at most 1000",
    );
    expect_refused(
        r#"{"type":"string","pattern":"^((a{100}){100}){100}$"}"#,
        "#/pattern",
        "more than 50000 characters",
    );
}

#[test]
fn growing_grammars_are_refused_soon() {
    let level = |it: usize| {
        format!(
            r##""d{it}":{{"anyOf":[{{"$ref":"#/$defs/d{0}"}},{{"$ref":"#/$defs/d{0}"}}]}}"##,
            it + 1
        )
    };
    let levels: Vec<String> = (0..40).map(level).collect();
    let doubling = format!(
        r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d40":{{"type":"null"}}}}}}"##,
        levels.join(",")
    );
    let started = Instant::now();
    assert!(grammar_of_schema(&doubling).is_err());
    let arrays: Vec<String> = (0..100)
        .map(|it| format!(r#""a{it}":{{"type":"array","maxItems":1000}}"#))
        .collect();
    let wide = format!(r#"{{"properties":{{{}}}}}"#, arrays.join(","));
    let error = grammar_of_schema(&wide).unwrap_err();
    assert!(error.at.starts_with("#"), "{error}");
    let split = r##"{"anyOf":[{"properties":{"x":{"$ref":"#"}},"required":["x"]},{"properties":{"x":{"$ref":"#"},"y":{"type":"null"}},"required":["x"]},{"type":"null"}]}"##;
    let error = grammar_of_schema(split).unwrap_err();
    assert!(error.reason.contains("ambiguous"), "{error}");
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}
