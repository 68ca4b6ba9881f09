//! Who knocks, before anybody is known: the one place that says from which address a request comes.

use std::net::{IpAddr, Ipv4Addr};

use poem::Request;
use poem::http::header::USER_AGENT;

use crate::accounts::Visitor;

pub(super) fn visitor_of(request: &Request) -> Visitor {
    let peer = request.remote_addr().as_socket_addr();
    let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    let agent = request.headers().get(USER_AGENT);
    let agent = agent.and_then(|value| value.to_str().ok());
    Visitor::new(address, agent.unwrap_or_default())
}
