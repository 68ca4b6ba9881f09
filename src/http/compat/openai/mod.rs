//! `/v1` as OpenAI has it, so that existing clients work: models and chat completions.
//!
//! Unknown fields are ignored, as those clients expect; fields that would change the answer and
//! are not supported are refused. Nothing is stored, and a client that leaves cancels its work.

mod errors;
mod request;
mod response;

use std::sync::Arc;
use std::time::Duration;

use poem::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use poem::web::{Data, Json};
use poem::{Body, IntoResponse, Request, Response, Route, handler};

pub(in crate::http) use self::errors::as_openai_error;
use self::request::ChatCompletionRequest;
use self::response::{Chunks, Finished};
use crate::appliance::Appliance;
use crate::engine::{EngineError, EngineEvent};
use crate::error::{Error, Result};
use crate::http::caller::authenticate;
use crate::http::errors::ApiError;

/// How long a stream may be silent before it says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

pub(in crate::http) fn routes() -> Route {
    Route::new()
        .at("/models", poem::get(list_models))
        .at("/chat/completions", poem::post(create_chat_completion))
}

fn refuse(error: Error) -> poem::Error {
    ApiError::from(error).into()
}

#[handler]
async fn list_models(
    request: &Request,
    appliance: Data<&Arc<Appliance>>,
) -> poem::Result<Json<serde_json::Value>> {
    authenticate(request).await.map_err(refuse)?;
    Ok(Json(response::model_list(appliance.models())))
}

#[handler]
async fn create_chat_completion(
    request: &Request,
    body: Body,
    appliance: Data<&Arc<Appliance>>,
) -> poem::Result<Response> {
    let caller = authenticate(request).await.map_err(refuse)?;
    let body = body.into_bytes().await?;
    let request = ChatCompletionRequest::parse(&body).map_err(refuse)?;
    let (stream, include_usage) = (request.stream, request.include_usage());
    let completion = request.into_completion().map_err(refuse)?;
    let mut completion = appliance
        .conversations
        .complete(&caller, completion)
        .map_err(refuse)?;
    if stream {
        // What is wrong with the request is found before the first word; then it can still be a status.
        let first = completion
            .stream
            .next_event()
            .await
            .ok_or(gone())
            .map_err(refuse)?;
        let first = first.map_err(Error::from).map_err(refuse)?;
        return Ok(event_stream(completion, first, include_usage));
    }
    let finished = Finished::collect(completion).await.map_err(refuse)?;
    Ok(Json(finished.into_json()).into_response())
}

fn gone() -> Error {
    EngineError::Failed("the engine went away".into()).into()
}

fn event_stream(
    completion: crate::conversations::Completion,
    first: EngineEvent,
    include_usage: bool,
) -> Response {
    let chunks = Chunks::new(completion, first, include_usage);
    let frames = futures_util::stream::unfold(chunks, |mut chunks| async move {
        let frame = match tokio::time::timeout(KEEP_ALIVE, chunks.next_frame()).await {
            Ok(frame) => frame?,
            Err(_) => ": still here\n\n".to_owned(),
        };
        Some((Ok::<_, std::io::Error>(bytes::Bytes::from(frame)), chunks))
    });
    Response::builder()
        .header(CONTENT_TYPE, "text/event-stream")
        .header(CACHE_CONTROL, "no-cache")
        .header("x-accel-buffering", "no")
        .body(Body::from_bytes_stream(frames))
}

/// A completion's id and time, the same in each of its parts.
struct Identity {
    id: String,
    created_s: i64,
    model: String,
}

impl Identity {
    fn new(model: String) -> Self {
        let id = format!("chatcmpl-{}", uuid::Uuid::now_v7().simple());
        Self {
            id,
            created_s: crate::clock::now_ms() / 1000,
            model,
        }
    }
}

fn next_event(event: Option<std::result::Result<EngineEvent, EngineError>>) -> Result<EngineEvent> {
    Ok(event.ok_or_else(gone)??)
}
