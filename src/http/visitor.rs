//! Who knocks, before anybody is known: the one place that says from which address a request comes.
//!
//! The peer of the connection, unless that is a proxy that is trusted: then the hops that the
//! proxies wrote down are followed from the right for as long as they too are trusted. They write
//! them into one header, which is configured: another comes as the client wrote it. Nothing is
//! believed from anybody else. `guard` asks once for each request and hands the answer on with it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Once;

use ipnet::IpNet;
use poem::Request;
use poem::http::header::{FORWARDED, HeaderMap, HeaderName, USER_AGENT};

use crate::accounts::Visitor;
use crate::config::{ForwardedHeader, HttpConfig};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

pub(super) fn visitor_of(request: &Request) -> Visitor {
    let known = request.data::<Visitor>().cloned();
    known.expect("the guard says of every request who knocks")
}

/// Made once for each request, by the guard.
pub(super) fn see_visitor(request: &Request, config: &HttpConfig) -> Visitor {
    let peer = request.remote_addr().as_socket_addr();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip);
    let agent = request.headers().get(USER_AGENT);
    let agent = agent.and_then(|value| value.to_str().ok());
    if has_only_other_header(peer, request.headers(), config) {
        // It is a mistake in the configuration, or else what some client wrote: either is said once.
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            tracing::warn!(
                proxy = %peer,
                "a proxy that is trusted sends {}, and forwarded_header is {}: everybody behind it counts as one address",
                header_name(other(config.forwarded_header)),
                header_name(config.forwarded_header),
            );
        });
    }
    let address = address_of(peer, request.headers(), config);
    Visitor::new(address, agent.unwrap_or_default())
}

pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

fn header_name(header: ForwardedHeader) -> HeaderName {
    match header {
        ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
        ForwardedHeader::Forwarded => FORWARDED,
    }
}

fn other(header: ForwardedHeader) -> ForwardedHeader {
    match header {
        ForwardedHeader::XForwardedFor => ForwardedHeader::Forwarded,
        ForwardedHeader::Forwarded => ForwardedHeader::XForwardedFor,
    }
}

/// A proxy writes its header with every request, so one that lacks it was written by nobody who
/// does as the configuration says.
fn has_only_other_header(peer: IpAddr, headers: &HeaderMap, config: &HttpConfig) -> bool {
    let has = |header| headers.contains_key(header_name(header));
    let (expected, other) = (config.forwarded_header, other(config.forwarded_header));
    is_trusted(peer, &config.trusted_proxies) && !has(expected) && has(other)
}

fn address_of(peer: IpAddr, headers: &HeaderMap, config: &HttpConfig) -> IpAddr {
    let (peer, trusted) = (peer.to_canonical(), &config.trusted_proxies);
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let name = header_name(config.forwarded_header);
    let hops = match config.forwarded_header {
        ForwardedHeader::XForwardedFor => hops(headers, &name, written_address),
        ForwardedHeader::Forwarded => hops(headers, &name, forwarded_for),
    };
    walk(peer, &hops, trusted)
}

/// None is a hop that cannot be read; behind it nothing is known.
fn walk(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &[IpNet]) -> IpAddr {
    let mut address = peer;
    for hop in hops.iter().rev() {
        match hop {
            Some(hop) if is_trusted(address, trusted) => address = *hop,
            _ => break,
        }
    }
    address
}

/// In the order written.
fn hops(
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Option<IpAddr>,
) -> Vec<Option<IpAddr>> {
    let mut hops = Vec::new();
    for value in headers.get_all(name) {
        match value.to_str() {
            Ok(text) => hops.extend(text.split(',').map(|hop| read(hop.trim()))),
            Err(_) => hops.push(None),
        }
    }
    hops
}

/// With or without a port, in brackets or not.
fn written_address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

