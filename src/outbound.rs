//! How the house speaks to other servers: the one constructor of clients for outbound HTTP, and in
//! `streams` of connections for what is not HTTP.
//!
//! What always holds: no redirect is followed, no proxy of the environment is used, names are looked
//! up without the C library (a static binary has no way to it), and nothing is sent to link-local
//! addresses or to where clouds keep their machines' credentials, whatever a name resolves to.
//! Loopback and private networks are allowed: administrators run their servers there. Addresses
//! that are written as numbers are looked up by nobody, so [`parse_address`] must be asked first.
//! Any room that speaks to others may use this.

mod streams;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Url};

pub use self::streams::{TlsClient, connect, is_private};
use crate::error::{Error, Result};

const MAX_ADDRESS_BYTES: usize = 2048;
/// Where clouds that do not keep to link-local addresses answer for their machines' credentials.
const CLOUD_METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// `connect_timeout` covers looking up the name, connecting and TLS; what may take how long after
/// that is for the caller to say, with each request.
pub fn client(connect_timeout: Duration) -> Result<Client> {
    client_reaching(Reach::Everywhere, connect_timeout)
}

/// Where names may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Also to this machine and to private networks.
    #[default]
    Everywhere,
    /// Only to addresses of the internet.
    Outside,
}

/// As [`client`]. An address that is written as a number is looked up by nobody, so `reach` does not
/// hold for it.
pub fn client_reaching(reach: Reach, connect_timeout: Duration) -> Result<Client> {
    let resolver = GuardedResolver {
        reach,
        ..GuardedResolver::default()
    };
    Client::builder()
        .user_agent(concat!("chatelaine/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls_config().clone())
        .dns_resolver(Arc::new(resolver))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(connect_timeout)
        .tcp_keepalive(Duration::from_secs(30))
        .build()
        .map_err(Error::internal)
}

/// An http or https address without credentials, query or fragment, and not one that is refused.
/// The error is a sentence.
pub fn parse_address(text: &str) -> Result<Url, String> {
    if text.len() > MAX_ADDRESS_BYTES {
        return Err("this address is too long".into());
    }
    let url = Url::parse(text).map_err(|error| format!("this is not an address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("an address begins with http:// or https://".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address must not contain a user or a password; use the key".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("an address must not contain a query or a fragment".into());
    }
    let host = url.host_str().unwrap_or_default();
    let number = host.trim_start_matches('[').trim_end_matches(']');
    if number.parse().is_ok_and(is_refused) {
        return Err("this address is not one the house speaks to".into());
    }
    Ok(url)
}

/// Link-local, metadata, multicast and broadcast, also where an IPv6 address only wraps such a one.
fn is_refused(ip: IpAddr) -> bool {
    if CLOUD_METADATA.contains(&ip) {
        return true;
    }
    match ip {
        IpAddr::V4(ip) => {
            ip.is_link_local() || ip.is_multicast() || ip.is_broadcast() || ip.octets()[0] == 0
        }
        IpAddr::V6(ip) => {
            let wrapped = wrapped_v4(ip).is_some_and(|ip| is_refused(ip.into()));
            // A translator of this network's own: nobody knows where it leads.
            let translated = ip.segments()[..3] == [0x64, 0xff9b, 1];
            wrapped
                || translated
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip.is_unspecified()
        }
    }
}

/// Whether an address is one of the internet: not of this machine, of a private network, of a
/// provider's own (`100.64.0.0/10`), or set aside for tests and times to come.
fn is_outside(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [first, second, third, _] = ip.octets();
            let shared = first == 100 && (64..128).contains(&second);
            let set_aside = first >= 240
                || (first, second, third) == (192, 0, 0)
                || (first == 198 && (18..20).contains(&second));
            !(ip.is_loopback() || ip.is_private() || shared || set_aside || ip.is_documentation())
        }
        IpAddr::V6(ip) => {
            let wraps_inside = wrapped_v4(ip).is_some_and(|ip| !is_outside(ip.into()));
            let site_local = ip.segments()[0] & 0xffc0 == 0xfec0;
            !(ip.is_loopback() || ip.is_unique_local() || site_local || wraps_inside)
        }
    }
}

/// Mapped (`::ffff:0:0/96`), compatible (`::/96`), NAT64 (`64:ff9b::/96`) and 6to4 (`2002::/16`).
fn wrapped_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = |ip: Ipv6Addr| {
        let [.., a, b, c, d] = ip.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(last(ip)),
        [0x2002, high, low, ..] => Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))),
        _ => None,
    }
}

/// What the operating system trusts. A system without certificates still speaks http.
fn tls_config() -> &'static rustls::ClientConfig {
    static CONFIG: OnceLock<rustls::ClientConfig> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let roots = system_authorities();
        if roots.is_empty() {
            tracing::warn!("this system has no certificates of authorities: https will not work");
        }
        trusting(roots)
    })
}

fn system_authorities() -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    roots
}

