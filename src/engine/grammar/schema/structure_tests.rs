//! What the grammars of lists, objects, arrays, choices and references allow and do not. The judges
//! of all of them are in `schema_tests`.

use super::super::matcher_tests::{accepts, grammar};
use super::schema_tests::expect;
use super::{any_object, grammar_of_schema};

#[test]
fn lists_of_values() {
    let list = r#"{"enum":["red","green","redder",1,null,{"a":[1,"x"]},"a\"b"]}"#;
    let good = [
        r#""red""#,
        r#""redder""#,
        "1",
        "null",
        r#"{"a": [1, "x"]}"#,
        r#""a\"b""#,
    ];
    expect(
        list,
        &good,
        &[r#""re""#, r#""reddest""#, "2", r#"{"a":[1,"x"]}"#],
    );
    expect(r#"{"type":"string","enum":["a",1]}"#, &[r#""a""#], &["1"]);
    expect(r#"{"const":false}"#, &["false"], &["true"]);
    expect(r#"{"const":2,"enum":[1,2.0]}"#, &["2.0"], &["1"]);
}

#[test]
fn objects() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{"type":"null"}},"required":["a","c"],"additionalProperties":false}"#;
    let good = [
        r#"{"a": 1, "c": null}"#,
        r#"{"a":1,"b":"x","c":null}"#,
        "{\n  \"a\": 1,\n  \"b\": \"x\",\n  \"c\": null\n}",
    ];
    let bad = [
        "{}",
        r#"{"a": 1}"#,
        r#"{"c": null, "a": 1}"#,
        r#"{"a": 1, "c": null, "d": 1}"#,
        r#"{"a": 1, "a": 1, "c": null}"#,
        r#"{"a":  1, "c": null}"#,
        "{\n\n\"a\": 1, \"c\": null}",
        r#"{"a": 1, "c": null,}"#,
    ];
    expect(schema, &good, &bad);
    let optional =
        r#"{"type":"object","properties":{"x":{"const":1},"y":{"const":2},"z":{"const":3}}}"#;
    let good = [
        "{}",
        r#"{"x": 1}"#,
        r#"{"y": 2}"#,
        r#"{"x": 1, "z": 3}"#,
        r#"{"x": 1, "y": 2, "z": 3}"#,
        "{ }",
    ];
    expect(
        optional,
        &good,
        &[
            r#"{"y": 2, "x": 1}"#,
            r#"{, "x": 1}"#,
            r#"{"x": 1 "y": 2}"#,
            r#"{"w": 1}"#,
        ],
    );
    expect(
        r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        &["{}"],
        &[r#"{"a": 1}"#],
    );
    expect(
        r#"{"type":"object"}"#,
        &["{}", r#"{"a": {"b": [1]}}"#],
        &["[]"],
    );
    expect(r#"{"required":["k"]}"#, &[r#"{"k": 5}"#], &["{}"]);
}

#[test]
fn properties_that_are_not_permitted() {
    expect(
        r#"{"properties":{"a":false},"additionalProperties":true}"#,
        &["{}", r#"{"b": 1}"#],
        &[r#"{"a": 1}"#],
    );
    expect(r#"{"properties":{"a":false}}"#, &["{}"], &[r#"{"a": 1}"#]);
    expect(
        r#"{"properties":{"a":{"const":1}},"unevaluatedProperties":false}"#,
        &[r#"{"a": 1}"#],
        &[r#"{"b": 1}"#],
    );
    expect(
        r##"{"$ref":"#/$defs/x","unevaluatedProperties":false,"$defs":{"x":{"type":"object"}}}"##,
        &["{}"],
        &[r#"{"b": 1}"#],
    );
    expect(
        r#"{"properties":{"a":false,"b":true}}"#,
        &[r#"{"b": 1}"#],
        &[r#"{"a": 1}"#],
    );
}

#[test]
fn objects_with_other_properties() {
    let map = r#"{"type":"object","additionalProperties":{"type":"integer"}}"#;
    expect(map, &["{}", r#"{"any": 1, "name": 2}"#], &[r#"{"a": "x"}"#]);
    let bounded = r#"{"type":"object","additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2}"#;
    expect(
        bounded,
        &[r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#],
        &["{}", r#"{"a": 1, "b": 2, "c": 3}"#],
    );
    let open = r#"{"properties":{"abc":{"type":"integer"},"abd":{"type":"null"},"a\"":true},"required":["abc"],"additionalProperties":{"type":"string"}}"#;
    let good = [
        r#"{"abc": 1}"#,
        r#"{"abc": 1, "abe": "x"}"#,
        r#"{"abc": 1, "ab": "x", "abcd": "y", "": "z"}"#,
        r#"{"abc": 1, "abd": null, "zzz": ""}"#,
    ];
    let bad = [
        r#"{"abc": 1, "abd": "x"}"#,
        r#"{"abc": 1, "abc": "x"}"#,
        r#"{"abc": 1, "x": 2}"#,
        r#"{"x": "y", "abc": 1}"#,
        r#"{"abc": 1, "\u0061bd": "x"}"#,
    ];
    expect(open, &good, &bad);
    let none_required = r#"{"properties":{"a":{"const":1}},"additionalProperties":true}"#;
    expect(
        none_required,
        &["{}", r#"{"b": [2]}"#, r#"{"a": 1, "b": 2}"#],
        &[r#"{"a": 2}"#],
    );
}

#[test]
fn arrays() {
    expect(
        r#"{"type":"array","items":{"type":"integer"}}"#,
        &["[]", "[1]", "[1, 2,3]", "[\n  1,\n  2\n]"],
        &["[1 2]", "[1,]", "[\"a\"]"],
    );
    expect(
        r#"{"type":"array","items":{"type":"null"},"minItems":2,"maxItems":3}"#,
        &["[null, null]", "[null,null,null]"],
        &["[]", "[null]", "[null,null,null,null]"],
    );
    expect(
        r#"{"type":"array","items":{"type":"null"},"maxItems":1}"#,
        &["[]", "[null]"],
        &["[null, null]"],
    );
    expect(r#"{"type":"array","maxItems":0}"#, &["[]"], &["[1]"]);
    expect(
        r#"{"type":"array","items":{"const":1},"minItems":1}"#,
        &["[1]", "[1, 1, 1]"],
        &["[]"],
    );
    expect(r#"{"type":"array"}"#, &["[1, \"a\", {}]"], &["{}"]);
    let tuple = r#"{"prefixItems":[{"const":1},{"const":2}],"items":{"const":3},"minItems":1,"maxItems":4}"#;
    expect(
        tuple,
        &["[1]", "[1, 2]", "[1, 2, 3]", "[1, 2, 3, 3]"],
        &["[]", "[2]", "[1, 3]", "[1, 2, 3, 3, 3]"],
    );
    let exact =
        r#"{"type":"array","prefixItems":[{"const":1},{"const":2}],"items":false,"minItems":2}"#;
    expect(exact, &["[1, 2]"], &["[1]", "[1, 2, 3]"]);
    expect(
        r#"{"type":"array","items":[{"const":1}],"additionalItems":{"const":2}}"#,
        &["[]", "[1, 2, 2]"],
        &["[2]"],
    );
    expect(
        r#"{"prefixItems":[{"const":1},{"const":2},{"const":3}]}"#,
        &["[]", "[1]", "[1, 2, 3]"],
        &["[1, 2, 3, 4]"],
    );
    expect(
        r#"{"prefixItems":[{"const":1}],"minItems":3}"#,
        &["[1, null, 5]"],
        &["[1, 2]"],
    );
}

#[test]
fn choices_and_conjunctions() {
    expect(
        r#"{"anyOf":[{"type":"integer"},{"type":"null"}]}"#,
        &["1", "null"],
        &["\"a\""],
    );
    let tagged = r##"{"oneOf":[{"$ref":"#/$defs/Cat"},{"$ref":"#/$defs/Dog"}],"discriminator":{"propertyName":"kind"},"$defs":{"Cat":{"type":"object","properties":{"kind":{"const":"cat","type":"string"},"lives":{"type":"integer"}},"required":["kind","lives"]},"Dog":{"type":"object","properties":{"kind":{"const":"dog"}},"required":["kind"]}}}"##;
    expect(
        tagged,
        &[r#"{"kind": "cat", "lives": 9}"#, r#"{"kind": "dog"}"#],
        &[r#"{"kind": "dog", "lives": 9}"#],
    );
    let merged = r#"{"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"null"},"a":{"minimum":5}},"required":["b"]}]}"#;
    expect(
        merged,
        &[r#"{"a": 5, "b": null}"#],
        &[r#"{"a": 4, "b": null}"#, r#"{"a": 5}"#],
    );
    let either = r#"{"type":"object","properties":{"a":{"const":1},"b":{"const":2}},"anyOf":[{"required":["a"]},{"required":["b"]}]}"#;
    expect(
        either,
        &[r#"{"a": 1}"#, r#"{"b": 2}"#, r#"{"a": 1, "b": 2}"#],
        &["{}"],
    );
    expect(
        r#"{"type":"string","anyOf":[{"const":"a"},{"const":1},{"const":"b"}]}"#,
        &["\"a\"", "\"b\""],
        &["1"],
    );
    expect(
        r#"{"allOf":[{"type":["string","null"]},{"type":["null","integer"]}]}"#,
        &["null"],
        &["1", "\"a\""],
    );
    expect(
        r#"{"type":"string","nullable":true}"#,
        &["null", "\"a\""],
        &["1"],
    );
    let narrowed = r#"{"allOf":[{"properties":{"a":{"const":1}},"additionalProperties":false},{"properties":{"a":true,"b":true}}]}"#;
    expect(narrowed, &["{}", r#"{"a": 1}"#], &[r#"{"b": 1}"#]);
}

#[test]
fn references_and_recursion() {
    let tree = r##"{"$ref":"#/$defs/Node","$defs":{"Node":{"type":"object","properties":{"name":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/Node"}}},"required":["name","children"]}}}"##;
    expect(
        tree,
        &[r#"{"name": "a", "children": [{"name": "b", "children": []}]}"#],
        &[r#"{"name": "a", "children": [1]}"#],
    );
    let list = r##"{"type":"object","properties":{"value":{"type":"integer"},"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["value","next"]}"##;
    expect(
        list,
        &[r#"{"value": 1, "next": {"value": 2, "next": null}}"#],
        &[r#"{"value": 1}"#],
    );
    let old = r##"{"properties":{"a":{"$ref":"#/definitions/x%20~1y"}},"definitions":{"x /y":{"const":1}}}"##;
    expect(old, &[r#"{"a": 1}"#], &[r#"{"a": 2}"#]);
    let beside = r##"{"$ref":"#/$defs/n","minimum":3,"$defs":{"n":{"type":"integer"}}}"##;
    expect(beside, &["3"], &["2", "3.5"]);
}

#[test]
fn any_object_is_an_object_with_few_blanks() {
    let grammar = grammar(&any_object());
    for (text, fits) in [
        (r#"{}"#, true),
        (r#"{"a": {"b": [1, true, null, "x"]}, "c": -1.5e3}"#, true),
        ("{\n    \"a\": [\n        1\n    ]\n}", true),
        ("[]", false),
        ("{\"a\":  1}", false),
        ("{\n\n}", false),
        ("{}\n", false),
    ] {
        assert_eq!(accepts(&grammar, text), fits, "{text}");
    }
}

#[test]
fn what_an_openai_client_sends_is_small() {
    let schema = r##"{"$defs":{"Step":{"properties":{"explanation":{"title":"Explanation","type":"string"},"output":{"title":"Output","type":"string"}},"required":["explanation","output"],"title":"Step","type":"object","additionalProperties":false}},"properties":{"steps":{"items":{"$ref":"#/$defs/Step"},"title":"Steps","type":"array"},"final_answer":{"title":"Final Answer","type":"string"}},"required":["steps","final_answer"],"title":"MathResponse","type":"object","additionalProperties":false}"##;
    expect(
        schema,
        &[r#"{"steps": [{"explanation": "e", "output": "o"}], "final_answer": "42"}"#],
        &["{}"],
    );
    let text = grammar_of_schema(schema).unwrap();
    assert!(text.lines().count() <= 14, "{text}");
}
