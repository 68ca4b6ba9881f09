//! `/v1/embeddings`: vectors of texts. Clients ask for base64 by themselves, since it is shorter.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::web::{Data, Json};
use poem::{Body, Request, handler};
use serde::Deserialize;
use serde_json::{Value, json};

use super::generation::{OneOrMany, priority};
use super::{parse, refuse, unsupported};
use crate::accounts::Purpose;
use crate::appliance::Appliance;
use crate::conversations::{CompletedEmbedding, EmbeddingRequest};
use crate::error::{Error, Result};
use crate::http::caller::authenticate;

const MAX_TEXTS: usize = 2048;

#[derive(Deserialize)]
struct InputEmbedding {
    model: Option<String>,
    input: Value,
    encoding_format: Option<String>,
    dimensions: Option<Value>,
    priority: Option<String>,
}

#[derive(Clone, Copy)]
enum Encoding {
    Float,
    Base64,
}

impl InputEmbedding {
    fn encoding(&self) -> Result<Encoding> {
        match self.encoding_format.as_deref() {
            None | Some("float") => Ok(Encoding::Float),
            Some("base64") => Ok(Encoding::Base64),
            Some(_) => Err(Error::invalid_field(
                "encoding_format",
                "encoding_format is float or base64",
            )),
        }
    }

    fn into_request(self) -> Result<EmbeddingRequest> {
        if self.dimensions.is_some() {
            return Err(unsupported("dimensions", "another length of the vectors"));
        }
        let wrong = |sentence: &str| Error::invalid_field("input", sentence);
        let holds_texts = match &self.input {
            Value::Array(items) => items.iter().all(Value::is_string),
            input => input.is_string(),
        };
        if !holds_texts && self.input.is_array() {
            return Err(unsupported("input", "input in tokens"));
        }
        let texts = serde_json::from_value::<OneOrMany>(self.input)
            .map_err(|_| wrong("input is a text or a list of texts"))?
            .into_vec();
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            return Err(wrong("there is an empty text"));
        }
        if texts.len() > MAX_TEXTS {
            return Err(wrong("there may be at most 2048 texts"));
        }
        Ok(EmbeddingRequest {
            model: self.model.filter(|model| !model.is_empty()),
            texts,
            priority: priority(self.priority.as_deref(), None)?,
        })
    }
}

#[handler]
pub(super) async fn create_embedding(
    request: &Request,
    body: Body,
    appliance: Data<&Arc<Appliance>>,
) -> poem::Result<Json<Value>> {
    let caller = authenticate(request, Purpose::Chat).map_err(refuse)?;
    let body = body.into_bytes().await?;
    let input: InputEmbedding = parse(&body).map_err(refuse)?;
    let encoding = input.encoding().map_err(refuse)?;
    let wanted = input.into_request().map_err(refuse)?;
    let made = appliance.conversations.embed(&caller, wanted).await;
    Ok(Json(embedding_list(made.map_err(refuse)?, encoding)))
}

fn embedding_list(made: CompletedEmbedding, encoding: Encoding) -> Value {
    let CompletedEmbedding { model, embeddings } = made;
    let data: Vec<Value> = embeddings
        .vectors
        .into_iter()
        .enumerate()
        .map(|(index, vector)| {
            json!({ "object": "embedding", "index": index, "embedding": encoded(vector, encoding) })
        })
        .collect();
    let tokens = embeddings.prompt_tokens;
    json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })
}

/// Base64 is of the numbers in four bytes each, the lowest first.
fn encoded(vector: Vec<f32>, encoding: Encoding) -> Value {
    match encoding {
        Encoding::Float => vector.into(),
        Encoding::Base64 => {
            let bytes: Vec<u8> = vector.into_iter().flat_map(f32::to_le_bytes).collect();
            STANDARD.encode(bytes).into()
        }
    }
}
