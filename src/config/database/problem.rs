//! What can be wrong or remarkable with connection settings. No text here may hold a secret.

use std::fmt;

/// Something worth one line in the log, although the connection can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// Parameters that mean nothing to app-init; those we cannot name safely are only counted.
    Ignored { source: String, names: Vec<String>, unnamed: usize },
    /// Blanks or line ends round the value were cut off.
    Trimmed { source: String },
    /// The value was wholly wrapped in quotes, which were removed.
    Unquoted { source: String },
    /// Other drivers would cut the text elsewhere.
    Ambiguous { source: String, character: char, code: &'static str },
    /// An unquoted keyword value looks as if it swallowed the next keyword.
    Swallowed { source: String, keyword: &'static str },
    /// A start-up option is left out, because the text says that a pooler stands in front.
    Pooler { source: String, keyword: &'static str },
    /// The password file is not used, and why.
    PasswordFile { path: String, why: &'static str },
    /// A file for TLS that is named is not used, or another client would not use it.
    TlsFile { source: String, keyword: &'static str, path: String, what: &'static str },
}

impl Note {
    /// Whether it is worth a warning; the others are for the debug level.
    pub(crate) fn is_warning(&self) -> bool {
        !matches!(self, Self::Ignored { .. })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { source, names, unnamed } => ignored(out, source, names, *unnamed),
            Self::Trimmed { source } => {
                write!(out, "{source}: blanks or a line end round the value were cut off")
            }
            Self::Unquoted { source } => write!(
                out,
                "{source}: the quotes round the value were removed; the app may see them too"
            ),
            Self::Ambiguous { source, character, code } => write!(
                out,
                "{source}: the password contains `{character}`; encode it as {code}, because other drivers {}",
                if matches!(character, '[' | ']' | ' ' | '%') {
                    "refuse it"
                } else {
                    "split there"
                }
            ),
            Self::Swallowed { source, keyword } => write!(
                out,
                "{source}: the value of `{keyword}` seems to hold the next keyword: keywords are separated by blanks, not by `;`, and an empty value is written ''"
            ),
            Self::Pooler { source, keyword } => write!(
                out,
                "{source}: `{keyword}` is left out, because `pgbouncer=true` announces a pooler, which takes no start-up options"
            ),
            Self::PasswordFile { path, why } => {
                write!(out, "the password file `{path}` is not used: {why}")
            }
            Self::TlsFile { source, keyword, path, what } => {
                write!(out, "{source}: {keyword}: `{path}` {what}")
            }
        }
    }
}

fn ignored(
    out: &mut fmt::Formatter<'_>,
    source: &str,
    names: &[String],
    unnamed: usize,
) -> fmt::Result {
    write!(out, "{source}: ignored the parameters {}", names.join(", "))?;
    match (names.is_empty(), unnamed) {
        (_, 0) => Ok(()),
        (true, more) => write!(out, "({more}, unnamed because they stand beside a password)"),
        (false, more) => write!(out, " and {more} more"),
    }
}

/// Why a text cannot be used: exit 78. The display never repeats what could be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Anchor in docs/troubleshooting.md.
    pub(crate) id: &'static str,
    /// The setting the text came from, or the variable that is wrong.
    pub(crate) source: String,
    /// The clause after the colon.
    pub(crate) what: String,
    pub(crate) hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(id: &'static str, source: &str, what: impl Into<String>) -> Self {
        Self { id, source: source.to_owned(), what: what.into(), hint: None }
    }

    /// The value, or a part of it, stands for another that was never put in.
    pub(crate) fn placeholder(source: &str, what: impl Into<String>) -> Self {
        Self::new("url-placeholder", source, what).hint(
            "a reference such as ${X} or $(X) is expanded by the shell, by compose or in a manifest's value, not in an env file or in quotes",
        )
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {} [{}]", self.source, self.what, self.id)
    }
}

impl std::error::Error for Problem {}
