//! Each rule of the house as a function: a source file in, sentences out that name the place and
//! the rule. Nothing here reads a file, so `tests/house/broken.rs` can feed every rule a file that breaks it.

use super::reader::Source;
use super::table::{
    EMPTY_NAMES, ENGINES, ENVIRONMENT_HOMES, FOUNDATIONS, LINES_OF_A_FILE, LINES_OF_A_FUNCTION,
    LINES_OF_A_SMALL_FILE, ROOMS, TERMINAL_HOMES, UNSAFE_HOMES,
};

pub(crate) type Check = fn(&Source) -> Vec<String>;

fn at(source: &Source, line: usize, sentence: &str) -> String {
    format!("{}:{line}: {sentence}", source.path)
}

fn lives_in(source: &Source, homes: &[&str]) -> bool {
    homes.iter().any(|home| {
        source.path.starts_with(home) || source.path == format!("{}.rs", home.trim_end_matches('/'))
    })
}

pub(crate) fn one_outside_engine_one_room(source: &Source) -> Vec<String> {
    if source.is_for_tests() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (names, line) in &source.facts.paths {
        let Some(engine) = ENGINES.iter().find(|engine| names[0] == engine.krate) else {
            continue;
        };
        if !lives_in(source, engine.homes) {
            let sentence = format!(
                "{} may be named only in {}: one outside engine, one room",
                engine.krate,
                engine.homes.join(" and ")
            );
            found.push(at(source, *line, &sentence));
        }
    }
    found
}

pub(crate) fn a_room_knows_only_rooms_below_it(source: &Source) -> Vec<String> {
    let Some(name) = source.room().filter(|_| !source.is_for_tests()) else {
        return Vec::new();
    };
    if name == "lib" {
        return Vec::new();
    }
    let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
        let sentence = format!(
            "the room {name} is not in tests/house/table.rs: say there which rooms it may know"
        );
        return vec![at(source, 1, &sentence)];
    };
    let mut found = Vec::new();
    for (names, line) in &source.facts.paths {
        let [root, other, ..] = names.as_slice() else {
            continue;
        };
        let is_room = ROOMS.iter().any(|room| room.name == other);
        let may = other == name || room.may_know.contains(&other.as_str());
        if root == "crate" && is_room && !may && !FOUNDATIONS.contains(&other.as_str()) {
            let sentence = format!("{name} may not know {other}: {}", room.because);
            found.push(at(source, *line, &sentence));
        }
    }
    found
}

pub(crate) fn http_never_opens_a_transaction(source: &Source) -> Vec<String> {
    if source.room() != Some("http") || source.is_for_tests() {
        return Vec::new();
    }
    let sentence = "http never opens a transaction: ask a domain room";
    let lines = source.facts.transactions.iter();
    lines.map(|line| at(source, *line, sentence)).collect()
}

pub(crate) fn files_are_short(source: &Source) -> Vec<String> {
    if source.lines <= LINES_OF_A_FILE {
        return Vec::new();
    }
    let sentence = format!(
        "a file has at most {LINES_OF_A_FILE} lines, and this has {}: split it by what it is for",
        source.lines
    );
    vec![at(source, LINES_OF_A_FILE + 1, &sentence)]
}

pub(crate) fn functions_are_short(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (name, first, last) in &source.facts.functions {
        let lines = last + 1 - first;
        if lines > LINES_OF_A_FUNCTION {
            let sentence = format!(
                "a function has at most {LINES_OF_A_FUNCTION} lines, and {name} has {lines}"
            );
            found.push(at(source, *first, &sentence));
        }
    }
    found
}

pub(crate) fn names_say_something(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for part in source.path.split('/') {
        let name = part.strip_suffix(".rs").unwrap_or(part);
        if EMPTY_NAMES.contains(&name) {
            let sentence = format!("{part} says nothing about what is inside: name it after that");
            found.push(at(source, 1, &sentence));
        }
    }
    for (name, line, _) in &source.facts.functions {
        if name.starts_with("handle_") {
            let sentence = format!("{name} hides what it does: name a function by verb and noun");
            found.push(at(source, *line, &sentence));
        }
    }
    found
}

pub(crate) fn a_file_says_what_it_is_for(source: &Source) -> Vec<String> {
    let text = source.header.join(" ");
    let sentences = text.matches(". ").count() + usize::from(text.ends_with(['.', ':']));
    let wanted = 1 + usize::from(source.lines > LINES_OF_A_SMALL_FILE);
    if !text.is_empty() && sentences >= wanted {
        return Vec::new();
    }
    let sentence = "a file opens with `//!` and says what it is for, in two sentences or more where \
                    it is not small";
    vec![at(source, 1, sentence)]
}

pub(crate) fn unsafe_stays_at_the_border(source: &Source) -> Vec<String> {
    if lives_in(source, UNSAFE_HOMES) || source.is_for_tests() {
        return Vec::new();
    }
    let sentence = format!("unsafe may stand only in {}", UNSAFE_HOMES.join(" and "));
    let lines = source.facts.unsafe_lines.iter();
    lines.map(|line| at(source, *line, &sentence)).collect()
}

pub(crate) fn only_config_reads_the_environment(source: &Source) -> Vec<String> {
    if lives_in(source, ENVIRONMENT_HOMES) || source.is_for_tests() {
        return Vec::new();
    }
    let reads = |names: &[String]| {
        names.windows(2).any(|pair| {
            pair[0] == "env" && ["var", "var_os", "vars", "vars_os"].contains(&pair[1].as_str())
        })
    };
    let sentence = "only config/ reads the environment";
    let paths = source.facts.paths.iter();
    paths
        .filter(|(names, _)| reads(names))
        .map(|(_, line)| at(source, *line, sentence))
        .collect()
}

pub(crate) fn only_the_command_line_prints(source: &Source) -> Vec<String> {
    if lives_in(source, TERMINAL_HOMES) || source.is_for_tests() {
        return Vec::new();
    }
    let prints = ["print", "println", "eprint", "eprintln", "dbg"];
    let mut found = Vec::new();
    for (name, line) in &source.facts.macros {
        if prints.contains(&name.as_str()) {
            let sentence = format!("{name}! may stand only in cli/: everything else logs");
            found.push(at(source, *line, &sentence));
        }
    }
    found
}
