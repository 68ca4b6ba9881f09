//! Taking an adapter in: received, checked here and by a worker, named, written down, offered.
//!
//! Nothing is offered that was not checked against its model, and nothing of a file that is refused
//! stays. The same file for the same model is taken in once, also when it comes twice at once.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::AsyncRead;

use super::incoming::{Incoming, too_large};
use super::{Adapter, Adapters, check_may_write, files, wording};
use crate::accounts::Caller;
use crate::clock::now_ms;
use crate::engine::{ModelState, ProbeFailure};
use crate::error::{Error, ErrorKind, Reason, Result};
use crate::models::adapter_check::{self, AdapterHeader};
use crate::store::adapters::{AdapterAudience, AdapterRecord, put_adapter};

const ADAPTERS_IN_A_HOUSE: usize = 500;

pub struct NewAdapter {
    /// None: the name the file gives itself.
    pub name: Option<String>,
    /// The id of the model it is made for.
    pub base: String,
    pub description: String,
    /// None: 1, as it was trained.
    pub default_scale: Option<f32>,
    pub audience: AdapterAudience,
}

/// A model that adapters can be put on.
struct Base {
    id: String,
    /// None for what only pretends to be a model.
    file: Option<PathBuf>,
}

impl Adapters {
    /// For whoever has the data folder; others are asked who they are by [`Adapters::upload`].
    pub async fn add(
        self: &Arc<Self>,
        new: NewAdapter,
        declared_bytes: Option<u64>,
        file: impl AsyncRead + Unpin,
    ) -> Result<Adapter> {
        self.take_in(None, new, declared_bytes, file).await
    }

    /// `caller` None: whoever has the data folder.
    pub(super) async fn take_in(
        self: &Arc<Self>,
        caller: Option<Caller>,
        new: NewAdapter,
        declared_bytes: Option<u64>,
        file: impl AsyncRead + Unpin,
    ) -> Result<Adapter> {
        let base = self.get_base(&new.base)?;
        let name = new.name.as_deref().map(wording::valid_name).transpose()?;
        let description = wording::valid_description(&new.description)?;
        wording::check_scale(new.default_scale)?;
        if declared_bytes.is_some_and(|bytes| bytes > self.limit_bytes) {
            return Err(too_large(self.limit_bytes));
        }
        let _place = self.uploads.try_acquire().map_err(|_| {
            Error::overloaded("several adapters are being uploaded; try again shortly", 10)
                .with_reason(Reason::TooManyUploads)
        })?;
        let incoming = Incoming::receive(&self.folder, file, self.limit_bytes).await?;
        self.refuse_twin(&base.id, &incoming.sha256)?;
        let header = self.check(&incoming, &base).await?;
        let name = match name {
            Some(name) => name,
            None => wording::valid_name(&header.name)?,
        };
        let record = AdapterRecord {
            id: wording::id_from(&name),
            name,
            base: base.id,
            description,
            size_bytes: incoming.size_bytes,
            modified_ms: 0,
            sha256: incoming.sha256.clone(),
            rank: header.rank,
            alpha: header.alpha,
            default_scale: new.default_scale.unwrap_or(1.0),
            audience: new.audience,
            created_at: now_ms(),
        };
        self.to_its_end(Arc::clone(self).install(caller, incoming, record))
            .await
    }

    fn get_base(&self, id: &str) -> Result<Base> {
        let refuse = |sentence: String| Err(Error::invalid_field("base", sentence));
        let models = self.engine.models();
        let Some(model) = models.into_iter().find(|model| model.id == id) else {
            let id: String = id.chars().take(80).collect();
            return refuse(format!("there is no model named \"{id}\""));
        };
        match model.state {
            ModelState::Unusable(reason) => {
                return refuse(format!("the model {id} cannot be used: {reason}"));
            }
            ModelState::Probing => {
                return refuse(format!(
                    "the model {id} is being looked at; try again in a moment"
                ));
            }
            ModelState::Available | ModelState::Loading | ModelState::Loaded => {}
        }
        if model.file.is_none() && !self.engine.takes_any_adapter(id) {
            return refuse(format!("the model {id} takes no adapters"));
        }
        Ok(Base {
            id: model.id,
            file: model.file,
        })
    }

    fn refuse_twin(&self, base: &str, sha256: &str) -> Result<()> {
        let shelf = self.shelf();
        let is_twin =
            |adapter: &&Adapter| adapter.record.base == base && adapter.record.sha256 == sha256;
        match shelf.iter().find(is_twin) {
            None => Ok(()),
            Some(Adapter { record, .. }) => Err(Error::conflict(format!(
                "this file is here already, as the adapter \"{}\"",
                record.id
            ))
            .with_details(serde_json::json!({ "id": record.id }))
            .with_reason(Reason::AdapterKnown)),
        }
    }

    /// First in Rust, then by a worker on top of its model.
    async fn check(&self, incoming: &Incoming, base: &Base) -> Result<AdapterHeader> {
        let (path, model) = (incoming.path().to_owned(), base.file.clone());
        let checked =
            tokio::task::spawn_blocking(move || adapter_check::check(&path, model.as_deref()));
        let header = checked.await.map_err(Error::internal)?.map_err(refused)?;
        if let Some(model) = &base.file {
            let Some(runner) = &self.runner else {
                return Err(Error::invalid_field("base", "this model takes no adapters"));
            };
            let probed = runner.probe_adapter(incoming.path().to_owned(), model.clone());
            probed.await.map_err(refused)?;
        }
        Ok(header)
    }

    async fn install(
        self: Arc<Self>,
        caller: Option<Caller>,
        mut incoming: Incoming,
        mut record: AdapterRecord,
    ) -> Result<Adapter> {
        let _turn = self.changing.lock().await;
        // Another may have come first while this one was checked.
        self.refuse_twin(&record.base, &record.sha256)?;
        let taken: Vec<String> = self.list().into_iter().map(|it| it.record.id).collect();
        if taken.len() >= ADAPTERS_IN_A_HOUSE {
            return Err(Error::conflict(format!(
                "there are {ADAPTERS_IN_A_HOUSE} adapters already; delete one first"
            ))
            .with_details(serde_json::json!({ "maximum": ADAPTERS_IN_A_HOUSE }))
            .with_reason(Reason::AdaptersFull));
        }
        let folder = self.folder.clone();
        let named = tokio::task::spawn_blocking(move || {
            let (id, path) = files::free_place(&folder, &record.id, &taken);
            record.id = id;
            record.modified_ms = incoming.rename(path)?;
            Ok::<_, std::io::Error>((incoming, record))
        });
        let (incoming, record) = named
            .await
            .map_err(Error::internal)?
            .map_err(Error::internal)?;
        let written = record.clone();
        self.store
            .write(move |tx| {
                // A file may take hours to come.
                check_may_write(tx, caller.as_ref())?;
                put_adapter(tx, &written)
            })
            .await?;
        incoming.keep();
        let adapter = Adapter {
            record,
            trouble: None,
        };
        let mut shelf = self.shelf();
        shelf.push(adapter.clone());
        shelf.sort_by(|left, right| left.record.id.cmp(&right.record.id));
        self.offer(&shelf);
        Ok(adapter)
    }
}

fn refused(failure: ProbeFailure) -> Error {
    let sentence = format!("this file cannot be used: {}", failure.reason);
    match failure.lasting {
        true => Error::invalid_field("file", sentence),
        false => Error::new(ErrorKind::ModelUnavailable, sentence),
    }
}
