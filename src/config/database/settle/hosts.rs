//! Hosts, their addresses and their ports.

use std::{net::IpAddr, path::PathBuf};

use super::super::{Host, Problem, draft::Draft, url};
use crate::phrase::counted;

/// Pairs hosts with addresses and ports; one port serves all hosts.
pub(super) fn hosts(draft: &Draft) -> Result<Vec<Host>, Problem> {
    let list = |keyword| -> Vec<&str> {
        draft.value(keyword).map(|value| value.split(',').collect()).unwrap_or_default()
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = names.len().max(addresses.len());
    if !addresses.is_empty() && !names.is_empty() && addresses.len() != names.len() {
        let what = "`host` and `hostaddr` name different numbers of hosts";
        return Err(Problem::new("url-hosts", draft.blame("hostaddr"), what));
    }
    if ports.len() != 1 && ports.len() != count {
        let what = format!("{} for {}", counted(ports.len(), "port"), counted(count, "host"));
        return Err(Problem::new("url-hosts", draft.blame("port"), what));
    }
    (0..count)
        .map(|at| {
            let name = names.get(at).copied().unwrap_or_default();
            let port = ports.get(at).or(ports.first()).copied().unwrap_or_default();
            host(draft, name.trim(), addresses.get(at).copied(), port.trim())
        })
        .collect()
}

/// One host. `name:port`, as `SQLAlchemy` has it, beats the list of ports.
fn host(draft: &Draft, name: &str, address: Option<&str>, port: &str) -> Result<Host, Problem> {
    let source = draft.blame("host");
    let addressed = address.is_some_and(|address| !address.is_empty());
    if name.starts_with('/') && !addressed {
        return Ok(Host::Unix { directory: PathBuf::from(name), port: number(draft, port)? });
    }
    if name.contains("${") {
        return Err(Problem::placeholder(source, "the host is a placeholder that nobody replaced"));
    }
    if name.contains("://") || name.contains(['=', '"']) {
        return Err(no_name(name, source));
    }
    let (name, own) = url::split_port(name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let port = number(draft, own.filter(|own| !own.is_empty()).unwrap_or(port))?;
    let address = match address.filter(|address| !address.is_empty()) {
        None => None,
        Some(address) => Some(address.trim().parse::<IpAddr>().map_err(|_| {
            Problem::new("url-hosts", draft.blame("hostaddr"), "`hostaddr` is not an IP address")
        })?),
    };
    let name = match (name, address) {
        (name, Some(address)) if name.is_empty() || name.starts_with('/') => address.to_string(),
        ("", None) => "localhost".to_owned(),
        (name, _) => name.to_owned(),
    };
    if !is_host_name(&name) {
        return Err(Problem::new(
            "url-malformed",
            source,
            "the host name holds characters no host has",
        )
        .hint("`@`, `:`, `/`, `?` and `#` in a password are written %40, %3A, %2F, %3F and %23"));
    }
    Ok(Host::Tcp { name, port, address })
}

/// What stands for a host and is more than a name.
fn no_name(name: &str, source: &str) -> Problem {
    let (what, hint) = if name.contains("://") {
        ("an address, where a host name alone belongs", "set DATABASE_URL to the whole address")
    } else if name.contains(';') {
        ("the host name goes on behind a `;`", "keywords are separated by blanks, not by `;`")
    } else if name.contains('"') {
        ("the host name holds quotes", "a keyword's value stands in single quotes, if in any")
    } else {
        ("the host name holds a `=`", "keywords are separated by blanks: host=db dbname=app")
    };
    Problem::new("url-malformed", source, what).hint(hint)
}

/// Strict, because the name is shown: what is no name may be a piece of a password.
fn is_host_name(name: &str) -> bool {
    let address = name.split('%').next().unwrap_or_default();
    address.parse::<std::net::Ipv6Addr>().is_ok()
        || name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn number(draft: &Draft, port: &str) -> Result<u16, Problem> {
    if port.is_empty() {
        return Ok(5432);
    }
    port.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
        Problem::new(
            "url-malformed",
            draft.blame("port"),
            "the port is not a number from 1 to 65535",
        )
    })
}
