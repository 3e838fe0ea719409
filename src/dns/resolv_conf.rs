//! resolv.conf(5): who is asked, and for which names.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6},
};

const PORT: u16 = 53;

/// Further name servers are not asked (resolv.conf(5), MAXNS).
const MOST_SERVERS: usize = 3;

/// The name servers and search domains of this machine.
#[derive(Debug, Default)]
pub(crate) struct ResolvConf {
    pub(super) servers: Vec<SocketAddr>,
    search: Vec<String>,
    /// A name with so many dots is asked for as it is first.
    dots: usize,
    /// Why the servers are not those of the file.
    remark: &'static str,
}

impl ResolvConf {
    /// What the file says now. Without it, or without a server in it, this machine is asked.
    pub(crate) fn read() -> Self {
        let file = fs::read("/etc/resolv.conf").ok();
        Self::parse(file.as_deref().map(String::from_utf8_lossy).as_deref())
    }

    fn parse(file: Option<&str>) -> Self {
        let text = file.unwrap_or_default();
        let mut config = Self { dots: 1, ..Self::default() };
        text.lines().for_each(|line| config.take(line));
        if config.servers.is_empty() {
            config.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
            config.remark = match file {
                Some(_) => ", as /etc/resolv.conf names none",
                None => ", as there is no /etc/resolv.conf",
            };
        }
        config
    }

    fn take(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") if self.servers.len() < MOST_SERVERS => {
                self.servers.extend(words.next().and_then(server));
            }
            // The two exclude each other; the last one counts.
            Some("search" | "domain") => self.search = words.map(str::to_owned).collect(),
            Some("options") => {
                let mut dots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok());
                self.dots = dots.next_back().unwrap_or(self.dots);
            }
            _ => {}
        }
    }

    /// The full names that a name may stand for, in the order in which they are tried.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(full) = name.strip_suffix('.') {
            return vec![full.to_owned()];
        }
        let domains = self.search.iter().map(|domain| domain.trim_matches('.'));
        let domains = domains.filter(|domain| !domain.is_empty());
        let mut names: Vec<String> = domains.map(|domain| format!("{name}.{domain}")).collect();
        let place = if name.matches('.').count() >= self.dots { 0 } else { names.len() };
        names.insert(place, name.to_owned());
        names
    }

    /// Who is asked, in words: `10.0.0.2, search domains a.example b.example`.
    pub(crate) fn asked(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(|at| at.ip().to_string()).collect();
        let known = if self.search.is_empty() { "no search domain" } else { "search domains " };
        format!("{}{}, {known}{}", servers.join(", "), self.remark, self.search.join(" "))
    }
}

/// An address, one of a link with the name or number of its interface: `fe80::1%eth0`.
fn server(text: &str) -> Option<SocketAddr> {
    let Some((address, zone)) = text.split_once('%') else {
        return Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, PORT));
    };
    let number = || fs::read_to_string(format!("/sys/class/net/{zone}/ifindex")).ok();
    let scope = zone.parse().ok().or_else(|| number()?.trim().parse().ok())?;
    Some(SocketAddrV6::new(address.parse().ok()?, PORT, 0, scope).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_is_told_in_words() {
        for (file, words) in [
            (None, "127.0.0.1, as there is no /etc/resolv.conf, no search domain"),
            (Some("# empty\n"), "127.0.0.1, as /etc/resolv.conf names none, no search domain"),
            (Some("nameserver 127.0.0.11\noptions ndots:0\n"), "127.0.0.11, no search domain"),
            (
                Some(
                    "search old.example\nnameserver\t10.0.0.2 # first\nnameserver 10.0.0.3\nsearch a.example b.example\n",
                ),
                "10.0.0.2, 10.0.0.3, search domains a.example b.example",
            ),
            (Some("domain a.example\nnameserver ::1"), "::1, search domains a.example"),
            (Some("nameserver fe80::1%7\nnameserver nonsense"), "fe80::1, no search domain"),
        ] {
            assert_eq!(ResolvConf::parse(file).asked(), words, "{file:?}");
        }
        let many = "nameserver 10.0.0.1\n".repeat(5);
        assert_eq!(ResolvConf::parse(Some(&many)).servers.len(), 3);
    }

    #[test]
    fn search_domains_make_names() {
        let kubernetes = ResolvConf::parse(Some(
            "search ns.svc.cluster.local svc.cluster.local\noptions ndots:5",
        ));
        let plain = ResolvConf::parse(Some("search a.example. ."));
        for (config, name, names) in [
            (&kubernetes, "db", "db.ns.svc.cluster.local db.svc.cluster.local db"),
            (
                &kubernetes,
                "db.other",
                "db.other.ns.svc.cluster.local db.other.svc.cluster.local db.other",
            ),
            (&kubernetes, "db.other.", "db.other"),
            (&plain, "db", "db.a.example db"),
            (&plain, "db.b.example", "db.b.example db.b.example.a.example"),
        ] {
            assert_eq!(config.candidates(name).join(" "), names);
        }
    }
}
