//! The reference for those who write plugins: one table in the code, from which `plugins/api.d.rhai`
//! and a part of `docs/PLUGINS.md` are made. `chatelaine plugin-reference` prints both; a test keeps
//! them current.

pub(super) mod functions;
mod hooks;
#[cfg(test)]
mod reference_tests;

use std::fmt::Write;

use self::functions::FUNCTIONS;
use self::hooks::{HOOKS, HookText, TYPES};

const BEGIN: &str = "<!-- reference: made by `make plugin-reference` -->";
const END: &str = "<!-- reference: end -->";

impl HookText {
    fn signature(&self) -> String {
        format!(
            "{}({})",
            self.hook.name(),
            self.hook.parameters().join(", ")
        )
    }
}

/// `plugins/api.d.rhai`.
pub fn definitions() -> String {
    let mut text = String::from(
        "// What the house gives to plugins, and what it asks them. Made by `make plugin-reference`.\n\
         module static;\n",
    );
    let mut add = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    for function in FUNCTIONS {
        add("");
        add(&format!("/// {}", function.sentence));
        add(&format!(
            "fn {};",
            in_the_languages_types(function.signature)
        ));
    }
    for kind in TYPES {
        add("");
        add(&format!("// {}: {}", kind.name, kind.sentence));
        for (name, of, sentence) in kind.fields {
            add(&format!("//   {name}: {of}. {sentence}"));
        }
    }
    for hook in HOOKS {
        add("");
        add(&format!(
            "// A hook, written by the plugin: {}",
            hook.sentence
        ));
        add(&format!("// Answers {}.", hook.answers));
        add(&format!("// fn {}", hook.signature()));
    }
    text
}

/// The types of a signature as editors know them.
fn in_the_languages_types(signature: &str) -> String {
    const TYPES: [(&str, &str); 8] = [
        ("string or ()", "?"),
        ("array of strings", "Array"),
        ("string", "String"),
        ("integer", "int"),
        ("boolean", "bool"),
        ("array", "Array"),
        ("map", "Map"),
        ("any", "?"),
    ];
    let mut text = signature.to_owned();
    for (ours, theirs) in TYPES {
        for before in [": ", "-> "] {
            text = text.replace(&format!("{before}{ours}"), &format!("{before}{theirs}"));
        }
    }
    text
}

/// The part of `docs/PLUGINS.md` that is made.
fn reference() -> String {
    let mut text = String::new();
    let mut add = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    add("### Hooks\n\n| function | asks | may answer | without an answer |\n|---|---|---|---|");
    for hook in HOOKS {
        let answers = hook.answers.replace('|', "\\|");
        let signature = hook.signature();
        add(&format!(
            "| `{signature}` | {} | {answers} | {} |",
            hook.sentence, hook.otherwise
        ));
    }
    add("\n### What hooks are told\n");
    for kind in TYPES {
        add(&format!(
            "`{}`: {}\n\n| field | type | |\n|---|---|---|",
            kind.name, kind.sentence
        ));
        for (name, of, sentence) in kind.fields {
            add(&format!("| `{name}` | {of} | {sentence} |"));
        }
        add("");
    }
    add("### Functions\n\n| function | | example |\n|---|---|---|");
    for function in FUNCTIONS {
        let example = function.example.replace('|', "\\|");
        add(&format!(
            "| `{}` | {} | `{example}` |",
            function.signature, function.sentence
        ));
    }
    text
}

/// `docs/PLUGINS.md` with its reference made anew; None where it has no place for one.
pub fn guide_with_reference(guide: &str) -> Option<String> {
    let (before, rest) = guide.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let mut text = before.to_owned();
    write!(text, "{BEGIN}\n\n{}\n{END}{after}", reference()).ok()?;
    Some(text)
}
