//! One source at work: its servers' addresses, who waits for them, and the background look at each.
//!
//! A source that is changed becomes a new one of these; requests that are under way end with the old.
//! Made by the engine; `reply` and `embedding` speak through it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::{EngineError, ModelInfo, ModelState};
use super::addresses::{Address, Addresses, Condition, Trouble};
use super::failure::{Failure, Mark, Next};
use super::listing::{self, ListedModel};
use super::question::Dialect;
use super::queue::Queue;
use super::source::RemoteSource;
use super::words::ServerWords;
use crate::error::Result;
use crate::outbound;

const CHECK_INTERVAL: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Between a doubt and the look that settles it.
const AFTER_A_DOUBT: Duration = Duration::from_millis(500);
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_LIST_BYTES: usize = 8 * 1024 * 1024;
const MAX_ERROR_BYTES: usize = 64 * 1024;

pub(super) struct Upstream {
    pub(super) source: RemoteSource,
    pub(super) addresses: Arc<Addresses>,
    pub(super) queue: Arc<Queue>,
    dialect: Mutex<Dialect>,
    client: Client,
    stop: CancellationToken,
}

/// What a look at one address found.
pub(super) struct Finding {
    pub(super) latency: Duration,
    /// None in what is found: it is well and lists nothing.
    pub(super) outcome: std::result::Result<Option<Vec<ListedModel>>, Failure>,
    timed_out: bool,
}

impl Upstream {
    pub(super) fn new(
        source: RemoteSource,
        queue_limit: u32,
        stop: CancellationToken,
    ) -> Result<Arc<Self>> {
        let connect_timeout = Duration::from_millis(source.options.connect_timeout_ms);
        let addresses = u32::try_from(source.addresses.len()).unwrap_or(u32::MAX);
        let capacity = source.options.parallel_requests.saturating_mul(addresses);
        Ok(Arc::new(Self {
            client: outbound::client(connect_timeout)?,
            addresses: Addresses::new(&source.addresses, source.models.is_empty()),
            queue: Queue::new(capacity, queue_limit),
            dialect: Mutex::default(),
            stop,
            source,
        }))
    }

    /// Looks at every address now and then until it is stopped.
    pub(super) fn watch(self: &Arc<Self>, tasks: &TaskTracker) {
        for index in 0..self.source.addresses.len() {
            let upstream = Arc::clone(self);
            tasks.spawn(async move {
                let stop = upstream.stop.clone();
                stop.run_until_cancelled(upstream.watch_address(index))
                    .await;
            });
        }
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    async fn watch_address(&self, index: usize) {
        let mut pause = FIRST_PAUSE;
        loop {
            let longer = (pause * 2).min(LONGEST_PAUSE);
            let waiting;
            (waiting, pause) = match self.look_at(index).await {
                true => (CHECK_INTERVAL, FIRST_PAUSE),
                false => (pause, longer),
            };
            tokio::select! {
                () = tokio::time::sleep(waiting) => {}
                () = self.addresses.doubts[index].notified() => {
                    tokio::time::sleep(AFTER_A_DOUBT).await;
                }
            }
        }
    }

    async fn look_at(&self, index: usize) -> bool {
        let base = &self.source.addresses[index];
        let finding = self.find_models(base).await;
        match finding.outcome {
            Ok(models) => {
                self.addresses.found_well(index, models, finding.latency);
                true
            }
            // Busy is not unwell; it is asked again.
            Err(failure) if matches!(failure.next, Next::Elsewhere(Mark::Busy(_))) => false,
            Err(failure) => {
                let (source, detail) = (&self.source.name, &failure.detail);
                tracing::debug!(
                    source,
                    address = base,
                    detail,
                    "a remote server is not well"
                );
                let trouble = Trouble::of(&failure);
                self.addresses
                    .found_failing(index, trouble, finding.timed_out);
                false
            }
        }
    }

    /// Asks one address for its models.
    pub(super) async fn find_models(&self, base: &str) -> Finding {
        let begun = Instant::now();
        let asked = tokio::time::timeout(CHECK_TIMEOUT, self.ask_for_models(base)).await;
        Finding {
            latency: begun.elapsed(),
            timed_out: asked.is_err(),
            outcome: asked.unwrap_or_else(|_| Err(Failure::timed_out(CHECK_TIMEOUT))),
        }
    }

    async fn ask_for_models(
        &self,
        base: &str,
    ) -> std::result::Result<Option<Vec<ListedModel>>, Failure> {
        let ask = async || {
            let sent = self.request(Method::GET, base, "models").send().await;
            sent.map_err(Failure::of_transport)
        };
        let response = match ask().await {
            // A new connection may be all that is wanted.
            Err(failure) if failure.next == Next::Elsewhere(Mark::HungUp) => ask().await?,
            response => response?,
        };
        let missing = matches!(
            response.status(),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED
        );
        // Where the models are named by hand, a server need not list them.
        if missing && !self.source.models.is_empty() {
            return Ok(None);
        }
        let response = self.expect_success(response, Dialect::default()).await?;
        let body = read_limited(response, MAX_LIST_BYTES).await?;
        match listing::parse(&body) {
            Some(models) => Ok(Some(models)),
            None if !self.source.models.is_empty() => Ok(None),
            None => Err(Failure::no_answer("at /models there is no list of models")),
        }
    }

    pub(super) fn request(&self, method: Method, base: &str, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{base}/{path}"));
        match &self.source.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        }
    }

