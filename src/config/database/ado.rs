//! Npgsql's and ADO's `Host=…;Username=…;Password=…`.

use super::{
    Note, Problem,
    draft::{Draft, Pair},
};

/// ADO's names, without blanks and in lower case, and libpq's.
const NAMES: &[(&str, &str)] = &[
    ("host", "host"),
    ("server", "host"),
    ("datasource", "host"),
    ("port", "port"),
    ("database", "dbname"),
    ("db", "dbname"),
    ("initialcatalog", "dbname"),
    ("username", "user"),
    ("userid", "user"),
    ("uid", "user"),
    ("user", "user"),
    ("password", "password"),
    ("pwd", "password"),
    ("psw", "password"),
    ("sslmode", "sslmode"),
    ("trustservercertificate", "trustservercertificate"),
    ("rootcertificate", "sslrootcert"),
    ("sslcertificate", "sslcert"),
    ("sslkey", "sslkey"),
    ("timeout", "connect_timeout"),
    ("connectiontimeout", "connect_timeout"),
    ("searchpath", "search_path"),
    ("applicationname", "application_name"),
    ("targetsessionattributes", "target_session_attrs"),
    ("passfile", "passfile"),
    ("options", "options"),
];

/// Whether the text is a `;` list of which the first name is ADO's, and no name is libpq's `dbname`.
pub(super) fn recognises(text: &str) -> bool {
    let parts = parts(text);
    let known = |(key, value): &(String, String)| {
        NAMES.iter().any(|(name, _)| name == key) && (key != "host" || !value.contains('='))
    };
    let only_here = |(key, _): &(String, String)| {
        matches!(key.as_str(), "server" | "datasource" | "database" | "username" | "userid" | "uid")
    };
    parts.first().is_some_and(known)
        && (parts.len() > 1 || parts.iter().any(only_here))
        && parts.iter().all(|(key, _)| key != "dbname" && !key.is_empty())
}

/// Reads the list; a later value replaces an earlier one.
pub(super) fn read(text: &str, draft: &mut Draft, notes: &mut Vec<Note>) -> Result<(), Problem> {
    let pairs: Vec<Pair> = parts(text)
        .into_iter()
        .map(|(key, value)| {
            let keyword = NAMES.iter().find(|(name, _)| *name == key).map(|(_, keyword)| *keyword);
            match keyword {
                Some(keyword) => Pair::new(keyword, value),
                None => Pair::new(key, value),
            }
        })
        .collect();
    draft.apply(&pairs, notes)
}

/// Normalised names and unquoted values; a part without `=` has an empty name.
fn parts(text: &str) -> Vec<(String, String)> {
    split(text)
        .into_iter()
        .filter(|part| !part.trim().is_empty())
        .map(|part| match part.split_once('=') {
            Some((key, value)) => (normal(key), unquoted(value.trim())),
            None => (String::new(), String::new()),
        })
        .collect()
}

fn normal(key: &str) -> String {
    key.chars().filter(|c| !c.is_whitespace() && *c != '_').collect::<String>().to_ascii_lowercase()
}

fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner.replace(&format!("{quote}{quote}"), &quote.to_string());
        }
    }
    value.to_owned()
}

/// Splits at `;` outside of quotes; a quote only opens right after `=`.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quote, mut opens) = (0, None, false);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '"' | '\'') if opens => quote = Some(character),
            (None, ';') => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        opens = character == '=' || (opens && character.is_whitespace());
    }
    parts.push(&text[start..]);
    parts
}
