//! A real mail server in a process of its own (`tests/clients/smtp_server.py`), which behaves as a
//! test says, tells what it was sent, and ends with the test.
//!
//! Where there is no Python for it the test fails: see `python.rs`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::client::Person;
use super::house::Options;
use super::python::python;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Smtp {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: UnboundedReceiver<Value>,
    pub(crate) port: u16,
    folder: TempDir,
}

/// A mail as it came.
#[derive(Debug, Clone)]
pub(crate) struct TakenMail {
    pub(crate) to: String,
    pub(crate) from: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// Decoded, in their order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) encrypted: bool,
    pub(crate) authenticated: bool,
    /// Every byte, as Latin-1.
    pub(crate) raw: String,
}

impl TakenMail {
    fn of(line: &Value) -> Self {
        let text = |name: &str| {
            line[name]
                .as_str()
                .unwrap_or_default()
                .replace("\r\n", "\n")
        };
        let headers = line["headers"].as_array().expect("a list of headers");
        let pair = |pair: &Value| {
            let part = |index: usize| pair[index].as_str().unwrap_or_default().to_owned();
            (part(0), part(1))
        };
        Self {
            to: line["to"][0].as_str().unwrap_or_default().to_owned(),
            from: text("from"),
            subject: text("subject"),
            text: text("text"),
            html: text("html"),
            headers: headers.iter().map(pair).collect(),
            encrypted: line["encrypted"] == true,
            authenticated: line["authenticated"] == true,
            raw: line["raw"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// Of all headers of this name the only one.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut named = self
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let (_, value) = named
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(named.next().is_none(), "{name} twice: {self:?}");
        value
    }
}

impl Smtp {
    /// See the script for what a behaviour may be; `{}` takes every mail, in the clear.
    pub(crate) async fn start(behaviour: Value) -> Self {
        let python = python();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/smtp_server.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .arg(behaviour.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be started");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (sender, mut lines) = unbounded_channel();
        std::thread::spawn(move || {
            let stdout = std::io::BufReader::new(stdout.expect("stdout is a pipe"));
            for line in std::io::BufRead::lines(stdout).map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(json!({"nonsense": line}));
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let first = tokio::time::timeout(PATIENCE, lines.recv()).await;
        let first = first.expect("the mail server starts").unwrap_or_default();
        let port = first["port"].as_u64().and_then(|port| port.try_into().ok());
        Self {
            child,
            stdin,
            lines,
            port: port
                .expect("the mail server starts, with what tests/clients/requirements.txt lists"),
            folder,
        }
    }

    /// A house that may trust this server, and is impatient.
    pub(crate) fn options(&self) -> Options {
        Options::default()
            .with("CHATELAINE_MAIL__FIRST_RETRY_MS", "200")
            .with("CHATELAINE_MAIL__TIMEOUT_MS", "5000")
            .with("CHATELAINE_MAIL__CA_FILE", path_text(&self.authority()))
    }

    /// The certificate of the authority that vouches for it, where it presents a good one.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The settings of a house that sends through this server, in the clear.
    pub(crate) fn settings(&self) -> Value {
        json!({
            "server": "localhost", "port": self.port, "security": "none",
            "from_address": "house@example.org",
        })
    }

    /// Has `admin` set this server.
    pub(crate) async fn set_in(&self, admin: &Person) {
        let settings = self.settings();
        admin.put("/api/v1/admin/mail", settings).await.ok(200);
    }

    /// Behaves otherwise from now on. Gives what it told before; mails are not among it.
    pub(crate) async fn change(&mut self, behaviour: Value) -> Vec<Value> {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        writeln!(stdin, "{behaviour}").expect("the mail server listens");
        let mut told = Vec::new();
        loop {
            let line = self.next_line().await;
            assert!(line.get("mail").is_none(), "a mail meanwhile: {line}");
            if line["event"] == "changed" {
                return told;
            }
            told.push(line);
        }
    }

    /// Whatever it tells next.
    pub(crate) async fn next_line(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.lines.recv()).await;
        let line = line.expect("the mail server hears of something");
        line.expect("the mail server runs")
    }

    /// The next mail that was taken, whatever else happens before.
    pub(crate) async fn next_mail(&mut self) -> TakenMail {
        loop {
            let line = self.next_line().await;
            if line.get("mail").is_some() {
                return TakenMail::of(&line["mail"]);
            }
        }
    }

    /// The next event of this name; a mail must not come before it.
    pub(crate) async fn next_event(&mut self, name: &str) -> Value {
        loop {
            let line = self.next_line().await;
            assert!(
                line.get("mail").is_none(),
                "a mail instead of {name}: {line}"
            );
            if line["event"] == name {
                return line;
            }
        }
    }

    /// Everything that it told and nobody asked for yet.
    pub(crate) fn told(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.lines.try_recv().ok()).collect()
    }

    /// The link that stands on a line of its own.
    #[track_caller]
    pub(crate) fn link_in(&self, mail: &TakenMail) -> String {
        let mut lines = mail.text.lines();
        let link = lines.find(|line| line.starts_with("http://") || line.starts_with("https://"));
        link.unwrap_or_else(|| panic!("no link in {}", mail.text))
            .trim()
            .to_owned()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is UTF-8")
}
