//! The reference says what the code does. The files that are made from it say what it does.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::hooks::{HOOKS, TYPES};
use super::{definitions, guide_with_reference};
use crate::plugins::hook::Hook;
use crate::plugins::samples::sample;

fn kept(path: &str) -> String {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_kept_reference_is_current() {
    let mend = "refresh it: make plugin-reference";
    assert!(
        kept("plugins/api.d.rhai") == definitions(),
        "plugins/api.d.rhai: {mend}"
    );
    let guide = kept("docs/PLUGINS.md");
    let made = guide_with_reference(&guide).expect("docs/PLUGINS.md has a place for it");
    assert!(made == guide, "docs/PLUGINS.md: {mend}");
}

#[test]
fn every_hook_and_every_field_it_is_told_has_its_sentence() {
    let now = crate::plugins::moment::moment_of(&jiff::Zoned::now());
    for hook in Hook::ALL {
        assert!(HOOKS.iter().any(|text| text.hook == hook), "{hook:?}");
        let sample = sample(hook, &now);
        let names: BTreeSet<&str> = sample.keys().map(String::as_str).collect();
        let parameters: BTreeSet<&str> = hook.parameters().iter().copied().collect();
        assert_eq!(names, parameters, "{hook:?}");
        for (name, value) in &sample {
            let text = TYPES.iter().find(|text| text.name == name);
            let fields = text
                .unwrap_or_else(|| panic!("{name} has no sentence"))
                .fields;
            let described: BTreeSet<&str> = fields.iter().map(|field| field.0).collect();
            let there: BTreeSet<&str> = fields_of(value);
            assert_eq!(there, described, "{name} of {hook:?}");
        }
    }
    assert!(fields_of(&json!(null)).is_empty());
}

fn fields_of(value: &Value) -> BTreeSet<&str> {
    let fields = value
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys());
    fields.map(String::as_str).collect()
}
