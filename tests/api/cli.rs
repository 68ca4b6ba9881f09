//! The command line: what goes wrong is one plain sentence on stderr and exit status 1; wrong
//! usage is 2; help has an example. `serve` itself is what every other test here drives.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::json;

use crate::support::{AdapterFile, House, Options, PASSWORD, binary, run_to_end};

const NEW_PASSWORD: &str = "a whole ring of iron keys";

fn run(arguments: &[&str]) -> Output {
    run_to_end(binary().args(arguments))
}

/// The one sentence on stderr of a command that failed.
#[track_caller]
fn failed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1, "more than one sentence: {text}");
    for inside in ["panicked", "src/", "RUST_BACKTRACE", "Error {", "Os {"] {
        assert!(!text.contains(inside), "{inside:?} in {text:?}");
    }
    text
}

fn serve_in(data: &str) -> Command {
    let mut command = binary();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data", data]);
    command
}

/// Root may write anywhere, so there the folder is one that cannot be: below a file.
#[test]
fn a_data_folder_that_cannot_be_written_is_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "x").expect("a file");
    let below = file.join("data");
    let text = failed(&run_to_end(&mut serve_in(below.to_str().expect("a path"))));
    assert!(text.contains("data folder"), "{text}");
    failed(&run_to_end(&mut serve_in(file.to_str().expect("a path"))));
    failed(&run_to_end(&mut serve_in("/proc/chatelaine")));

    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).expect("a folder");
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).expect("a mode");
    if std::fs::write(closed.join("probe"), "").is_err() {
        failed(&run_to_end(&mut serve_in(closed.to_str().expect("a path"))));
    }
}

#[tokio::test]
async fn a_port_in_use_is_one_sentence() {
    let house = House::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let address = house.base.strip_prefix("http://").expect("an address");
    let mut command = binary();
    command
        .args(["serve", "--listen", address, "--data"])
        .arg(folder.path());
    let text = failed(&run_to_end(&mut command));
    assert!(text.contains(address), "{text}");
    for listen in ["nonsense", "127.0.0.1:99999", "256.1.1.1:1", ""] {
        let mut command = binary();
        command
            .args(["serve", "--listen", listen, "--data"])
            .arg(folder.path());
        failed(&run_to_end(&mut command));
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_one_sentence() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let data = house.data();
    let data = data.to_str().expect("a path");
    let text = failed(&run_to_end(&mut serve_in(data)));
    assert!(text.contains("already running"), "{text}");
    failed(&run(&["user", "list", "--data", data]));
    assert!(house.is_running());
    ada.get("/api/v1/auth/me").await.ok(200);
}

#[test]
fn a_configuration_that_cannot_be_used_is_one_sentence_with_the_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("a path");
    let wrong = [
        ("[http]\nlissten = \"127.0.0.1:0\"\n", "lissten"),
        ("[kitchen]\nsink = 1\n", "kitchen"),
        ("[store]\ncache_mib = \"much\"\n", "much"),
        ("this is not toml", ""),
    ];
    for (text, name) in wrong {
        std::fs::write(folder.path().join("chatelaine.toml"), text).expect("a file");
        let said = failed(&run_to_end(&mut serve_in(data)));
        assert!(said.contains(name), "{name} in {said}");
    }
    std::fs::remove_file(folder.path().join("chatelaine.toml")).expect("a file");
    let said = failed(&run_to_end(
        serve_in(data).env("CHATELAINE_HTTP__LISSTEN", "x"),
    ));
    assert!(said.contains("lissten"), "{said}");
    failed(&run_to_end(
        serve_in(data).args(["--config", "/nowhere/chatelaine.toml"]),
    ));
}

#[tokio::test]
async fn names_of_ours_that_are_no_configuration_are_passed_over() {
    let options = Options::default()
        .with("CHATELAINE_BIN", "/nowhere")
        .with("CHATELAINE", "x");
    House::start_with(options).await;
}

#[test]
fn an_environment_that_is_not_text_harms_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary();
    command
        .args(["key", "generate", "--data"])
        .arg(folder.path());
    let output = run_to_end(command.env("ODD", OsStr::from_bytes(b"\xff\xfe")));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_database_that_is_none_is_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("chatelaine.redb"),
        "not a database, by any means",
    )
    .expect("a file");
    failed(&run_to_end(&mut serve_in(
        folder.path().to_str().expect("a path"),
    )));
}

#[test]
fn a_damaged_key_is_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret.key"), "short").expect("a file");
    let text = failed(&run_to_end(&mut serve_in(
        folder.path().to_str().expect("a path"),
    )));
    assert!(text.contains("secret.key"), "{text}");
}

#[test]
fn wrong_usage_is_status_2_and_help_has_an_example() {
    for wrong in [&["sevre"][..], &["serve", "--port", "1"], &[]] {
        assert_eq!(run(wrong).status.code(), Some(2), "{wrong:?}");
    }
    let help = String::from_utf8(run(&["--help"]).stdout).expect("text");
    let commands = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1);
    let names = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next());
    let mut seen = 0;
    for name in names.filter(|name| *name != "help") {
        let output = run(&[name, "--help"]);
        assert!(output.status.success(), "{name}");
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(
            text.contains("Example"),
            "{name} --help has no example:\n{text}"
        );
        seen += 1;
    }
    assert!(seen >= 5, "{help}");
    assert!(run(&["--version"]).status.success());
}

