//! `/v1/chat/completions`: messages in, the assistant's message out, whole or in chunks.
//! Several answers to the same messages are several pieces of work for the engine.

mod format;
mod messages;
mod request;
mod response;
mod tools;

use std::sync::Arc;

use poem::web::{Data, Json};
use poem::{Body, IntoResponse, Request, Response, handler};

use self::request::ChatCompletionRequest;
use self::response::{ChatChunks, whole_completion};
use super::answers::Answers;
use super::chunks::Chunks;
use super::{Identity, parse, refuse};
use crate::accounts::Purpose;
use crate::appliance::Appliance;
use crate::engine::Generate;
use crate::http::caller::authenticate;
use crate::http::events::event_stream;

#[handler]
pub(super) async fn create_chat_completion(
    request: &Request,
    body: Body,
    appliance: Data<&Arc<Appliance>>,
) -> poem::Result<Response> {
    let caller = authenticate(request, Purpose::Chat).map_err(refuse)?;
    let body = body.into_bytes().await?;
    let request: ChatCompletionRequest = parse(&body).map_err(refuse)?;
    let (streams, include_usage) = (request.fields.streams(), request.fields.include_usage());
    let who = request.fields.answering().map_err(refuse)?;
    let count = request.fields.answers().map_err(refuse)?;
    let generate = request.into_generate().map_err(refuse)?;
    let wanted = variants(&generate, count);
    let answers = Answers::ask(&appliance, &caller, &who, wanted, true).await;
    let mut answers = answers.map_err(refuse)?;
    let identity = Identity::new("chatcmpl", answers.model.clone());
    if streams {
        answers.begin().await.map_err(refuse)?;
        let chunks = Chunks::new(ChatChunks, identity, answers, include_usage);
        return Ok(event_stream(chunks.into_frames()));
    }
    let answers = answers.collect().await.map_err(refuse)?;
    Ok(Json(whole_completion(&identity, answers)).into_response())
}

/// The same asked several times: a seed that is given counts up, or all would be the same.
pub(super) fn variants(generate: &Generate, count: u32) -> Vec<Generate> {
    let variant = |index: u32| {
        let mut generate = generate.clone();
        if let Some(seed) = &mut generate.sampling.seed {
            *seed = seed.wrapping_add(index);
        }
        generate
    };
    (0..count).map(variant).collect()
}
