//! Everything that knows poem: the typed API, what other clients expect, the page, and the guards.
//!
//! A handler parses, asks one domain room and answers; it opens no transaction and decides no
//! right. Every request passes `guard`, every credential `caller`, every error `errors`.

mod activity;
mod api;
mod bodies;
mod caller;
mod compat;
mod connections;
mod errors;
mod events;
mod guard;
mod headers;
mod health;
mod hosts;
mod job_events;
mod origins;
mod pages;
mod rate_limits;
mod streamed_body;
mod text;
mod visitor;
mod written;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use poem::listener::TcpAcceptor;
use poem::middleware::AddData;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, Route, Server};
use poem_openapi::{OpenApi, OpenApiService};

use self::activity::{Activities, Timeouts};
use self::connections::BoundedAcceptor;
use self::guard::Guard;
use crate::appliance::Appliance;
use crate::error::{Error, Result};

/// Of one connection.
const HTTP2_STREAMS_LIMIT: u32 = 128;
/// Streams that a client opened and took back before they were looked at; one more, and its
/// connection ends.
const HTTP2_RESETS_LIMIT: u32 = 20;

fn service() -> OpenApiService<impl OpenApi, ()> {
    OpenApiService::new(api::api(), "Chatelaine", env!("CARGO_PKG_VERSION"))
        .description(
            "A private ChatGPT in one file. What a schema cannot say stands in docs/API.md.",
        )
        .server("/api/v1")
}

/// The OpenAPI document, as it stands in `docs/openapi.json`.
pub fn openapi_document() -> String {
    service().spec()
}

fn routes(
    appliance: Arc<Appliance>,
    activities: Arc<Activities>,
) -> Result<impl Endpoint<Output = Response>> {
    let guard = Arc::new(Guard::new(Arc::clone(&appliance), activities)?);
    let service = service();
    let document = service.spec_endpoint();
    let browser = service.swagger_ui();
    let routes = Route::new()
        .nest("/api/v1", service)
        .at("/api/v1/openapi.json", document)
        .nest("/api/docs", pages::browsable_documentation(browser))
        .nest("/v1", compat::openai::routes())
        .at("/health", poem::get(health::alive))
        .at("/ready", poem::get(health::ready))
        .nest("/", pages::routes())
        .with(AddData::new(appliance))
        .around(move |endpoint, request| Arc::clone(&guard).pass(endpoint, request))
        .into_endpoint();
    Ok(routes)
}

/// Takes the address; a port in use is one plain sentence.
pub fn bind(listen: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(listen)
        .map_err(|error| Error::invalid(format!("cannot listen on {listen}: {error}")))?;
    listener.set_nonblocking(true).map_err(Error::internal)?;
    Ok(listener)
}

/// Serves until the appliance is stopping; open answers have a moment to end.
pub async fn serve(listener: TcpListener, appliance: Arc<Appliance>) -> Result<()> {
    let acceptor = TcpAcceptor::from_std(listener).map_err(Error::internal)?;
    let config = &appliance.config.http;
    let activities = Activities::new(Timeouts {
        first_request: Duration::from_millis(config.first_request_timeout_ms),
        idle: Duration::from_millis(config.idle_timeout_ms),
    });
    let acceptor = BoundedAcceptor::new(acceptor, &appliance.config, Arc::clone(&activities));
    let stopping = appliance.stopping();
    let timeout = Duration::from_millis(config.shutdown_timeout_ms);
    Server::new_with_acceptor(acceptor)
        .http2_max_concurrent_streams(HTTP2_STREAMS_LIMIT)
        .http2_max_header_list_size(guard::HEADERS_LIMIT_BYTES)
        .http2_max_pending_accept_reset_streams(HTTP2_RESETS_LIMIT)
        .run_with_graceful_shutdown(
            routes(appliance, activities)?,
            stopping.cancelled_owned(),
            Some(timeout),
        )
        .await
        .map_err(Error::internal)
}
