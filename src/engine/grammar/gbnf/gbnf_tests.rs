//! What of GBNF is read and how, what is refused and where. The shapes that make llama.cpp hang or
//! grow are each here by name.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::matcher_tests::{accepts, grammar};
use super::{MAX_BYTES, check};

/// Far more than is needed on a busy machine, and far less than a bomb would take.
const SOON: Duration = Duration::from_secs(5);

fn expect(text: &str, good: &[&str], bad: &[&str]) {
    check(text, MAX_BYTES).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let grammar = grammar(text);
    for value in good {
        assert!(accepts(&grammar, value), "refuses {value:?}\n{text}");
    }
    for value in bad {
        assert!(!accepts(&grammar, value), "allows {value:?}\n{text}");
    }
}

fn expect_refused(text: &str, at: &str, word: &str) {
    let started = Instant::now();
    let error = check(text, MAX_BYTES).expect_err(&text[..text.len().min(200)]);
    assert!(
        started.elapsed() < SOON,
        "{error} took {:?}",
        started.elapsed()
    );
    assert!(error.reason.contains(word), "{error}\n{:.200}", text);
    if !at.is_empty() {
        assert_eq!(error.at, at, "{error}\n{:.200}", text);
    }
}

#[test]
fn literals_classes_and_their_escapes() {
    expect(
        r#"root ::= "a\"\\\n\t\r\x41\u00e9\U0001F980""#,
        &["a\"\\\n\t\rAé🦀"],
        &["a"],
    );
    expect(
        r"root ::= [a-cX\]\-\\\x30-\x39]+",
        &["abX]-\\09"],
        &["d", "^", ""],
    );
    expect("root ::= [^\\n\"] .", &["ab", "é\n"], &["\nb", "\"b", "a"]);
    expect("root ::= [-a] [a-] [a^]", &["-a^", "a-a"], &["bab"]);
    expect("root ::= \"a\nb\"", &["a\nb"], &["ab"]);
    expect("root ::= \"\" \"é漢\"", &["é漢"], &[""]);
}

#[test]
fn rules_groups_alternatives_comments_and_line_breaks() {
    expect(
        "# first\nroot ::= a-1 | # or\n  2b # done\n\r\na-1 ::= \"x\"\r\n2b ::= \"y\"",
        &["x", "y"],
        &["xy"],
    );
    expect(
        "root ::= (\n\"a\" |\n\n\"b\"\n) \"c\"",
        &["ac", "bc"],
        &["a"],
    );
    expect("root ::=\n  \"a\" |", &["a", ""], &["b"]);
    expect(
        "root ::= a\na ::= (\"x\" (\"y\" | ))*",
        &["", "xyx"],
        &["y"],
    );
}

#[test]
fn repetitions() {
    expect(
        "root ::= \"ab\"* [0-9]+ \"z\"?",
        &["1", "abab12z"],
        &["a1", "ab", "1zz"],
    );
    expect(
        "root ::= \"a\"{2} \"b\"{1,3} \"c\"{2,} \"d\"{0,2} \"e\"{0}",
        &["aabcc", "aabbbccccdd"],
        &["abcc", "aabbbbcc", "aabc", "aabccddd", "aabcce"],
    );
    expect("root ::= (\"a\" | \"b\"){3}", &["aba"], &["ab"]);
    expect("root ::= \"a\"{ 1 , 2 }{2}", &["aa", "aaa"], &["a"]);
    expect(
        "root ::= [a]{2000}",
        &[&"a".repeat(2000)],
        &[&"a".repeat(1999)],
    );
}

