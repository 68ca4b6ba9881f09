//! How often something is tried again, and after which pause.
//!
//! Failures are counted in a row: whatever brought the download forward starts the count anew. So
//! a bad line gets there in the end, and a dead one is given up soon.

use std::time::Duration;

use super::failure::Failure;
use crate::config::ModelsConfig;
use crate::worker::Backoff;

const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Less is no way forward.
const MIN_GAIN_BYTES: u64 = 64 << 10;

pub(super) struct Patience {
    backoff: Backoff,
    left: u32,
    retries: u32,
}

impl Patience {
    pub(super) fn new(config: &ModelsConfig) -> Self {
        Self {
            backoff: Backoff::new(Duration::from_millis(config.retry_pause_ms), LONGEST_PAUSE),
            left: config.retries,
            retries: config.retries,
        }
    }

    /// Waits until another try makes sense. The failure itself, where none does.
    pub(super) async fn wait(
        &mut self,
        failure: Failure,
        gained_bytes: u64,
    ) -> Result<(), Failure> {
        let Failure::Passing { pause, .. } = &failure else {
            return Err(failure);
        };
        if gained_bytes >= MIN_GAIN_BYTES {
            self.left = self.retries;
            self.backoff.succeeded();
        }
        if self.left == 0 {
            return Err(failure);
        }
        self.left -= 1;
        let own = self.backoff.next_delay();
        tokio::time::sleep(pause.map_or(own, |asked| asked.max(own))).await;
        Ok(())
    }
}

/// Tries until it succeeds or there is no point in it.
pub(super) async fn patiently<T, F>(
    config: &ModelsConfig,
    attempt: impl Fn() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut patience = Patience::new(config);
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(failure) => patience.wait(failure, 0).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn quick() -> ModelsConfig {
        ModelsConfig {
            retries: 3,
            retry_pause_ms: 0,
            ..ModelsConfig::default()
        }
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_so_often_and_what_does_not_only_once() {
        let tried = Cell::new(0);
        let outcome: Result<(), _> = patiently(&quick(), || {
            tried.set(tried.get() + 1);
            std::future::ready(Err(Failure::passing("busy")))
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(tried.get(), 4);
        let outcome: Result<(), _> = patiently(&quick(), || {
            tried.set(tried.get() + 1);
            std::future::ready(Err(Failure::Changed))
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(tried.get(), 5);
    }

    #[tokio::test]
    async fn who_gets_forward_is_never_given_up() {
        let mut patience = Patience::new(&quick());
        for _ in 0..100 {
            let failure = Failure::passing("the connection broke");
            patience.wait(failure, MIN_GAIN_BYTES).await.unwrap();
        }
        for _ in 0..2 {
            patience.wait(Failure::passing("busy"), 1).await.unwrap();
        }
        assert!(patience.wait(Failure::passing("busy"), 1).await.is_err());
    }
}
