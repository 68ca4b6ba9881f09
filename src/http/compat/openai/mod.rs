//! `/v1` as OpenAI has it, so that existing clients work: models, chat completions, completions of a
//! text, embeddings.
//!
//! Fields nobody knows are ignored, as those clients expect; what OpenAI knows, would change the
//! answer and is not supported is refused. Nothing is stored, and a client that leaves cancels its work.

mod answers;
mod chat;
mod chunks;
mod embeddings;
mod errors;
mod figures;
mod generation;
mod text;

use std::sync::Arc;

use poem::web::{Data, Json};
use poem::{Request, Route, handler};
use serde_json::json;

pub(in crate::http) use self::errors::as_openai_error;
use crate::accounts::Purpose;
use crate::appliance::Appliance;
use crate::engine::ModelState;
use crate::error::{Error, Result};
use crate::http::caller::authenticate;
use crate::http::errors::{ApiError, REQUEST_ID};

pub(in crate::http) fn routes() -> Route {
    Route::new()
        .at("/models", poem::get(list_models))
        .at(
            "/chat/completions",
            poem::post(chat::create_chat_completion),
        )
        .at("/completions", poem::post(text::create_completion))
        .at("/embeddings", poem::post(embeddings::create_embedding))
}

fn refuse(error: Error) -> poem::Error {
    ApiError::from(error).into()
}

/// A field that OpenAI knows and that would change the answer.
fn unsupported(field: &str, what: &str) -> Error {
    Error::invalid_field(field, format!("{what} is not supported here"))
}

fn parse<'de, T: serde::Deserialize<'de>>(body: &'de [u8]) -> Result<T> {
    serde_json::from_slice(body)
        .map_err(|error| Error::invalid(format!("the body is not such a request: {error}")))
}

#[handler]
async fn list_models(
    request: &Request,
    appliance: Data<&Arc<Appliance>>,
) -> poem::Result<Json<serde_json::Value>> {
    let caller = authenticate(request, Purpose::Read).map_err(refuse)?;
    let (models, _) = appliance
        .conversations
        .usable(&caller)
        .await
        .map_err(refuse)?;
    let usable = models
        .into_iter()
        .filter(|model| !matches!(model.state, ModelState::Unusable(_)));
    let data: Vec<_> = usable
        .map(|model| json!({ "id": model.id, "object": "model", "created": 0, "owned_by": "chatelaine" }))
        .collect();
    Ok(Json(json!({ "object": "list", "data": data })))
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
    fn new(prefix: &str, model: String) -> Self {
        Self {
            id: format!("{prefix}-{}", uuid::Uuid::now_v7().simple()),
            created_s: crate::clock::now_ms() / 1000,
            model,
            request_id: REQUEST_ID.get(),
        }
    }

    fn envelope(&self, object: &str, choices: &[serde_json::Value]) -> serde_json::Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created_s,
            "model": self.model,
            "choices": choices,
        })
    }
}
