//! Pulling models: from a repository of a Hugging Face hub, or from any address, into the models
//! folder. First a plan, which says what would come and whether it fits this machine; then the plan
//! is carried out.
//!
//! A file has its name only when every byte is there, on the disk, and as promised; until then it
//! is a `.part`, and a pull that was stopped in whatever way goes on where it ended. No name that
//! comes from outside leads out of the folder. Called by `models/pulls.rs` for the API, and by `cli`.

mod choice;
mod client;
mod download;
mod failure;
mod hub;
mod meter;
mod pace;
mod part_file;
mod patience;
mod plan;
mod sink;
mod source;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tokio_util::sync::CancellationToken;

pub use self::choice::Choice;
use self::client::Client;
use self::download::{DISK_RESERVE_BYTES, Download, PlannedFile, blocking};
use self::failure::Failure;
pub use self::meter::{Meter, Progress};
use self::part_file::sha256_of;
use self::patience::patiently;
pub use self::plan::{Plan, Preview};
use self::source::Source;
use crate::config::ModelsConfig;
use crate::error::{Error, Result};
use crate::machine;
use crate::models::fit::{Machine, size_for_people};

/// Pulls into one folder.
pub struct Puller {
    config: ModelsConfig,
    /// Of one conversation, for the estimate.
    context_tokens: u32,
    folder: PathBuf,
    client: OnceLock<Client>,
}

impl Puller {
    /// Asks nobody for anything yet.
    pub fn new(config: &ModelsConfig, context_tokens: u32, folder: PathBuf) -> Self {
        Self {
            config: config.clone(),
            context_tokens,
            folder,
            client: OnceLock::new(),
        }
    }

    /// Made when it is first needed: a house that pulls nothing needs no certificates.
    fn client(&self) -> Result<&Client> {
        if self.client.get().is_none() {
            let made = Client::new(&self.config)?;
            return Ok(self.client.get_or_init(|| made));
        }
        self.client
            .get()
            .ok_or_else(|| Error::internal("the client is gone"))
    }

    /// What a repository offers and what of it would be pulled. An error where there is nothing.
    pub async fn preview(&self, source: &str) -> Result<Preview> {
        let source = Source::parse(source, &self.client()?.hub)?;
        let machine = blocking(|| Ok(Machine::measure())).await?;
        self.look_at(&source, machine)
            .await
            .map_err(Failure::into_error)
    }

    /// What would be pulled, looked up once. `sha256` is what somebody expects of the file.
    pub async fn plan(&self, source: &str, sha256: Option<&str>) -> Result<Plan> {
        self.preview(source).await?.into_plan(sha256)
    }

    /// The same with patience, for whom nobody waits.
    pub async fn plan_patiently(&self, source: &str, sha256: Option<&str>) -> Result<Plan> {
        let source = Source::parse(source, &self.client()?.hub)?;
        let machine = blocking(|| Ok(Machine::measure())).await?;
        let preview = patiently(&self.config, || self.look_at(&source, machine)).await;
        preview.map_err(Failure::into_error)?.into_plan(sha256)
    }

    /// Carries a plan out. Dropping the future stops it; what is whole is kept for the next time.
    pub async fn pull(&self, plan: &Plan, meter: &Meter) -> Result<()> {
        self.check_room(plan).await?;
        meter.expect(plan.size_bytes.unwrap_or(0));
        let mut before_bytes = 0;
        // The first part comes last: a model is listed when that one is there.
        for file in plan.files.iter().rev() {
            let target = self.folder.join(&file.name);
            let is_later_part = file.name != plan.file;
            if !(is_later_part && self.has_part(&target, file).await?) {
                let download = Download {
                    client: self.client()?,
                    config: &self.config,
                    file,
                    target,
                    before_bytes,
                    meter,
                };
                download.run().await?;
            }
            before_bytes = before_bytes.saturating_add(file.size_bytes.unwrap_or(0));
            meter.start_at(before_bytes);
        }
        Ok(())
    }

    /// A later part may have come whole before the pull was stopped.
    async fn has_part(&self, target: &Path, file: &PlannedFile) -> Result<bool> {
        let (target, file) = (target.to_owned(), file.clone());
        let stop = CancellationToken::new();
        let _stopped_with_this = stop.clone().drop_guard();
        blocking(move || {
            if std::fs::symlink_metadata(&target).is_err() {
                return Ok(false);
            }
            match is_whole(&target, &file, &stop).map_err(Error::internal)? {
                true => Ok(true),
                false => Err(Error::conflict(format!(
                    "there already is another file named {}",
                    file.name
                ))),
            }
        })
        .await
    }

    async fn check_room(&self, plan: &Plan) -> Result<()> {
        let (folder, plan) = (self.folder.clone(), plan.clone());
        blocking(move || {
            let free = machine::free_disk_bytes(&folder);
            let missing = plan
                .size_bytes
                .map(|size| size.saturating_sub(plan.kept_bytes));
            match (missing, free) {
                (Some(missing), Some(free))
                    if missing > free.saturating_sub(DISK_RESERVE_BYTES) =>
                {
                    Err(Error::conflict(format!(
                        "the disk has no room: {} are still to come, and {} are free",
                        size_for_people(missing),
                        size_for_people(free)
                    )))
                }
                _ => Ok(()),
            }
        })
        .await
    }

    /// An error where the plan cannot be carried out: no room, or the file is there already.
    pub async fn check(&self, plan: &Plan) -> Result<()> {
        if plan.is_there {
            return Err(Error::conflict(format!(
                "there already is a model file named {}",
                plan.file
            )));
        }
        self.check_room(plan).await
    }

    /// Whether the folder has the file.
    pub async fn has(&self, file: &str) -> Result<bool> {
        let target = self.folder.join(file);
        blocking(move || Ok(std::fs::symlink_metadata(target).is_ok())).await
    }

    /// Throws away what has come of a model that was not finished.
    pub async fn discard(&self, file: &str) -> Result<()> {
        let (folder, file) = (self.folder.clone(), file.to_owned());
        blocking(move || {
            for name in plan::names_of_parts(&file) {
                let target = folder.join(&name);
                part_file::discard(&target)?;
                // Later parts that came whole are nothing without the first.
                if name != file && !folder.join(&file).exists() {
                    let _ = std::fs::remove_file(&target);
                }
            }
            Ok(())
        })
        .await
    }
}

fn is_whole(target: &Path, file: &PlannedFile, stop: &CancellationToken) -> io::Result<bool> {
    if Some(std::fs::metadata(target)?.len()) != file.size_bytes {
        return Ok(false);
    }
    match &file.sha256 {
        None => Ok(true),
        Some(expected) => {
            let found = sha256_of(&File::open(target)?, stop)?;
            Ok(found.as_ref() == Some(expected))
        }
    }
}
