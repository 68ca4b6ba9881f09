//! Sending one mail to the server that was set, step by step, so that whoever looks for the trouble
//! hears at which step it was and in the server's own words.
//!
//! Every step has its time. Nothing is said of a mail, and no password, before the connection is
//! as secure as was asked for. Called by the queue and for tests of the settings.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::net::TcpStream;

use super::Address;
use super::failure::{Failure, Step, fit_to_show, refused};
use super::settings::Security;
use super::stream::{NotUpgraded, SmtpStream, ask_for_tls};
use crate::outbound::{GuardedResolver, TlsClient, connect, is_private};

/// Looking up the name and connecting, however long later steps may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// RFC 5321, 4.5.3.2.6: a server may take so long to say that it has a mail, and whoever leaves
/// before sends it twice.
const CONTENT_TIMEOUT: Duration = Duration::from_secs(10 * 60);
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
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

pub(super) struct Transport {
    pub(super) resolver: GuardedResolver,
    pub(super) tls: TlsClient,
    pub(super) step_timeout: Duration,
    /// The address of the house.
    pub(super) house: String,
    /// How many mails the server may have taken already, and nobody has written that down.
    pub(super) in_hand: Arc<AtomicUsize>,
}

/// A mail that the server has taken. Write that down, and then take leave.
pub(super) struct Taken {
    connection: AsyncSmtpConnection,
    in_hand: InHand,
}

impl Taken {
    /// How the server takes it changes nothing.
    pub(super) async fn quit(mut self) {
        drop(self.in_hand);
        let _ = tokio::time::timeout(QUIT_TIMEOUT, self.connection.quit()).await;
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Taken")
    }
}

/// Counts for as long as it is there.
struct InHand(Arc<AtomicUsize>);

impl InHand {
    fn begin(all: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(all))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Transport {
    /// Hands over a mail. Once this is `Ok` the server has it.
    pub(super) async fn send(&self, server: &Server, letter: &Letter) -> Result<Taken, Failure> {
        let outcome = self.hand_over(server, letter).await;
        outcome.map_err(|mut failure| {
            failure.reason = fit_to_show(&failure.reason, server.sign_in.as_ref(), &self.house);
            failure
        })
    }

    async fn hand_over(&self, server: &Server, letter: &Letter) -> Result<Taken, Failure> {
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
        let in_hand = InHand::begin(&self.in_hand);
        let sending = connection.message(&letter.content);
        within(Step::Content, CONTENT_TIMEOUT, sending).await?;
        Ok(Taken {
            connection,
            in_hand,
        })
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

    async fn step<T>(
        &self,
        step: Step,
        exchange: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<T, Failure> {
        within(step, self.step_timeout, exchange).await
    }

    fn silent(&self, step: Step) -> Failure {
        silent(step, self.step_timeout)
    }
}

/// One exchange with the server, within its time.
async fn within<T>(
    step: Step,
    timeout: Duration,
    exchange: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(timeout, exchange).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(refused(step, &error)),
        Err(_) => Err(silent(step, timeout)),
    }
}

fn silent(step: Step, timeout: Duration) -> Failure {
    let seconds = timeout.as_secs_f32();
    Failure::new(step, format!("the server said nothing for {seconds} s"))
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
