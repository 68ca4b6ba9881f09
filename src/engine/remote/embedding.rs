//! Vectors of texts from another server: `POST /embeddings`, at whichever address answers. What
//! comes back is whole, sane and of length 1, or an error. Called by the engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::super::{Embed, Embeddings, EngineError};
use super::addresses::{Pick, Place};
use super::failure::{Failure, Mark, Next};
use super::queue::Ticket;
use super::upstream::{Upstream, read_limited};

/// A vector of 4,096 numbers as text has some 90 kB.
const MAX_ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// Rarely fewer, so that what nobody counted is not taken for less than it was.
const BYTES_OF_A_TOKEN: usize = 3;

pub(super) struct Embedding {
    pub(super) upstream: Arc<Upstream>,
    /// The server's own name.
    pub(super) model: String,
    pub(super) request: Embed,
    pub(super) ticket: Ticket,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Vector>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Vector {
    index: Option<usize>,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u32>,
}

impl Embedding {
    pub(super) async fn make(self) -> Result<Embeddings, EngineError> {
        let mut changes = self.ticket.changes();
        while self.ticket.position().is_some() {
            // The queue lives as long as the ticket.
            let _ = changes.changed().await;
        }
        let upstream = &self.upstream;
        let options = &upstream.source.options;
        let patience = Duration::from_millis(options.first_token_timeout_ms);
        let (mut tried, mut hung_up) = (Vec::new(), false);
        let mut last = EngineError::ModelUnusable("none of its servers can be asked now".into());
        loop {
            let now = Instant::now();
            let picked = upstream
                .addresses
                .pick(&self.model, 0, &tried, now, Duration::ZERO);
            let Pick::Use(place) = picked else {
                return Err(last);
            };
            let asked = tokio::time::timeout(patience, self.ask(&place)).await;
            match asked.unwrap_or_else(|_| Err(Failure::timed_out(patience))) {
                Ok(embeddings) => {
                    upstream.addresses.praise(place.index);
                    return Ok(embeddings);
                }
                Err(failure) => {
                    upstream.note(place.index, &failure);
                    match failure.next {
                        // A new connection may be all that is wanted.
                        Next::Elsewhere(Mark::HungUp) if !hung_up => hung_up = true,
                        Next::Elsewhere(_) => tried.push(place.index),
                        _ => return Err(failure.error),
                    }
                    last = failure.error;
                }
            }
        }
    }

    async fn ask(&self, place: &Place) -> Result<Embeddings, Failure> {
        let body = json!({
            "model": self.model,
            "input": self.request.texts,
            "encoding_format": "float",
        });
        let request = self
            .upstream
            .request(Method::POST, &place.base, "embeddings");
        let sent = request.json(&body).send().await;
        let response = sent.map_err(Failure::of_transport)?;
        let dialect = self.upstream.dialect();
        let response = self.upstream.expect_success(response, dialect).await?;
        let body = read_limited(response, MAX_ANSWER_BYTES).await?;
        parse(&body, &self.request.texts)
            .ok_or_else(|| Failure::no_answer("these are not the vectors that were asked for"))
    }
}

/// None unless there is a vector for every text, all of one size and of sane numbers.
fn parse(body: &[u8], texts: &[String]) -> Option<Embeddings> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); texts.len()];
    for (place, vector) in answer.data.into_iter().enumerate() {
        *vectors.get_mut(vector.index.unwrap_or(place))? = normalised(vector.embedding)?;
    }
    let size = vectors.first()?.len();
    let complete = size > 0 && vectors.iter().all(|vector| vector.len() == size);
    // No text has no tokens, whatever some servers say.
    let counted = answer.usage.and_then(|it| it.prompt_tokens);
    let counted = counted.filter(|tokens| *tokens > 0);
    complete.then(|| Embeddings {
        vectors,
        prompt_tokens: counted.unwrap_or_else(|| estimated_tokens(texts)),
    })
}

/// What is taken where a server does not count.
fn estimated_tokens(texts: &[String]) -> u32 {
    let bytes: usize = texts.iter().map(String::len).sum();
    u32::try_from(bytes.div_ceil(BYTES_OF_A_TOKEN)).unwrap_or(u32::MAX)
}

/// Of length 1.
fn normalised(vector: Vec<f32>) -> Option<Vec<f32>> {
    let squares = vector.iter().map(|number| f64::from(*number).powi(2));
    let length = squares.sum::<f64>().sqrt();
    let scaled = |number: f32| (f64::from(number) / length) as f32;
    (length.is_finite() && length > 0.0).then(|| vector.into_iter().map(scaled).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_come_in_the_order_of_the_texts_and_have_length_one() {
        let body = json!({
            "data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}],
            "usage": {"prompt_tokens": 5},
        });
        let made = parse(body.to_string().as_bytes(), &two_texts()).unwrap();
        assert_eq!(made.vectors, [vec![0.6, 0.8], vec![0.0, 1.0]]);
        assert_eq!(made.prompt_tokens, 5);
    }

    #[test]
    fn too_few_too_many_and_senseless_vectors_are_none() {
        for data in [
            json!([]),
            json!([{"index": 0, "embedding": [1]}]),
            json!([{"index": 0, "embedding": [1]}, {"index": 2, "embedding": [1]}]),
            json!([{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]),
            json!([{"index": 0, "embedding": [0]}, {"index": 1, "embedding": [0]}]),
            json!([{"embedding": []}, {"embedding": []}]),
            json!([{"embedding": ["x"]}, {"embedding": [1]}]),
        ] {
            let body = json!({ "data": data }).to_string();
            assert_eq!(parse(body.as_bytes(), &two_texts()), None, "{body}");
        }
    }

    fn two_texts() -> Vec<String> {
        vec!["ten bytes.".into(), "two".into()]
    }

    #[test]
    fn who_does_not_count_is_taken_to_have_read_a_token_for_each_three_bytes() {
        for usage in [json!(null), json!({}), json!({"prompt_tokens": 0})] {
            let data = json!([{"embedding": [1]}, {"embedding": [1]}]);
            let body = json!({"data": data, "usage": usage}).to_string();
            let made = parse(body.as_bytes(), &two_texts()).unwrap();
            assert_eq!(made.prompt_tokens, 5, "{body}");
        }
    }
}
