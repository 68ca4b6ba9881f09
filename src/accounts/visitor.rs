//! Somebody nobody knows yet, as far as the connection tells: for the list of one's sessions, and for
//! whatever slows down those who guess. Made by `http`.

use std::net::{IpAddr, Ipv6Addr};

const USER_AGENT_LIMIT: usize = 200;

#[derive(Debug, Clone)]
pub struct Visitor {
    pub address: IpAddr,
    /// What their program calls itself, without control characters and not too long.
    pub user_agent: String,
}

impl Visitor {
    pub fn new(address: IpAddr, user_agent: &str) -> Self {
        let printable = user_agent.chars().filter(|c| !c.is_control());
        Self {
            address,
            user_agent: printable.take(USER_AGENT_LIMIT).collect(),
        }
    }

    /// Whom one counts, where somebody is slowed down.
    pub fn network(&self) -> IpAddr {
        network_of(self.address)
    }
}

/// What somebody cannot easily change of their address: of IPv6 the first 64 bits.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_of_one_connection_to_the_internet_count_as_one() {
        for (address, network) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ] {
            assert_eq!(network_of(address.parse().unwrap()).to_string(), network);
        }
    }
}
