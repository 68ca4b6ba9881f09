//! Why a mail was not taken: at which step, in whose words, and whether it is this mail's fault.
//!
//! A server's words go to administrators, into the log and into the store, so whatever it repeats of
//! a password or of a link is cut out first. Made by `transport` and `sender`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::transport::SignIn;

const MAX_REASON_CHARS: usize = 400;
/// Of 256 random bits; nothing that servers say is so long.
const TOKEN_CHARS: usize = 43;

/// How far sending came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Preparation,
    Lookup,
    Connection,
    Tls,
    SignIn,
    Sender,
    Recipient,
    Content,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Preparation => "preparing the mail",
            Self::Lookup => "looking up the server's name",
            Self::Connection => "connecting",
            Self::Tls => "making the connection secure",
            Self::SignIn => "signing in",
            Self::Sender => "naming the sender",
            Self::Recipient => "naming the recipient",
            Self::Content => "handing over the content",
        })
    }
}

/// Why a mail was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub step: Step,
    /// For people, with the server's own words where it said some.
    pub reason: String,
    /// The server will not take this mail later either.
    pub is_final: bool,
}

impl Failure {
    pub(super) fn new(step: Step, reason: impl fmt::Display) -> Self {
        Self {
            step,
            reason: reason.to_string(),
            is_final: false,
        }
    }

    /// Whether another mail would have fared no better.
    pub(super) fn is_about_the_server(&self) -> bool {
        matches!(
            self.step,
            Step::Lookup | Step::Connection | Step::Tls | Step::SignIn | Step::Sender
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.reason)
    }
}

/// A refusal is final where it is about this mail; what is about the server may be mended. Some
/// servers want to know who signs in only when a mail is named.
pub(super) fn refused(step: Step, error: &lettre::transport::smtp::Error) -> Failure {
    let words = std::error::Error::source(error).map(ToString::to_string);
    let reason = match (error.status(), words) {
        (Some(code), words) => format!("{code} {}", words.unwrap_or_default()),
        (None, Some(words)) if words == "incomplete response" => {
            "the server closed the connection".to_owned()
        }
        (None, Some(words)) => words,
        (None, None) => error.to_string(),
    };
    let wants_sign_in = error
        .status()
        .is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538));
    let mut failure = Failure::new(if wants_sign_in { Step::SignIn } else { step }, reason);
    failure.is_final = error.is_permanent() && !failure.is_about_the_server();
    failure
}

/// One line that is not too long, without the password and without a link of the house, in whatever
/// form a server repeats them.
pub(super) fn fit_to_show(reason: &str, sign_in: Option<&SignIn>, house: &str) -> String {
    let mut shown = reason.to_owned();
    if let Some(SignIn { username, password }) = sign_in.filter(|it| !it.password.is_empty()) {
        for secret in [
            password.clone(),
            STANDARD.encode(password),
            STANDARD.encode(format!("\0{username}\0{password}")),
        ] {
            shown = shown.replace(&secret, "…");
        }
    }
    let shown = without_links(&shown, house);
    let words: Vec<&str> = shown.split_whitespace().collect();
    let one_line: String = words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_REASON_CHARS)
        .collect();
    match one_line.is_empty() {
        true => "the server gave no reason".to_owned(),
        false => one_line,
    }
}

/// Cuts what follows the house's address, and what is long enough to be a token without one.
fn without_links(text: &str, house: &str) -> String {
    let (_, authority) = house.split_once("://").unwrap_or(("", house));
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(authority).filter(|_| !authority.is_empty()) {
        let (before, found) = rest.split_at(start + authority.len());
        let behind = found.find(|c: char| c.is_whitespace() || "<>\"'".contains(c));
        let (link, after) = found.split_at(behind.unwrap_or(found.len()));
        kept.push_str(before);
        if link.starts_with('/') {
            kept.push_str("/…");
        } else {
            kept.push_str(link);
        }
        rest = after;
    }
    kept.push_str(rest);
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let mut shown = String::new();
    let mut run = String::new();
    for c in kept.chars().map(Some).chain([None]) {
        if let Some(c) = c.filter(|c| is_of_token(*c)) {
            run.push(c);
            continue;
        }
        shown.push_str(if run.len() < TOKEN_CHARS { &run } else { "…" });
        run.clear();
        shown.extend(c);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSE: &str = "https://chat.example.org";

    #[test]
    fn what_a_server_repeats_of_the_password_is_cut_out() {
        let sign_in = SignIn {
            username: "ada".into(),
            password: "geheim".into(),
        };
        let plain = STANDARD.encode("\0ada\0geheim");
        let reason = format!(
            "535 AUTH PLAIN {plain}: geheim {}\r\n is\u{7} wrong",
            STANDARD.encode("geheim")
        );
        let shown = fit_to_show(&reason, Some(&sign_in), HOUSE);
        assert_eq!(shown, "535 AUTH PLAIN …: … … is wrong");
        assert_eq!(
            fit_to_show(&"x ".repeat(10_000), None, HOUSE).len(),
            MAX_REASON_CHARS
        );
        assert_eq!(fit_to_show(" ", None, HOUSE), "the server gave no reason");
    }

    #[test]
    fn what_a_server_repeats_of_a_link_is_cut_out() {
        let token = "t".repeat(TOKEN_CHARS);
        for (said, shown) in [
            (
                format!("554 spam: {HOUSE}/reset-password?token={token} is bad"),
                format!("554 spam: {HOUSE}/… is bad"),
            ),
            (
                format!("554 <{HOUSE}/approve/{token}> and {HOUSE}"),
                format!("554 <{HOUSE}/…> and {HOUSE}"),
            ),
            (format!("554 token=3D{token}"), "554 token=…".to_owned()),
            (
                "550 see https://mail.example.org/help?x=1".to_owned(),
                "550 see https://mail.example.org/help?x=1".to_owned(),
            ),
        ] {
            assert_eq!(fit_to_show(&said, None, HOUSE), shown);
        }
        let cut = fit_to_show(&format!("554 {HOUSE}/verify-email?tok"), None, HOUSE);
        assert_eq!(cut, format!("554 {HOUSE}/…"));
    }
}
