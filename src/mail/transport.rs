//! Sending one mail to the server that was set, step by step, so that whoever looks for the trouble
//! hears at which step it was and in the server's own words.
//!
//! Every step has its time. Nothing is said of a mail, and no password, before the connection is
//! as secure as was asked for. Called by the queue and for tests of the settings.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;

use super::Address;
use super::settings::Security;
use super::stream::{NotUpgraded, SmtpStream, ask_for_tls};
use crate::outbound::{GuardedResolver, TlsClient, connect, is_private};

/// Looking up the name and connecting, however long later steps may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const MAX_REASON_CHARS: usize = 400;
pub(super) const NOT_PRIVATE: &str = "mail is sent without encryption only to a server on this machine or in a private network; choose TLS or STARTTLS";

/// Where mail is handed in.
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) sign_in: Option<SignIn>,
}

pub(super) struct SignIn {
    pub(super) username: String,
    pub(super) password: String,
}

/// One mail, ready to be handed over.
pub(super) struct Letter {
    pub(super) from: Address,
    pub(super) to: Address,
    pub(super) content: Vec<u8>,
    /// Who we are to the server, where the house has a name.
    pub(super) domain: Option<String>,
}

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
            Step::Lookup | Step::Connection | Step::Tls | Step::SignIn
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.reason)
    }
}

pub(super) struct Transport {
    pub(super) resolver: GuardedResolver,
    pub(super) tls: TlsClient,
    pub(super) step_timeout: Duration,
}

impl Transport {
    /// Hands over a mail. Once this is `Ok` the server has it.
    pub(super) async fn send(&self, server: &Server, letter: &Letter) -> Result<(), Failure> {
        let outcome = self.hand_over(server, letter).await;
        outcome.map_err(|mut failure| {
            failure.reason = fit_to_show(&failure.reason, server.sign_in.as_ref());
            failure
        })
    }

    async fn hand_over(&self, server: &Server, letter: &Letter) -> Result<(), Failure> {
        let mut connection = Box::pin(self.open(server, letter.domain.as_deref())).await?;
        if let Some(sign_in) = &server.sign_in {
            let credentials = Credentials::new(sign_in.username.clone(), sign_in.password.clone());
            let signing_in = connection.auth(DEFAULT_MECHANISMS, &credentials);
            self.step(Step::SignIn, signing_in).await?;
        }
        let mut parameters = Vec::new();
        if !letter.from.is_ascii() || !letter.to.is_ascii() {
            let server = connection.server_info();
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err(Failure {
                    is_final: true,
                    ..Failure::new(
                        Step::Recipient,
                        "the server takes only addresses in plain letters",
                    )
                });
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = Mail::new(Some(letter.from.0.clone()), parameters);
        self.step(Step::Sender, connection.command(from)).await?;
        let to = Rcpt::new(letter.to.0.clone(), Vec::new());
        self.step(Step::Recipient, connection.command(to)).await?;
        self.step(Step::Content, connection.command(Data)).await?;
        let sending = connection.message(&letter.content);
        self.step(Step::Content, sending).await?;
        // It has the mail; how it takes our leave changes nothing.
        let _ = tokio::time::timeout(Duration::from_secs(1), connection.quit()).await;
        Ok(())
    }

    /// A connection on which the server has greeted.
    async fn open(
        &self,
        server: &Server,
        domain: Option<&str>,
    ) -> Result<AsyncSmtpConnection, Failure> {
        let stream = self.connect(server).await?;
        let addresses = stream
            .local_addr()
            .and_then(|it| Ok((it, stream.peer_addr()?)));
        let (own, peer) = addresses.map_err(|error| Failure::new(Step::Connection, error))?;
        let hello = hello_from(domain, own);
        let stream = match server.security {
            Security::None => SmtpStream::new(stream, peer),
            Security::Tls => SmtpStream::new(self.secure(server, stream).await?, peer),
            Security::StartTls => {
                let asking = tokio::time::timeout(self.step_timeout, ask_for_tls(stream, &hello));
                let stream = match asking.await {
                    Ok(Ok(stream)) => stream,
                    Ok(Err(reason)) => return Err(not_upgraded(reason)),
                    Err(_) => return Err(self.silent(Step::Connection)),
                };
                SmtpStream::new(self.secure(server, stream).await?, peer).after_greeting()
            }
        };
        let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello);
        self.step(Step::Connection, greeting).await
    }

