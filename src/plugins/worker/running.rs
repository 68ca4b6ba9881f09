//! The call that is running: until when, for whom, and what it has written.
//!
//! Every host function runs inside [`Running::host`], which looks at the clock before and after and
//! lets no panic through: the interpreter itself does neither inside a native function.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rhai::{Dynamic, EvalAltResult, Map, Position};

use crate::plugins::protocol::{HostAnswer, HostRequest};

const MAX_LINES: usize = 50;
const MAX_LINE_CHARS: usize = 500;
/// All lines of a call.
const MAX_LINES_BYTES: usize = 4 << 10;
/// What a call may ask of the server.
const MAX_REQUESTS: u32 = 100;

/// Whoever answers what only the server can do; None when no answer came in time.
pub(super) trait Server {
    fn ask(&self, request: HostRequest, wait: Duration) -> Option<HostAnswer>;
}

pub(super) type HostResult<T> = Result<T, Box<EvalAltResult>>;

pub(super) struct Running {
    server: Rc<dyn Server>,
    deadline: Cell<Instant>,
    deadline_ms: Cell<u64>,
    pub(super) subject: RefCell<Option<String>>,
    pub(super) settings: RefCell<Map>,
    pub(super) now: RefCell<Dynamic>,
    lines: RefCell<Vec<String>>,
    requests: Cell<u32>,
}

impl Running {
    pub(super) fn new(server: Rc<dyn Server>) -> Self {
        Self {
            server,
            deadline: Cell::new(Instant::now()),
            deadline_ms: Cell::new(0),
            subject: RefCell::default(),
            settings: RefCell::default(),
            now: RefCell::new(Dynamic::UNIT),
            lines: RefCell::default(),
            requests: Cell::new(0),
        }
    }

    pub(super) fn begin(&self, deadline_ms: u64, subject: Option<String>, now: Dynamic) {
        self.deadline_ms.set(deadline_ms);
        let deadline = Instant::now() + Duration::from_millis(deadline_ms);
        self.deadline.set(deadline);
        self.requests.set(0);
        self.lines.borrow_mut().clear();
        *self.subject.borrow_mut() = subject;
        *self.now.borrow_mut() = now;
    }

    pub(super) fn take_lines(&self) -> Vec<String> {
        self.lines.take()
    }

    /// What is beyond the limit is left out: a script that writes much is no reason to fail.
    pub(super) fn write_line(&self, text: &str) {
        let mut lines = self.lines.borrow_mut();
        let written: usize = lines.iter().map(String::len).sum();
        if lines.len() == MAX_LINES || written >= MAX_LINES_BYTES {
            return;
        }
        let mut line: String = text.chars().take(MAX_LINE_CHARS).collect();
        while written + line.len() > MAX_LINES_BYTES {
            line.pop();
        }
        lines.push(line);
    }

    fn left(&self) -> Duration {
        self.deadline
            .get()
            .saturating_duration_since(Instant::now())
    }

    pub(super) fn is_late(&self) -> bool {
        self.left().is_zero()
    }

    pub(super) fn late_message(&self) -> String {
        format!("it took longer than {} ms", self.deadline_ms.get())
    }

    /// No script can catch this one.
    fn check_time(&self) -> HostResult<()> {
        if !self.is_late() {
            return Ok(());
        }
        let message = Dynamic::from(self.late_message());
        Err(EvalAltResult::ErrorTerminated(message, Position::NONE).into())
    }

    /// Runs a host function; its error is a sentence.
    pub(super) fn host<T>(&self, work: impl FnOnce() -> Result<T, String>) -> HostResult<T> {
        self.check_time()?;
        let outcome = catch_unwind(AssertUnwindSafe(work));
        let outcome = outcome.unwrap_or_else(|_| Err("this function failed".into()));
        self.check_time()?;
        outcome.map_err(Into::into)
    }

    /// Has the server do something.
    pub(super) fn ask(&self, request: HostRequest) -> Result<HostAnswer, String> {
        let asked = self.requests.get() + 1;
        self.requests.set(asked);
        if asked > MAX_REQUESTS {
            return Err(format!("a call may ask the house {MAX_REQUESTS} times"));
        }
        match self.server.ask(request, self.left()) {
            Some(HostAnswer::Refused(reason)) => Err(reason),
            Some(answer) => Ok(answer),
            None => Err("the house did not answer in time".into()),
        }
    }
}
