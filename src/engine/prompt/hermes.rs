//! Tools for models whose template knows none: described in the system message, in the manner of
//! Hermes, which most models understand. Calls and answers of earlier turns become plain messages.
//!
//! Takes guarded texts, so the markers written here stay the only ones.

use minijinja::value::Value;

use super::python::to_json;
use super::shown::Shown;
use crate::engine::Role;

pub(super) fn described(messages: Vec<Shown>, tools: &[Value]) -> Vec<Shown> {
    let mut plain: Vec<Shown> = Vec::with_capacity(messages.len() + 1);
    if !tools.is_empty() {
        plain.push(message(Role::System, description(tools)));
    }
    for shown in messages {
        match shown.role {
            Role::System if plain.len() == 1 && !tools.is_empty() => {
                let description = std::mem::take(&mut plain[0].content);
                plain[0].content = format!("{}\n\n{description}", shown.content);
            }
            Role::Tool => {
                let answer = format!("<tool_response>\n{}\n</tool_response>", shown.content);
                match plain.last_mut() {
                    Some(last) if last.role == Role::User && last.call_name == TOOL_ANSWERS => {
                        last.content = format!("{}\n{answer}", last.content);
                    }
                    _ => plain.push(Shown {
                        call_name: TOOL_ANSWERS.into(),
                        ..message(Role::User, answer)
                    }),
                }
            }
            _ => plain.push(with_calls_as_text(shown)),
        }
    }
    plain
}

/// Marks what answers tools until the messages are rendered; a user's message shows no name.
const TOOL_ANSWERS: &str = "tools";

fn message(role: Role, content: String) -> Shown {
    Shown {
        role,
        content,
        reasoning: String::new(),
        calls: Vec::new(),
        call_id: String::new(),
        call_name: String::new(),
    }
}

fn with_calls_as_text(mut shown: Shown) -> Shown {
    for call in std::mem::take(&mut shown.calls) {
        if !shown.content.is_empty() {
            shown.content.push('\n');
        }
        let name = to_json(&Value::from(call.name.as_str()), None).unwrap_or_default();
        shown.content.push_str(&format!(
            "<tool_call>\n{{\"name\": {name}, \"arguments\": {}}}\n</tool_call>",
            call.arguments_text()
        ));
    }
    shown
}

fn description(tools: &[Value]) -> String {
    let tools: Vec<String> = tools
        .iter()
        .filter_map(|tool| to_json(tool, None).ok())
        .collect();
    format!(
        "# Tools\n\n\
         These functions can be called where they help, each described by a line of JSON:\n\
         <tools>\n{}\n</tools>\n\n\
         To call a function, write its name and arguments as a JSON object within <tool_call></tool_call>, \
         and nothing after it; the result comes in the next message:\n\
         <tool_call>\n{{\"name\": \"function-name\", \"arguments\": {{\"argument-name\": \"value\"}}}}\n</tool_call>",
        tools.join("\n")
    )
}
