//! Models that run on other servers: whatever speaks OpenAI's API becomes a source of models.
//!
//! The sources are handed in as a list and may change at any time. Each has one or several addresses
//! that are looked at in the background; a request goes to one that is well, and to another if that
//! one fails before its first word. Nothing here decides who may use a source. A server that is away
//! makes its models unusable and never the house. Called by `appliance`, and by `models` for the
//! sources.

mod addresses;
mod answer;
mod embedding;
mod failure;
mod listing;
mod question;
mod queue;
mod reply;
mod source;
mod sse;
mod upstream;
mod words;

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::addresses::Condition;
use self::embedding::Embedding;
use self::queue::Lane;
use self::reply::Reply;
pub use self::source::{
    ApiKey, Continuation, RemoteOptions, RemoteSource, base_address, origin_of,
};
use self::upstream::Upstream;
use super::{
    Embed, Embeddings, Engine, EngineError, Generate, Health, ModelInfo, TokenStream, token_stream,
    validity,
};
use crate::error::Result;

/// Events that may wait for a reader before the server has to.
const STREAM_CAPACITY: usize = 256;

pub struct RemoteEngine {
    sources: RwLock<Vec<Arc<Upstream>>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    queue_limit: u32,
}

/// How one address of a source is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressStatus {
    pub address: String,
    pub state: AddressState,
    /// Requests under way there.
    pub running: u32,
    /// Of the last look at it.
    pub latency_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressState {
    /// It is being looked at for the first time.
    Checking,
    Healthy,
    /// With the reason, in words for an administrator.
    Failing(String),
}

/// What was found when an address was asked for its models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressCheck {
    pub address: String,
    pub latency: Duration,
    /// The names of its models, None where it is well and lists nothing; or what went wrong, with
    /// the server's own words.
    pub outcome: std::result::Result<Option<Vec<String>>, String>,
}

impl RemoteEngine {
    /// `queue_limit` requests may wait for each source. Needs a runtime once it has sources.
    pub fn new(queue_limit: u32, tasks: TaskTracker, stopping: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            sources: RwLock::default(),
            tasks,
            stopping,
            queue_limit,
        })
    }

    /// What is offered from now on, in this order. A source that stays as it was keeps what is known
    /// of it; requests that are under way go on to their end.
    pub fn set_sources(&self, sources: Vec<RemoteSource>) -> Result<()> {
        let mut current = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Vec::with_capacity(sources.len());
        let mut begun = Vec::new();
        for source in sources {
            let kept = current.iter().find(|upstream| upstream.source == source);
            let upstream = match kept {
                Some(upstream) => Arc::clone(upstream),
                None => {
                    let stop = self.stopping.child_token();
                    let upstream = Upstream::new(source, self.queue_limit, stop)?;
                    begun.push(Arc::clone(&upstream));
                    upstream
                }
            };
            next.push(upstream);
        }
        for gone in current.iter() {
            if next.iter().all(|upstream| !Arc::ptr_eq(upstream, gone)) {
                gone.stop();
            }
        }
        for upstream in begun {
            upstream.watch(&self.tasks);
        }
        *current = next;
        Ok(())
    }

    /// How the addresses of a source are doing; nothing of a source that is not offered.
    pub fn status(&self, source_id: &str) -> Vec<AddressStatus> {
        let sources = self.upstreams();
        let upstream = sources.iter().find(|it| it.source.id == source_id);
        let addresses = upstream.map(|upstream| upstream.addresses.list());
        let status = |address: addresses::Address| AddressStatus {
            state: match address.condition {
                Condition::Unknown => AddressState::Checking,
                Condition::Healthy => AddressState::Healthy,
                Condition::Failing(trouble) => AddressState::Failing(trouble.in_full()),
            },
            address: address.base,
            running: address.running,
            latency_ms: address.latency_ms,
        };
        addresses
            .unwrap_or_default()
            .into_iter()
            .map(status)
            .collect()
    }

    /// Asks every address of a source for its models, now, whether the source is offered or not.
    pub async fn check(&self, source: RemoteSource) -> Result<Vec<AddressCheck>> {
        let stop = self.stopping.child_token();
        let upstream = Upstream::new(source, self.queue_limit, stop)?;
        let checks = upstream.source.addresses.iter().map(async |address| {
            let finding = upstream.find_models(address).await;
            let names = |models: Vec<listing::ListedModel>| models.into_iter().map(|it| it.id);
            AddressCheck {
                address: address.clone(),
                latency: finding.latency,
                outcome: match finding.outcome {
                    Ok(models) => Ok(models.map(|models| names(models).collect())),
                    Err(failure) => Err(addresses::Trouble::of(&failure).in_full()),
                },
            }
        });
        Ok(join_all(checks).await)
    }

    fn upstreams(&self) -> Vec<Arc<Upstream>> {
        let sources = self.sources.read();
        sources.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where two sources offer the same id, the earlier one has it.
    fn get_model(&self, id: &str) -> std::result::Result<(Arc<Upstream>, String), EngineError> {
        let found = self
            .upstreams()
            .into_iter()
            .find_map(|upstream| upstream.find_model(id).map(|model| (upstream, model)));
        found.ok_or_else(|| EngineError::UnknownModel(id.to_owned()))
    }
}

impl Engine for RemoteEngine {
    fn models(&self) -> Vec<ModelInfo> {
        let upstreams = self.upstreams();
        let mut seen = HashSet::new();
        let models = upstreams.iter().flat_map(|upstream| upstream.models());
        models
            .filter(|model| seen.insert(model.id.clone()))
            .collect()
    }

    fn generate(&self, request: Generate) -> std::result::Result<TokenStream, EngineError> {
        let (upstream, model) = self.get_model(&request.model)?;
        validity::check(&request)?;
        question::check(&request)?;
        let lane = Lane {
            id: request.lane,
            weight: request.weight,
        };
        let ticket = upstream.queue.enter(lane, request.priority)?;
        let (sender, stream) = token_stream(STREAM_CAPACITY);
        let reply = Reply {
            upstream,
            model,
            request,
            ticket,
            sender,
        };
        self.tasks.spawn(reply.run());
        Ok(stream)
    }

    fn embed(
        &self,
        request: Embed,
    ) -> BoxFuture<'static, std::result::Result<Embeddings, EngineError>> {
        let found = self
            .get_model(&request.model)
            .and_then(|(upstream, model)| {
                validity::check_embed(&request)?;
                let lane = Lane {
                    id: request.lane,
                    weight: 1,
                };
                let ticket = upstream.queue.enter(lane, request.priority)?;
                Ok(Embedding {
                    upstream,
                    model,
                    request,
                    ticket,
                })
            });
        match found {
            Ok(embedding) => embedding.make().boxed(),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    fn forget(&self, _lane: u64) -> BoxFuture<'static, std::result::Result<(), EngineError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn health(&self) -> Health {
        let counts: Vec<(u32, u32)> = self
            .upstreams()
            .iter()
            .map(|upstream| upstream.queue.counts())
            .collect();
        Health {
            ready: true,
            loaded: Vec::new(),
            running: counts.iter().map(|(running, _)| running).sum(),
            queued: counts.iter().map(|(_, queued)| queued).sum(),
        }
    }
}

#[cfg(test)]
mod engine_tests;