/// Runs a command that reads a password from standard input.
pub(crate) fn with_password(data: &Path, arguments: &[&str], password: &str) -> Option<i32> {
    let mut command = binary();
    command
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::piped());
    let mut child = command.spawn().expect("the binary can be started");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    // It may refuse before it reads.
    let _ = writeln!(stdin, "{password}");
    drop(stdin);
    child.wait_with_output().expect("it ends").status.code()
}

#[tokio::test]
async fn users_are_added_and_given_passwords_while_no_server_runs() {
    let mut house = House::start().await;
    house.set_up().await;
    house.stop().await;
    let data = house.data();
    let add = [
        "user",
        "add",
        "bob",
        "--email",
        "bob@example.org",
        "--password-stdin",
    ];
    assert_eq!(with_password(&data, &add, PASSWORD), Some(0));
    assert_eq!(
        with_password(&data, &add, PASSWORD),
        Some(1),
        "the name is taken"
    );
    let weak = ["user", "add", "eve", "--password-stdin"];
    assert_eq!(with_password(&data, &weak, "12345678"), Some(1));
    let set = ["user", "set-password", "ada", "--password-stdin"];
    assert_eq!(with_password(&data, &set, NEW_PASSWORD), Some(0));
    let list = run_to_end(binary().args(["user", "list", "--data"]).arg(&data));
    let list = String::from_utf8(list.stdout).expect("text");
    assert!(
        list.contains("ada") && list.contains("bob") && !list.contains("eve"),
        "{list}"
    );

    house.start_again().await;
    let sign_in = async |login: &str, password: &str| {
        let body = json!({"login": login, "password": password});
        house.stranger().post("/api/v1/auth/login", body).await
    };
    sign_in("bob@example.org", PASSWORD).await.ok(200);
    sign_in("ada", NEW_PASSWORD).await.ok(200);
    sign_in("ada", PASSWORD)
        .await
        .refused(401, "unauthenticated");
}

#[test]
fn a_file_that_is_no_model_is_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("notes.gguf");
    std::fs::write(&file, "these are notes and no model").expect("a file");
    let data = folder.path().join("data");
    let mut command = binary();
    command
        .args(["model", "add"])
        .arg(&file)
        .arg("--data")
        .arg(&data);
    failed(&run_to_end(&mut command));
    let mut command = binary();
    command
        .args(["model", "add", "/nowhere/model.gguf", "--data"])
        .arg(&data);
    failed(&run_to_end(&mut command));
}

/// The base is the script's, whatever this binary was built with.
#[tokio::test]
async fn adapters_are_added_listed_and_removed_while_no_server_runs() {
    let mut house = House::start().await;
    let ada = house.set_up().await;
    let data = house.data();
    let file = data.with_file_name("Old salt.gguf");
    std::fs::write(&file, AdapterFile::default().bytes()).expect("a file");
    let notes = data.with_file_name("notes.gguf");
    std::fs::write(&notes, "these are notes").expect("a file");
    let (file, notes) = (
        file.to_str().expect("a path"),
        notes.to_str().expect("a path"),
    );
    let adapter = |arguments: &[&str]| {
        let mut command = binary();
        let script = data.with_file_name("script.json");
        command.env("CHATELAINE_ENGINE__SCRIPT", script);
        command.arg("adapter").args(arguments);
        run_to_end(command.arg("--data").arg(&data))
    };
    let done = |arguments: &[&str]| {
        let output = adapter(arguments);
        let wrong = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{wrong}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(failed(&adapter(&["list"])).contains("already running"));
    house.stop().await;

    let add = ["add", file, "--base", "scripted", "--scale", "-0.5"];
    assert_eq!(done(&add), "Added old-salt\n");
    let listed = done(&["list"]);
    assert!(
        listed.starts_with("old-salt ") && listed.contains("on scripted"),
        "{listed}"
    );
    for wrong in [
        &add[..],
        &["add", notes, "--base", "scripted"],
        &["add", "/tmp", "--base", "scripted"],
        &["add", "/nowhere", "--base", "scripted"],
        &["add", file, "--base", "gpt-9"],
        &["remove", "nothing"],
    ] {
        failed(&adapter(wrong));
    }

    house.start_again().await;
    let ada = house
        .stranger()
        .with_token(&ada.access_token.expect("a token"));
    let kept = ada.get("/api/v1/admin/adapters/old-salt").await.ok(200);
    assert_eq!(kept["name"], "Old salt");
    assert_eq!(kept["default_scale"], -0.5);
    house.stop().await;
    assert_eq!(done(&["remove", "old-salt"]), "Removed old-salt\n");
    assert_eq!(done(&["list"]), "");
}

/// The demo model is in the binary, so this needs llama.cpp and nothing else.
#[cfg(feature = "llama")]
#[test]
fn ask_answers_with_no_server_and_no_account() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = binary();
    command.args(["ask", "What is Chatelaine?", "--data"]);
    let output = run_to_end(command.arg(folder.path().join("data")));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // The words are drawn at random; a sentence about what this is has one of these.
    let about = ["Chatelaine", "ChatGPT", "model", "machine", "house", "chat"];
    assert!(about.iter().any(|word| said.contains(word)), "{said}");
}

#[test]
fn a_question_that_is_none_is_one_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["ask"][..],
        &["ask", "  "],
        &["ask", "Hello", "--model", "gpt-9"],
    ] {
        let mut command = binary();
        command.args(arguments).arg("--data").arg(folder.path());
        failed(&run_to_end(&mut command));
    }
}

#[test]
fn completions_are_printed_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(
            output.status.success() && !output.stdout.is_empty(),
            "{shell}"
        );
    }
}
