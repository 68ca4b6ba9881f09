//! Somebody nobody knows yet, as far as the connection tells: for the list of one's sessions, and for
//! whatever slows down those who guess. Made by `http`.

use std::net::IpAddr;

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
}
