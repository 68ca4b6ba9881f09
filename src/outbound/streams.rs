//! Connections to other servers for what is not HTTP: a stream, and TLS on top of it.
//!
//! The addresses come from [`super::GuardedResolver`], and TLS checks the name that was looked up
//! there, never an address that it stands for.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{system_authorities, tls_config, trusting};
use crate::error::{Error, Result};

/// Of more addresses no more are tried.
const MAX_TRIED: usize = 4;

/// The first address that takes the connection, each within `timeout`.
pub async fn connect(
    addresses: &[IpAddr],
    port: u16,
    timeout: Duration,
) -> std::io::Result<TcpStream> {
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for ip in addresses.iter().take(MAX_TRIED) {
        let connecting = TcpStream::connect(SocketAddr::new(*ip, port));
        match tokio::time::timeout(timeout, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = std::io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Whether an address is of this machine or of a network that strangers cannot listen on.
pub fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

/// Makes streams secure.
pub struct TlsClient(TlsConnector);

impl TlsClient {
    /// Trusts the system's authorities, and those whose certificates (PEM) lie in `authorities`.
    pub fn new(authorities: Option<&Path>) -> Result<Self> {
        let config = match authorities {
            None => tls_config().clone(),
            Some(path) => {
                let unusable = |reason: String| {
                    Error::invalid(format!(
                        "the certificates in {} cannot be used: {reason}",
                        path.display()
                    ))
                };
                let mut roots = system_authorities();
                let found = CertificateDer::pem_file_iter(path)
                    .map_err(|error| unusable(error.to_string()))?;
                let mut count = 0;
                for certificate in found {
                    let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                    roots
                        .add(certificate)
                        .map_err(|error| unusable(error.to_string()))?;
                    count += 1;
                }
                if count == 0 {
                    return Err(unusable("there are none".into()));
                }
                trusting(roots)
            }
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// `host` is the name, or the number, that the server's certificate must be for.
    pub async fn secure<S>(&self, host: &str, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
        self.0.connect(name, stream).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_private_networks_are_private() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "::1",
            "fd12::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in [
            "8.8.8.8",
            "172.32.0.1",
            "100.64.0.1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("authority.pem");
        for content in [
            None,
            Some("nothing"),
            Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ] {
            if let Some(content) = content {
                std::fs::write(&path, content).unwrap();
            }
            let error = TlsClient::new(Some(&path)).err().unwrap();
            assert!(error.message.contains("authority.pem"), "{error}");
        }
    }
}
