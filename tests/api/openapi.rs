//! The API's description in docs/openapi.json is what the binary says of itself.
//! The page's client and everybody else's are generated from it, so it must not drift.

use serde_json::Value;

use crate::support::{binary, run_to_end, text};

fn printed() -> String {
    let output = run_to_end(binary().arg("openapi"));
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}

fn kept() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    let text = std::fs::read_to_string(path).expect("docs/openapi.json is there: make openapi");
    serde_json::from_str(&text).expect("docs/openapi.json is JSON")
}

#[test]
fn the_kept_description_is_current() {
    let printed: Value = serde_json::from_str(&printed()).expect("a JSON document");
    assert!(
        printed == kept(),
        "docs/openapi.json is not what `chatelaine openapi` prints; refresh it: make openapi"
    );
}

#[test]
fn every_operation_says_what_it_does_and_who_may() {
    let open = [
        "get_setup",
        "complete_setup",
        "get_registration",
        "register_user",
        "sign_in",
        "refresh_tokens",
        "verify_email",
        "send_verification",
        "request_password_reset",
        "reset_password",
        "get_approval",
        "decide_approval",
    ];
    let document = kept();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let id = text(operation, "/operationId");
            assert!(
                operation["summary"].is_string(),
                "{method} {path} has no summary"
            );
            let guarded = operation["security"]
                .as_array()
                .is_some_and(|schemes| !schemes.is_empty());
            assert_eq!(guarded, !open.contains(&id), "{id}: who may call it?");
        }
    }
}

#[test]
fn every_path_of_the_written_contract_is_described() {
    let document = kept();
    let paths = document["paths"].as_object().expect("paths");
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/API.md"))
        .expect("docs/API.md");
    let rows = written
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("/api/v1/"));
    let mut found = 0;
    for row in rows {
        let cell = row.split('|').nth(1).expect("a first cell");
        let path = cell.split('`').find_map(|part| {
            part.split_whitespace()
                .find_map(|word| word.strip_prefix("/api/v1"))
        });
        let path = path.expect("a path");
        assert!(paths.contains_key(path), "docs/openapi.json lacks {path}");
        found += 1;
    }
    assert!(found > 15, "the table of docs/API.md was not found");
}
