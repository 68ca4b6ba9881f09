//! A hub on this machine, in two servers as the real one: the hub lists and redirects, and another
//! address has the bytes. It misbehaves as a test says, and remembers every request.
//!
//! It runs on threads of its own, so that a test may wait for a command meanwhile.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A piece of a download in tests, the smallest that the house asks for.
pub(crate) const PIECE: u64 = 64 << 10;
const BLOCK: usize = 4096;

/// Something that begins like a model file and is none.
pub(crate) fn model_bytes(size: usize, seed: u8) -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.resize(24, 0);
    let mut state = u32::from(seed) + 1;
    while bytes.len() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.push((state >> 24) as u8);
    }
    bytes
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[derive(Clone)]
pub(crate) struct HubFile {
    pub(crate) path: String,
    pub(crate) bytes: Arc<Vec<u8>>,
    /// What the hub says of it, true or not.
    pub(crate) listed_sha256: Option<String>,
    pub(crate) listed_size: u64,
    /// What its bytes' server calls this version.
    pub(crate) etag: Option<String>,
}

impl HubFile {
    pub(crate) fn new(path: &str, bytes: Vec<u8>) -> Self {
        let hash = sha256(&bytes);
        Self {
            path: path.into(),
            listed_size: bytes.len() as u64,
            etag: Some(format!("\"{}\"", &hash[..16])),
            listed_sha256: Some(hash),
            bytes: Arc::new(bytes),
        }
    }
}

/// What a request was.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Of the server that has the bytes, not of the hub.
    pub(crate) for_bytes: bool,
    pub(crate) path: String,
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) authorization: Option<String>,
}

impl Asked {
    /// More than the question what there is.
    pub(crate) fn is_for_more_than_a_look(&self) -> bool {
        self.for_bytes && self.range != Some((0, 0))
    }
}

/// How the servers misbehave from now on.
#[derive(Default)]
pub(crate) struct Faults {
    /// Statuses that the next requests for bytes get, with a header line or none.
    pub(crate) statuses: VecDeque<(u16, &'static str)>,
    /// The hub itself answers everything with this.
    pub(crate) hub_status: Option<u16>,
    /// Whoever has the bytes answers everything with this.
    pub(crate) bytes_status: Option<u16>,
    pub(crate) no_ranges: bool,
    pub(crate) wrong_ranges: bool,
    pub(crate) no_length: bool,
    /// So many answers end after so many bytes.
    pub(crate) cut: (usize, usize),
    /// A byte now and then.
    pub(crate) trickle: bool,
    /// So many bytes in all, then nothing until this is raised.
    pub(crate) budget: Option<usize>,
}

#[derive(Default)]
struct State {
    files: Vec<HubFile>,
    asked: Vec<Asked>,
    faults: Faults,
    bytes_base: String,
    over: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Hub {
    pub(crate) base: String,
    pub(crate) bytes_base: String,
    shared: Arc<Shared>,
}

pub(crate) const REPOSITORY: &str = "house/models-GGUF";

impl Hub {
    /// With these files in one repository.
    pub(crate) fn with(files: Vec<HubFile>) -> Self {
        let shared = Arc::new(Shared::default());
        let bytes_base = listen(&shared, true);
        let base = listen(&shared, false);
        {
            let mut state = shared.state();
            state.files = files;
            state.bytes_base.clone_from(&bytes_base);
        }
        Self {
            base,
            bytes_base,
            shared,
        }
    }

    /// What a house needs to know of it, and to be impatient.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let piece = PIECE.to_string();
        let settings = [
            ("HUB", self.base.as_str()),
            ("PIECE_BYTES", &piece),
            ("RETRIES", "3"),
            ("RETRY_PAUSE_MS", "10"),
            ("STALL_TIMEOUT_MS", "4000"),
        ];
        settings
            .map(|(name, value)| (format!("CHATELAINE_MODELS__{name}"), value.to_owned()))
            .to_vec()
    }

    pub(crate) fn misbehave(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.shared.state().faults);
        self.shared.changed.notify_all();
    }

    pub(crate) fn replace(&self, files: Vec<HubFile>) {
        self.shared.state().files = files;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget(&self) {
        self.shared.state().asked.clear();
    }

    /// The ranges that were asked for, in their order.
    pub(crate) fn ranges(&self) -> Vec<(u64, u64)> {
        let asked = self.asked().into_iter();
        let asked = asked.filter(Asked::is_for_more_than_a_look);
        asked.filter_map(|asked| asked.range).collect()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.shared.state().over = true;
        self.shared.changed.notify_all();
        for base in [&self.base, &self.bytes_base] {
            let _ = TcpStream::connect(base.trim_start_matches("http://"));
        }
    }
}

fn listen(shared: &Arc<Shared>, for_bytes: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if shared.state().over {
                return;
            }
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                // Whoever leaves in the middle has left.
                let _ = answer_all(&shared, &stream, for_bytes);
            });
        }
    });
    format!("http://{address}")
}

fn answer_all(shared: &Shared, mut stream: &TcpStream, for_bytes: bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read_request(&mut reader, for_bytes)? {
        shared.state().asked.push(asked.clone());
        let goes_on = if for_bytes {
            send_bytes(shared, stream, &asked)?
        } else {
            let answer = answer_as_hub(&shared.state(), &asked.path);
            stream.write_all(answer.as_bytes())?;
            true
        };
        if !goes_on {
            return stream.shutdown(std::net::Shutdown::Both);
        }
    }
    Ok(())
}

