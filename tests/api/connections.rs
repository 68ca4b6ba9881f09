//! What one connection may do: dawdle for a while, open so many streams, take back so many, and no
//! more; how many there may be; and a house without a free file waits instead of spinning.
//! What no client does is written byte by byte. Times are short here, and wide apart.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{House, Options, connect};

const FIRST: &str = "CHATELAINE_HTTP__FIRST_REQUEST_TIMEOUT_MS";
const IDLE: &str = "CHATELAINE_HTTP__IDLE_TIMEOUT_MS";
const ASK: &[u8] = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
const HALF: &[u8] = b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
/// Where nothing ends a connection, a test ends.
const FOR_EVER: Duration = Duration::from_secs(60);

async fn impatient() -> House {
    House::start_with(Options::default().with(FIRST, "1000").with(IDLE, "1500")).await
}

/// Nobody is so slow that it ends before the first request.
async fn patient_at_first() -> House {
    House::start_with(Options::default().with(FIRST, "30000").with(IDLE, "700")).await
}

/// Reads whatever comes until the house closes the connection.
async fn is_let_go(socket: &mut TcpStream) -> bool {
    let reading = async {
        let mut buffer = [0; 1024];
        while let Ok(1..) = socket.read(&mut buffer).await {}
    };
    tokio::time::timeout(FOR_EVER, reading).await.is_ok()
}

