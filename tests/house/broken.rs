//! Proves that the rules can fail: each is fed a small file that breaks it and must answer with
//! its sentence. Without this a check that finds nothing would look like a tidy house.

use super::checks::{self, Check};
use super::reader::Source;

const HEADER: &str = "//! What this is for. And why.\n";

/// Checks a file of one item and expects exactly one sentence that ends as given.
fn expect(check: Check, path: &str, item: &str, sentence: &str) {
    let source = Source::parse(path, &format!("{HEADER}{item}\n"));
    let found = check(&source);
    assert_eq!(found.len(), 1, "{path} should break one rule: {found:?}");
    assert!(
        found[0].contains(sentence),
        "{:?} does not say {sentence:?}",
        found[0]
    );
    assert!(
        found[0].starts_with(&format!("{path}:")),
        "{:?} does not name its place",
        found[0]
    );
}

fn expect_nothing(check: Check, path: &str, item: &str) {
    let source = Source::parse(path, &format!("{HEADER}{item}\n"));
    assert_eq!(check(&source), Vec::<String>::new());
}

#[test]
fn an_engine_outside_its_room_is_found() {
    let check = checks::one_outside_engine_one_room;
    let sentence = "redb may be named only in src/store/: one outside engine, one room";
    for item in [
        "use redb::Database;",
        "use { redb::Database };",
        "fn open() -> redb::Database { loop {} }",
        "fn find() { log!(redb::open(1)); }",
        "#[derive(redb::Key)] struct Id;",
    ] {
        expect(check, "src/accounts/users.rs", item, sentence);
    }
    expect_nothing(check, "src/store/mod.rs", "use redb::Database;");
    expect_nothing(
        check,
        "src/accounts/users.rs",
        "fn redb() { let redb = 1; }",
    );
}

#[test]
fn a_room_that_knows_too_much_is_found() {
    let check = checks::a_room_knows_only_rooms_below_it;
    let engine = "engine may not know conversations: the engine knows tokens, not users";
    expect(
        check,
        "src/engine/mod.rs",
        "use crate::conversations::Conversations;",
        engine,
    );
    expect(
        check,
        "src/engine/mod.rs",
        "use crate::{error::Error, conversations::Conversations};",
        engine,
    );
    expect(
        check,
        "src/engine/llama/mod.rs",
        "use super::super::conversations::Message;",
        engine,
    );
    expect(
        check,
        "src/http/api/users.rs",
        "fn list() { crate::store::open(); }",
        "http may not know store",
    );
    expect(
        check,
        "src/store/users.rs",
        "use crate::accounts::Caller;",
        "store may not know accounts",
    );
    expect(
        check,
        "src/attic/mod.rs",
        "struct Trunk;",
        "the room attic is not in tests/house/table.rs",
    );
    expect_nothing(
        check,
        "src/conversations/mod.rs",
        "use crate::store::Store;",
    );
    expect_nothing(
        check,
        "src/engine/mod.rs",
        "#[cfg(test)] mod tests { use crate::conversations::Message; }",
    );
}

#[test]
fn a_transaction_in_http_is_found() {
    let check = checks::http_never_opens_a_transaction;
    let item = "fn list(house: &House) { house.store.read(|tx| tx.list()); }";
    expect(
        check,
        "src/http/api/users.rs",
        item,
        "http never opens a transaction",
    );
    expect_nothing(check, "src/accounts/users.rs", item);
}

#[test]
fn a_long_file_and_a_long_function_are_found() {
    let lines = "    step();\n".repeat(59);
    let long = format!("fn walk() {{\n{lines}}}");
    expect(
        checks::functions_are_short,
        "src/ids.rs",
        &long,
        "a function has at most 60 lines, and walk has 61",
    );
    let constants = "const A: u8 = 1;\n".repeat(400);
    expect(
        checks::files_are_short,
        "src/ids.rs",
        &constants,
        "a file has at most 400 lines",
    );
}

#[test]
fn a_name_that_says_nothing_is_found() {
    let check = checks::names_say_something;
    expect(
        check,
        "src/store/utils.rs",
        "",
        "utils.rs says nothing about what is inside",
    );
    expect(
        check,
        "src/http/events.rs",
        "fn handle_event() {}",
        "handle_event hides what it does",
    );
}

#[test]
fn a_file_without_a_word_on_its_purpose_is_found() {
    let check = checks::a_file_says_what_it_is_for;
    let sentence = "src/ids.rs:1: a file opens with `//!`";
    let mute = Source::parse("src/ids.rs", "struct Id;");
    assert!(check(&mute)[0].starts_with(sentence));
    let curt = format!("//! Ids.\n{}", "const A: u8 = 1;\n".repeat(50));
    assert!(check(&Source::parse("src/ids.rs", &curt))[0].starts_with(sentence));
    assert!(check(&Source::parse("src/ids.rs", "//! Ids.\nstruct Id;")).is_empty());
}

#[test]
fn unsafe_code_in_an_ordinary_room_is_found() {
    let check = checks::unsafe_stays_at_the_border;
    let sentence = "unsafe may stand only in src/engine/llama/ and src/worker/";
    for item in [
        "fn peek() { unsafe { read() } }",
        "unsafe fn peek() {}",
        "unsafe impl Send for Id {}",
        "unsafe extern \"C\" {}",
    ] {
        expect(check, "src/store/keys.rs", item, sentence);
    }
    expect_nothing(
        check,
        "src/worker/limits.rs",
        "fn peek() { unsafe { read() } }",
    );
}

#[test]
fn reading_the_environment_elsewhere_is_found() {
    let check = checks::only_config_reads_the_environment;
    let sentence = "only config/ reads the environment";
    expect(
        check,
        "src/accounts/mod.rs",
        "fn home() { std::env::var(\"HOME\"); }",
        sentence,
    );
    expect(
        check,
        "src/accounts/mod.rs",
        "use std::env::var_os;",
        sentence,
    );
    expect_nothing(
        check,
        "src/accounts/mod.rs",
        "fn folder() { std::env::temp_dir(); }",
    );
}

#[test]
fn printing_elsewhere_is_found() {
    let check = checks::only_the_command_line_prints;
    let item = "fn tell() { println!(\"hello\"); }";
    expect(
        check,
        "src/accounts/mod.rs",
        item,
        "println! may stand only in cli/",
    );
    expect_nothing(check, "src/cli/ask.rs", item);
}
