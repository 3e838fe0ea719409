//! The password file `.pgpass` (PostgreSQL manual, 34.16).

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::{Note, Secret};

/// What a line must match.
pub(super) struct Key<'a> {
    /// Host name, or `localhost` for the default socket directory.
    pub(super) host: &'a str,
    pub(super) port: &'a str,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// The password of the first line that matches; a missing file holds none.
///
/// A file that others may read is ignored with a note, as in libpq.
pub(super) fn read(path: &Path, key: &Key, notes: &mut Vec<Note>) -> Option<Secret> {
    let metadata = fs::metadata(path).ok()?;
    let mut ignore = |why| {
        notes.push(Note::PasswordFile { path: path.display().to_string(), why });
        None
    };
    if !metadata.is_file() {
        return ignore("it is not a plain file");
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return ignore("group or others may read it; chmod 0600");
    }
    match fs::read_to_string(path) {
        Ok(text) => find(&text, key),
        Err(_) => ignore("it cannot be read"),
    }
}

fn find(text: &str, key: &Key) -> Option<Secret> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| password(line, key))
}

/// Five fields separated by `:`; `\` keeps the next character, a lone `*` matches all.
fn password(line: &str, key: &Key) -> Option<Secret> {
    let mut rest = line.trim_end_matches('\r');
    for wanted in [key.host, key.port, key.database, key.user] {
        let (field, after) = field(rest)?;
        if rest.split(':').next() != Some("*") && field != wanted {
            return None;
        }
        rest = after;
    }
    let password = field(rest).map_or_else(|| unescaped(rest), |(password, _)| password);
    (!password.is_empty()).then(|| Secret::new(password))
}

/// The unescaped text before the next bare `:` and what follows it; `None` if there is no `:`.
fn field(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            ':' => return Some((value, &text[at + 1..])),
            other => value.push(other),
        }
    }
    None
}

fn unescaped(text: &str) -> String {
    let mut characters = text.chars();
    let mut value = String::new();
    while let Some(character) = characters.next() {
        value.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_matching_line_counts() {
        let key = Key { host: "db", port: "5432", database: "app", user: "me" };
        for (text, password) in [
            ("db:5432:app:me:secret", Some("secret")),
            ("# db:5432:app:me:no\n*:*:*:*:any", Some("any")),
            ("other:*:*:*:no\ndb:*:*:me:first\n*:*:*:*:second", Some("first")),
            (r"db:5432:app:me:a\:b\\c", Some(r"a:b\c")),
            (r"\*:5432:app:me:no", None),
            ("db:5432:app:me:", None),
            ("db:5432:app", None),
            ("", None),
        ] {
            let found = find(text, &key);
            assert_eq!(found.as_ref().map(Secret::expose), password, "{text:?}");
        }
    }
}
