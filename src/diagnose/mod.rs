//! An error to its likely cause and a hint. Pure: what was seen goes in, words come out.
//!
//! `table` holds every row; `server` and `network` choose one from a SQLSTATE or an errno.
//! docs/troubleshooting.md is made from the same rows.

#[cfg(test)]
mod addresses;
#[cfg(test)]
mod document;
pub(crate) mod names;
pub(crate) mod network;
pub(crate) mod server;
pub(crate) mod table;

use std::fmt;

use crate::exit::Exit;

/// Whether waiting helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Passes by itself: waited for until the deadline.
    Transient,
    /// Probably permanent, but roles, databases and rules may be made late: tolerated for the grace.
    Grace,
    /// Never passes.
    Fatal,
}

/// What decides when the next try is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Nobody logs or forks for it: refused, socket missing.
    Refused,
    /// A proxy may log each try.
    Closed,
    /// The server logs a line and forks for each try.
    Starting,
    /// Name servers see each try.
    Lookup,
    /// The try itself took long enough.
    Spent,
    /// Many replicas queue for the same slots.
    Full,
    /// Someone has to act first.
    Slow,
}

/// One cause of failure. `cause` and `hint` hold `{placeholders}` for the facts.
#[derive(Debug)]
pub(crate) struct Row {
    /// Anchor in docs/troubleshooting.md; every message ends with it.
    pub(crate) id: &'static str,
    pub(crate) class: Class,
    pub(crate) pace: Pace,
    /// How the start ends if this is what it ended on.
    pub(crate) exit: Exit,
    /// The higher, the nearer to the database the try came; the highest ever seen is reported.
    pub(crate) rank: u8,
    pub(crate) cause: &'static str,
    pub(crate) hint: &'static str,
}

/// What to do where no database is known: all names that are looked at for one.
pub(crate) const SET_DATABASE: &str = "set DATABASE_URL or DATABASE_URL_FILE; or parts of it, the host as DATABASE_HOST, DATABASE_HOSTNAME, POSTGRES_HOST, POSTGRES_HOSTNAME, POSTGRES_SERVER, DB_HOST, DB_HOSTNAME, PGHOST, PGHOSTADDR or PGSERVICE";

/// The lowest rank of what a server or a pooler says of itself.
const FIRST_ANSWER: u8 = 58;

impl Row {
    /// Whether a server or a pooler itself said it: it was up at that moment.
    pub(crate) fn is_answer(&self) -> bool {
        self.rank >= FIRST_ANSWER
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Row {}

/// What is known about a try, for the words. Nothing in it may be secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) user: String,
    pub(crate) database: String,
    /// Where the password or the address came from: `DATABASE_URL`.
    pub(crate) origin: String,
    /// Resolved addresses, or empty.
    pub(crate) addresses: String,
    /// What the other side said, or what else a row's words need.
    pub(crate) text: String,
    /// One more sentence for the hint, or empty.
    pub(crate) remark: String,
}

/// A row in words.
#[derive(Clone, Debug)]
pub(crate) struct Diagnosis {
    pub(crate) row: &'static Row,
    /// One line, lower case, without the id.
    pub(crate) cause: String,
    /// One line that says what to do next.
    pub(crate) hint: String,
}

impl Diagnosis {
    pub(crate) fn new(row: &'static Row, facts: &Facts) -> Self {
        let plain = Self { row, cause: filled(row.cause, facts), hint: filled(row.hint, facts) };
        if facts.remark.is_empty() { plain } else { plain.remarked(&facts.remark) }
    }

    /// The same with one more sentence in front of the hint.
    pub(crate) fn remarked(self, remark: &str) -> Self {
        Self { hint: format!("{remark}; {}", self.hint), ..self }
    }

    pub(crate) fn id(&self) -> &'static str {
        self.row.id
    }

    pub(crate) fn class(&self) -> Class {
        self.row.class
    }

    pub(crate) fn exit(&self) -> Exit {
        self.row.exit
    }

    /// The hint and the id, as every message ends.
    pub(crate) fn advice(&self) -> String {
        format!("{} [{}]", self.hint, self.row.id)
    }

    /// Whether both name the same reason in the same words: then no new line is due.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.row == other.row && lasting(&self.cause).eq(lasting(&other.cause))
    }
}

/// A text without its long numbers: what a server says may name another process or file each time. Those
/// of less than four digits, such as the status of a page, are meant.
fn lasting(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(|c: char| !c.is_ascii_digit()).map(|piece| {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit());
        if piece.len() - rest.len() < 4 { piece } else { rest }
    })
}

/// The cause and the id, as every message ends: `connection refused [pg-refused]`.
impl fmt::Display for Diagnosis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} [{}]", self.cause, self.row.id)
    }
}

/// Replaces the placeholders; control characters in what a server said become blanks.
fn filled(template: &str, facts: &Facts) -> String {
    let values = [
        ("{host}", &facts.host),
        ("{port}", &facts.port),
        ("{user}", &facts.user),
        ("{database}", &facts.database),
        ("{origin}", &facts.origin),
        ("{addresses}", &facts.addresses),
        ("{text}", &facts.text),
    ];
    let mut line = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        line.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((name, value)) = values.iter().find(|(name, _)| rest.starts_with(name)) {
            line.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
            rest = &rest[name.len()..];
        } else {
            line.push('{');
            rest = &rest[1..];
        }
    }
    line + rest
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_reason_is_the_same_with_other_long_numbers() {
        let resources = |text: &str| {
            Diagnosis::new(&table::RESOURCES, &Facts { text: text.to_owned(), ..Facts::default() })
        };
        for (one, other, same) in [
            ("file \"mmap.2378457094\": full", "file \"mmap.211958382\": full", true),
            ("file \"mmap.2378457094\": full", "file \"mmap.2378457094\": gone", false),
            ("status 404", "status 502", false),
            ("ends with 12345", "ends with 678901", true),
            ("ends with 12345", "ends with", false),
        ] {
            assert_eq!(resources(one).is_same(&resources(other)), same, "{one} / {other}");
        }
    }

    #[test]
    fn ids_are_unique_and_words_keep_the_style() {
        let mut seen = HashSet::new();
        for row in table::ROWS {
            assert!(seen.insert(row.id), "{} twice", row.id);
            assert!(!row.cause.ends_with('.') && !row.hint.ends_with('.'), "{}", row.id);
            assert!(!row.cause.starts_with(char::is_uppercase), "{}", row.id);
            assert!(!row.hint.is_empty() && !row.hint.contains('\n'), "{}", row.id);
            assert!(row.class != Class::Transient || row.exit == Exit::NotReady, "{}", row.id);
        }
    }

    #[test]
    fn placeholders_are_filled_once_and_control_characters_removed() {
        let facts = Facts { host: "db".into(), text: "a\nb{host}".into(), ..Facts::default() };
        assert_eq!(filled("{host}: {text} {other}", &facts), "db: a b{host} {other}");
    }
}