const MISTAKES: &[(&str, &str, &str)] = &[
    ("", "line 1, column 1", "no rules"),
    (" \n# only a comment", "line 1, column 1", "no rules"),
    ("a ::= \"x\"", "line 1, column 1", "\"root\""),
    ("root ::= é", "line 1, column 10", "not part of a rule"),
    (
        "root ::= b\nc ::= \"x\"",
        "line 1, column 10",
        "\"b\" is not defined",
    ),
    (
        "root ::= \"a\"\nroot ::= \"b\"",
        "line 2, column 1",
        "defined twice",
    ),
    ("root = \"a\"", "line 1, column 6", "::= is expected"),
    ("root ::= \"a\n", "line 1, column 10", "never closed"),
    ("root ::= [a", "line 1, column 10", "never closed"),
    ("root ::= \"é\" (\"a\"", "line 1, column 14", "never closed"),
    ("root ::= \"a\")", "line 1, column 13", "closes nothing"),
    ("root ::= (\"a\" %)", "line 1, column 15", "part of a group"),
    (
        "root ::= \"a\"\n| \"b\"",
        "line 2, column 1",
        "name is expected",
    ),
    ("root ::= *", "line 1, column 10", "nothing to repeat"),
    (
        "root ::= \"a\" | +",
        "line 1, column 16",
        "nothing to repeat",
    ),
    ("root ::= \"\"+", "line 1, column 12", "nothing to repeat"),
    (
        "root ::= \"a\"{0}?",
        "line 1, column 16",
        "nothing to repeat",
    ),
    ("root ::= \"a\"{}", "line 1, column 14", "a number"),
    ("root ::= \"a\"{,3}", "line 1, column 14", "a number"),
    ("root ::= \"a\"{1;3}", "line 1, column 15", "} is expected"),
    ("root ::= \"a\"{3,2}", "line 1, column 13", "less often"),
    ("root ::= \"\\q\"", "line 1, column 11", "escape is unknown"),
    ("root ::= \"\\x4\"", "line 1, column 11", "2 hexadecimal"),
    ("root ::= \"\\u12é\"", "line 1, column 11", "4 hexadecimal"),
    ("root ::= \"\\", "line 1, column 11", "escape is unknown"),
    ("root ::= \"\\x00\"", "line 1, column 11", "no text holds"),
    ("root ::= \"\\uD83E\"", "line 1, column 11", "no text holds"),
    ("root ::= []", "line 1, column 10", "no character"),
    ("root ::= [^]", "line 1, column 10", "no character"),
    (
        "root ::= [^\\x00-\\U0010FFFF]",
        "line 1, column 10",
        "no character",
    ),
    ("root ::= [z-a]", "line 1, column 11", "before it begins"),
    (
        "root ::= <[12]>",
        "line 1, column 10",
        "tokens cannot be named",
    ),
    (
        "root ::= \"a\" !<think>",
        "line 1, column 14",
        "tokens cannot be named",
    ),
    ("root ::= \"a\0\"", "line 1, column 12", "NUL"),
];

#[test]
fn mistakes_are_told_with_line_and_column() {
    for (text, at, word) in MISTAKES {
        expect_refused(text, at, word);
    }
}

#[test]
fn rules_that_begin_with_themselves_are_found_however_they_hide_it() {
    for text in [
        "root ::= root \"a\" | \"b\"",
        "root ::= a\na ::= b \"x\" | \"y\"\nb ::= a",
        "root ::= \"a\"? root | \"b\"",
        // Empty through another rule: llama.cpp takes it for not empty, and never returns.
        "root ::= a root \"x\" | \"y\"\na ::= b\nb ::= \"c\" | ",
        "root ::= (a b)* \"x\"\na ::= \"p\"?\nb ::= \"q\"*",
        "root ::= (\"a\"*)* \"x\"",
        "root ::= (\"a\"?)+",
    ] {
        expect_refused(text, "", "begins with itself");
    }
    expect(
        "root ::= a root \"x\" | \"y\"\na ::= b\nb ::= \"c\"",
        &["cyx"],
        &["yx"],
    );
}

#[test]
fn what_can_never_end_is_refused() {
    expect_refused(
        "root ::= \"a\" root",
        "line 1, column 1",
        "\"root\" can never end",
    );
    expect_refused(
        "root ::= \"a\" b | \"c\"\nb ::= \"(\" b \")\"",
        "line 2, column 1",
        "\"b\" can never end",
    );
    expect("root ::= \"a\"\nunused ::= \"b\" unused", &["a"], &[]);
}

