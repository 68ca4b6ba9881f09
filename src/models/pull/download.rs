//! One file from its address into the models folder: in pieces over several connections, resumed
//! where an earlier attempt ended, compared with its checksum, and only then given its name.
//!
//! A server that does not send parts is read in one go. Whoever drops the future stops everything;
//! what is whole by then is kept. Memory is a few buffers, whatever the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{TryStreamExt, stream};
use reqwest::{Response, Url};
use tokio_util::sync::CancellationToken;

use super::client::{Answer, Client};
use super::failure::Failure;
use super::meter::Meter;
use super::pace::Pace;
use super::part_file::{Identity, PartFile, Piece};
use super::patience::{Patience, patiently};
use super::sink::Sink;
use super::source::without_query;
use crate::config::ModelsConfig;
use crate::error::{Error, Result};
use crate::machine;
use crate::models::header;

const CONNECTIONS: std::ops::RangeInclusive<usize> = 1..=16;
const PIECE_BYTES: std::ops::RangeInclusive<u64> = 64 << 10..=256 << 20;
/// How often a file may turn out to be another one while it comes.
const NEW_BEGINNINGS: u32 = 3;
/// Of a file whose size nobody knows, the disk's room is looked at again so often.
const ROOM_CHECK_BYTES: u64 = 64 << 20;
/// What a pull leaves free for everybody else.
pub(super) const DISK_RESERVE_BYTES: u64 = 64 << 20;

/// A file that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedFile {
    pub(super) url: Url,
    /// In the models folder.
    pub(super) name: String,
    pub(super) size_bytes: Option<u64>,
    pub(super) sha256: Option<String>,
}

/// What a server says of a file.
pub(super) struct Located {
    pub(super) size_bytes: Option<u64>,
    version: Option<String>,
    sends_ranges: bool,
    /// As the server names it.
    pub(super) file_name: Option<String>,
}

/// Asks for one byte, which tells everything.
pub(super) async fn locate(client: &Client, url: &Url) -> Result<Located, Failure> {
    let answer = client.get(url, Some((0, 0))).await?;
    Ok(Located {
        size_bytes: answer.size_bytes(),
        version: answer.version(),
        sends_ranges: answer
            .content_range()
            .is_some_and(|(first, last, _)| (first, last) == (0, 0)),
        file_name: answer.file_name(),
    })
}

pub(super) struct Download<'a> {
    pub(super) client: &'a Client,
    pub(super) config: &'a ModelsConfig,
    pub(super) file: &'a PlannedFile,
    pub(super) target: PathBuf,
    /// Of the files of this pull that are there already.
    pub(super) before_bytes: u64,
    pub(super) meter: &'a Meter,
}