/// Sends one piece after another, a moment apart; the house may close before all are sent.
async fn send(socket: &mut TcpStream, pieces: &[&[u8]]) {
    for piece in pieces {
        if socket.write_all(piece).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn who_says_nothing_or_half_of_something_is_let_go() {
    let house = impatient().await;
    let settings = frame(SETTINGS, 0, 0, &[]);
    let half_headers = [&[0, 0, 40, HEADERS, 5, 0, 0, 0, 1][..], &[0x82, 0x86]].concat();
    let beginnings: [&[&[u8]]; 9] = [
        &[],
        &[b"\r\n"],
        &[HALF],
        &[b"\r\n\r\n", HALF],
        &[b"\r\n\r\n\r\n\r\nGET /"],
        &[PREFACE],
        &[PREFACE, &settings],
        &[b"PR", &PREFACE[2..], &settings],
        &[PREFACE, &settings, &half_headers],
    ];
    let all = beginnings.iter().enumerate().map(async |(number, pieces)| {
        let mut socket = connect(&house).await;
        send(&mut socket, pieces).await;
        assert!(is_let_go(&mut socket).await, "the {number}. stays for ever");
    });
    futures_util::future::join_all(all).await;
    house.stranger().get("/health").await.ok(200);
}

#[tokio::test]
async fn who_sends_a_byte_now_and_then_is_let_go_also_behind_an_answer() {
    let house = impatient().await;
    for begin in [&[HALF][..], &[b"\r\n\r\n", HALF], &[ASK, HALF]] {
        let mut socket = connect(&house).await;
        send(&mut socket, begin).await;
        let begun = Instant::now();
        let mut buffer = [0; 1024];
        let dripping = async {
            loop {
                let read =
                    tokio::time::timeout(Duration::from_millis(200), socket.read(&mut buffer));
                match read.await {
                    Ok(Ok(0) | Err(_)) => return true,
                    _ if begun.elapsed() > FOR_EVER => return false,
                    _ => {}
                }
                if socket.write_all(b"x").await.is_err() {
                    return true;
                }
            }
        };
        assert!(
            dripping.await,
            "a byte now and then holds a connection for ever"
        );
    }
}

#[tokio::test]
async fn who_asked_something_by_http_2_and_falls_silent_is_let_go() {
    let house = patient_at_first().await;
    let (client, connection) = h2::client::handshake(connect(&house).await)
        .await
        .expect("HTTP/2");
    let driving = tokio::spawn(connection);
    let mut client = client.ready().await.expect("a connection");
    let (answer, _) = client
        .send_request(get("/health"), true)
        .expect("it is sent");
    assert_eq!(answer.await.expect("an answer").status(), 200);
    let ended = tokio::time::timeout(FOR_EVER, driving).await;
    assert!(ended.is_ok(), "it stays for ever");
}

#[tokio::test]
async fn no_ping_holds_a_connection_that_asks_nothing_or_reads_no_answer() {
    let house = patient_at_first().await;
    let all = [("/health", 65_535), ("/api/v1/openapi.json", 0)];
    let all = all.map(async |(path, window_bytes)| {
        let mut options = h2::client::Builder::new();
        options.initial_window_size(window_bytes);
        let connecting = options.handshake::<_, &[u8]>(connect(&house).await);
        let (client, mut connection) = connecting.await.expect("HTTP/2");
        let mut pings = connection.ping_pong().expect("pings");
        let driving = tokio::spawn(connection);
        let mut client = client.ready().await.expect("a connection");
        let (answer, _) = client.send_request(get(path), true).expect("it is sent");
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let pinging = async {
            while pings.ping(h2::Ping::opaque()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let ended = tokio::time::timeout(FOR_EVER, pinging).await;
        assert!(ended.is_ok(), "{path}: it stays for ever");
        drop(answer);
        driving.abort();
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn who_does_not_read_an_answer_is_let_go() {
    let house = patient_at_first().await;
    let mut socket = connect(&house).await;
    let ask = b"GET /api/v1/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let begun = Instant::now();
    // Until far more answers wait than fit between the two.
    while begun.elapsed() < FOR_EVER {
        let asking = tokio::time::timeout(Duration::from_millis(200), socket.write_all(ask));
        if let Ok(Err(_)) = asking.await {
            house.stranger().get("/health").await.ok(200);
            return;
        }
    }
    panic!("it stays for ever");
}

#[tokio::test]
async fn a_request_that_takes_long_is_answered_all_the_same() {
    let options = Options::default()
        .with(FIRST, "30000")
        .with(IDLE, "500")
        .with("CHATELAINE_HTTP__BODY_TIMEOUT_MS", "20000");
    let house = House::start_with(options).await;
    let ada = house.set_up().await;
    let token = ada.access_token.expect("a token");
    let head = format!(
        "POST /api/v1/conversations HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 20\r\n\r\n"
    );
    let mut socket = connect(&house).await;
    socket.write_all(head.as_bytes()).await.expect("it is sent");
    // Far longer than a connection may be idle.
    for piece in [b"{         ", b"         }"] {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        socket.write_all(piece).await.expect("it is still open");
    }
    let mut answer = String::new();
    while !answer.contains("HTTP/1.1 201") {
        let mut buffer = [0; 1024];
        let read = tokio::time::timeout(FOR_EVER, socket.read(&mut buffer)).await;
        let count = read.expect("an answer").expect("it is still open");
        assert!(count > 0, "it was cut off behind {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
}

#[tokio::test]
async fn there_are_so_many_connections_at_once_and_the_next_waits() {
    let options = Options::default().with("CHATELAINE_LIMITS__CONNECTIONS", "3");
    let house = House::start_with(options).await;
    let mut open = Vec::new();
    let mut buffer = [0; 1024];
    for _ in 0..3 {
        let mut socket = connect(&house).await;
        socket.write_all(ASK).await.expect("it is sent");
        assert!(socket.read(&mut buffer).await.expect("an answer") > 0);
        open.push(socket);
    }
    let mut next = connect(&house).await;
    next.write_all(ASK).await.expect("it is sent");
    let early = tokio::time::timeout(Duration::from_secs(2), next.read(&mut buffer)).await;
    assert!(early.is_err(), "a fourth is answered");
    drop(open.pop());
    let read = tokio::time::timeout(FOR_EVER, next.read(&mut buffer)).await;
    let count = read.expect("it has its turn").expect("an answer");
    assert!(buffer[..count].starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn the_house_opens_as_many_files_as_it_may() {
    let house = House::start().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", house.process_id()));
    let Ok(limits) = limits else { return };
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    let mut values = line.expect("a limit").split_whitespace();
    assert_eq!(values.next(), values.next());
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
    // GET / of http://localhost, from the table that everybody has.
    let request = [&[0x82, 0x86, 0x84, 0x01, 9][..], b"localhost"].concat();
    let mut house = House::start().await;
    let mut socket = connect(&house).await;
    let mut bytes = PREFACE.to_vec();
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
    // By then it has raised its own limit.
    house.logs("so many connections may be open at once").await;
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
    let deadline = Instant::now() + Duration::from_secs(20);
    while !house.log().contains("was not accepted") {
        assert!(Instant::now() < deadline, "{}", house.log());
        // Files it had open for a moment are free again.
        waiting.push(connect(&house).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (begun, spent) = (Instant::now(), used());
    tokio::time::sleep(Duration::from_secs(2)).await;
    // A hundred ticks are a second of one core.
    let ticks = u128::from(used() - spent);
    let share = ticks * 1000 / begun.elapsed().as_millis();
    assert!(share < 50, "it spins: {share} of 100");
    rustix::process::prlimit(Some(id), Resource::Nofile, before).expect("a limit");
    drop(waiting);
    house.stranger().get("/health").await.ok(200);
}
