//! How many places there are, and what is done to an answer of hyper's own, to a client that does
//! not read at first. What the house lets connections do is tested in `tests/api/connections.rs`.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::activity::Timeouts;
use super::*;

#[test]
fn there_are_never_more_places_than_files() {
    for (configured, open_files, expected) in [
        (4096, Some(1_048_576), 4096),
        (4096, None, 4096),
        (4096, Some(1024), 768),
        (4096, Some(300), 75),
        (8, Some(1024), 8),
        (0, Some(1024), 768),
        (4096, Some(0), 1),
    ] {
        assert_eq!(places(configured, open_files), expected, "{open_files:?}");
    }
}

#[tokio::test]
async fn what_is_added_to_an_answer_of_hypers_own_while_it_leaves_is_not_lost() {
    let answer = [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[b'x'; 4 << 20]].concat();
    let more = [&answer[..], b"and more"].concat();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let timeout = Duration::from_secs(60);
    let activities = Activities::new(Timeouts {
        first_request: timeout,
        idle: timeout,
    });
    let place = Place {
        _counted: None,
        _place: Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap(),
    };
    let headers = b"a: b\r\n"[..].into();
    let mut connection = Connection::new(stream, activities.follow(), headers, place);
    let first = futures_util::poll!(Box::pin(connection.write(&answer)));
    assert!(first.is_pending(), "it has left at once");
    let reading = async {
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        read
    };
    let writing = async {
        connection.write_all(&more).await.unwrap();
        drop(connection);
    };
    let (read, ()) = tokio::join!(reading, writing);
    assert_eq!(read.len(), more.len() + b"a: b\r\n".len());
    assert!(read.ends_with(b"xand more"));
}

#[test]
fn further_lines_stand_behind_those_of_the_head() {
    let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let expected = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\na: b\r\n\r\n";
    assert_eq!(with_headers(answer, b"a: b\r\n"), expected);
    assert_eq!(with_headers(b"HTTP/1.", b"a: b\r\n"), b"HTTP/1.");
}
