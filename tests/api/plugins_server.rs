//! A server beside the house that plugins can speak to. It answers each request after a while, with
//! what it was told to, and remembers what it was asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub(crate) struct SlowServer {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl SlowServer {
    /// `answer` gives the head and the body for a path; None: no answer at all.
    pub(crate) async fn start(
        delay: Duration,
        answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move { serve(stream, delay, &seen, &*answer).await });
            }
        });
        Self { address, asked }
    }

    /// One that only takes its time.
    pub(crate) async fn taking(delay: Duration) -> Self {
        Self::start(delay, |_| Some(plain("ok"))).await
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no test panics here").clone()
    }
}

pub(crate) fn plain(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

async fn serve(
    mut stream: TcpStream,
    delay: Duration,
    seen: &Mutex<Vec<String>>,
    answer: &(impl Fn(&str) -> Option<String> + Sync),
) {
    let mut head = vec![0; 4096];
    let read = stream.read(&mut head).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..read]).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().expect("no test panics here").push(path.clone());
    tokio::time::sleep(delay).await;
    match answer(&path) {
        // Whoever asked may have left.
        Some(text) => drop(stream.write_all(text.as_bytes()).await),
        None => tokio::time::sleep(Duration::from_secs(600)).await,
    }
}
