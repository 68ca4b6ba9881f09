//! What one connection may do: dawdle for a while, open so many streams, take back so many, and no
//! more; and a house without a free file waits instead of spinning.
//! What no client does is written byte by byte.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{House, connect};

#[tokio::test]
async fn who_never_finishes_the_head_of_a_request_is_let_go() {
    let house = House::start().await;
    let mut socket = connect(&house).await;
    let head = b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
    socket.write_all(head).await.expect("it is sent");
    let dripping = async {
        for _ in 0..120 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if socket.write_all(b"x").await.is_err() {
                return true;
            }
            let mut byte = [0; 1];
            if let Ok(Ok(0) | Err(_)) =
                tokio::time::timeout(Duration::from_millis(1), socket.read(&mut byte)).await
            {
                return true;
            }
        }
        false
    };
    assert!(
        dripping.await,
        "a byte now and then holds a connection for ever"
    );
    house.stranger().get("/health").await.ok(200);
}

#[tokio::test]
async fn so_many_streams_and_no_more_are_open_in_one_connection() {
    let house = House::start().await;
    let (client, connection) = h2::client::handshake(connect(&house).await)
        .await
        .expect("HTTP/2");
    let driving = tokio::spawn(connection);
    let mut client = client.ready().await.expect("a connection");
    let (answer, _) = client
        .send_request(get("/health"), true)
        .expect("it is sent");
    assert_eq!(answer.await.expect("an answer").status(), 200);
    assert_eq!(client.current_max_send_streams(), 128);
    driving.abort();
}

fn get(path: &str) -> http::Request<()> {
    let request = http::Request::get(format!("http://localhost{path}"));
    request.body(()).expect("a request")
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn who_opens_streams_only_to_take_them_back_is_let_go() {
    const HEADERS: u8 = 1;
    const RESET: u8 = 3;
    const SETTINGS: u8 = 4;
    const GO_AWAY: u8 = 7;
    // GET / of http://localhost, from the table that everybody has.
    let request = [&[0x82, 0x86, 0x84, 0x01, 9][..], b"localhost"].concat();
    let mut house = House::start().await;
    let mut socket = connect(&house).await;
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    for number in 0..2000 {
        bytes.extend(frame(HEADERS, 0x05, 2 * number + 1, &request));
        bytes.extend(frame(RESET, 0, 2 * number + 1, &[0, 0, 0, 8]));
    }
    // It may hang up before all is sent.
    let _ = socket.write_all(&bytes).await;
    let mut went_away = false;
    let reading = async {
        let mut head = [0; 9];
        while socket.read_exact(&mut head).await.is_ok() {
            went_away |= head[3] == GO_AWAY;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            if socket.read_exact(&mut payload).await.is_err() {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), reading)
        .await
        .expect("the connection ends");
    println!("told to go away: {went_away}");
    house.stranger().get("/health").await.ok(200);
    assert!(house.is_running());
}

#[tokio::test]
async fn a_house_without_a_free_file_waits_and_comes_back() {
    let house = House::start().await;
    let Some(id) = i32::try_from(house.process_id())
        .ok()
        .and_then(Pid::from_raw)
    else {
        return;
    };
    let proc = format!("/proc/{}", house.process_id());
    let Ok(open) = std::fs::read_dir(format!("{proc}/fd")) else {
        return;
    };
    let maximum = getrlimit(Resource::Nofile).maximum;
    let few = Rlimit {
        current: Some(open.count() as u64 + 4),
        maximum,
    };
    let before = rustix::process::prlimit(Some(id), Resource::Nofile, few).expect("a limit");
    let mut waiting = Vec::new();
    for _ in 0..16 {
        waiting.push(connect(&house).await);
    }
    let used = || {
        let stat = std::fs::read_to_string(format!("{proc}/stat")).expect("a process");
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .expect("a name")
            .1
            .split(' ')
            .collect();
        let ticks = |field: &str| field.parse::<u64>().expect("ticks");
        ticks(fields[12]) + ticks(fields[13])
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (begun, spent) = (Instant::now(), used());
    tokio::time::sleep(Duration::from_secs(2)).await;
    // A hundred ticks are a second of one core.
    let ticks = u128::from(used() - spent);
    let share = ticks * 1000 / begun.elapsed().as_millis();
    assert!(share < 50, "it spins: {share} of 100");
    assert!(house.log().contains("was not accepted"), "{}", house.log());
    rustix::process::prlimit(Some(id), Resource::Nofile, before).expect("a limit");
    drop(waiting);
    house.stranger().get("/health").await.ok(200);
}
