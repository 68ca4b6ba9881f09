//! Clients that others made: the `openai` package, and one generated from docs/openapi.json.
//!
//! They need a Python environment: see `support/python.rs`. The scripts are in `tests/clients/`.

use std::process::Command;

use serde_json::json;

use crate::support::{House, PASSWORD, Script, python};

/// Runs a script of `tests/clients/` with these arguments; it must succeed.
async fn run(python: &str, script: &str, arguments: Vec<String>) {
    let path = format!("{}/tests/clients/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(python);
    command
        .arg(path)
        .args(arguments)
        .env("NO_PROXY", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("it ends");
    let output = output.expect("Python can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {text}");
    println!("{text}");
}

#[tokio::test]
async fn the_openai_package_chats_streams_calls_tools_and_embeds() {
    let python = python();
    let weather = json!({
        "when": "^Is it warm", "reasoning": "I look.", "reply": "It is warm.",
        "tool_calls": [{"name": "get_weather", "arguments": {"city": "Oslo"}}],
    });
    let person = json!({"when": "^Make a person", "reply": "{\"name\": \"Ada\", \"age\": 36}"});
    let house = House::scripted(Script::default().rule(weather).rule(person)).await;
    let token = house.set_up().await.access_token.expect("a token");
    run(&python, "openai_client.py", vec![house.base.clone(), token]).await;
}

#[tokio::test]
async fn a_client_generated_from_the_description_signs_in_and_chats() {
    let python = python();
    let house = House::start().await;
    house.set_up().await;
    let document = format!("{}/docs/openapi.json", env!("CARGO_MANIFEST_DIR"));
    run(
        &python,
        "generated_client.py",
        vec![house.base.clone(), document, "ada".into(), PASSWORD.into()],
    )
    .await;
}
