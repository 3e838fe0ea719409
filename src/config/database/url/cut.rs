//! Where an address is cut: at which `?` its parameters begin, at which `@` its user ends.

use super::parameter;

/// Cuts at the `?` that begins the parameters.
///
/// A `?` with an `@` somewhere behind it may belong to a password; it only counts if hosts stand
/// before it, a keyword follows, and what follows does not end in hosts and a path of its own.
pub(super) fn split_query(rest: &str) -> (&str, Option<&str>) {
    for (at, _) in rest.match_indices('?') {
        let (before, query) = (&rest[..at], &rest[at + 1..]);
        let known = || {
            query
                .split('&')
                .any(|part| part.split_once('=').is_some_and(|(key, _)| parameter::is_known(key)))
        };
        if !query.contains('@') || (known() && is_whole(before, query)) {
            return (before, Some(query));
        }
    }
    (rest, None)
}

/// Cuts at the last `@`: a password may hold others, a host and a database's name do not. Where there
/// is no password, `user@host/a@b` ends its user at the first.
pub(super) fn split_userinfo(before: &str) -> (Option<&str>, &str) {
    let clean = |(user, place): &(&str, &str)| {
        let hosts = place.split_once('/').map_or("", |(hosts, _)| hosts);
        !user.contains('/') && !before.contains(':') && !hosts.is_empty() && reads_as_place(place)
    };
    match before.split_once('@').filter(clean).or_else(|| before.rsplit_once('@')) {
        Some((userinfo, place)) => (Some(userinfo), place),
        None => (None, before),
    }
}

/// Whether `before` ends in hosts, and `query` does not look like the rest of its password.
fn is_whole(before: &str, query: &str) -> bool {
    let (userinfo, place) = split_userinfo(before);
    // Without an `@` yet, `user:123` reads as host and port, unless a path follows.
    let has_password = match userinfo {
        Some(userinfo) => userinfo.contains(':'),
        None => place.contains(':') && !place.contains('/'),
    };
    let (_, after) = split_userinfo(query);
    let is_rest = || has_password && after.contains('/') && reads_as_place(after);
    reads_as_place(place) && (has_free_text(query) || !is_rest())
}

/// Whether every `@` stands in a parameter that is a path or a text of its own.
fn has_free_text(query: &str) -> bool {
    const FREE: &[&str] = &[
        "application_name",
        "applicationname",
        "fallback_application_name",
        "options",
        "passfile",
        "servicefile",
        "sslcert",
        "sslkey",
        "sslrootcert",
    ];
    let free = |part: &str| {
        let key = part.split('=').next().unwrap_or_default().to_ascii_lowercase();
        FREE.contains(&key.as_str())
    };
    query.split('&').filter(|part| part.contains('@')).all(free)
}

fn reads_as_place(place: &str) -> bool {
    place.split('/').next().is_some_and(|hosts| hosts.split(',').all(reads_as_host))
}

/// `name`, `name:port`, `[v6]:port`, an encoded path, or nothing.
fn reads_as_host(text: &str) -> bool {
    let (name, port) = split_port(text);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '%' | ':');
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    port.is_none_or(|port| port.chars().all(|c| c.is_ascii_digit()))
        && bare.chars().all(plain)
        && (bare == name || bare.contains(':'))
        && (bare != name || !name.contains(':') || name.parse::<std::net::Ipv6Addr>().is_ok())
}

/// Splits `host:port`; a bare IPv6 address has no port.
pub(in super::super) fn split_port(text: &str) -> (&str, Option<&str>) {
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return (text, None);
    }
    match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (text, None),
    }
}
