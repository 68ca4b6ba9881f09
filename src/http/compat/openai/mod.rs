//! `/v1` as OpenAI has it, so that existing clients work: models and chat completions.
//!
//! Fields nobody knows are ignored, as those clients expect; what OpenAI knows, would change the
//! answer and is not supported is refused. Nothing is stored, and a client that leaves cancels its work.

mod errors;
mod request;
mod response;

use std::sync::Arc;

use futures_util::Stream;
use poem::web::{Data, Json};
use poem::{Body, IntoResponse, Request, Response, Route, handler};

pub(in crate::http) use self::errors::as_openai_error;
use self::request::ChatCompletionRequest;
use self::response::{Chunks, Finished};
use crate::appliance::Appliance;
use crate::engine::{EngineError, EngineEvent, TokenStream};
use crate::error::{Error, Result};
use crate::http::caller::authenticate;
use crate::http::errors::{ApiError, REQUEST_ID};
use crate::http::events::{KEEP_ALIVE, STILL_HERE, event_stream};

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
        // What is wrong with the request is mostly found before its turn comes or soon after; until
        // then it can still be a status.
        let begun = first_behind_the_queue(&mut completion.stream);
        let first = match tokio::time::timeout(KEEP_ALIVE, begun).await {
            Ok(event) => Some(event.map_err(refuse)?),
            Err(_) => None,
        };
        let chunks = Chunks::new(completion, first, include_usage);
        return Ok(event_stream(chunk_frames(chunks)));
    }
    let finished = Finished::collect(completion).await.map_err(refuse)?;
    Ok(Json(finished.into_json()).into_response())
}

fn gone() -> Error {
    EngineError::Failed("the engine went away".into()).into()
}

async fn first_behind_the_queue(stream: &mut TokenStream) -> Result<EngineEvent> {
    loop {
        match next_event(stream.next_event().await)? {
            EngineEvent::Queued { .. } => {}
            event => return Ok(event),
        }
    }
}

fn chunk_frames(chunks: Chunks) -> impl Stream<Item = String> {
    futures_util::stream::unfold(chunks, |mut chunks| async move {
        let frame = match tokio::time::timeout(KEEP_ALIVE, chunks.next_frame()).await {
            Ok(frame) => frame?,
            Err(_) => STILL_HERE.to_owned(),
        };
        Some((frame, chunks))
    })
}

/// A completion's id and time, the same in each of its parts.
struct Identity {
    id: String,
    created_s: i64,
    model: String,
    /// A stream outlives the scope of its request.
    request_id: String,
}

impl Identity {
    fn new(model: String) -> Self {
        let id = format!("chatcmpl-{}", uuid::Uuid::now_v7().simple());
        Self {
            id,
            created_s: crate::clock::now_ms() / 1000,
            model,
            request_id: REQUEST_ID.get(),
        }
    }
}

fn next_event(event: Option<std::result::Result<EngineEvent, EngineError>>) -> Result<EngineEvent> {
    Ok(event.ok_or_else(gone)??)
}
