//! What each parameter of each dialect means: libpq's keyword, nothing to us, or a refusal.

mod words;

use words::{ALIASES, IGNORED, KEYWORDS, REFUSED, TRANSLATED};

use super::{
    Note, Problem,
    draft::{Draft, Pair},
};

/// Whether libpq itself knows the word.
pub(super) fn is_keyword(key: &str) -> bool {
    KEYWORDS.contains(&key)
        || IGNORED.contains(&key)
        || REFUSED.iter().any(|(name, ..)| *name == key)
}

/// Whether any dialect knows the word.
pub(super) fn is_known(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let key = key.as_str();
    is_keyword(key) || TRANSLATED.contains(&key) || ALIASES.iter().any(|(name, _)| *name == key)
}

/// Refuses a security demand that cannot be met; an empty value demands nothing.
pub(super) fn refuse(key: &str, value: &str, source: &str) -> Result<(), Problem> {
    let lower = value.to_ascii_lowercase();
    let demands = |values: &[&str]| values.is_empty() || values.contains(&lower.as_str());
    let refused = REFUSED.iter().find(|(name, values, _)| *name == key && demands(values));
    let Some((name, values, why)) = refused.filter(|_| !value.is_empty()) else { return Ok(()) };
    let what = if values.is_empty() { (*name).to_owned() } else { format!("{name}={value}") };
    Err(Problem::new("url-unsupported", source, format!("`{what}`: {why}"))
        .hint("remove it from what app-init gets, if the app can do without"))
}

/// Applies the pairs of one text: later ones replace, translations only fill gaps.
pub(super) fn apply(
    draft: &mut Draft,
    pairs: &[Pair],
    notes: &mut Vec<Note>,
) -> Result<(), Problem> {
    let source = draft.source.clone();
    let mut ignored: Vec<&str> = Vec::new();
    let several = several_hosts(draft, pairs);
    for pair in pairs {
        let key = pair.key.to_ascii_lowercase();
        refuse(&key, &pair.value, &source)?;
        match keyword(&key) {
            Some("host") if several.is_some() => {}
            // Prisma means one schema by its exact name; JDBC's `currentSchema` is a list.
            Some(keyword) if key == "schema" && !is_plain(&pair.value) => {
                draft.replace(
                    keyword,
                    &format!("\"{}\"", pair.value.replace('"', "\"\"")),
                    &source,
                );
            }
            Some(keyword) => draft.replace(keyword, &pair.value, &source),
            None if TRANSLATED.contains(&key.as_str()) => {}
            None => ignored.push(&pair.key),
        }
    }
    if let Some(hosts) = several {
        draft.replace("host", &hosts, &source);
    }
    translate(draft, pairs, &source);
    note(&ignored, pairs, source, notes);
    Ok(())
}

/// Whether a name means the same without quotes.
fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn keyword(key: &str) -> Option<&'static str> {
    let direct = KEYWORDS.iter().find(|known| **known == key).copied();
    direct.or_else(|| ALIASES.iter().find(|(name, _)| *name == key).map(|(_, keyword)| *keyword))
}

/// `SQLAlchemy`'s `?host=a:1&host=b:2` names several hosts; libpq would take the last.
fn several_hosts(draft: &Draft, pairs: &[Pair]) -> Option<String> {
    let hosts: Vec<&str> =
        pairs.iter().filter(|pair| pair.key == "host").map(|pair| pair.value.as_str()).collect();
    let with_ports = hosts.iter().all(|host| !host.starts_with('/') && host.contains(':'));
    (hosts.len() > 1 && with_ports && !draft.has("host")).then(|| hosts.join(","))
}

/// Other dialects' ways to speak about TLS and roles.
fn translate(draft: &mut Draft, pairs: &[Pair], source: &str) {
    for pair in pairs {
        let value = pair.value.to_ascii_lowercase();
        match pair.key.to_ascii_lowercase().as_str() {
            "ssl" => draft.offer("sslmode", ssl(&value), source),
            "requiressl" if value == "1" => draft.offer("sslmode", "require", source),
            "targetservertype" => draft.offer("target_session_attrs", role(&value), source),
            _ => {}
        }
    }
    for pair in pairs {
        let value = pair.value.to_ascii_lowercase();
        let required =
            draft.value("sslmode").is_some_and(|mode| mode.eq_ignore_ascii_case("require"));
        let mode = match pair.key.to_ascii_lowercase().as_str() {
            "sslaccept" if value == "strict" => "verify-full",
            "sslaccept" if value == "accept_invalid_certs" => "no-verify",
            "sslfactory" if value.contains("nonvalidating") => "no-verify",
            "trustservercertificate" if value == "true" => "no-verify",
            _ => continue,
        };
        if required {
            draft.replace("sslmode", mode, source);
        }
    }
}

/// `ssl=` as JDBC, asyncpg, node and Ecto write it; unknown words count as unset.
fn ssl(value: &str) -> &'static str {
    match value {
        "" | "true" | "1" | "yes" | "on" | "require" | "required" => "require",
        "false" | "0" | "no" | "off" | "disable" => "disable",
        "no-verify" => "no-verify",
        "allow" => "allow",
        "prefer" => "prefer",
        "verify-ca" => "verify-ca",
        "verify-full" => "verify-full",
        json if json.starts_with('{') => "require",
        _ => "",
    }
}

/// JDBC's `targetServerType`.
fn role(value: &str) -> &'static str {
    match value {
        "primary" | "master" => "primary",
        "slave" | "secondary" => "standby",
        "preferslave" | "prefersecondary" => "prefer-standby",
        "any" | "preferprimary" => "any",
        "" => "",
        // No value of libpq's: refused as one.
        _ => "unknown",
    }
}

/// A name that stands beside a password could be a piece of it: `password=a&b=c`.
fn note(ignored: &[&str], pairs: &[Pair], source: String, notes: &mut Vec<Note>) {
    if ignored.is_empty() {
        return;
    }
    let secret = pairs.iter().any(|pair| {
        let key = pair.key.to_ascii_lowercase();
        ["pass", "pwd", "secret", "token"].iter().any(|word| key.contains(word))
    });
    let safe = |name: &&&str| !secret || IGNORED.contains(&name.to_ascii_lowercase().as_str());
    let names: Vec<String> = ignored.iter().filter(safe).map(|name| (*name).to_owned()).collect();
    let unnamed = ignored.len() - names.len();
    notes.push(Note::Ignored { source, names, unnamed });
}
