//! The engine against small servers on this machine: turns, vectors, kept connections, and sources
//! that come and go. What people see of all this is tested on the real binary, in `tests/api/`.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::{ChatMessage, EngineEvent, FinishReason, ModelState, Priority, Role};
use super::*;

const LIST: &str = r#"{"data":[{"id":"m","owned_by":"vllm"}]}"#;
const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
const WORD: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n";
const END: &str =
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn json_answer(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// None: the other side hung up.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = text.find("\r\n\r\n") {
            let head = text[..end].to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            if text.len() >= end + 4 + length {
                return Some(text);
            }
        }
        let count = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
}

/// Lists its models, and does to every other request what `serve` does with the number of it.
async fn server<F>(
    tasks: &TaskTracker,
    serve: impl Fn(TcpStream, usize) -> F + Send + Sync + 'static,
) -> String
where
    F: Future<Output = Option<TcpStream>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    let serve = Arc::new(serve);
    let counted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let tracker = tasks.clone();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (serve, counted) = (Arc::clone(&serve), Arc::clone(&counted));
            tracker.spawn(async move {
                while let Some(request) = read_request(&mut stream).await {
                    if request.starts_with("GET ") {
                        stream.write_all(json_answer(LIST).as_bytes()).await.ok()?;
                        continue;
                    }
                    let number = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    stream = serve(stream, number).await?;
                }
                Some(())
            });
        }
    });
    address
}

async fn answers(mut stream: TcpStream, text: String) -> Option<TcpStream> {
    stream.write_all(text.as_bytes()).await.ok()?;
    Some(stream)
}

struct Setting {
    engine: Arc<RemoteEngine>,
    tasks: TaskTracker,
    stopping: CancellationToken,
}

impl Setting {
    fn new(queue_limit: u32) -> Self {
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let engine = RemoteEngine::new(queue_limit, tasks.clone(), stopping.clone());
        Self {
            engine,
            tasks,
            stopping,
        }
    }

