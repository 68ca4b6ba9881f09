//! Scripts that mean harm: each ends in an error, soon, and takes nothing with it but its own
//! process. The server stays the same process, and other plugins answer meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::plugins::{PLUGINS, create, dry_run, registration};
use crate::support::{House, Options, Person};

const HOOK: &str = "registration_before_accept";
const DEADLINE: Duration = Duration::from_millis(500);
/// What a script may take beyond its deadline.
const GRACE: Duration = Duration::from_secs(1);
/// A process is started for each, and machines that run tests are busy.
const START: Duration = Duration::from_secs(5);

/// Asks with a source that nobody saved, and gives the sentence of its error.
async fn ends_in_an_error(ada: &Person, name: &str, source: &str) -> String {
    let begun = Instant::now();
    let came = dry_run(ada, "victim", json!({"hook": HOOK, "source": source})).await;
    let took = begun.elapsed();
    assert!(took < DEADLINE + GRACE + START, "{name} took {took:?}");
    let error = came["error"]["message"].as_str();
    error
        .unwrap_or_else(|| panic!("{name} ended well: {}", short(&came)))
        .to_owned()
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

pub(crate) type Hostile = Vec<(&'static str, String)>;

/// Those that nest or go on without end.
pub(crate) fn endless() -> Hostile {
    let body = |text: &str| registration(text);
    let nested = |open: &str, core: &str, close: &str| {
        let (open, close) = (open.repeat(10_000), close.repeat(10_000));
        body(&format!("let x = {open}{core}{close}; allow()"))
    };
    let chain = "if key == 1 { } else ".repeat(5_000);
    vec![
        ("an endless loop", body("loop { }")),
        (
            "one that catches what it can",
            body("loop { try { throw 1; } catch { } }"),
        ),
        ("sleep", body("sleep(8); allow()")),
        ("sleep in fractions", body("sleep(8.5); allow()")),
        ("deep recursion", body("f(0)") + "fn f(n) { f(n + 1) }"),
        (
            "wide recursion",
            body("f(0)") + "fn f(n) { if n < 30 { f(n + 1); f(n + 1); } }",
        ),
        ("nested closures", nested("|| ", "1", "")),
        ("nested closures with blocks", nested("|a| { ", "1", " }")),
        ("nested brackets", nested("(", "1", ")")),
        ("nested arrays", nested("[", "1", "]")),
        ("nested maps", nested("#{a: ", "1", "}")),
        ("nested blocks", nested("{ ", "1", " }")),
        ("nested ifs", nested("if true { ", "1", " }")),
        ("nested texts", nested("`${", "1", "}`")),
        ("many minuses", nested("- ", "1", "")),
        ("a long sum", nested("", "1 + 1", " + 1")),
        ("a long chain", nested("", "key", ".a")),
        ("a long chain of else", body(&chain) + "{ }"),
        (
            "a huge range",
            body("for i in 0..9000000000000000000 { } allow()"),
        ),
    ]
}

/// Those that take all the memory there is.
pub(crate) fn growing() -> Hostile {
    let body = |text: &str| registration(text);
    let large = |text: &str| registration(&format!("let s = \"\"; s.pad(100000, 'a'); {text}"));
    vec![
        (
            "a growing text",
            body("let s = \"x\"; loop { s += \"yyyyyyyyyyyyyyyyyyyyyyyy\"; }"),
        ),
        ("a doubling text", body("let s = \"x\"; loop { s += s; }")),
        ("a growing array", body("let a = []; loop { a.push(1); }")),
        ("a doubling array", body("let a = [0]; loop { a += a; }")),
        (
            "an array in itself",
            body("let a = [0]; loop { a = [a, a]; }"),
        ),
        ("a deep array", body("let a = []; loop { a = [a]; }")),
        (
            "a huge map",
            body("let m = #{}; let i = 0; loop { m[`k${i}`] = i; i += 1; }"),
        ),
        (
            "a doubling map",
            body("let m = #{a: 1}; loop { m = #{a: m, b: m}; }"),
        ),
        ("many large texts", large("let a = []; loop { a.push(s); }")),
        (
            "a text replaced by texts",
            large("let t = s; t.replace(\"a\", s); refuse(t)"),
        ),
        (
            "a pattern's replacement",
            large("refuse(regex_replace(\"a\", s, s))"),
        ),
        ("a large answer", large("allow_with(#{groups: [s]})")),
        (
            "a large pattern",
            body("regex_match(\"(a{1000}){1000}\", \"a\"); allow()"),
        ),
        ("a blob", body("let b = blob(1000000000); allow()")),
    ]
}

/// Those that ask for what there is not, or are no scripts.
fn forbidden() -> Hostile {
    let body = |text: &str| registration(text);
    let functions: String = (0..1_000).map(|it| format!("fn f{it}() {{ }}\n")).collect();
    let variables: String = (0..1_000).map(|it| format!("let v{it} = 1;\n")).collect();
    vec![
        ("eval", body("eval(\"allow()\")")),
        ("import", body("import \"/etc/passwd\" as x; allow()")),
        ("a pointer to a function", body("Fn(\"allow\").call()")),
        ("curry", body("let f = curry(allow, 1); allow()")),
        ("a file", body("open_file(\"/etc/passwd\"); allow()")),
        ("the environment", body("env(\"HOME\"); allow()")),
        ("the end of the process", body("exit()")),
        ("many functions", body("allow()") + &functions),
        ("many variables", body(&(variables + "allow()"))),
        ("a NUL byte", body("let x = \0; allow()")),
        ("not even text", "\u{1}\u{2}\u{fffd}`${".into()),
        ("nothing", String::new()),
    ]
}

#[tokio::test]
async fn a_hostile_script_ends_in_an_error_and_takes_nothing_with_it() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    create(&ada, "victim", &registration("allow()")).await;
    let id = house.process_id();
    let all = endless().into_iter().chain(growing()).chain(forbidden());
    for (name, source) in all {
        let error = ends_in_an_error(&ada, name, &source).await;
        assert!(!error.is_empty() && error.len() <= 2_000, "{name}: {error}");
        assert!(house.is_running(), "{name} ended the server");
    }
    assert_eq!(house.process_id(), id);
    let fine = dry_run(&ada, "victim", json!({"hook": HOOK})).await;
    assert_eq!(fine["decision"], "allowed");
}

#[tokio::test]
async fn what_a_script_prints_is_cut_to_a_bearable_length() {
    let house = House::start().await;
    let ada = house.set_up().await;
    let much =
        "let s = \"\"; s.pad(10000, 'x'); for i in 0..2000 { print(s); debug(i); log(i); } allow()";
    create(&ada, "victim", &registration(much)).await;
    let came = dry_run(&ada, "victim", json!({"hook": HOOK})).await;
    let log = came["log"].as_array().expect("a log");
    let length = |line: &Value| line.as_str().expect("a line").len();
    assert_eq!(log.iter().map(length).max(), Some(500));
    assert!(log.len() <= 50, "{}", short(&came));
    assert_eq!(log.iter().map(length).sum::<usize>(), 4 << 10);
}

#[tokio::test]
async fn a_script_of_ten_megabytes_is_refused_unread() {
    let house = House::start().await;
    let ada = house.set_up().await;
    create(&ada, "victim", &registration("allow()")).await;
    let large = registration("allow()") + &" ".repeat(10 << 20);
    let path = format!("{PLUGINS}/victim");
    ada.patch(&path, json!({"source": large}))
        .await
        .refused(413, "payload_too_large");
    let less = registration("allow()") + &" ".repeat(300 << 10);
    for (path, body) in [
        (PLUGINS.to_owned(), json!({"name": "large", "source": less})),
        (path.clone(), json!({"source": less})),
    ] {
        let answer = match path.ends_with("victim") {
            true => ada.patch(&path, body).await,
            false => ada.post(&path, body).await,
        };
        answer.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn while_one_plugin_hangs_others_answer() {
    let options = Options::default().with("CHATELAINE_PLUGINS__DEADLINE_MS", "3000");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    let slow = "loop { let text = \"\"; text.pad(1000000, 'x'); }";
    create(&ada, "hangs", &registration(slow)).await;
    create(&ada, "quick", &registration("refuse(\"quick\")")).await;
    let hanging = async {
        let came = dry_run(&ada, "hangs", json!({"hook": HOOK})).await;
        assert!(
            came["error"]["message"]
                .as_str()
                .is_some_and(|it| it.contains("3000 ms")),
            "{came}"
        );
        Instant::now()
    };
    let quick = async {
        for _ in 0..3 {
            let came = dry_run(&ada, "quick", json!({"hook": HOOK})).await;
            assert_eq!(came["reason"], "quick");
        }
        Instant::now()
    };
    let (hung, answered) = tokio::join!(hanging, quick);
    assert!(
        answered < hung,
        "three answers came before the one that hung was ended"
    );
}