/// None when the other side has closed.
fn read_request(reader: &mut impl BufRead, for_bytes: bool) -> std::io::Result<Option<Asked>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut range, mut authorization) = (None, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match (name.to_ascii_lowercase().as_str(), value.trim()) {
            ("range", value) => range = parse_range(value),
            ("authorization", value) => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(Some(Asked {
        for_bytes,
        path,
        range,
        authorization,
    }))
}

fn parse_range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn whole_answer(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn answer_as_hub(state: &State, path: &str) -> String {
    if let Some(status) = state.faults.hub_status {
        return whole_answer(status, "", "");
    }
    if path.starts_with(&format!("/api/models/{REPOSITORY}/tree/main")) {
        let list: Vec<Value> = state.files.iter().map(listed).collect();
        return whole_answer(200, "", &Value::from(list).to_string());
    }
    let resolve = format!("/{REPOSITORY}/resolve/main/");
    let found = path
        .strip_prefix(&resolve)
        .and_then(|path| state.files.iter().find(|file| file.path == path));
    let Some(file) = found else {
        return whole_answer(404, "", "{\"error\": \"not found\"}");
    };
    let mut headers = format!("location: {}/{}\r\n", state.bytes_base, file.path);
    let linked = file.listed_sha256.as_ref().or(file.etag.as_ref());
    if let Some(etag) = linked {
        let _ = write!(headers, "x-linked-etag: \"{}\"\r\n", etag.trim_matches('"'));
    }
    let _ = write!(headers, "x-linked-size: {}\r\n", file.listed_size);
    whole_answer(302, &headers, "")
}

fn listed(file: &HubFile) -> Value {
    let mut entry =
        json!({"type": "file", "path": file.path, "oid": "0", "size": file.listed_size});
    if let Some(hash) = &file.listed_sha256 {
        entry["lfs"] = json!({"oid": hash, "size": file.listed_size, "pointerSize": 135});
    }
    entry
}

/// False when the connection is to be cut.
fn send_bytes(shared: &Shared, mut stream: &TcpStream, asked: &Asked) -> std::io::Result<bool> {
    let state = shared.state();
    let path = asked.path.split('?').next().unwrap_or_default();
    let found = state
        .files
        .iter()
        .find(|file| Some(file.path.as_str()) == path.strip_prefix('/'));
    let file = found.cloned();
    drop(state);
    let look = !asked.is_for_more_than_a_look();
    let mut state = shared.state();
    let status = match state.faults.bytes_status {
        Some(status) => Some((status, "")),
        None if look => None,
        None => state.faults.statuses.pop_front(),
    };
    let (Some(file), None) = (file, status) else {
        let (status, header) = status.unwrap_or((404, ""));
        let answer = whole_answer(status, header, "no");
        drop(state);
        stream.write_all(answer.as_bytes())?;
        return Ok(true);
    };
    let total = file.bytes.len();
    let range = asked.range.filter(|_| !state.faults.no_ranges);
    let (first, last) = range.map_or((0, total - 1), |(first, last)| {
        (first as usize, (last as usize).min(total - 1))
    });
    let head = head_of(&file, &state.faults, range.is_some(), (first, last));
    let no_length = state.faults.no_length;
    let cut = match state.faults.cut {
        (left, after) if left > 0 && !look => {
            state.faults.cut.0 -= 1;
            Some(after)
        }
        _ => None,
    };
    drop(state);
    stream.write_all(head.as_bytes())?;
    let body = &file.bytes[first..=last];
    let body = &body[..cut.unwrap_or(body.len()).min(body.len())];
    for block in body.chunks(BLOCK) {
        wait_for_leave(shared, block.len(), look);
        if shared.state().faults.trickle && !look {
            for byte in block {
                stream.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_millis(50));
            }
        } else {
            stream.write_all(block)?;
        }
    }
    Ok(cut.is_none() && !no_length)
}

fn head_of(
    file: &HubFile,
    faults: &Faults,
    partial: bool,
    (first, last): (usize, usize),
) -> String {
    let mut head = format!("HTTP/1.1 {} x\r\n", if partial { 206 } else { 200 });
    if !faults.no_length {
        let _ = write!(head, "content-length: {}\r\n", last + 1 - first);
    }
    if let Some(etag) = &file.etag {
        let _ = write!(head, "etag: {etag}\r\n");
    }
    if partial {
        let shift = usize::from(faults.wrong_ranges && (first, last) != (0, 0));
        let (first, last) = (first.saturating_sub(shift), last - shift);
        let total = file.bytes.len();
        let _ = write!(head, "content-range: bytes {first}-{last}/{total}\r\n");
    }
    head.push_str("\r\n");
    head
}

/// Blocks while the budget is used up.
fn wait_for_leave(shared: &Shared, bytes: usize, look: bool) {
    let mut state = shared.state();
    while !state.over && !look {
        match &mut state.faults.budget {
            None => return,
            Some(left) if *left >= bytes => {
                *left -= bytes;
                return;
            }
            Some(_) => {
                let waited = shared.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
