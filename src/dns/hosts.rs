//! /etc/hosts, read anew for each lookup, as the C libraries do.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The addresses written down for a name; none if there are none.
pub(super) fn find(name: &str) -> Vec<IpAddr> {
    let text = fs::read("/etc/hosts").unwrap_or_default();
    let written = find_in(&String::from_utf8_lossy(&text), name);
    // An image without the file; no name server is asked for it (RFC 6761, 6.3).
    if written.is_empty() && is_same(name, "localhost") {
        return vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
    }
    written
}

fn find_in(text: &str, name: &str) -> Vec<IpAddr> {
    text.lines().filter_map(|line| address_of(line, name)).collect()
}

/// The address of a line of hosts(5), if the line has this name.
fn address_of(line: &str, name: &str) -> Option<IpAddr> {
    let mut words = line.split('#').next()?.split_whitespace();
    let address = words.next()?.parse().ok()?;
    words.any(|word| is_same(word, name)).then_some(address)
}

fn is_same(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_owned();
    bare(one).eq_ignore_ascii_case(&bare(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_addresses_of_all_its_lines() {
        let text = "127.0.0.1\tlocalhost\n# 9.9.9.9 db\n10.0.0.5 db db.example # the database\n\
                    fd00::5 DB\nbroken db\n10.0.0.6 other\n";
        let addresses =
            |name| -> Vec<String> { find_in(text, name).iter().map(ToString::to_string).collect() };
        assert_eq!(addresses("db"), ["10.0.0.5", "fd00::5"]);
        assert_eq!(addresses("Db.Example."), ["10.0.0.5"]);
        assert_eq!(addresses("database"), [""; 0]);
        assert_eq!(addresses("the"), [""; 0]);
    }
}