/// The `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    written_address(value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn behind(forwarded_header: ForwardedHeader) -> HttpConfig {
        let trusted = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"];
        HttpConfig {
            trusted_proxies: trusted.map(|text| text.parse().unwrap()).into(),
            forwarded_header,
            ..HttpConfig::default()
        }
    }

    fn address(peer: &str, headers: &[(&str, &str)]) -> String {
        address_by(ForwardedHeader::XForwardedFor, peer, headers)
    }

    fn address_by(header: ForwardedHeader, peer: &str, headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        address_of(peer.parse().unwrap(), &map, &behind(header)).to_string()
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn nothing_is_believed_from_anybody_who_is_not_trusted() {
        for header in [XFF, "forwarded"] {
            for value in ["1.2.3.4", "for=1.2.3.4", "127.0.0.1", "for=\"[::1]\""] {
                assert_eq!(address("192.0.2.7", &[(header, value)]), "192.0.2.7");
            }
        }
        assert_eq!(
            address("::ffff:192.0.2.7", &[(XFF, "1.2.3.4")]),
            "192.0.2.7"
        );
    }

    #[test]
    fn behind_trusted_proxies_hops_are_counted_from_the_right() {
        for (hops, expected) in [
            ("198.51.100.9", "198.51.100.9"),
            ("6.6.6.6, 198.51.100.9", "198.51.100.9"),
            ("6.6.6.6, 198.51.100.9, 10.1.2.3", "198.51.100.9"),
            ("198.51.100.9,10.1.2.3 , 10.3.2.1", "198.51.100.9"),
            ("10.1.2.3, 10.3.2.1", "10.1.2.3"),
            ("198.51.100.9:4711", "198.51.100.9"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("::ffff:198.51.100.9", "198.51.100.9"),
            ("6.6.6.6, unknown", "127.0.0.1"),
            ("6.6.6.6, 198.51.100.999", "127.0.0.1"),
            ("6.6.6.6, ", "127.0.0.1"),
            ("6.6.6.6, nonsense, 10.1.2.3", "10.1.2.3"),
            ("", "127.0.0.1"),
        ] {
            assert_eq!(address("127.0.0.1", &[(XFF, hops)]), expected, "{hops}");
            assert_eq!(
                address("::ffff:127.0.0.1", &[(XFF, hops)]),
                expected,
                "{hops}"
            );
        }
        assert_eq!(address("127.0.0.1", &[]), "127.0.0.1");
        let two_lines = [(XFF, "6.6.6.6"), (XFF, "198.51.100.9")];
        assert_eq!(address("fd00::1", &two_lines), "198.51.100.9");
    }

    #[test]
    fn the_standard_header_says_the_same() {
        for (value, expected) in [
            ("for=198.51.100.9", "198.51.100.9"),
            ("For=\"[2001:db8::7]:80\";proto=https", "2001:db8::7"),
            ("for=6.6.6.6, by=x; FOR=198.51.100.9;host=a", "198.51.100.9"),
            ("for=6.6.6.6, for=_hidden", "127.0.0.1"),
            ("for=6.6.6.6, proto=https", "127.0.0.1"),
            ("nonsense", "127.0.0.1"),
        ] {
            let header = ForwardedHeader::Forwarded;
            let found = address_by(header, "127.0.0.1", &[("forwarded", value)]);
            assert_eq!(found, expected, "{value}");
        }
    }

    #[test]
    fn a_header_that_the_proxy_does_not_write_changes_nothing() {
        let both = |header, listed, described| {
            let headers = [(XFF, listed), ("forwarded", described)];
            address_by(header, "127.0.0.1", &headers)
        };
        for lie in ["for=6.6.6.6", "for=x", "nonsense", "for=127.0.0.1"] {
            let header = ForwardedHeader::XForwardedFor;
            assert_eq!(both(header, "198.51.100.9", lie), "198.51.100.9", "{lie}");
            assert_eq!(address("127.0.0.1", &[("forwarded", lie)]), "127.0.0.1");
        }
        for lie in ["6.6.6.6", "unknown", "127.0.0.1"] {
            let header = ForwardedHeader::Forwarded;
            assert_eq!(
                both(header, lie, "for=198.51.100.9"),
                "198.51.100.9",
                "{lie}"
            );
        }
    }

    #[test]
    fn a_proxy_that_writes_another_header_than_is_configured_is_found_out() {
        let is_found = |header, peer: &str, names: &[HeaderName]| {
            let value = |name: &HeaderName| (name.clone(), "for=198.51.100.9".parse().unwrap());
            let headers = names.iter().map(value).collect();
            has_only_other_header(peer.parse().unwrap(), &headers, &behind(header))
        };
        for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
            let (right, wrong) = (header_name(header), header_name(other(header)));
            assert!(is_found(header, "10.1.2.3", std::slice::from_ref(&wrong)));
            assert!(!is_found(header, "192.0.2.7", std::slice::from_ref(&wrong)));
            assert!(!is_found(header, "10.1.2.3", &[wrong, right]));
            assert!(!is_found(header, "10.1.2.3", &[]));
        }
    }

    proptest! {
        /// What the client wrote stands to the left of what our own proxy writes.
        #[test]
        fn whatever_a_client_writes_the_proxy_behind_it_has_the_last_word(written in "[ -~]{0,80}") {
            let hops = format!("{written}, 198.51.100.9");
            prop_assert_eq!(address("127.0.0.1", &[(XFF, &hops)]), "198.51.100.9");
        }
    }
}
