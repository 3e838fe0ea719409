//! Names to addresses as hosts(5) and resolv.conf(5) say, without getaddrinfo(3).
//!
//! getaddrinfo blocks and cannot be cancelled; where a name server is silent glibc takes 10 s for its
//! answer and musl 5 s, musl for SERVFAIL too, and which of the two it was cannot be told from the
//! error. Here a lookup is a future like any other, a question is repeated until it is answered, and the
//! outcome is the same whatever the C library. As a static program has it there, there are no other name services than
//! `files` and `dns`.

mod asker;
mod hosts;
mod number;
mod reply;
mod resolv_conf;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

pub(crate) use number::address;
pub(crate) use resolv_conf::ResolvConf;

/// Why a name has no addresses; the later ones are the more telling.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum LookupError {
    /// No such name (NXDOMAIN).
    Unknown,
    /// The name has no A and no AAAA record.
    NoAddress,
    /// The name servers fail or refuse to answer.
    Failing,
}

/// All addresses of a name, those that can be reached first. A question is sent again every `repeat`
/// for a second, and listened for as long as the future lives: the caller bounds it.
///
/// # Errors
/// When the name servers have said that there is none.
pub(crate) async fn look_up(
    name: &str,
    config: &ResolvConf,
    repeat: Duration,
) -> Result<Vec<IpAddr>, LookupError> {
    let written = hosts::find(name);
    let found = if written.is_empty() { ask(name, config, repeat).await? } else { written };
    Ok(in_order(found))
}

/// The first of the names that the search domains make of this one and that has addresses.
async fn ask(
    name: &str,
    config: &ResolvConf,
    repeat: Duration,
) -> Result<Vec<IpAddr>, LookupError> {
    let mut worst = LookupError::Unknown;
    for candidate in config.candidates(name) {
        match asker::ask_all(&candidate, &config.servers, repeat).await {
            Ok(addresses) => return Ok(addresses),
            Err(error) => worst = worst.max(error),
        }
    }
    Err(worst)
}

/// Addresses without a route last, then IPv6 before IPv4 (RFC 6724, 6, rules 1 and 6).
fn in_order(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    if addresses.len() > 1 {
        addresses.sort_by_cached_key(|address| (!has_route(*address), address.is_ipv4()));
    }
    addresses
}

/// Connecting a datagram socket sends nothing: the kernel only looks for a route.
fn has_route(address: IpAddr) -> bool {
    let socket = UdpSocket::bind(any_port_towards(address));
    socket.and_then(|socket| socket.connect((address, 9))).is_ok()
}

/// Where a socket is bound that talks to this address.
fn any_port_towards(address: IpAddr) -> SocketAddr {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(any, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_reached_is_tried_last() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        // 240.0.0.0/4 has no route: EINVAL or ENETUNREACH.
        let ordered = in_order(vec![address("255.255.255.255"), address("127.0.0.1")]);
        assert_eq!(ordered, [address("127.0.0.1"), address("255.255.255.255")]);
        assert_eq!(in_order(vec![address("255.255.255.255")]).len(), 1);
    }
}
