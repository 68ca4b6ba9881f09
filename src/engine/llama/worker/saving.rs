//! Sequences on their way to the disk and back, read and written by a thread of its own.
//!
//! The engine's thread only copies states out of and into the context. It saves what nobody uses
//! when there is nothing else to do, and has a file read before a request that it would serve is
//! admitted, where reading is quicker than computing.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use super::super::cache::files::{Found, SavedFiles};
use super::super::cache::saved_file::{self, SavedHeader};
use super::super::cache::{Layout, Scope};
use super::desk::Desk;
use super::reply::Reply;
use super::setting::Setting;

/// Fewer are as quickly computed again.
const LEAST_TOKENS: u32 = 128;
/// With nothing to do for so long, sequences are saved.
const IDLE_BEFORE_SAVING: Duration = Duration::from_millis(700);
/// How often a wait looks whether a file was read.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// Before any file was read.
const FIRST_GUESS_BYTES_PER_US: f64 = 300.0;
/// One is written while the next one waits; each may be large.
const JOBS_AT_ONCE: usize = 2;

enum Job {
    Read { id: u64, path: PathBuf },
    Write { header: SavedHeader, state: Vec<u8> },
}

enum Done {
    Read {
        id: u64,
        path: PathBuf,
        /// None: it was of no use.
        saved: Option<(SavedHeader, Vec<u8>)>,
        elapsed: Duration,
    },
    Written {
        header: SavedHeader,
        file: Option<(PathBuf, u64)>,
    },
}

pub(super) struct Saving {
    files: SavedFiles,
    model: [u8; 32],
    jobs: SyncSender<Job>,
    done: Receiver<Done>,
    reads_under_way: u32,
    writes_under_way: u32,
    /// Lanes of which something may still be under way.
    forgotten: Vec<u64>,
    bytes_per_us: f64,
    idle_since: Option<Instant>,
}

impl Saving {
    /// None where nothing is to be kept, or cannot be.
    pub(super) fn open(
        folder: &Path,
        budget_bytes: u64,
        model: &Path,
        setting: &Setting,
    ) -> Option<Self> {
        if budget_bytes == 0 {
            return None;
        }
        let way = match setting.layout {
            Layout::Unified { .. } => "unified",
            // Without flash attention values lie the other way round.
            Layout::Streams { .. } => "streams",
        };
        let way = format!(
            "llama.cpp 0.1.161, {}, {way}, {}",
            if setting.bf16_kv { "bf16" } else { "f16" },
            env!("CARGO_PKG_VERSION")
        );
        let model = saved_file::model_key(model, &way).ok()?;
        let saved = match SavedFiles::open(folder, budget_bytes, &model) {
            Ok(saved) => saved,
            Err(error) => {
                tracing::warn!(%error, "computed conversations cannot be kept on disk");
                return None;
            }
        };
        let (jobs, inbox) = sync_channel(JOBS_AT_ONCE);
        let (outbox, done) = std::sync::mpsc::channel();
        let folder = saved.folder().to_owned();
        let thread = std::thread::Builder::new().name("engine-files".into());
        thread
            .spawn(move || {
                for job in inbox {
                    if outbox.send(perform(&folder, job)).is_err() {
                        return;
                    }
                }
            })
            .ok()?;
        Some(Self {
            files: saved,
            model,
            jobs,
            done,
            reads_under_way: 0,
            writes_under_way: 0,
            forgotten: Vec::new(),
            bytes_per_us: FIRST_GUESS_BYTES_PER_US,
            idle_since: None,
        })
    }

    fn try_begin(&mut self, job: Job) -> Result<(), Job> {
        let is_read = matches!(job, Job::Read { .. });
        match self.jobs.try_send(job) {
            Ok(()) if is_read => self.reads_under_way += 1,
            Ok(()) => self.writes_under_way += 1,
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => return Err(job),
        }
        Ok(())
    }

