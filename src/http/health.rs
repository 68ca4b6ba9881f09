//! For whoever watches the house: is it alive, can it serve. Open to everybody, so it says no more
//! than that.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Json};
use poem::{IntoResponse, Response, handler};
use serde_json::json;

use crate::appliance::Appliance;

#[handler]
pub(super) fn alive() -> Json<serde_json::Value> {
    Json(json!({ "status": "alive" }))
}

/// 503 while the store does not take writes or the engine cannot start.
#[handler]
pub(super) fn ready(appliance: Data<&Arc<Appliance>>) -> Response {
    let engine = appliance.engine.health();
    let store = appliance.store.is_open();
    let status = if store && engine.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({ "store": store, "engine": engine.ready });
    Json(body).with_status(status).into_response()
}
