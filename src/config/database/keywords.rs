//! libpq's `host=… dbname='…'` (PostgreSQL manual, 34.1.1.1).

use super::{
    Note, Problem,
    draft::{Draft, Pair},
    parameter,
};

/// Whether the text begins with a word that libpq knows and `=`.
pub(super) fn recognises(text: &str) -> bool {
    text.split_once('=').is_some_and(|(key, _)| parameter::is_keyword(key.trim()))
}

/// Reads the pairs. A value with blanks must be quoted; `\` keeps the next character.
pub(super) fn read(text: &str, draft: &mut Draft, notes: &mut Vec<Note>) -> Result<(), Problem> {
    let source = draft.source.clone();
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some((key, after)) = rest.split_once('=') else {
            return Err(malformed(&source, "a word is followed by no `=`"));
        };
        let key = key.trim_end();
        if key.contains(char::is_whitespace) {
            return Err(malformed(&source, "a word is followed by no `=`"));
        }
        let quoted = after.trim_start().starts_with('\'');
        let (value, after) =
            value(after.trim_start()).ok_or_else(|| malformed(&source, "a quote is not closed"))?;
        if !quoted && let Some(keyword) = swallowed(key, &value) {
            notes.push(Note::Swallowed { source: source.clone(), keyword });
            draft.password_remark = Some("the unquoted value seems to hold the next keyword");
        }
        pairs.push(Pair::new(key, value));
        rest = after.trim_start();
    }
    draft.apply(&pairs, notes)
}

fn malformed(source: &str, what: &str) -> Problem {
    Problem::new("url-malformed", source, what)
        .hint("a value with blanks stands in single quotes, with a backslash before a quote inside")
}

/// One value and what follows it; `None` if its quote is never closed.
fn value(text: &str) -> Option<(String, &str)> {
    let (quoted, body) = match text.strip_prefix('\'') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Some((value, &body[at + 1..])),
            blank if !quoted && blank.is_whitespace() => return Some((value, &body[at..])),
            other => value.push(other),
        }
    }
    (!quoted).then_some((value, ""))
}

/// `password= dbname=app` gives the password `dbname=app`, in libpq as here.
fn swallowed(key: &str, value: &str) -> Option<&'static str> {
    let next = ["dbname=", "host=", "user=", "port=", "sslmode="];
    let key = ["password", "user", "host", "dbname"].into_iter().find(|known| *known == key)?;
    next.iter().any(|next| value.contains(next)).then_some(key)
}
