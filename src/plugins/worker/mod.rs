//! The worker's side: one process, one plugin, one thread that runs its script.
//!
//! A script can reach nothing but the functions of [`functions`] and what the server answers over
//! the pipe. It may still end this process, by the memory or the stack it takes; that is why it is
//! not the server's. Entered from `cli/worker.rs` alone, before any runtime exists.

mod functions;
mod interpreter;
#[cfg(test)]
mod interpreter_tests;
mod running;
mod time;
mod values;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use self::interpreter::Interpreter;
use self::running::Server;
use super::protocol::{Command, HostAnswer, HostRequest, Report};
use crate::worker::{ChildSide, Limits};

/// Scripts nest no deeper than the interpreter's limits allow; this holds that in debug builds too.
const STACK_BYTES: usize = 32 << 20;

/// Runs scripts until stdin is closed. The error is for the log of the server.
pub fn run_plugins_worker(limits: Limits) -> Result<(), String> {
    let side = ChildSide::<Command>::enter(limits).map_err(|error| error.to_string())?;
    let thread = std::thread::Builder::new()
        .name("script".into())
        .stack_size(STACK_BYTES)
        .spawn(move || work(side))
        .map_err(|error| error.to_string())?;
    // A script that brings the interpreter to panic ends as one that overflows its stack does.
    thread.join().unwrap_or_else(|_| std::process::abort())
}

fn work(side: ChildSide<Command>) -> Result<(), String> {
    let pipe = Rc::new(Pipe {
        side: RefCell::new(side),
        asked: Cell::new(0),
    });
    let mut interpreter = Interpreter::new(Rc::clone(&pipe) as Rc<dyn Server>);
    loop {
        let command = pipe.side.borrow().next_frame();
        let report = match command {
            Command::Load { source, settings } => {
                Report::Loaded(interpreter.load(&source, &settings))
            }
            Command::Call(call) => Report::Finished(interpreter.call(&call)),
            // To a question whose asker no longer waits.
            Command::Answer { .. } => continue,
        };
        let sent = pipe.side.borrow_mut().send(&report);
        sent.map_err(|error| error.to_string())?;
    }
}

struct Pipe {
    side: RefCell<ChildSide<Command>>,
    asked: Cell<u64>,
}

impl Server for Pipe {
    fn ask(&self, request: HostRequest, wait: Duration) -> Option<HostAnswer> {
        let id = self.asked.get() + 1;
        self.asked.set(id);
        let until = Instant::now() + wait;
        let mut side = self.side.borrow_mut();
        side.send(&Report::Ask { id, request }).ok()?;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match side.find_frame_within(left)? {
                Command::Answer { id: of, answer } if of == id => return Some(answer),
                // An answer that came too late for the question before.
                _ => {}
            }
        }
    }
}
