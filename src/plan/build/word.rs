//! One word of what is waited for, and how a mistake in it is named.

use crate::config::Targets;

/// A word as it was written.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    /// The setting that it stands in.
    pub(super) source: String,
    /// Which it is of how many of its setting.
    place: (usize, usize),
}

impl Word {
    pub(super) fn list(targets: &Targets) -> Vec<Self> {
        let word = |(at, text): (usize, &String)| Self {
            text: text.clone(),
            source: targets.subject.clone(),
            place: (at + 1, targets.words.len()),
        };
        targets.words.iter().enumerate().map(word).collect()
    }

    /// Where the word stands, with the word itself if it may be `shown`.
    pub(super) fn name(&self, shown: bool) -> String {
        let source = &self.source;
        match self.place {
            _ if self.text.eq_ignore_ascii_case("database") => source.clone(),
            _ if shown => format!("{source}: `{}`", beginning(&self.text)),
            (_, 1) => source.clone(),
            (at, count) => format!("{source}, target {at} of {count}"),
        }
    }
}

/// Whether none of the words can be or hold a piece of a secret. An address that was cut at a blank
/// of its password stands in several words, so that one doubtful word makes all of them so.
pub(super) fn are_plain(words: &[Word]) -> bool {
    words.iter().all(|word| is_plain(&word.text))
}

/// `scheme://name:port/path` without user, password, parameters or fragment; only a name is needed.
fn is_plain(text: &str) -> bool {
    let place = split(text).1.split('/').next().unwrap_or_default();
    let (name, port) = place.split_once(':').unwrap_or((place, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || "+.-_:/".contains(c);
    let named = !name.is_empty() || split(text).1.starts_with('/');
    named && text.chars().all(plain) && port.chars().all(|c| c.is_ascii_digit())
}

/// The scheme with its `://`, and the rest.
fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find("://").map_or(0, |at| at + 3))
}

/// The word up to its path, which may hold a token.
fn beginning(text: &str) -> String {
    let (scheme, rest) = split(text);
    match rest.split_once('/') {
        Some((place, path)) if !path.is_empty() => format!("{scheme}{place}/…"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_named_unless_any_of_them_may_hold_a_secret() {
        for (words, names) in [
            ("foo://x", vec!["SET: `foo://x`"]),
            ("tcp://a:1 foo://x:1", vec!["SET: `tcp://a:1`", "SET: `foo://x:1`"]),
            ("database db", vec!["SET", "SET: `db`"]),
            ("redis://h/token unix://run/x", vec!["SET: `redis://h/…`", "SET: `unix://run/…`"]),
            ("unix:///run/x", vec!["SET: `unix:///…`"]),
            ("db redis://u:p@h", vec!["SET, target 1 of 2", "SET, target 2 of 2"]),
            ("redis://:pass word", vec!["SET, target 1 of 2", "SET, target 2 of 2"]),
            ("a://user:pass", vec!["SET"]),
            ("http://h/?token=t", vec!["SET"]),
        ] {
            let texts: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let words = Word::list(&Targets { words: texts, subject: "SET".into() });
            let shown = are_plain(&words);
            let named: Vec<String> = words.iter().map(|word| word.name(shown)).collect();
            assert_eq!(named, names, "{words:?}");
        }
    }
}
