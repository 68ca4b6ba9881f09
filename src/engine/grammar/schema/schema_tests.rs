//! What the grammar of each keyword allows and does not. That everything it allows satisfies the
//! schema is asked of texts made by walking it.

use super::super::json::Json;
use super::super::matcher_tests::{Random, Writer, accepts, grammar};
use super::grammar_of_schema;
use super::satisfies_tests::satisfies;

/// Walks a schema's grammar at random: all of it is JSON that satisfies the schema.
pub(super) fn expect_sound(schema: &str, walks: u64) {
    let text = grammar_of_schema(schema).unwrap_or_else(|error| panic!("{error}\n{schema}"));
    let grammar = grammar(&text);
    let writer = Writer::new(&grammar, grammar.rules());
    let schema: Json = serde_json::from_str(schema).unwrap();
    for seed in 0..walks {
        let written = writer.text(&mut Random::new(seed), 5 + 7 * seed as usize);
        let value: Json = match serde_json::from_str(&written) {
            Ok(value) => value,
            // A name that came twice, in an object that takes any.
            Err(error) if error.to_string().contains("twice") => continue,
            Err(error) => panic!("{error}: {written}\n{text}"),
        };
        assert!(satisfies(&schema, &schema, &value), "{written}\n{text}");
    }
}

pub(super) fn expect(schema: &str, good: &[&str], bad: &[&str]) {
    let text = grammar_of_schema(schema).unwrap_or_else(|error| panic!("{error}\n{schema}"));
    let grammar = grammar(&text);
    for value in good {
        assert!(
            accepts(&grammar, value),
            "refuses {value}\n{schema}\n{text}"
        );
    }
    for value in bad {
        assert!(
            !accepts(&grammar, value),
            "allows {value}\n{schema}\n{text}"
        );
    }
    expect_sound(schema, 60);
}

