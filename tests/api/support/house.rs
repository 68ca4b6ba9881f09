//! The real binary, started in a data folder of its own on a free port of this machine.
//!
//! It inherits no environment, answers by a script instead of a model, and ends with the test:
//! dropping a house kills its process. `kill` and `start_again` are for what must survive that.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use super::client::Person;
use super::script::Script;

/// Good enough for the house's own rules.
pub(crate) const PASSWORD: &str = "brass keys on a chain";

const PATIENCE: Duration = Duration::from_secs(30);

/// What differs from a plain start.
#[derive(Default, Clone)]
pub(crate) struct Options {
    pub(crate) script: Script,
    pub(crate) environment: Vec<(String, String)>,
    /// Run the engine that people get, instead of the script.
    real_engine: bool,
}

impl Options {
    pub(crate) fn script(script: Script) -> Self {
        Self {
            script,
            ..Self::default()
        }
    }

    pub(crate) fn without_script(mut self) -> Self {
        self.real_engine = true;
        self
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }
}

pub(crate) struct House {
    child: Child,
    pub(crate) base: String,
    pub(crate) folder: Arc<TempDir>,
    /// What the next start goes by.
    pub(crate) options: Options,
    stdout: Receiver<String>,
    log: Arc<Mutex<String>>,
    /// From the start of the process to its line `Listening on`.
    pub(crate) start_took: Duration,
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    pub(crate) async fn scripted(script: Script) -> Self {
        Self::start_with(Options::script(script)).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        tokio::task::spawn_blocking(move || Self::start_in(folder, options))
            .await
            .expect("the house starts")
    }

    /// On a copy of a data folder in `tests/fixtures`.
    pub(crate) async fn start_from(fixture: &str, options: Options) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let data = data_of(&folder);
        std::fs::create_dir(&data).expect("a data folder");
        for file in std::fs::read_dir(source.join(fixture)).expect("the fixture") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), data.join(file.file_name())).expect("a copy");
        }
        tokio::task::spawn_blocking(move || Self::start_in(folder, options))
            .await
            .expect("the house starts")
    }

    fn start_in(folder: Arc<TempDir>, options: Options) -> Self {
        let begun = Instant::now();
        let mut child = serve(&data_of(&folder), &options)
            .spawn()
            .expect("the binary can be started");
        let stdout = lines_of(child.stdout.take().expect("stdout is a pipe"));
        let log = Arc::new(Mutex::new(String::new()));
        collect(
            child.stderr.take().expect("stderr is a pipe"),
            Arc::clone(&log),
        );
        let line = stdout.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("the house did not start: {}", log.lock().expect("the log"));
        });
        let address = line
            .strip_prefix("Listening on ")
            .unwrap_or_else(|| panic!("what is {line:?}?"));
        Self {
            start_took: begun.elapsed(),
            base: address.trim().to_owned(),
            child,
            folder,
            options,
            stdout,
            log,
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        data_of(&self.folder)
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// What was written to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("the log").clone()
    }

    /// Waits until this stands in the log.
    pub(crate) async fn logs(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.log().contains(words) {
            assert!(Instant::now() < deadline, "no {words:?} in {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The token of the `count`th link to this page in the log, where links stand that could not be
    /// mailed; waits for it.
    pub(crate) async fn logged_token(&self, page: &str, count: usize) -> String {
        let start = format!("{}{page}", self.base);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let log = self.log();
            if let Some(rest) = log.split(&start).nth(count) {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c));
                return rest[..end.unwrap_or(rest.len())].to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no {count}. link to {page} in the log: {}", self.log());
    }

    /// The next line on stdout; the one behind the start is the set-up link.
    pub(crate) fn next_line(&self) -> Option<String> {
        self.stdout.recv_timeout(Duration::from_secs(5)).ok()
    }

    /// The token of the printed set-up link.
    pub(crate) fn setup_token(&self) -> String {
        let line = self.next_line().expect("a set-up link is printed");
        let link = line
            .strip_prefix("Set up: ")
            .unwrap_or_else(|| panic!("what is {line:?}?"));
        let token = link.strip_prefix(&format!("{}/setup?token=", self.base));
        token
            .unwrap_or_else(|| panic!("what link is {link:?}?"))
            .to_owned()
    }

    pub(crate) fn stranger(&self) -> Person {
        Person::stranger(&self.base)
    }

    /// Makes the administrator `ada` and signs her in.
    pub(crate) async fn set_up(&self) -> Person {
        let body = json!({"token": self.setup_token(), "username": "ada", "password": PASSWORD});
        let answer = self.stranger().post("/api/v1/setup", body).await;
        let person = self.stranger().signed_in(&answer);
        answer.ok(201);
        person
    }

    /// Makes a user of this name, with `admin` opening the registration, and signs them in.
    pub(crate) async fn add_user(&self, admin: &Person, name: &str) -> Person {
        let open = json!({"registration": {"mode": "open"}});
        admin.patch("/api/v1/admin/settings", open).await.ok(200);
        let body = json!({"username": name, "password": PASSWORD});
        let answer = self.stranger().post("/api/v1/auth/register", body).await;
        let person = self.stranger().signed_in(&answer);
        answer.ok(201);
        person
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process has ended");
    }

    /// Asks it to stop, as a service manager does, and waits.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM)
            .expect("a signal can be sent");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the house does not stop: {}", self.log());
    }

    /// The same folder again, in a new process on a new port.
    pub(crate) async fn start_again(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let (folder, options) = (Arc::clone(&self.folder), self.options.clone());
        *self = tokio::task::spawn_blocking(move || Self::start_in(folder, options))
            .await
            .expect("the house starts again");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            eprintln!(
                "the last lines of the house's log, latest first:\n{}",
                tail.join("\n")
            );
        }
    }
}

fn data_of(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

/// The binary, with nothing of our environment.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatelaine"));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn serve(data: &Path, options: &Options) -> Command {
    std::fs::create_dir_all(data).expect("a data folder");
    let script = data.parent().expect("the folder above").join("script.json");
    options.script.write(&script);
    let mut command = binary();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        // A test is not to be slowed down but where it asks for that.
        .env("CHATELAINE_LIMITS__REQUESTS_PER_MINUTE", "0")
        .env("CHATELAINE_LIMITS__ANONYMOUS_REQUESTS_PER_MINUTE", "0")
        .envs(options.environment.iter().cloned());
    if !options.real_engine {
        command.env("CHATELAINE_ENGINE__SCRIPT", script);
    }
    command
}

/// Runs a command that should end by itself.
pub(crate) fn run_to_end(command: &mut Command) -> Output {
    let name = format!("{command:?}");
    let child = command.spawn().expect("the binary can be started");
    let id = rustix::process::Pid::from_child(&child);
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(PATIENCE) {
        Ok(output) => output.expect("its output can be read"),
        Err(_) => {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
            panic!("{name} does not end");
        }
    }
}

fn lines_of(stdout: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn collect(stderr: impl Read + Send + 'static, log: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut log = log.lock().expect("the log");
            log.push_str(&line);
            log.push('\n');
        }
    });
}
