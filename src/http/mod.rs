//! Everything that knows poem: the typed API, what other clients expect, the page, and the guards.
//!
//! A handler parses, asks one domain room and answers; it opens no transaction and decides no
//! right. Every request passes `guard`, every credential `caller`, every error `errors`.

mod api;
mod caller;
mod compat;
mod connections;
mod errors;
mod events;
mod guard;
mod health;
mod job_events;
mod pages;
mod streamed_body;
mod text;
mod visitor;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use poem::listener::TcpAcceptor;
use poem::middleware::AddData;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, Route, Server};
use poem_openapi::{OpenApi, OpenApiService};

use crate::appliance::Appliance;
use crate::error::{Error, Result};

/// `Server` waits this long for a half-sent request or a silent connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

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

fn routes(appliance: Arc<Appliance>) -> impl Endpoint<Output = Response> {
    let service = service();
    let document = service.spec_endpoint();
    let browser = service.swagger_ui();
    Route::new()
        .nest("/api/v1", service)
        .at("/api/v1/openapi.json", document)
        .nest("/api/docs", pages::browsable_documentation(browser))
        .nest("/v1", compat::openai::routes())
        .at("/health", poem::get(health::alive))
        .at("/ready", poem::get(health::ready))
        .nest("/", pages::routes())
        .with(AddData::new(Arc::clone(&appliance)))
        .around(move |endpoint, request| guard::guarded(Arc::clone(&appliance), endpoint, request))
        .into_endpoint()
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
    let acceptor = connections::BoundedAcceptor::new(acceptor);
    let stopping = appliance.stopping();
    let timeout = Duration::from_millis(appliance.config.http.shutdown_timeout_ms);
    Server::new_with_acceptor(acceptor)
        .idle_timeout(IDLE_TIMEOUT)
        .http2_max_concurrent_streams(128)
        .run_with_graceful_shutdown(routes(appliance), stopping.cancelled_owned(), Some(timeout))
        .await
        .map_err(Error::internal)
}
