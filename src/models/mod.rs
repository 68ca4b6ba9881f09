//! The library of model files: what lies in `<data>/models`, what of it can be used, what is offered.
//!
//! The folder is the truth: a GGUF that is put there, or linked there by [`Library::add`], is opened
//! by a probing worker, and only what survives is offered to the engine. What was found is kept in
//! `.probed.json`, which can be deleted at any time. The demo model is unpacked from the program once;
//! deleting it on purpose is respected. Adapters on top of models have a library of their own,
//! [`Adapters`], whose truth is the store. A [`Library`] is an engine to its callers (`appliance`,
//! `cli`): it lists every file with its state, and hands requests to whoever runs them. What other
//! servers offer is kept in `remote_sources`.

mod adapter_check;
mod adapters;
mod demo;
mod fit;
mod folder;
mod gguf;
mod header;
mod library;
mod model_check;
mod probed_files;
mod pull;
mod pulls;
mod remote_sources;

pub use self::adapters::{Adapter, AdapterChange, AdapterChoice, Adapters, NewAdapter};
pub use self::fit::{Fit, Verdict, size_for_people};
pub use self::library::Library;
pub use self::pull::{Choice, Meter, Plan, Preview, Progress, Puller};
pub use self::pulls::Pulls;
pub use self::remote_sources::{
    NewRemoteSource, RemoteOptionsChange, RemoteSourceChange, RemoteSourceView, RemoteSources,
};
use crate::engine::{ModelInfo, ModelState};
pub use crate::jobs::{JobProgress, JobReader, JobView};
pub use crate::store::adapters::{AdapterAudience, AdapterRecord};
pub use crate::store::jobs::{JobOutcome, JobTask};

/// The id of the model inside the program.
pub const DEMO_MODEL: &str = "chatelaine-demo";

/// The model that answers when none was chosen: the first that can be used, so the latest added;
/// the demo model only where there is no other.
pub fn find_default(models: &[ModelInfo]) -> Option<&ModelInfo> {
    let usable = |model: &&ModelInfo| {
        model.writes
            && matches!(
                model.state,
                ModelState::Available | ModelState::Loading | ModelState::Loaded
            )
    };
    let mut candidates = models.iter().filter(usable);
    let others = candidates.clone().find(|model| model.id != DEMO_MODEL);
    others.or_else(|| candidates.next())
}
