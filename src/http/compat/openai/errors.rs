//! Our envelope with what OpenAI's clients look for in it: a `type` and a `param`. The code stays
//! ours, so that both APIs name a mistake the same.

use poem::http::header::CONTENT_LENGTH;
use poem::web::Json;
use poem::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::http::errors::ErrorBody;

fn error_type(code: &str) -> &'static str {
    match code {
        "unauthenticated" => "authentication_error",
        "forbidden" => "permission_error",
        "not_found" => "not_found_error",
        "rate_limited" => "rate_limit_error",
        "quota_exceeded" => "insufficient_quota",
        "internal" | "overloaded" | "model_unavailable" => "server_error",
        _ => "invalid_request_error",
    }
}

fn with_openai_fields(mut body: Value) -> Value {
    let error = &mut body["error"];
    let kind = error_type(error["code"].as_str().unwrap_or_default());
    error["type"] = json!(kind);
    error["param"] = error["details"]["field"].clone();
    body
}

/// For an error in the middle of a stream.
pub(super) fn openai_error(body: &ErrorBody) -> Value {
    let error = &body.error;
    with_openai_fields(json!({
        "error": { "code": error.code, "message": error.message, "request_id": error.request_id }
    }))
}

/// Rewrites an error answer of ours; anything else passes as it is.
pub(in crate::http) async fn as_openai_error(mut response: Response) -> Response {
    let status = response.status();
    let Ok(bytes) = response.take_body().into_bytes().await else {
        return response;
    };
    let headers = response.headers().clone();
    let mut rewritten = match serde_json::from_slice::<Value>(&bytes) {
        Ok(body) if body["error"].is_object() => Json(with_openai_fields(body)).into_response(),
        _ => Response::builder().body(bytes),
    };
    for (name, value) in &headers {
        if name != CONTENT_LENGTH {
            rewritten.headers_mut().insert(name, value.clone());
        }
    }
    rewritten.set_status(status);
    rewritten
}