impl Download<'_> {
    pub(super) async fn run(&self) -> Result<()> {
        let stop = CancellationToken::new();
        let _stopped_with_this = stop.clone().drop_guard();
        let (mut new_beginnings, mut in_one_go) = (0, false);
        loop {
            let target = self.target.clone();
            let part = Arc::new(blocking(move || lock_new(&target)).await?);
            let received = self.attempt(&part, in_one_go, &stop).await;
            let outcome = match received {
                Err(Failure::NoRanges) if !in_one_go => {
                    in_one_go = true;
                    None
                }
                Err(Failure::Changed) if new_beginnings < NEW_BEGINNINGS => {
                    new_beginnings += 1;
                    None
                }
                Err(failure) => Some(Err(given_up(failure))),
                Ok(()) => Some(self.verify(&part, &stop).await),
            };
            let target = self.target.clone();
            if let Some(outcome) = blocking(move || Ok(conclude(&part, &target, outcome))).await? {
                return outcome;
            }
        }
    }

    async fn attempt(
        &self,
        part: &Arc<PartFile>,
        in_one_go: bool,
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        let located = patiently(self.config, || locate(self.client, &self.file.url)).await?;
        if let (Some(listed), Some(found)) = (self.file.size_bytes, located.size_bytes)
            && listed != found
        {
            return Err(Error::conflict(format!(
                "the file has {found} bytes where it lies, and {listed} were promised; try again later"
            ))
            .into());
        }
        match located.size_bytes {
            Some(size_bytes) if located.sends_ranges && !in_one_go => {
                self.receive_pieces(part, &located, size_bytes, stop).await
            }
            size_bytes => self.receive_in_one_go(part, size_bytes).await,
        }
    }

    async fn receive_pieces(
        &self,
        part: &Arc<PartFile>,
        located: &Located,
        size_bytes: u64,
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        let identity = Identity {
            source: without_query(&self.file.url),
            size_bytes,
            version: located.version.clone(),
            sha256: self.file.sha256.clone(),
        };
        let piece_bytes = self
            .config
            .piece_bytes
            .clamp(*PIECE_BYTES.start(), *PIECE_BYTES.end());
        let (resumed, stop) = (Arc::clone(part), stop.clone());
        let missing = blocking(move || resumed.resume(&identity, piece_bytes, &stop)).await?;
        self.meter
            .start_at(self.before_bytes.saturating_add(part.done_bytes()));
        let connections = self
            .config
            .connections
            .clamp(*CONNECTIONS.start(), *CONNECTIONS.end());
        stream::iter(missing.into_iter().map(Ok))
            .try_for_each_concurrent(connections, |piece| {
                self.receive_piece(part, located, size_bytes, piece)
            })
            .await
    }

    async fn receive_piece(
        &self,
        part: &Arc<PartFile>,
        located: &Located,
        size_bytes: u64,
        piece: Piece,
    ) -> Result<(), Failure> {
        let mut sink = Sink::open(part, piece.first).await?;
        let mut patience = Patience::new(self.config);
        while sink.written < piece.length {
            let before = sink.written;
            let range = (piece.first + before, piece.first + piece.length - 1);
            if let Err(failure) = self
                .receive_range(located, size_bytes, range, &mut sink)
                .await
            {
                let failure = match failure {
                    // It did before: what has come is not thrown away for one answer.
                    Failure::NoRanges if part.done_bytes() > 0 => {
                        Failure::passing("the server sends the whole file instead of a part")
                    }
                    failure => failure,
                };
                patience.wait(failure, sink.written - before).await?;
            }
        }
        let crc = sink.finish().await?;
        let part = Arc::clone(part);
        Ok(blocking(move || part.finish_piece(piece.index, crc)).await?)
    }

    async fn receive_range(
        &self,
        located: &Located,
        size_bytes: u64,
        (first, last): (u64, u64),
        sink: &mut Sink,
    ) -> Result<(), Failure> {
        let answer = self.client.get(&self.file.url, Some((first, last))).await?;
        check_range(&answer, located, (first, last, size_bytes))?;
        let end = sink.written + (last + 1 - first);
        self.copy(answer.response, sink, Some(end)).await
    }

    /// From the beginning each time: without ranges nothing can be resumed.
    async fn receive_in_one_go(
        &self,
        part: &Arc<PartFile>,
        size_bytes: Option<u64>,
    ) -> Result<(), Failure> {
        patiently(self.config, || self.try_in_one_go(part, size_bytes)).await
    }

    async fn try_in_one_go(
        &self,
        part: &Arc<PartFile>,
        size_bytes: Option<u64>,
    ) -> Result<(), Failure> {
        let cleared = Arc::clone(part);
        blocking(move || cleared.clear()).await?;
        self.meter.start_at(self.before_bytes);
        let answer = self.client.get(&self.file.url, None).await?;
        let promised = size_bytes.or(self.file.size_bytes);
        let size_bytes = answer.response.content_length().or(promised);
        let mut sink = Sink::open(part, 0).await?;
        let copied = self.copy(answer.response, &mut sink, size_bytes).await;
        // Nothing of this try may be written after the next one began.
        let written = sink.finish().await;
        copied?;
        Ok(written.map(drop)?)
    }

    /// Up to where the sink has `end` bytes, or to the end of the answer.
    async fn copy(
        &self,
        mut response: Response,
        sink: &mut Sink,
        end: Option<u64>,
    ) -> Result<(), Failure> {
        let mut pace = Pace::new(self.client.stall_timeout());
        let mut room_known_to = sink.written + ROOM_CHECK_BYTES;
        while let Some(chunk) = pace.next_chunk(&mut response).await? {
            let length = chunk.len() as u64;
            if end.is_some_and(|end| sink.written + length > end) {
                return Err(Failure::passing(
                    "the server sends more than it was asked for",
                ));
            }
            sink.write(&chunk).await?;
            self.meter.received(length);
            if end.is_none() && sink.written > room_known_to {
                room_known_to += ROOM_CHECK_BYTES;
                self.check_room(2 * ROOM_CHECK_BYTES).await?;
            }
        }
        match end {
            Some(end) if sink.written < end => Err(Failure::passing("the connection ended early")),
            _ => Ok(()),
        }
    }

    async fn check_room(&self, needed_bytes: u64) -> Result<()> {
        let folder = self.target.parent().map(PathBuf::from).unwrap_or_default();
        let free = blocking(move || Ok(machine::free_disk_bytes(&folder))).await?;
        match free {
            Some(free) if free < needed_bytes => Err(Error::conflict("the disk is full")),
            _ => Ok(()),
        }
    }

    /// What is not what it should be is thrown away.
    async fn verify(&self, part: &Arc<PartFile>, stop: &CancellationToken) -> Result<()> {
        let (part, stop) = (Arc::clone(part), stop.clone());
        let expected = self.file.sha256.clone();
        self.meter.verify(true);
        let verified = blocking(move || {
            let refused = match unfit(&part, expected.as_deref(), &stop)? {
                None => return Ok(()),
                Some(refused) => refused,
            };
            part.clear()?;
            Err(refused)
        })
        .await;
        self.meter.verify(false);
        verified
    }
}

