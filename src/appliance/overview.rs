//! How the house stands, for administrators and auditors: what there is, what was written, what it
//! takes. Nothing here says what anybody wrote.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

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
/// Files and folders that are looked at below one; what lies behind is not counted.
const FILES_LIMIT: usize = 200_000;
/// For so long what was found is told again.
const FOLDERS_KEPT: Duration = Duration::from_secs(60);

/// What the data folder's folders take, as it was last looked up.
#[derive(Default)]
pub(super) struct MeasuredFolders {
    latest: Mutex<Option<(Instant, Folders)>>,
}

#[derive(Clone, Copy)]
struct Folders {
    models_bytes: u64,
    saved_states_bytes: u64,
}

impl MeasuredFolders {
    /// Who comes while somebody is looking waits for what they find.
    async fn get(&self, data: &Path) -> Result<Folders> {
        let mut latest = self.latest.lock().await;
        if let Some((at, folders)) = *latest
            && at.elapsed() < FOLDERS_KEPT
        {
            return Ok(folders);
        }
        let data = data.to_owned();
        let measured = tokio::task::spawn_blocking(move || Folders {
            models_bytes: bytes_below(&data.join("models")) + bytes_below(&data.join("adapters")),
            saved_states_bytes: bytes_below(&data.join("kv")),
        });
        let folders = measured.await.map_err(Error::internal)?;
        *latest = Some((Instant::now(), folders));
        Ok(folders)
    }
}

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
        let folders = self.folders.get(&self.data).await?;
        let data = self.data.clone();
        let measured = tokio::task::spawn_blocking(move || (memory(), disk(&data, folders)));
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

fn disk(data: &Path, folders: Folders) -> Disk {
    Disk {
        database_bytes: bytes_below(&data.join(DATABASE_FILE)),
        models_bytes: folders.models_bytes,
        saved_states_bytes: folders.saved_states_bytes,
        free_bytes: machine::free_disk_bytes(data),
    }
}

/// Of a file, or of everything in a folder; what cannot be read takes nothing.
fn bytes_below(path: &Path) -> u64 {
    let (mut waiting, mut bytes, mut left) = (vec![path.to_owned()], 0, FILES_LIMIT);
    while let Some(path) = waiting.pop() {
        let Ok(found) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        if found.is_file() {
            bytes += found.len();
        } else if found.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            let known = waiting.len();
            waiting.extend(entries.take(left).map(|entry| entry.path()));
            left -= waiting.len() - known;
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