fn trusting(roots: rustls::RootCertStore) -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows every version of TLS that is safe")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error("no server has the name {0}")]
    NotFound(String),
    #[error("names cannot be looked up now: {0}")]
    Failed(String),
    #[error("the name stands for an address the house does not speak to")]
    Refused,
}

/// Looks up names, and gives no address that is refused. Reads the system's configuration anew
/// after a failure, since the machine may have moved to another network.
#[derive(Default, Clone)]
pub struct GuardedResolver {
    reach: Reach,
    resolver: Arc<Mutex<Option<TokioResolver>>>,
}

impl GuardedResolver {
    /// A host that is written as a number is its own address. Gives at least one.
    pub async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, LookupError> {
        let found = match host.parse() {
            Ok(number) => vec![number],
            Err(_) => self.ask(host).await?,
        };
        let may_go = |ip: &IpAddr| match self.reach {
            Reach::Everywhere => !is_refused(*ip),
            Reach::Outside => !is_refused(*ip) && is_outside(*ip),
        };
        let allowed: Vec<IpAddr> = found.into_iter().filter(may_go).collect();
        match allowed.is_empty() {
            true => Err(LookupError::Refused),
            false => Ok(allowed),
        }
    }

    async fn ask(&self, name: &str) -> Result<Vec<IpAddr>, LookupError> {
        let lock = || self.resolver.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error: NetError| LookupError::Failed(error.to_string());
        let kept = lock().clone();
        let resolver = match kept {
            Some(resolver) => resolver,
            None => lock().insert(system_resolver().map_err(failed)?).clone(),
        };
        match resolver.lookup_ip(name).await {
            Ok(found) => Ok(found.iter().collect()),
            Err(error) => {
                *lock() = None;
                Err(match error.is_no_records_found() || error.is_nx_domain() {
                    true => LookupError::NotFound(name.to_owned()),
                    false => failed(error),
                })
            }
        }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.look_up(name.as_str()).await?;
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// A system that names no server still has its file of hosts.
fn system_resolver() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        tracing::warn!(%error, "the system names no server to look up names");
        let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        TokioResolver::builder_with_config(nobody, TokioRuntimeProvider::default())
    });
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_without_credentials_is_an_address() {
        for good in [
            "http://127.0.0.1:8080/v1",
            "http://[::1]:8080",
            "http://192.168.1.4:11434/v1",
            "https://api.openai.com/v1",
            "http://nas.local",
        ] {
            assert!(parse_address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ollama",
            "ftp://example.org",
            "file:///etc/passwd",
            "http://",
            "http://ada:secret@example.org",
            "http://secret@example.org",
            "http://example.org/?key=1",
            "http://example.org/#x",
        ] {
            assert!(parse_address(bad).is_err(), "{bad}");
        }
        assert!(parse_address(&format!("http://example.org/{}", "x".repeat(3000))).is_err());
    }

    #[test]
    fn where_clouds_keep_credentials_nothing_is_sent_however_it_is_written() {
        for bad in [
            "http://169.254.169.254/latest",
            "http://2852039166/",
            "http://0xa9fea9fe/",
            "http://169.254.0.1",
            "http://[fe80::1]",
            "http://[::ffff:169.254.169.254]",
            "http://[::169.254.169.254]",
            "http://[64:ff9b::a9fe:a9fe]",
            "http://[2002:a9fe:a9fe::1]",
            "http://[fd00:ec2::254]",
            "http://100.100.100.200",
            "http://168.63.129.16",
            "http://[64:ff9b:1::a9fe:a9fe]",
            "http://[64:ff9b:1:a9fe:a9:fe00::]",
            "http://224.0.0.1",
            "http://255.255.255.255",
            "http://0.0.0.0",
            "http://[::]",
        ] {
            assert!(parse_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_addresses_of_the_internet_are_outside() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "198.19.0.1",
            "240.0.0.1",
            "::1",
            "fd12::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
        ] {
            assert!(!is_outside(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_outside(outside.parse().unwrap()), "{outside}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_into_the_house_is_refused_where_only_the_internet_is_meant() {
        let everywhere = GuardedResolver::default();
        let outside = GuardedResolver {
            reach: Reach::Outside,
            ..GuardedResolver::default()
        };
        for name in ["localhost", "rebound.localhost"] {
            let found = everywhere.look_up(name).await.unwrap();
            assert!(found.iter().all(IpAddr::is_loopback), "{name}: {found:?}");
            let refused = outside.look_up(name).await;
            assert!(matches!(refused, Err(LookupError::Refused)), "{refused:?}");
        }
    }

    #[tokio::test]
    async fn this_machine_is_found_by_its_name() {
        let resolver = GuardedResolver::default();
        let found = resolver.resolve("localhost".parse().unwrap()).await;
        let mut found = found.unwrap_or_else(|error| panic!("{error}"));
        assert!(found.all(|address| address.ip().is_loopback()));
    }
}