    /// The response itself, or what its status and its words mean.
    pub(super) async fn expect_success(
        &self,
        response: Response,
        dialect: Dialect,
    ) -> std::result::Result<Response, Failure> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get("retry-after").cloned();
        let retry_after = retry_after.as_ref().and_then(|value| value.to_str().ok());
        // An error that cannot be read is still that error.
        let body = read_limited(response, MAX_ERROR_BYTES)
            .await
            .unwrap_or_default();
        let key = self.source.key.as_ref();
        Err(Failure::of_status(status, retry_after, &body, key, dialect))
    }

    pub(super) fn words_of(&self, body: &[u8]) -> String {
        ServerWords::of_body(body, self.source.key.as_ref()).message
    }

    pub(super) fn dialect(&self) -> Dialect {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn learn(&self, dialect: Dialect) {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner) = dialect;
    }

    /// Says in the log what went wrong at an address, and remembers what it means for it.
    pub(super) fn note(&self, index: usize, failure: &Failure) {
        let (source, detail) = (&self.source.name, &failure.detail);
        let address = &self.source.addresses[index];
        match failure.error {
            EngineError::ModelUnusable(_) | EngineError::QueueFull => {
                tracing::warn!(source, address, detail, "a remote server failed a request");
            }
            // Its words may repeat what somebody wrote.
            _ => tracing::debug!(source, address, "a remote server refused a request"),
        }
        if let Next::Elsewhere(mark) = failure.next {
            let trouble = Trouble::of(failure);
            self.addresses.mark(index, mark, trouble, Instant::now());
        }
    }

    /// The server's name of a model that is offered under `id`.
    pub(super) fn find_model(&self, id: &str) -> Option<String> {
        let name = id.strip_prefix(self.source.prefix.as_str())?;
        let offered = match self.source.models.is_empty() {
            false => self.source.models.iter().any(|model| model == name),
            true => {
                let addresses = self.addresses.list();
                addresses
                    .iter()
                    .any(|address| self.addresses.serves(address, name))
            }
        };
        offered.then(|| name.to_owned())
    }

    pub(super) fn models(&self) -> Vec<ModelInfo> {
        let addresses = self.addresses.list();
        let mut seen = HashSet::new();
        let known = addresses
            .iter()
            .filter_map(|address| address.models.as_ref());
        let known = known.flat_map(|models| models.iter());
        let mut listed: Vec<ListedModel> = known
            .filter(|model| seen.insert(model.id.as_str()))
            .cloned()
            .collect();
        if !self.source.models.is_empty() {
            let by_name = |id: &String| {
                let found = listed.iter().find(|model| model.id == *id).cloned();
                found.unwrap_or_else(|| ListedModel::named(id))
            };
            listed = self.source.models.iter().map(by_name).collect();
        }
        let describe = |model: ListedModel| self.describe(model, &addresses);
        listed.into_iter().map(describe).collect()
    }

    fn describe(&self, model: ListedModel, addresses: &[Address]) -> ModelInfo {
        let serving = addresses
            .iter()
            .filter(|address| self.addresses.serves(address, &model.id));
        let context = model.context_tokens.or(self.source.options.context_tokens);
        ModelInfo {
            id: format!("{}{}", self.source.prefix, model.id),
            name: format!("{} ({})", model.id, self.source.name),
            state: state_of(serving),
            context_tokens: context.unwrap_or(0),
            size_bytes: model.size_bytes,
            parameters: model.parameters,
            architecture: String::new(),
            quantization: String::new(),
            file: None,
            memory: None,
            writes: !model.is_for_vectors(),
            // What it cannot do it says when it is asked.
            embeds: true,
        }
    }
}

/// As good as the best of the addresses.
fn state_of<'a>(serving: impl Iterator<Item = &'a Address>) -> ModelState {
    let mut state = ModelState::Unusable("none of its servers lists it any more".into());
    for address in serving {
        match &address.condition {
            Condition::Healthy => return ModelState::Available,
            Condition::Unknown => state = ModelState::Probing,
            Condition::Failing(trouble) if state != ModelState::Probing => {
                state = ModelState::Unusable(trouble.reason.clone());
            }
            Condition::Failing(_) => {}
        }
    }
    state
}

/// No more than `limit_bytes`; what has more is no answer.
pub(super) async fn read_limited(
    mut response: Response,
    limit_bytes: usize,
) -> std::result::Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| {
            let mut failure = Failure::of_transport(error);
            failure.next = Next::Elsewhere(Mark::Failed);
            failure
        })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > limit_bytes {
            return Err(Failure::no_answer("the answer is too long"));
        }
        body.extend_from_slice(&chunk);
    }
}
