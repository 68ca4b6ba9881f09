//! The connection to a mail server before anything is said of a mail: plain, with TLS from the
//! start, or made secure by STARTTLS, after which nothing said before counts.
//!
//! [`SmtpStream`] is what lettre speaks over. A server may send only so much, whatever it is.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use lettre::transport::smtp::response::Response;
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf,
};
use tokio::net::TcpStream;

/// What a server may say in one connection.
const MAX_SAID_BYTES: usize = 256 * 1024;
const MAX_REPLY_BYTES: u64 = 16 * 1024;
/// A server greets once, before STARTTLS, and lettre waits for a greeting when it is handed a stream.
const ALREADY_GREETED: &[u8] = b"220 ready\r\n";

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

pub(super) struct SmtpStream {
    inner: Box<dyn Stream>,
    peer: SocketAddr,
    /// Read before anything of the stream.
    first: &'static [u8],
    said_bytes: usize,
}

impl SmtpStream {
    /// The server has yet to greet.
    pub(super) fn new(
        inner: impl AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
        peer: SocketAddr,
    ) -> Self {
        Self {
            inner: Box::new(inner),
            peer,
            first: b"",
            said_bytes: 0,
        }
    }

    pub(super) fn after_greeting(mut self) -> Self {
        self.first = ALREADY_GREETED;
        self
    }
}

impl fmt::Debug for SmtpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpStream({})", self.peer)
    }
}

impl AsyncTokioStream for SmtpStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for SmtpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let length = self.first.len().min(buffer.remaining());
            let (now, later) = self.first.split_at(length);
            buffer.put_slice(now);
            self.first = later;
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.said_bytes += buffer.filled().len() - before;
        match self.said_bytes > MAX_SAID_BYTES {
            true => Poll::Ready(Err(io::Error::other("the server says far too much"))),
            false => read,
        }
    }
}

impl AsyncWrite for SmtpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// Why a server does not come to STARTTLS: by its answer, or by none.
#[derive(Debug)]
pub(super) enum NotUpgraded {
    Answered(Response),
    Unsupported,
    Io(io::Error),
}

impl From<io::Error> for NotUpgraded {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Asks for TLS; the stream is then ready for its handshake. `hello` is what EHLO says.
pub(super) async fn ask_for_tls(
    stream: TcpStream,
    hello: impl fmt::Display,
) -> Result<TcpStream, NotUpgraded> {
    let mut stream = BufReader::new(stream);
    positive(read_reply(&mut stream).await?)?;
    stream
        .write_all(format!("EHLO {hello}\r\n").as_bytes())
        .await?;
    let offers = positive(read_reply(&mut stream).await?)?;
    let mut offers = offers.message();
    if !offers.any(|offer| offer.trim().eq_ignore_ascii_case("STARTTLS")) {
        return Err(NotUpgraded::Unsupported);
    }
    stream.write_all(b"STARTTLS\r\n").await?;
    positive(read_reply(&mut stream).await?)?;
    // Whoever sits between could have put words here that would later count as said in private.
    match stream.buffer().is_empty() {
        true => Ok(stream.into_inner()),
        false => Err(io::Error::other("the server speaks before the connection is secure").into()),
    }
}

fn positive(reply: Response) -> Result<Response, NotUpgraded> {
    match reply.is_positive() {
        true => Ok(reply),
        false => Err(NotUpgraded::Answered(reply)),
    }
}

async fn read_reply(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Response> {
    let mut reply = String::new();
    let mut limited = stream.take(MAX_REPLY_BYTES);
    loop {
        let start = reply.len();
        limited.read_line(&mut reply).await?;
        let line = &reply[start..];
        if !line.ends_with('\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // All lines of a reply but its last have a dash behind the code.
        if line.as_bytes().get(3) != Some(&b'-') {
            return reply
                .parse()
                .map_err(|_| io::Error::other("the server does not speak SMTP"));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A server that says these parts, each after a line from the client, and what came of it.
    async fn ask(parts: &'static [&'static str]) -> Result<TcpStream, NotUpgraded> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    let _ = stream.read_line(&mut line).await;
                }
                let _ = stream.write_all(part.as_bytes()).await;
            }
            stream
        };
        let client = async {
            let stream = TcpStream::connect(address).await.unwrap();
            ask_for_tls(stream, "[127.0.0.1]").await
        };
        let (_server, outcome) = tokio::join!(server, client);
        outcome
    }

    const EHLO: &str = "250-mail.example.org\r\n250-STARTTLS\r\n250 HELP\r\n";

    #[tokio::test]
    async fn a_server_that_offers_tls_is_asked_for_it() {
        assert!(ask(&["220 a\r\n", EHLO, "220 go\r\n"]).await.is_ok());
        assert!(
            ask(&["220-a\r\n220 b\r\n", EHLO, "220 go\r\n"])
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn words_put_in_before_the_connection_is_secure_end_it() {
        let outcome = ask(&["220 a\r\n", EHLO, "220 go\r\n250 injected\r\n"]).await;
        assert!(matches!(outcome, Err(NotUpgraded::Io(_))), "{outcome:?}");
    }

    #[tokio::test]
    async fn without_tls_nothing_goes_on() {
        let outcome = ask(&["220 a\r\n", "250 mail.example.org\r\n"]).await;
        assert!(matches!(outcome, Err(NotUpgraded::Unsupported)));
        for refused in [
            &["554 not you\r\n"][..],
            &["220 a\r\n", EHLO, "454 not now\r\n"],
        ] {
            let outcome = ask(refused).await;
            assert!(matches!(outcome, Err(NotUpgraded::Answered(_))));
        }
        let outcome = ask(&["HTTP/1.1 400 Bad Request\r\n"]).await;
        assert!(matches!(outcome, Err(NotUpgraded::Io(_))), "{outcome:?}");
    }
}
