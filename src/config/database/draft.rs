//! Connection settings while they are being collected: keyword, value, origin.
//!
//! Layers are added from the most to the least important; the first value of a keyword stays.

use std::collections::BTreeMap;

use super::{Note, Problem, ado, keywords, parameter, url};
use crate::diagnose::SET_DATABASE;

/// Values by libpq's keyword. No `Debug`: a value may be a password.
#[derive(Default)]
pub(super) struct Draft {
    fields: BTreeMap<&'static str, Field>,
    /// The setting the text came from, for problems.
    pub(super) source: String,
    /// The text is a URL, so what it holds was decoded.
    pub(super) is_url: bool,
    /// The character of the password at which other drivers would cut the text.
    pub(super) ambiguous: Option<char>,
    /// What is remarkable about how the password was written.
    pub(super) password_remark: Option<&'static str>,
}

struct Field {
    value: String,
    origin: String,
}

/// One `key=value` of a dialect, decoded.
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: String,
}

impl Pair {
    pub(super) fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

impl Draft {
    /// An empty one for a text from `source`.
    pub(super) fn of(source: &str) -> Self {
        Self { source: source.to_owned(), ..Self::default() }
    }

    /// Recognises the dialect and reads it.
    pub(super) fn read(text: &str, source: &str, notes: &mut Vec<Note>) -> Result<Self, Problem> {
        let text = clean(text, source, notes)?;
        let mut draft = Self::of(source);
        if let Some(address) = url::address(text) {
            draft.is_url = true;
            url::read(&address, &mut draft, notes)?;
        } else if ado::recognises(text) {
            ado::read(text, &mut draft, notes)?;
        } else if keywords::recognises(text) {
            keywords::read(text, &mut draft, notes)?;
        } else {
            return Err(Problem::new("url-malformed", source, "not a connection string").hint(
                "write postgres://user:password@host:5432/database, or host=… dbname=… user=…",
            ));
        }
        Ok(draft)
    }

    /// Whether the text is in one of the dialects.
    pub(super) fn recognises(text: &str) -> bool {
        url::address(text).is_some_and(|address| url::is_postgres(&address.scheme))
            || ado::recognises(text)
            || keywords::recognises(text)
    }

    /// Sets a keyword unless a more important layer did; an empty value counts as unset.
    pub(super) fn offer(&mut self, keyword: &'static str, value: &str, origin: &str) {
        if !value.is_empty() && !self.has(keyword) {
            self.replace(keyword, value, origin);
        }
    }

    /// Sets a keyword, whatever it was; an empty value unsets it.
    pub(super) fn replace(&mut self, keyword: &'static str, value: &str, origin: &str) {
        if value.is_empty() {
            self.fields.remove(keyword);
            return;
        }
        let field = Field { value: value.to_owned(), origin: origin.to_owned() };
        self.fields.insert(keyword, field);
    }

    pub(super) fn has(&self, keyword: &str) -> bool {
        self.fields.contains_key(keyword)
    }

    pub(super) fn value(&self, keyword: &str) -> Option<&str> {
        self.fields.get(keyword).map(|field| field.value.as_str())
    }

    pub(super) fn origin(&self, keyword: &str) -> Option<&str> {
        self.fields.get(keyword).map(|field| field.origin.as_str())
    }

    /// The origin, or what stands in for it in a problem with a field nobody gave.
    pub(super) fn blame(&self, keyword: &str) -> &str {
        self.origin(keyword).unwrap_or(&self.source)
    }

    pub(super) fn origins(&self) -> Vec<(&'static str, String)> {
        self.fields.iter().map(|(name, field)| (*name, field.origin.clone())).collect()
    }

    /// Applies the pairs of one text; later ones replace earlier ones, as in libpq.
    pub(super) fn apply(&mut self, pairs: &[Pair], notes: &mut Vec<Note>) -> Result<(), Problem> {
        parameter::apply(self, pairs, notes)
    }
}

/// Cuts blanks and a pair of quotes off and refuses what was never filled in.
fn clean<'a>(text: &'a str, source: &str, notes: &mut Vec<Note>) -> Result<&'a str, Problem> {
    let mut trimmed = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if trimmed.len() != text.len() {
        notes.push(Note::Trimmed { source: source.to_owned() });
    }
    if let Some(inner) = unquoted(trimmed) {
        notes.push(Note::Unquoted { source: source.to_owned() });
        trimmed = inner.trim();
    }
    if trimmed.is_empty() {
        return Err(Problem::new("url-empty", source, "empty").hint(SET_DATABASE));
    }
    if is_placeholder(trimmed) {
        return Err(Problem::placeholder(source, "a placeholder that nobody replaced"));
    }
    Ok(trimmed)
}

fn unquoted(text: &str) -> Option<&str> {
    ['"', '\'', '`'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

/// `$DATABASE_URL`, `${X}`, `$(X)`, `{{ .Values.url }}` or `<url>` as the whole value.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    text.strip_prefix('$').is_some_and(name)
        || (text.starts_with("${") && text.ends_with('}') && !text.contains("://"))
        || text.strip_prefix("$(").and_then(|text| text.strip_suffix(')')).is_some_and(name)
        || (text.starts_with("{{") && text.ends_with("}}"))
        || (text.starts_with('<') && text.ends_with('>'))
}
