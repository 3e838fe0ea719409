//! What a name that is not known, and who was asked for it, suggest.

use super::{Row, table};

/// The name servers and search domains of resolv.conf(5): `10.0.0.2, search domains a.example b.example`.
///
/// `None` is a file that is not there: then the name server of this machine is asked.
pub(crate) fn resolver(file: Option<&str>) -> String {
    let Some(file) = file else {
        return "127.0.0.1, as there is no /etc/resolv.conf".to_owned();
    };
    let servers = values(file, "nameserver");
    let none = "127.0.0.1, as /etc/resolv.conf names none";
    let mut words = if servers.is_empty() { none.to_owned() } else { servers.join(", ") };
    // "domain" and "search" exclude each other; the last one counts.
    let domains = file.lines().filter_map(search_domains).next_back().unwrap_or_default();
    let known = if domains.is_empty() { "no search domain" } else { "search domains " };
    words.extend([", ", known, &domains.join(" ")]);
    words
}

/// The values of all lines with this keyword.
fn values<'a>(file: &'a str, keyword: &str) -> Vec<&'a str> {
    let value = |line: &'a str| line.trim_start().strip_prefix(keyword)?.split_whitespace().next();
    file.lines().filter_map(value).collect()
}

fn search_domains(line: &str) -> Option<Vec<&str>> {
    let mut words = line.split_whitespace();
    matches!(words.next()?, "search" | "domain").then(|| words.collect())
}

/// What the spelling of a name suggests if the failure is that nobody knows it, or nothing.
pub(crate) fn remark(row: &Row, name: &str) -> &'static str {
    if row != &table::DNS_UNKNOWN {
        ""
    } else if name.contains('_') {
        "`_` is no character of a host name (RFC 1123), and some resolvers refuse it"
    } else if name.contains(char::is_whitespace) {
        "the name holds a blank"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolver_is_told_in_words() {
        for (file, words) in [
            (None, "127.0.0.1, as there is no /etc/resolv.conf"),
            (Some("# empty\n"), "127.0.0.1, as /etc/resolv.conf names none, no search domain"),
            (Some("nameserver 127.0.0.11\noptions ndots:0\n"), "127.0.0.11, no search domain"),
            (
                Some(
                    "search old.example\nnameserver\t10.0.0.2 # first\nnameserver 10.0.0.3\nsearch a.example b.example\n",
                ),
                "10.0.0.2, 10.0.0.3, search domains a.example b.example",
            ),
            (Some("domain a.example\nnameserver ::1"), "::1, search domains a.example"),
        ] {
            assert_eq!(resolver(file), words, "{file:?}");
        }
    }

    #[test]
    fn an_odd_name_is_remarked_on() {
        let unknown = |name| remark(&table::DNS_UNKNOWN, name);
        assert!(unknown("my_db").contains("`_`"));
        assert!(unknown("my db").contains("blank"));
        assert_eq!(unknown("db.example"), "");
        assert_eq!(remark(&table::REFUSED, "my_db"), "");
    }
}
