//! The worker's own side: limits first, then frames in and out.
//!
//! stdout carries nothing but frames: whatever else prints there (C++ libraries do) is sent to
//! stderr. A thread reads stdin at all times, and when it ends the process ends at once, also in
//! the middle of a computation: nobody is left to read the result.

use std::fs::File;
use std::io::BufReader;
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::frames::{self, FrameError};
use super::limits::Limits;

/// The channel to the server, as a worker has it.
pub struct ChildSide<In> {
    frames: mpsc::Receiver<In>,
    stdout: File,
}

impl<In: DeserializeOwned + Send + 'static> ChildSide<In> {
    /// Limits this process and takes its stdin and stdout. Once a process, before other threads.
    pub fn enter(limits: Limits) -> std::io::Result<Self> {
        // Started as `/proc/self/exe` it would be listed as `exe`. Only a name: it works without.
        #[cfg(target_os = "linux")]
        let _unnamed = std::fs::write("/proc/self/comm", "chatelaine");
        limits.apply()?;
        let stdout = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
        rustix::stdio::dup2_stdout(std::io::stderr())?;
        let (sender, frames) = mpsc::channel();
        std::thread::Builder::new()
            .name("worker-stdin".into())
            .spawn(move || read_until_the_end(&sender))?;
        Ok(Self { frames, stdout })
    }

    /// Waits for the next frame. The process ends with its stdin, so there always is one.
    pub fn next_frame(&self) -> In {
        match self.frames.recv() {
            Ok(frame) => frame,
            Err(mpsc::RecvError) => end_this_process(),
        }
    }

    /// A frame that comes within so much time. The process ends with its stdin.
    pub fn find_frame_within(&self, wait: Duration) -> Option<In> {
        match self.frames.recv_timeout(wait) {
            Ok(frame) => Some(frame),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => end_this_process(),
        }
    }

    /// A frame that is there already.
    pub fn find_frame(&self) -> Option<In> {
        self.frames.try_recv().ok()
    }

    /// Sends a frame; waits while the pipe is full.
    pub fn send(&mut self, frame: &impl Serialize) -> Result<(), FrameError> {
        frames::write_frame(&mut self.stdout, frame)
    }
}

fn read_until_the_end<In: DeserializeOwned>(frames: &mpsc::Sender<In>) -> ! {
    let mut stdin = BufReader::new(std::io::stdin());
    while let Ok(Some(frame)) = frames::read_frame(&mut stdin) {
        if frames.send(frame).is_err() {
            break;
        }
    }
    end_this_process()
}

/// Not `exit`: that would run the destructors of C++ libraries under threads that still use them.
fn end_this_process() -> ! {
    let _ignored =
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}
