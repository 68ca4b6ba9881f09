//! `serve`: the appliance, from its start to the signal that ends it. What it prints on stdout is a
//! promise: once `Listening on` stands there, requests are answered.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;

use super::{DataArguments, block_on};
use crate::appliance::Appliance;
use crate::config::{Config, LogFormat};
use crate::error::{Error, Result};
use crate::{http, telemetry};

#[derive(Args)]
#[command(after_help = "Example: chatelaine serve --data /srv/chatelaine --listen 0.0.0.0:2428")]
pub(super) struct Arguments {
    #[command(flatten)]
    data: DataArguments,
    /// Where to answer [default: 127.0.0.1:2428]; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// How the log is written [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

pub(super) fn run(arguments: Arguments) -> Result<()> {
    let (mut config, folder) = arguments.data.load()?;
    if let Some(listen) = arguments.listen {
        config.http.listen = listen;
    }
    if let Some(format) = arguments.log_format {
        config.log.format = format;
    }
    telemetry::start_logging(&config.log)?;
    block_on(serve(config, folder))
}

async fn serve(mut config: Config, folder: std::path::PathBuf) -> Result<()> {
    let listener = http::bind(&config.http.listen)?;
    let address = listener.local_addr().map_err(Error::internal)?;
    // Port 0 has become a number by now, and links need it.
    config.http.listen = address.to_string();
    let appliance = Appliance::start(config, &folder).await?;
    let mut signals = Signals::listen()?;
    announce(&appliance, address).await?;
    let server = http::serve(listener, Arc::clone(&appliance));
    let served = async {
        let outcome = server.await;
        appliance.stop().await;
        outcome
    };
    tokio::pin!(served);
    tokio::select! {
        outcome = &mut served => return outcome,
        () = signals.next() => {}
    }
    tracing::info!("stopping");
    appliance.stopping().cancel();
    tokio::select! {
        outcome = served => outcome,
        () = signals.next() => leave_at_once(),
    }
}

/// Whoever asks twice does not want to wait: what is not saved yet is cut off as by a crash.
#[expect(clippy::disallowed_methods, reason = "nothing may be waited for here")]
fn leave_at_once() -> ! {
    std::process::exit(1)
}

/// The two lines a newcomer, and a test, wait for.
async fn announce(appliance: &Appliance, address: SocketAddr) -> Result<()> {
    let base = appliance.config.http.house_address();
    let mut lines = format!("Listening on http://{address}\n");
    if let Some(token) = appliance.accounts.open_setup().await? {
        lines.push_str(&format!("Set up: {base}/setup?token={token}\n"));
    }
    let mut stdout = std::io::stdout().lock();
    // Nobody may be listening to stdout, and that is no reason not to serve.
    let _ = stdout
        .write_all(lines.as_bytes())
        .and_then(|()| stdout.flush());
    Ok(())
}

struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
                .map_err(Error::internal)?,
        })
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        let terminated = self.terminate.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<Option<()>>();
        tokio::select! {
            _ = terminated => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}
