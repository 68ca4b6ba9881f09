//! The rules about what is not Rust: the top of the repository, the paths that the architecture
//! document names, the tests a resource must have, and the names of the operations. Each gives
//! sentences, like the rules in `checks.rs`.

use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::table::{TOP_LEVEL, UNTESTED_RESOURCES, VERBS};

pub(crate) fn unlisted_top_level(entries: &[String]) -> Vec<String> {
    let unlisted = entries
        .iter()
        .filter(|entry| !TOP_LEVEL.contains(&entry.as_str()));
    unlisted
        .map(|entry| {
            format!("{entry}: the top of the repository holds only what tests/house/table.rs lists")
        })
        .collect()
}

/// Paths in backquotes that do not exist below `root`. What begins with `/` is a web address.
pub(crate) fn missing_paths(document: &str, text: &str, root: &Path) -> Vec<String> {
    let quoted = Regex::new(r"`([\w.-]+(?:/[\w.-]*)*)`").expect("a regular expression");
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for capture in quoted.captures_iter(line) {
            let path = &capture[1];
            let file = [".rs", ".md", ".toml", ".json", ".sh"]
                .iter()
                .any(|end| path.ends_with(end));
            if (path.contains('/') || file) && !root.join(path).exists() {
                found.push(format!(
                    "{document}:{}: there is no {path}: the document names only what exists",
                    index + 1
                ));
            }
        }
    }
    found
}

/// Files of `src/http/api/` (by name, without the ending) with no test file of the same name.
pub(crate) fn resources_without_tests(resources: &[String], tests: &[String]) -> Vec<String> {
    let untested = |name: &&String| {
        *name != "mod"
            && !tests.contains(name)
            && !UNTESTED_RESOURCES.iter().any(|(listed, _)| listed == name)
    };
    let names = resources.iter().filter(untested);
    names
        .map(|name| format!("src/http/api/{name}.rs:1: a resource has a black-box test of its name, tests/api/{name}.rs"))
        .collect()
}

/// Operations of an OpenAPI document that are not named by verb and noun.
pub(crate) fn badly_named_operations(document: &Value) -> Vec<String> {
    let shape = Regex::new("^[a-z]+(_[a-z]+)+$").expect("a regular expression");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or("");
            let verb = id.split('_').next().unwrap_or("");
            if !shape.is_match(id) || !VERBS.contains(&verb) {
                found.push(format!(
                    "docs/openapi.json: {method} {path} is named {id:?}: an operation is named by verb and noun"
                ));
            }
        }
    }
    found
}

#[test]
fn papers_that_break_a_rule_are_found() {
    let entries = ["src".to_owned(), "notes.txt".to_owned()];
    assert_eq!(unlisted_top_level(&entries).len(), 1);

    let text =
        "See `src/lib.rs`, `src/cellar/`, `GET /api/v1/models`, `store.write` and `/v1/models`.";
    let missing = missing_paths("X.md", text, super::reader::repository());
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].starts_with("X.md:1: there is no src/cellar/"));

    let untested = resources_without_tests(
        &["mod".into(), "users".into(), "keys".into()],
        &["users".into()],
    );
    assert_eq!(untested.len(), 1);
    assert!(untested[0].starts_with("src/http/api/keys.rs:1:"));

    let document = serde_json::json!({"paths": {
        "/a": {"get": {"operationId": "list_users"}, "post": {"operationId": "usersCreate"}},
        "/b": {"get": {}},
    }});
    assert_eq!(badly_named_operations(&document).len(), 2);
}
