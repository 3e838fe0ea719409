//! What is clearly wrong with the text of a variable. Pure; says names only, never the value.

use crate::cli::settings::Kind;

/// One oddity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    CarriageReturn,
    Blanks,
    Quoted,
    Placeholder,
    Invented,
    Empty,
}

impl Oddity {
    /// What follows the variable's name.
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::CarriageReturn => "ends in a carriage return, and the application sees it",
            Self::Blanks => {
                "begins or ends with a blank or a line end, and the application sees it"
            }
            Self::Quoted => "is wrapped in quotes, and the application sees them",
            Self::Placeholder => "holds a placeholder that nobody replaced",
            Self::Invented => "is a word that stands for a secret still to be chosen",
            Self::Empty => "is set but empty, which counts as unset",
        }
    }

    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::CarriageReturn => "the file it comes from has CRLF line ends: save it with LF",
            Self::Blanks => {
                "cut it off where the value is set; `echo` writes a line end, `printf` none"
            }
            Self::Quoted => {
                "an env file of `docker run` keeps quotes: write the value without them"
            }
            Self::Placeholder => {
                "${X} and $X are replaced by a shell or by compose, not in an env file or a quoted manifest"
            }
            Self::Invented => "put the real value there",
            Self::Empty => "remove the name, or give it a value",
        }
    }
}

/// Variables in which a `$` is at home.
const PROMPTS: [&str; 6] = ["PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND", "_"];

/// Settings whose `${…}` app-init itself replaces.
const EXPANDED: [&str; 4] = [
    "APP_INIT_WAIT_FOR",
    "APP_INIT_ETL_WAIT_FOR",
    "APP_INIT_SEED_WAIT_FOR",
    "APP_INIT_HEALTHCHECK_URL",
];

/// The first thing that is odd about a value. `kind` is `None` for the application's own variables.
pub(super) fn oddity(name: &str, value: &str, kind: Option<Kind>) -> Option<Oddity> {
    if PROMPTS.contains(&name) || name.starts_with("BASH_FUNC_") {
        return None;
    }
    let expanded = kind == Some(Kind::Command) || EXPANDED.contains(&name);
    if value.is_empty() {
        kind.map(|_| Oddity::Empty)
    } else if value.trim_end_matches('\n').ends_with('\r') {
        Some(Oddity::CarriageReturn)
    } else if value.trim() != value {
        Some(Oddity::Blanks)
    } else if kind != Some(Kind::Command) && is_quoted(value) {
        Some(Oddity::Quoted)
    } else if !expanded && is_placeholder(value) {
        Some(Oddity::Placeholder)
    } else {
        is_invented(name, value).then_some(Oddity::Invented)
    }
}

/// Wholly wrapped, with no other quote of the kind inside.
fn is_quoted(value: &str) -> bool {
    ['"', '\''].into_iter().any(|quote| {
        let inner = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        inner.is_some_and(|inner| !inner.contains(quote))
    })
}

/// `$X`, `<password>` and `{{ x }}` as the whole value or as a URL's password, `${X}` anywhere.
fn is_placeholder(value: &str) -> bool {
    let braces = value
        .split("${")
        .skip(1)
        .any(|rest| rest.split_once('}').is_some_and(|(inner, _)| is_reference(inner)));
    braces || is_stand_in(value) || password(value).is_some_and(is_stand_in)
}

fn is_stand_in(text: &str) -> bool {
    let wrapped = |open, close| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let words = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.');
        !text.trim().is_empty() && text.chars().all(plain)
    };
    text.strip_prefix('$').is_some_and(is_name)
        || wrapped("<", ">").is_some_and(words)
        || wrapped("{{", "}}").is_some_and(words)
}

/// `X` or `X:-default`.
fn is_reference(inner: &str) -> bool {
    is_name(inner.split([':', '-', '?', '+']).next().unwrap_or_default())
}

fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The password of a URL.
fn password(value: &str) -> Option<&str> {
    let (userinfo, _) = value.split_once("://")?.1.rsplit_once('@')?;
    userinfo.split_once(':').map(|(_, password)| password)
}

/// `changeme` and its like, where a secret belongs.
fn is_invented(name: &str, value: &str) -> bool {
    const WORDS: [&str; 6] =
        ["changeme", "change-me", "change_me", "replaceme", "replace-me", "replace_me"];
    let is_word = |text: &str| WORDS.contains(&text.to_ascii_lowercase().as_str());
    let secret = ["PASSWORD", "SECRET", "TOKEN", "KEY"].iter().any(|part| name.contains(part));
    (secret && is_word(value)) || password(value).is_some_and(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_clearly_wrong_is_odd() {
        for (name, value, odd) in [
            ("APP_NAME", "\"My App\"", Some(Oddity::Quoted)),
            ("APP_NAME", "My \"App\"", None),
            ("JSON", "[\"a\",\"b\"]", None),
            ("WORDS", "'a' 'b'", None),
            ("SECRET_KEY", "abc\r", Some(Oddity::CarriageReturn)),
            ("SECRET_KEY", "abc\r\n", Some(Oddity::CarriageReturn)),
            ("SECRET_KEY", "abc\n", Some(Oddity::Blanks)),
            ("SECRET_KEY", "p$ss", None),
            ("SECRET_KEY", "$2b$12$abcdefgh", None),
            ("SECRET_KEY", "${SECRET_KEY}", Some(Oddity::Placeholder)),
            ("SECRET_KEY", "$SECRET_KEY", Some(Oddity::Placeholder)),
            ("SECRET_KEY", "<your secret>", Some(Oddity::Placeholder)),
            ("SECRET_KEY", "{{ .Values.key }}", Some(Oddity::Placeholder)),
            ("SECRET_KEY", "changeme", Some(Oddity::Invented)),
            ("GREETING", "changeme", None),
            ("HTML", "<b>x</b>", None),
            ("API_URL", "http://h/${X:-y}/z", Some(Oddity::Placeholder)),
            ("API_URL", "http://h/${}", None),
            ("AMQP_URL", "amqp://u:<password>@h", Some(Oddity::Placeholder)),
            ("AMQP_URL", "amqp://u:changeme@h", Some(Oddity::Invented)),
            ("PS1", "$X", None),
            ("EMPTY", "", None),
        ] {
            assert_eq!(oddity(name, value, None), odd, "{name}={value:?}");
        }
    }

    #[test]
    fn our_own_references_are_ours_to_replace() {
        for (name, value, kind, odd) in [
            ("APP_INIT_API_COMMAND", "serve ${PORT}", Kind::Command, None),
            ("APP_INIT_WAIT_FOR", "tcp://${HOST}:1", Kind::List, None),
            ("APP_INIT_LOCK_NAME", "${NAME}", Kind::Text, Some(Oddity::Placeholder)),
            ("APP_INIT_LOCK_NAME", "", Kind::Text, Some(Oddity::Empty)),
        ] {
            assert_eq!(oddity(name, value, Some(kind)), odd, "{name}={value:?}");
        }
    }
}
