//! Bytes as they are, for what no client would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::house::House;

pub(crate) async fn connect(house: &House) -> TcpStream {
    let address = house.base.strip_prefix("http://").expect("an address");
    let socket = TcpStream::connect(address).await;
    socket.expect("the house is there")
}

/// Sends bytes as they are and reads what comes, for a while.
pub(crate) async fn raw(house: &House, bytes: &str) -> String {
    let mut socket = connect(house).await;
    socket
        .write_all(bytes.as_bytes())
        .await
        .expect("bytes can be sent");
    let mut answer = Vec::new();
    let reading = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = socket.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..count]);
            if answer.windows(2).any(|pair| pair == b"}}") {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(3), reading).await;
    String::from_utf8_lossy(&answer).into_owned()
}
