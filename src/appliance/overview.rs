//! How the house stands, for administrators and auditors: what there is, what was written, what it
//! takes. Nothing here says what anybody wrote.

use std::path::Path;

use crate::accounts::Caller;
use crate::clock::UnixMs;
use crate::engine::Health;
use crate::error::{Error, Result};
use crate::machine;
use crate::store::counts::{Counts, counts};
pub use crate::store::usage::DayUsage;
use crate::store::usage::list_usage;

use super::{Appliance, DATABASE_FILE};

const DAYS: u32 = 30;
/// What is looked at of a folder; a data folder is not deep.
const FILES_LIMIT: usize = 200_000;

pub struct Overview {
    pub counts: Counts,
    /// Of the last 30 days, oldest first.
    pub usage: Vec<DayUsage>,
    pub running_replies: usize,
    pub health: Health,
    pub memory: Memory,
    pub disk: Disk,
    pub started_at: UnixMs,
}

pub struct Memory {
    /// Of this process and its workers.
    pub used_bytes: Option<u64>,
    /// What the machine, or its container, has.
    pub total_bytes: u64,
}

pub struct Disk {
    pub database_bytes: u64,
    pub models_bytes: u64,
    /// Conversations' computed states, which may go at any time.
    pub saved_states_bytes: u64,
    pub free_bytes: Option<u64>,
}

impl Appliance {
    pub async fn overview(&self, caller: &Caller) -> Result<Overview> {
        caller.require_auditor()?;
        let read = self
            .store
            .read(|tx| Ok((counts(tx)?, list_usage(tx, DAYS)?)));
        let (counts, usage) = read.await?;
        let data = self.data.clone();
        let measured = tokio::task::spawn_blocking(move || (memory(), disk(&data)));
        let (memory, disk) = measured.await.map_err(Error::internal)?;
        Ok(Overview {
            counts,
            usage,
            running_replies: self.conversations.count_running_replies(),
            health: self.engine.health(),
            memory,
            disk,
            started_at: self.started_at,
        })
    }
}

fn memory() -> Memory {
    Memory {
        used_bytes: machine::used_bytes_of_family(),
        total_bytes: machine::memory_bytes(),
    }
}

fn disk(data: &Path) -> Disk {
    Disk {
        database_bytes: bytes_below(&data.join(DATABASE_FILE)),
        models_bytes: bytes_below(&data.join("models")) + bytes_below(&data.join("adapters")),
        saved_states_bytes: bytes_below(&data.join("kv")),
        free_bytes: machine::free_disk_bytes(data),
    }
}

/// Of a file, or of everything in a folder; what cannot be read takes nothing.
fn bytes_below(path: &Path) -> u64 {
    let (mut waiting, mut bytes, mut seen) = (vec![path.to_owned()], 0, 0);
    while let Some(path) = waiting.pop() {
        seen += 1;
        let Ok(found) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        if found.is_file() {
            bytes += found.len();
        } else if found.is_dir() && seen < FILES_LIMIT {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            waiting.extend(entries.map(|entry| entry.path()));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_as_large_as_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/one"), [0; 1000]).unwrap();
        std::fs::write(folder.path().join("two"), [0; 500]).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/", folder.path().join("out")).unwrap();
        assert_eq!(bytes_below(folder.path()), 1500);
        assert_eq!(bytes_below(&folder.path().join("nothing")), 0);
    }
}
