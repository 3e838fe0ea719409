//! Several targets in one text.

use crate::config::database::Connection;

/// Schemes of what can be waited for by its own protocol, beside Postgres.
const KNOWN: [&str; 12] = [
    "tcp", "tcp4", "tcp6", "redis", "valkey", "rediss", "valkeys", "http", "https", "unix", "file",
    "dns",
];

/// Schemes of services that cannot be waited for by their own protocol.
pub(super) const FOREIGN: [&str; 18] = [
    "mysql",
    "mariadb",
    "sqlite",
    "mongodb",
    "mongodb+srv",
    "mssql",
    "sqlserver",
    "oracle",
    "amqp",
    "amqps",
    "kafka",
    "nats",
    "memcached",
    "ftp",
    "ssh",
    "ws",
    "wss",
    "prisma+postgres",
];

/// Splits at blanks and commas, but not inside an address: its hosts are a list themselves, and a
/// piece of a password must never be taken for a target of its own. A text in keywords is one target.
pub(crate) fn targets(text: &str) -> Vec<String> {
    if is_keyword(text) {
        return vec![text.trim().to_owned()];
    }
    let mut found: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match found.last_mut() {
            // `?password=a host=b`: no target of its own, but the rest of a value with a blank.
            Some(address) if is_keyword(word) => address.extend([" ", word]),
            _ => found.extend(self::word(word)),
        }
    }
    found
}

fn is_keyword(word: &str) -> bool {
    let key = word.split_once('=').map(|(key, _)| key);
    key.is_some_and(|key| !key.contains([':', ','])) && Connection::recognises(word)
}

fn word(word: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let parts: Vec<&str> = word.split(',').collect();
    for (at, part) in parts.iter().enumerate() {
        match found.last_mut() {
            Some(address) if goes_on(address, &parts[at..]) => address.extend([",", part]),
            _ => found.push((*part).to_owned()),
        }
    }
    found.retain(|target| !target.is_empty());
    found
}

/// Whether what follows a comma still belongs to the address before it.
fn goes_on(address: &str, rest: &[&str]) -> bool {
    let Some((_, place)) = address.split_once("://") else { return false };
    let own: Vec<&str> = rest.iter().copied().take_while(|part| !begins(part)).collect();
    let Some(next) = own.first() else { return false };
    let in_userinfo = own.iter().any(|part| part.contains('@'));
    let in_hosts = !place.contains(['/', '?']) && own.iter().any(|part| part.contains('/'));
    let in_query = place.contains('?') && !next.contains(':');
    in_userinfo || in_hosts || in_query
}

/// Whether a target clearly begins here.
fn begins(part: &str) -> bool {
    part.eq_ignore_ascii_case("database")
        || part.split_once("://").is_some_and(|(scheme, _)| {
            let scheme = scheme.to_ascii_lowercase();
            KNOWN.contains(&scheme.as_str())
                || FOREIGN.contains(&scheme.as_str())
                || Connection::recognises(part)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_inside_an_address_do_not_split() {
        for (text, items) in [
            ("database,cache:6379", vec!["database", "cache:6379"]),
            (" tcp://a:1  b:2,\n c:3,", vec!["tcp://a:1", "b:2", "c:3"]),
            ("", vec![]),
            ("postgres://u@h1:1,h2:2/d,redis://c", vec!["postgres://u@h1:1,h2:2/d", "redis://c"]),
            ("postgres://u:a,b:80,c@h/d,b:80", vec!["postgres://u:a,b:80,c@h/d", "b:80"]),
            ("redis://:a,b:80,c@h database", vec!["redis://:a,b:80,c@h", "database"]),
            ("postgres://h/d,cache:1", vec!["postgres://h/d", "cache:1"]),
            ("postgres:///d?host=a,b&port=1,2,c:1", vec!["postgres:///d?host=a,b&port=1,2", "c:1"]),
            ("http://h/x,database", vec!["http://h/x", "database"]),
            ("host=a,b port=1 user=u ", vec!["host=a,b port=1 user=u"]),
            (
                "postgres://h/d?password=a host=b c:1",
                vec!["postgres://h/d?password=a host=b", "c:1"],
            ),
            ("Host=a;User Id=u", vec!["Host=a;User Id=u"]),
            ("redis://h,file:///x", vec!["redis://h", "file:///x"]),
        ] {
            assert_eq!(targets(text), items, "{text:?}");
        }
    }
}
