//! The rules of the house, enforced: which room knows which, how long a file may be, what says
//! what it is for. `house/table.rs` holds them as data; a failure names the rule and the line.
//! That every rule can fail is proven in `house/broken.rs`.

#[path = "house/broken.rs"]
mod broken;
#[path = "house/checks.rs"]
mod checks;
#[path = "house/papers.rs"]
mod papers;
#[path = "house/reader.rs"]
mod reader;
#[path = "house/table.rs"]
mod table;

use checks::Check;
use reader::{repository, sources};

fn expect_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

fn hold(check: Check, folders: &[&str]) {
    let all = sources(folders);
    assert!(!all.is_empty(), "there is nothing in {folders:?}");
    let mut found: Vec<String> = all.into_iter().flat_map(check).collect();
    found.dedup();
    expect_none(&found);
}

/// What stands directly in a folder and holds Rust, without the ending.
fn names_in(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = sources(&[folder])
        .iter()
        .filter_map(|source| source.path[folder.len() + 1..].split('/').next())
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .collect();
    names.dedup();
    names
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path))
        .unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

#[test]
fn one_outside_engine_has_one_room() {
    hold(checks::one_outside_engine_one_room, &["src"]);
}

#[test]
fn a_room_knows_only_rooms_below_it() {
    hold(checks::a_room_knows_only_rooms_below_it, &["src"]);
}

#[test]
fn http_never_opens_a_transaction() {
    hold(checks::http_never_opens_a_transaction, &["src"]);
}

#[test]
fn files_are_short() {
    hold(checks::files_are_short, &["src", "tests", "benches"]);
}

#[test]
fn functions_are_short() {
    hold(checks::functions_are_short, &["src", "tests", "benches"]);
}

#[test]
fn names_say_something() {
    hold(checks::names_say_something, &["src", "tests", "benches"]);
}

#[test]
fn every_file_says_what_it_is_for() {
    hold(
        checks::a_file_says_what_it_is_for,
        &["src", "tests", "benches"],
    );
}

#[test]
fn unsafe_stays_at_the_border() {
    hold(checks::unsafe_stays_at_the_border, &["src"]);
}

#[test]
fn only_config_reads_the_environment() {
    hold(checks::only_config_reads_the_environment, &["src"]);
}

#[test]
fn only_the_command_line_prints() {
    hold(checks::only_the_command_line_prints, &["src"]);
}

#[test]
fn the_top_of_the_repository_is_tidy() {
    let entries: Vec<String> = std::fs::read_dir(repository())
        .expect("the repository can be listed")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    expect_none(&papers::unlisted_top_level(&entries));
}

#[test]
fn the_architecture_document_names_only_what_exists() {
    let document = "docs/ARCHITECTURE.md";
    let text = read(document);
    assert!(
        text.lines().count() < 200,
        "{document} has 200 lines or more: keep it a map"
    );
    expect_none(&papers::missing_paths(document, &text, repository()));
}

#[test]
fn a_resource_has_a_test_of_its_name() {
    expect_none(&papers::resources_without_tests(
        &names_in("src/http/api"),
        &names_in("tests/api"),
    ));
}

#[test]
fn operations_are_named_by_verb_and_noun() {
    let document =
        serde_json::from_str(&read("docs/openapi.json")).expect("docs/openapi.json is JSON");
    expect_none(&papers::badly_named_operations(&document));
}