#[test]
fn types() {
    expect(
        r#"{"type":"null"}"#,
        &["null"],
        &["0", "", "\"null\"", "null "],
    );
    expect(
        r#"{"type":"boolean"}"#,
        &["true", "false"],
        &["null", "True"],
    );
    let integers = ["0", "7", "-1", "999999999999999"];
    expect(
        r#"{"type":"integer"}"#,
        &integers,
        &["-0", "01", "1.0", "1e2", "+1", "1234567890123456"],
    );
    let numbers = ["0", "-1", "0.5", "-0.25", "1e9", "1.5E-3", "12.000"];
    expect(
        r#"{"type":"number"}"#,
        &numbers,
        &[".5", "1.", "01", "1e999", "NaN", "--1"],
    );
    expect(
        r#"{"type":["string","null"]}"#,
        &["\"a\"", "null"],
        &["1", "true"],
    );
    expect(r#"{"type":["integer","number"]}"#, &["1", "1.5"], &["null"]);
    expect("true", &["{\"a\": [1, \"x\", null]}", "3"], &["", "{"]);
    expect(
        "{\"description\":\"anything\"}",
        &["[]", "{\"a\":{}}"],
        &["[1,]"],
    );
}

#[test]
fn strings_and_their_escapes() {
    let good = [
        r#""""#,
        r#""a b""#,
        r#""é 漢 🦀""#,
        r#""\n\"\\\/""#,
        r#""\u00e9""#,
        r#""\ud83e\udd80""#,
    ];
    let bad = [
        r#""a"#,
        r#""\x41""#,
        r#""\ud83e""#,
        r#""\udd80""#,
        r#""\u12""#,
        "\"\n\"",
        "\"\u{1}\"",
    ];
    expect(r#"{"type":"string"}"#, &good, &bad);
    expect(
        r#"{"type":"string","minLength":2,"maxLength":3}"#,
        &[r#""ab""#, r#""\n🦀c""#],
        &[r#""a""#, r#""abcd""#],
    );
    expect(
        r#"{"type":"string","maxLength":0}"#,
        &[r#""""#],
        &[r#""a""#],
    );
    expect(
        r#"{"type":"string","minLength":1}"#,
        &[r#""a""#, r#""abcdefgh""#],
        &[r#""""#],
    );
}

#[test]
fn long_strings_are_counted_exactly() {
    let schema = r#"{"type":"string","minLength":130,"maxLength":445}"#;
    let grammar = grammar(&grammar_of_schema(schema).unwrap());
    for length in [
        0, 99, 129, 130, 131, 200, 229, 230, 231, 330, 429, 430, 431, 444, 445, 446, 500,
    ] {
        let text = format!("\"{}\"", "x".repeat(length));
        assert_eq!(
            accepts(&grammar, &text),
            (130..=445).contains(&length),
            "{length}"
        );
    }
    expect_sound(schema, 20);
    grammar_of_schema(r#"{"type":"string","maxLength":50000}"#).unwrap();
}

#[test]
fn patterns() {
    let is = |pattern: &str, good: &[&str], bad: &[&str]| {
        let schema = serde_json::json!({"type": "string", "pattern": pattern}).to_string();
        expect(&schema, good, bad);
    };
    is(
        "^[a-z]+$",
        &[r#""abc""#],
        &[r#""""#, r#""aB""#, r#""\u0061""#],
    );
    is(r"^\d{3}-\d{4}$", &[r#""555-1234""#], &[r#""5551234""#]);
    is(
        r"^(?:a|bc)*?d{0,2}$",
        &[r#""abcad""#, r#""""#],
        &[r#""ddd""#, r#""b""#],
    );
    is(
        r"^\w+@\w+\.(com|org)$",
        &[r#""a_1@b.org""#],
        &[r#""a@b.net""#, r#""a@bxcom""#],
    );
    is(
        r#"^["\\\n\s]$"#,
        &[r#""\"""#, r#""\\""#, r#""\n""#, r#"" ""#],
        &[r#""x""#],
    );
    is(
        "b",
        &[r#""abc""#, r#""b""#, r#""\nb""#],
        &[r#""ac""#, r#""""#],
    );
    is("^a|z$", &[r#""abc""#, r#""xyz""#], &[r#""bab""#]);
    is(
        "^[^a-c]$",
        &[r#""d""#, r#""é""#, r#""\"""#],
        &[r#""a""#, r#""dd""#, "\"\n\""],
    );
    is("^.$", &[r#""x""#, r#""\\""#], &[r#""\n""#, r#""""#]);
    is(
        r"^(?<year>\d{4})\u002D[\x41-\x43-]$",
        &[r#""2024-B""#, r#""2024--""#],
        &[r#""2024-D""#],
    );
    is(
        r"^\S[\D]\W$",
        &[r#""ab!""#],
        &[r#"" b!""#, r#""a1!""#, r#""abc""#],
    );
    is("", &[r#""""#, r#""x""#], &["x"]);
    let both = r#"{"type":"string","pattern":"^[a-z]{2,5}$","minLength":2,"maxLength":5}"#;
    expect(both, &[r#""ab""#], &[r#""a""#]);
}

#[test]
fn formats() {
    let is = |format: &str, good: &[&str], bad: &[&str]| {
        let schema = serde_json::json!({"type": "string", "format": format}).to_string();
        expect(&schema, good, bad);
    };
    is(
        "date",
        &[r#""2024-02-29""#, r#""2000-02-29""#, r#""2023-12-31""#],
        &[
            r#""2023-02-29""#,
            r#""1900-02-29""#,
            r#""2024-04-31""#,
            r#""2024-13-01""#,
            r#""24-01-01""#,
        ],
    );
    is(
        "time",
        &[r#""12:34:56Z""#, r#""00:00:00.5+02:00""#],
        &[r#""24:00:00Z""#, r#""12:34""#],
    );
    is(
        "date-time",
        &[r#""2024-05-06T07:08:09Z""#],
        &[r#""2024-05-06 07:08:09""#],
    );
    is(
        "uuid",
        &[r#""123e4567-e89b-12d3-a456-426614174000""#],
        &[r#""123""#],
    );
    is(
        "email",
        &[r#""ada.l@example.co.uk""#],
        &[r#""ada""#, r#""@b.c""#, r#""a@b""#],
    );
    is(
        "ipv4",
        &[r#""192.168.0.1""#],
        &[r#""256.1.1.1""#, r#""1.2.3""#],
    );
    is("of-our-own", &[r#""anything""#], &["1"]);
}

#[test]
fn integers_within_bounds_are_exact() {
    for (low, high) in [
        (0, 9),
        (1, 5),
        (-3, 3),
        (-12, -7),
        (0, 255),
        (17, 4321),
        (-1000, 99),
        (5, 5),
        (0, 1_000),
    ] {
        let schema = format!(r#"{{"type":"integer","minimum":{low},"maximum":{high}}}"#);
        let grammar = grammar(&grammar_of_schema(&schema).unwrap());
        for number in -1100..4400 {
            let fits = (low..=high).contains(&number);
            assert_eq!(
                accepts(&grammar, &number.to_string()),
                fits,
                "{number} in {low}..={high}"
            );
        }
        assert!(!accepts(&grammar, "-0") && !accepts(&grammar, "007"));
        expect_sound(&schema, 20);
    }
    expect(
        r#"{"type":"integer","exclusiveMinimum":0}"#,
        &["1", "999999999999999"],
        &["0", "-1"],
    );
    expect(
        r#"{"type":"integer","maximum":10,"exclusiveMaximum":true}"#,
        &["9", "-5"],
        &["10"],
    );
    expect(
        r#"{"type":"integer","minimum":0.5,"maximum":2.5}"#,
        &["1", "2"],
        &["0", "3"],
    );
    expect(
        r#"{"type":"integer","maximum":9223372036854775807}"#,
        &["12"],
        &["1.5"],
    );
    expect(
        r#"{"type":"integer","minimum":1000000000000000}"#,
        &["1000000000000000"],
        &["1"],
    );
    expect(
        r#"{"minimum":3,"type":"integer","allOf":[{"minimum":5}]}"#,
        &["5"],
        &["4"],
    );
}

#[test]
fn numbers_within_whole_bounds() {
    let good = ["0", "1", "0.5", "0.999", "0.0"];
    expect(
        r#"{"type":"number","minimum":0,"maximum":1}"#,
        &good,
        &["-0.1", "1.1", "2", "1.0001", "1e0", "-0"],
    );
    expect(
        r#"{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}"#,
        &["0.5", "0.0001"],
        &["0", "1", "0.0", "0.00"],
    );
    expect(
        r#"{"type":"number","minimum":-2,"maximum":3}"#,
        &["-2", "-1.5", "-0.5", "0", "2.9", "3"],
        &["-2.1", "3.1", "-3"],
    );
    expect(
        r#"{"type":"number","exclusiveMinimum":-2,"maximum":-1}"#,
        &["-1", "-1.5"],
        &["-2", "-0.5", "0"],
    );
    expect(
        r#"{"type":"number","minimum":10}"#,
        &["10", "10.5", "12345.25"],
        &["9.9", "9"],
    );
    expect(
        r#"{"type":"number","minimum":4,"maximum":4}"#,
        &["4"],
        &["4.5", "3"],
    );
    expect(
        r#"{"type":"number","exclusiveMaximum":0}"#,
        &["-0.1", "-12"],
        &["0", "1"],
    );
}