    async fn offer(&self, addresses: &[&str], change: fn(&mut RemoteSource)) {
        let mut source = source::example(addresses);
        change(&mut source);
        self.engine.set_sources(vec![source]).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.is_available() {
            assert!(Instant::now() < deadline, "{:?}", self.engine.models());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn is_available(&self) -> bool {
        let models = self.engine.models();
        models
            .iter()
            .any(|model| model.id == "box/m" && model.state == ModelState::Available)
    }

    fn ask(&self) -> std::result::Result<TokenStream, EngineError> {
        let message = ChatMessage::new(Role::User, "hi");
        self.engine.generate(Generate::new("box/m", vec![message]))
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

async fn text_of(mut stream: TokenStream) -> String {
    let mut text = String::new();
    while let Some(event) = stream.next_event().await {
        match event.unwrap() {
            EngineEvent::Delta(piece) => text.push_str(&piece),
            EngineEvent::Finished(finished) => {
                assert_eq!(finished.reason, FinishReason::Stop);
                return text;
            }
            _ => {}
        }
    }
    panic!("it has no end after {text:?}");
}

#[tokio::test]
async fn what_is_too_much_waits_for_its_turn_and_what_is_far_too_much_is_refused() {
    let setting = Setting::new(1);
    let begins = format!("{STREAM}{WORD}");
    let whole = format!("{STREAM}{WORD}{END}");
    let address = server(&setting.tasks, move |stream, number| {
        let text = if number == 0 {
            begins.clone()
        } else {
            whole.clone()
        };
        async move {
            let mut stream = answers(stream, text).await?;
            match number {
                // Until the other side hangs up.
                0 => stream.read(&mut [0; 1]).await.ok().and(None),
                _ => None,
            }
        }
    });
    let address = address.await;
    setting
        .offer(&[&address], |source| source.options.parallel_requests = 1)
        .await;
    let mut first = setting.ask().unwrap();
    let begun = first.next_event().await.unwrap().unwrap();
    assert_eq!(begun, EngineEvent::Delta("word".into()));
    let mut second = setting.ask().unwrap();
    let queued = second.next_event().await.unwrap().unwrap();
    assert!(
        matches!(queued, EngineEvent::Queued { position: 0, .. }),
        "{queued:?}"
    );
    assert_eq!(setting.ask().err(), Some(EngineError::QueueFull));
    let health = setting.engine.health();
    assert_eq!((health.ready, health.running, health.queued), (true, 1, 1));
    drop(first);
    assert_eq!(text_of(second).await, "word");
}

#[tokio::test]
async fn a_connection_the_server_gave_up_is_replaced_and_nobody_is_blamed() {
    let setting = Setting::new(8);
    let address = server(&setting.tasks, |stream, number| async move {
        match number {
            // It hangs up instead of answering.
            0 => None,
            _ => answers(stream, format!("{STREAM}{WORD}{END}"))
                .await
                .and(None),
        }
    });
    let address = address.await;
    setting.offer(&[&address], |_| ()).await;
    assert_eq!(text_of(setting.ask().unwrap()).await, "word");
    assert!(setting.is_available());
}

#[tokio::test]
async fn vectors_come_from_whichever_address_answers() {
    let setting = Setting::new(8);
    let body = r#"{"data":[{"index":0,"embedding":[3,4]}],"usage":{"prompt_tokens":2}}"#;
    let good = server(&setting.tasks, move |stream, _| {
        answers(stream, json_answer(body))
    })
    .await;
    let nonsense = server(&setting.tasks, |stream, _| {
        answers(stream, json_answer("{}"))
    })
    .await;
    let addresses = ["http://127.0.0.1:1/v1", &nonsense, &good];
    setting
        .offer(&addresses, |source| source.models = vec!["m".into()])
        .await;
    let embed = |model: &str| Embed {
        model: model.into(),
        texts: vec!["a text".into()],
        priority: Priority::Batch,
        lane: 1,
    };
    for _ in 0..3 {
        let made = setting.engine.embed(embed("box/m")).await.unwrap();
        assert_eq!(
            (made.vectors, made.prompt_tokens),
            (vec![vec![0.6, 0.8]], 2)
        );
    }
    let unknown = setting.engine.embed(embed("box/n")).await;
    assert_eq!(unknown, Err(EngineError::UnknownModel("box/n".into())));
}

#[tokio::test]
async fn sources_come_and_go_and_what_stays_keeps_what_is_known_of_it() {
    let setting = Setting::new(8);
    let gate = Arc::new(tokio::sync::Notify::new());
    let waits = Arc::clone(&gate);
    let address = server(&setting.tasks, move |stream, _| {
        let gate = Arc::clone(&waits);
        async move {
            let stream = answers(stream, format!("{STREAM}{WORD}")).await?;
            gate.notified().await;
            answers(stream, format!("{WORD}{END}")).await.and(None)
        }
    });
    let address = address.await;
    setting.offer(&[&address], |_| ()).await;
    let kept = source::example(&[&address]);
    let other = RemoteSource {
        id: "other".into(),
        prefix: "other/".into(),
        models: vec!["x".into()],
        ..source::example(&["http://127.0.0.1:1/v1"])
    };
    setting.engine.set_sources(vec![other, kept]).unwrap();
    assert!(setting.is_available(), "it is not looked at anew");
    let ids: Vec<String> = setting
        .engine
        .models()
        .into_iter()
        .map(|model| model.id)
        .collect();
    assert_eq!(ids, ["other/x", "box/m"]);

    let mut running = setting.ask().unwrap();
    assert!(running.next_event().await.unwrap().is_ok());
    setting.engine.set_sources(Vec::new()).unwrap();
    assert_eq!(
        setting.ask().err(),
        Some(EngineError::UnknownModel("box/m".into()))
    );
    gate.notify_one();
    assert_eq!(
        text_of(running).await,
        "word",
        "what was begun goes on to its end"
    );
}