    async fn connect(&self, server: &Server) -> Result<TcpStream, Failure> {
        let timeout = self.step_timeout.min(CONNECT_TIMEOUT);
        let looking = tokio::time::timeout(timeout, self.resolver.look_up(&server.host));
        let mut addresses = match looking.await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(error)) => return Err(Failure::new(Step::Lookup, error)),
            Err(_) => return Err(Failure::new(Step::Lookup, "nobody answers in time")),
        };
        if server.security == Security::None {
            addresses.retain(|ip| is_private(*ip));
            if addresses.is_empty() {
                return Err(Failure::new(Step::Connection, NOT_PRIVATE));
            }
        }
        let connecting = connect(&addresses, server.port, timeout).await;
        connecting.map_err(|error| Failure::new(Step::Connection, error))
    }

    async fn secure(
        &self,
        server: &Server,
        stream: TcpStream,
    ) -> Result<
        impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Sync + Unpin + use<>,
        Failure,
    > {
        let handshake = self.tls.secure(&server.host, stream);
        match tokio::time::timeout(self.step_timeout, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Failure::new(Step::Tls, error)),
            Err(_) => Err(self.silent(Step::Tls)),
        }
    }

    /// One exchange with the server, within its time.
    async fn step<T>(
        &self,
        step: Step,
        exchange: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.step_timeout, exchange).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(refused(step, &error)),
            Err(_) => Err(self.silent(step)),
        }
    }

    fn silent(&self, step: Step) -> Failure {
        let seconds = self.step_timeout.as_secs_f32();
        Failure::new(step, format!("the server said nothing for {seconds} s"))
    }
}

/// The house's name, or the number it speaks from.
fn hello_from(domain: Option<&str>, own: SocketAddr) -> ClientId {
    match (domain, own.ip().to_canonical()) {
        (Some(domain), _) => ClientId::Domain(domain.to_owned()),
        (None, IpAddr::V4(ip)) => ClientId::Ipv4(ip),
        (None, IpAddr::V6(ip)) => ClientId::Ipv6(ip),
    }
}

fn not_upgraded(reason: NotUpgraded) -> Failure {
    match reason {
        NotUpgraded::Answered(reply) => Failure::new(Step::Connection, words_of(&reply)),
        NotUpgraded::Unsupported => Failure::new(
            Step::Tls,
            "the server does not offer STARTTLS, so nothing was sent",
        ),
        NotUpgraded::Io(error) => Failure::new(Step::Connection, error),
    }
}

fn words_of(reply: &Response) -> String {
    let words: Vec<&str> = reply.message().collect();
    format!("{} {}", reply.code(), words.join(" "))
}

/// A refusal is final where it is about this mail; what is about the server may be mended.
fn refused(step: Step, error: &lettre::transport::smtp::Error) -> Failure {
    let words = std::error::Error::source(error).map(ToString::to_string);
    let reason = match (error.status(), words) {
        (Some(code), words) => format!("{code} {}", words.unwrap_or_default()),
        (None, Some(words)) if words == "incomplete response" => {
            "the server closed the connection".to_owned()
        }
        (None, Some(words)) => words,
        (None, None) => error.to_string(),
    };
    let mut failure = Failure::new(step, reason);
    failure.is_final = error.is_permanent() && !failure.is_about_the_server();
    failure
}

/// One line that is not too long, without the password, in whatever form a server repeats it.
fn fit_to_show(reason: &str, sign_in: Option<&SignIn>) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
        let shown = fit_to_show(&reason, Some(&sign_in));
        assert_eq!(shown, "535 AUTH PLAIN …: … … is wrong");
        assert_eq!(
            fit_to_show(&"x".repeat(10_000), None).len(),
            MAX_REASON_CHARS
        );
        assert_eq!(fit_to_show(" ", None), "the server gave no reason");
    }
}
