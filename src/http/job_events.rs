//! A job as server-sent events: how it stands, at once and whenever that changes, up to its ending.
//!
//! Nothing is resumed: the first event of every stream says all there is to know. A silent stream
//! sends a comment every two seconds, like that of a reply.

use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use tokio_util::sync::CancellationToken;

use super::api::jobs::{Job, JobEndedEvent, JobProgressEvent, progress_event};
use super::events::{
    EVENT_STREAM, KEEP_ALIVE, STILL_HERE, event_stream, push_frame, stream_schema,
};
use crate::appliance::Appliance;
use crate::models::{JobOutcome, JobReader, JobView};

/// The event stream of one job.
pub(super) struct JobEvents {
    reader: JobReader,
    last_id: u64,
    stopping: CancellationToken,
}

impl JobEvents {
    pub(super) fn of(reader: JobReader, house: &Appliance) -> Self {
        Self {
            reader,
            last_id: 0,
            stopping: house.stopping(),
        }
    }

    async fn next_frame(&mut self) -> Option<String> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => None,
            next = self.reader.next() => match next {
                Ok(view) => view.map(|view| self.frame(view)),
                Err(error) => {
                    tracing::warn!(%error, "a job cannot be watched at the moment");
                    None
                }
            },
            () = tokio::time::sleep(KEEP_ALIVE) => Some(STILL_HERE.to_owned()),
        }
    }

    fn frame(&mut self, view: JobView) -> String {
        self.last_id += 1;
        let ending = view.record.ending.as_ref().map(|ending| &ending.outcome);
        let name = match ending {
            None => "progress",
            Some(JobOutcome::Done) => "done",
            Some(JobOutcome::Failed { .. } | JobOutcome::Cancelled) => "failed",
        };
        let data = match ending {
            None => progress_event(&view).to_json_string(),
            Some(_) => JobEndedEvent { job: view.into() }.to_json_string(),
        };
        let mut frame = String::new();
        push_frame(&mut frame, self.last_id, name, &data);
        frame
    }
}

impl IntoResponse for JobEvents {
    fn into_response(self) -> Response {
        event_stream(futures_util::stream::unfold(self, |mut events| async {
            let frame = events.next_frame().await?;
            Some((frame, events))
        }))
    }
}

impl Payload for JobEvents {
    const CONTENT_TYPE: &'static str = EVENT_STREAM;

    /// `done` and `failed` have the same shape.
    fn schema_ref() -> MetaSchemaRef {
        stream_schema(vec![
            JobProgressEvent::schema_ref(),
            JobEndedEvent::schema_ref(),
        ])
    }

    fn register(registry: &mut Registry) {
        JobProgressEvent::register(registry);
        JobEndedEvent::register(registry);
        Job::register(registry);
    }
}