    fn find_worthwhile(&self, reply: &Reply, cached: u32, reading_us: f64) -> Option<Found> {
        let found = self.files.find(reply.scope, &reply.tokens)?;
        let gained = found.tokens.checked_sub(cached)?;
        #[expect(clippy::cast_precision_loss, reason = "a size is an estimate here")]
        let loading_us = found.size_bytes as f64 / self.bytes_per_us;
        let computing_us = reading_us * f64::from(gained);
        (gained >= LEAST_TOKENS && loading_us < computing_us).then_some(found)
    }
}

fn perform(folder: &Path, job: Job) -> Done {
    match job {
        Job::Read { id, path } => {
            let started = Instant::now();
            let saved = saved_file::read(&path).ok();
            Done::Read {
                id,
                path,
                saved,
                elapsed: started.elapsed(),
            }
        }
        Job::Write { header, state } => Done::Written {
            file: saved_file::write(folder, &header, &state).ok(),
            header,
        },
    }
}

impl Desk<'_> {
    /// Has a file read that would serve `reply` better than what is in memory; it waits for that.
    pub(super) fn fetch(&mut self, id: u64, reply: &mut Reply) {
        let Some(saving) = self.saving.as_mut().filter(|_| reply.reuses) else {
            return;
        };
        let beginning = self.cache.find_beginning(reply.scope, &reply.tokens);
        let cached = beginning.map_or(0, |found| found.tokens);
        let token_us = self.pace.reading_us(1);
        if let Some(found) = saving.find_worthwhile(reply, cached, token_us) {
            let job = Job::Read {
                id,
                path: found.path,
            };
            reply.is_fetching = saving.try_begin(job).is_ok();
        }
    }

    /// Puts what was read into the memory, and notes what was written.
    pub(super) fn collect_files(&mut self) {
        while let Some(done) = self
            .saving
            .as_ref()
            .and_then(|saving| saving.done.try_recv().ok())
        {
            match done {
                Done::Read {
                    id,
                    path,
                    saved,
                    elapsed,
                } => self.take_in(id, &path, saved, elapsed),
                Done::Written { header, file } => {
                    let Some(saving) = &mut self.saving else {
                        return;
                    };
                    saving.writes_under_way -= 1;
                    match file {
                        Some((path, _)) if saving.forgotten.contains(&header.scope().lane) => {
                            saving.files.delete(&path);
                        }
                        Some((path, size_bytes)) => saving.files.written(path, size_bytes, header),
                        None => {}
                    }
                }
            }
        }
        let idle = |saving: &&mut Saving| saving.reads_under_way + saving.writes_under_way == 0;
        if let Some(saving) = self.saving.as_mut().filter(idle) {
            saving.forgotten.clear();
        }
    }

    /// Drops what was computed for a lane. Other workers' files are theirs to drop, and those of
    /// models that are not loaded the server's.
    pub(super) fn forget(&mut self, lane: u64) {
        let mut acts = Vec::new();
        self.cache.forget(lane, &mut acts);
        self.act(&acts);
        let Some(saving) = &mut self.saving else {
            return;
        };
        saving.files.forget_lane(lane);
        if saving.reads_under_way + saving.writes_under_way > 0 {
            saving.forgotten.push(lane);
        }
    }

    fn take_in(
        &mut self,
        id: u64,
        path: &Path,
        saved: Option<(SavedHeader, Vec<u8>)>,
        elapsed: Duration,
    ) {
        let restored = saved
            .filter(|(header, _)| {
                self.saving.as_ref().is_some_and(|own| {
                    own.model == header.model && !own.forgotten.contains(&header.scope().lane)
                })
            })
            .map(|(header, state)| (self.restore(&header, &state), state.len()));
        if let Some(reply) = self.replies.get_mut(&id) {
            reply.is_fetching = false;
        }
        let Some(saving) = &mut self.saving else {
            return;
        };
        saving.reads_under_way -= 1;
        match restored {
            Some((Restored::InMemory, bytes)) => {
                #[expect(clippy::cast_precision_loss, reason = "a speed is an estimate here")]
                let speed = bytes as f64 / (elapsed.as_secs_f64() * 1e6).max(1.0);
                saving.bytes_per_us += (speed - saving.bytes_per_us) * 0.3;
                saving.files.used(path);
            }
            Some((Restored::NoRoom, _)) => {}
            // Maybe only for want of room in one piece.
            Some((Restored::Refused, _)) => saving.files.forget(path),
            None => saving.files.delete(path),
        }
    }

    fn restore(&mut self, header: &SavedHeader, state: &[u8]) -> Restored {
        let mut acts = Vec::new();
        let sequence = self
            .cache
            .restored(header.scope(), &header.tokens, &mut acts);
        self.act(&acts);
        let Some(sequence) = sequence else {
            return Restored::NoRoom;
        };
        if self.context.restore(sequence, state) {
            return Restored::InMemory;
        }
        let mut acts = Vec::new();
        self.cache.discard(sequence, &mut acts);
        self.act(&acts);
        Restored::Refused
    }

    /// Waits for a command, and meanwhile does what can be done when nothing else is to do. True
    /// when there may be something new.
    pub(super) fn rest(&mut self) {
        let Some(saving) = &mut self.saving else {
            let command = self.side.next_frame();
            return self.obey(command);
        };
        let idle_since = *saving.idle_since.get_or_insert_with(Instant::now);
        let wait = match (saving.reads_under_way, saving.writes_under_way) {
            (0, 0) => IDLE_BEFORE_SAVING.saturating_sub(idle_since.elapsed()),
            _ => LOOK_EVERY,
        };
        let has_more = saving.writes_under_way < u32::try_from(JOBS_AT_ONCE).unwrap_or(1);
        if let Some(command) = self.side.find_frame_within(wait) {
            return self.obey(command);
        }
        if idle_since.elapsed() < IDLE_BEFORE_SAVING || !has_more || self.save_one() {
            return;
        }
        if self
            .saving
            .as_ref()
            .is_some_and(|saving| saving.writes_under_way == 0)
        {
            let command = self.side.next_frame();
            self.obey(command);
        }
    }

    pub(super) fn is_busy_again(&mut self) {
        if let Some(saving) = &mut self.saving {
            saving.idle_since = None;
        }
    }

    /// Has the dearest sequence written that is on no disk yet. False when there is none.
    fn save_one(&mut self) -> bool {
        let Some(idle) = self.cache.find_unsaved(LEAST_TOKENS) else {
            return false;
        };
        let (sequence, scope, tokens) = (idle.sequence, idle.scope, idle.tokens.to_vec());
        self.save(sequence, scope, tokens);
        true
    }

    /// Whether a request waits for a file.
    pub(super) fn is_reading(&self) -> bool {
        self.saving
            .as_ref()
            .is_some_and(|saving| saving.reads_under_way > 0)
    }

    /// When the memory fills up, the sequence that is to go next goes to the disk before its room is
    /// wanted.
    pub(super) fn thin_out(&mut self) {
        if !self.cache.is_nearly_full() {
            return;
        }
        let Some(idle) = self.cache.next_to_go() else {
            return;
        };
        if !idle.is_saved && idle.tokens.len() >= LEAST_TOKENS as usize {
            let (sequence, scope, tokens) = (idle.sequence, idle.scope, idle.tokens.to_vec());
            self.save(sequence, scope, tokens);
        }
        let mut acts = Vec::new();
        self.cache.evict_one(&mut acts);
        self.act(&acts);
    }

    fn save(&mut self, sequence: u32, scope: Scope, tokens: Vec<i32>) {
        // Whether or not it works out, it is not tried again.
        self.cache.saved(sequence);
        let Some(saving) = &mut self.saving else {
            return;
        };
        let state = self.context.save(sequence);
        if state.is_empty() {
            return;
        }
        let header = SavedHeader::new(saving.model, scope, tokens, &state);
        // A larger file than the budget would end this process.
        if !saving.files.has_room_for(header.file_bytes()) {
            return;
        }
        let _full = saving.try_begin(Job::Write { header, state });
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Restored {
    InMemory,
    NoRoom,
    Refused,
}