/// Blocking.
fn lock_new(target: &Path) -> Result<PartFile> {
    let part = PartFile::lock(target)?;
    // Another process may have been a moment earlier.
    if target.exists() {
        part.remove();
        return Err(in_the_way());
    }
    Ok(part)
}

fn in_the_way() -> Error {
    Error::conflict("there already is a model file of this name")
}

/// Gives the part its name, keeps what can be gone on with, or throws it away. None asks for a new
/// beginning, with a new file: the last bytes of the old one may still be on their way. Blocking.
fn conclude(part: &PartFile, target: &Path, outcome: Option<Result<()>>) -> Option<Result<()>> {
    match outcome {
        Some(Ok(())) if target.exists() => Some(Err(in_the_way())),
        Some(Ok(())) => Some(part.publish(target)),
        Some(Err(_)) if part.is_worth_keeping() => outcome,
        _ => {
            part.remove();
            outcome
        }
    }
}

/// Why what has come must not be offered. Blocking.
fn unfit(part: &PartFile, sha256: Option<&str>, stop: &CancellationToken) -> Result<Option<Error>> {
    if let Err(failure) = header::check(part.path()) {
        let sentence = format!("what came cannot be used: {}", failure.reason);
        return Ok(Some(Error::invalid(sentence)));
    }
    let Some(expected) = sha256 else {
        return Ok(None);
    };
    let found = part.sha256(stop).map_err(Error::internal)?;
    let found = found.ok_or_else(|| Error::conflict("the pull was stopped"))?;
    Ok((found != expected).then(|| {
        Error::invalid(format!(
            "what came is not what was promised: its sha256 is {found}, and {expected} was expected; it was thrown away"
        ))
    }))
}

fn given_up(failure: Failure) -> Error {
    match failure {
        Failure::Passing { reason, pause } => Failure::Passing {
            reason: format!("{reason}, again and again; pull again later to go on where it ended"),
            pause,
        }
        .into_error(),
        other => other.into_error(),
    }
}

fn check_range(answer: &Answer, located: &Located, wanted: (u64, u64, u64)) -> Result<(), Failure> {
    if !answer.is_partial() {
        return Err(Failure::NoRanges);
    }
    if let (Some(before), Some(now)) = (&located.version, answer.version())
        && *before != now
    {
        return Err(Failure::Changed);
    }
    match answer.content_range() {
        Some(range) if range == wanted => Ok(()),
        Some((_, _, total)) if total != wanted.2 => Err(Failure::Changed),
        _ => Err(Failure::passing(
            "the server sends another part than it was asked for",
        )),
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)?
}