#[test]
fn too_large_grammars_are_refused() {
    expect_refused(
        &format!("root ::= \"{}\"", "a".repeat(70_000)),
        "line 1, column 1",
        "65536 bytes",
    );
    expect_refused(
        "root ::= \"a\"{2001}",
        "line 1, column 14",
        "more than 2000",
    );
    expect_refused(
        "root ::= \"a\"{1,99999999999999999999}",
        "line 1, column 16",
        "more than 2000",
    );
    expect_refused(
        "root ::= (\"a\"{100}){100}{100}",
        "",
        "more than 2000 together",
    );
    expect_refused(
        &format!("root ::= \"{}\"{{2000}}", "a".repeat(1000)),
        "",
        "too large",
    );
    expect_refused(
        &format!("root ::= [{}]{{2000}}", "a".repeat(1000)),
        "",
        "too large",
    );
    let nested = format!("root ::= {}\"a\"{}", "(".repeat(40), ")".repeat(40));
    expect_refused(&nested, "line 1, column 42", "deeper than 32");
    expect_refused(
        &format!("root ::= {}", "(".repeat(60_000)),
        "",
        "deeper than 32",
    );
    expect_refused(
        &format!("root ::= {}", "\"a\"{0,1999} ".repeat(10)),
        "",
        "16384 rules",
    );
}

#[test]
fn shapes_that_cost_llama_cpp_too_much_are_refused_soon() {
    // Its search for left recursion looks at a shared beginning once for each way to it.
    let chain: String = (0..60)
        .map(|it| format!("a{it} ::= a{0} \"x\" | a{0}\n", it + 1))
        .collect();
    expect_refused(
        &format!("root ::= a0\n{chain}a60 ::= \"x\""),
        "",
        "begin with rules",
    );
    // Optional letters in a row, each of which may be the next.
    expect_refused("root ::= (\"a\"?){900}", "", "ambiguous");
    // Readings that double with each letter, from the start and only after a while.
    expect_refused(
        "root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"",
        "",
        "ambiguous",
    );
    let late = "root ::= [x-z]* \"-\" s\ns ::= \"a\" s \"b\" | \"a\" s \"c\" | \"d\"";
    expect_refused(late, "", "ambiguous");
    let closure: String = (0..14)
        .map(|it| format!("a{it} ::= a{0} a{0}\n", it + 1))
        .collect();
    expect_refused(&format!("root ::= a0\n{closure}a14 ::= \"x\"?"), "", "");
}

#[test]
fn grammars_that_people_use_pass() {
    let json = r##"
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws
string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
"##;
    expect(json, &["{}", "{\"a\": [1, true, \"x\"]}\n"], &["[]", "{,}"]);
    let chess = "root ::= \"1. \" move \" \" move \"\\n\" ([1-9] [0-9]? \". \" move \" \" move \"\\n\")+\nmove ::= (pawn | nonpawn | castle) [+#]?\nnonpawn ::= [NBKQR] [a-h]? [1-8]? \"x\"? [a-h] [1-8]\npawn ::= ([a-h] \"x\")? [a-h] [1-8] (\"=\" [NBKQR])?\ncastle ::= \"O-O\" \"-O\"?";
    expect(chess, &["1. e4 e5\n2. Nf3 Nc6\n"], &["e4"]);
    let arithmetic = "root ::= (expr \"=\" ws term \"\\n\")+\nexpr ::= term ([-+*/] term)*\nterm ::= ident | num | \"(\" ws expr \")\" ws\nident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*";
    expect(arithmetic, &["a+1=2\n"], &["a+=2\n"]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[rot:=a-c\"\\[\\](){}|*+?.,0-9^\\\\xuUn#\n <!-]{0,120}") {
        let _ = check(&text, MAX_BYTES);
        let _ = check(&format!("root ::= {text}"), MAX_BYTES);
    }

    #[test]
    fn a_mutated_grammar_is_read_or_refused(at in 0_usize..60, with in "[\\s\\S]{0,4}") {
        let text = "root ::= (\"a\" [^b-d]{1,3} | x)* \"\\n\"\nx ::= \"y\"? \"z\"+ # end";
        let at = at.min(text.len());
        let mutated = format!("{}{with}{}", &text[..at], text.get(at + 2..).unwrap_or_default());
        let _ = check(&mutated, MAX_BYTES);
    }
}
