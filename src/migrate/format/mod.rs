//! The seam between the one executor and the many formats of migrations.
//!
//! A format is two things: a *source* (a folder's files become migrations in order) and a *history*
//! (the table that says which are applied). Nothing outside this folder knows a format's names.

pub(crate) mod refinery;

use std::{fmt, path::PathBuf};

use super::sql::identifier;

/// What orders migrations and names them in the history.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    Number(i64),
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(out),
        }
    }
}

/// One file to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Migration {
    pub(crate) version: Version,
    /// As the history stores it: `add_age`.
    pub(crate) name: String,
    /// As people call it: `V3__add_age`.
    pub(crate) label: String,
    pub(crate) path: PathBuf,
    /// The file, byte for byte: checksums are taken over it.
    pub(crate) text: String,
    /// May be applied below the highest applied version (refinery's `U` files).
    pub(crate) any_order: bool,
}

/// One row of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) version: Version,
    pub(crate) name: String,
    /// RFC 3339 where the format has it; `None` where it stores no time.
    pub(crate) applied_on: Option<String>,
    pub(crate) checksum: Option<String>,
}

/// A mistake in files or history that stops the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Looks like a migration, and the format would skip or misread it.
    Name {
        file: String,
        why: &'static str,
    },
    /// A link to a folder leads to it, which the format does not follow.
    Linked {
        file: String,
    },
    /// The file cannot be read as text.
    Content {
        file: String,
        why: String,
    },
    Duplicate {
        version: Version,
        files: Vec<String>,
    },
    /// The file is not what was applied.
    Divergent {
        label: String,
        why: String,
    },
    /// The file cannot be run as it is.
    Unfit {
        file: String,
        line: usize,
        why: String,
        hint: String,
    },
    /// Row, not the newest, and its file is gone.
    FileGone {
        label: String,
    },
    /// Not applied, although a newer one is.
    OutOfOrder {
        label: String,
        highest: Version,
    },
    /// Nothing is recorded where the stored search path leads now, but in another schema.
    Elsewhere {
        /// What that one has of this image.
        label: String,
        table: &'static str,
        schema: String,
        /// Where all would begin anew.
        wanted: String,
        /// An empty history is there already.
        is_begun: bool,
    },
    /// The table cannot hold what the folder needs, or is no table of this format.
    Table {
        why: String,
    },
}

impl Problem {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name { .. } => "name files V1__what_it_does.sql: V, a whole number, two underscores, then letters, digits and underscores".into(),
            Self::Unfit { hint, .. } => hint.clone(),
            Self::Linked { .. } => "put the files themselves, or links to them, where the link to their folder is".into(),
            Self::Content { .. } => "save the file as UTF-8".into(),
            Self::Duplicate { .. } => "give each file a version of its own".into(),
            Self::Divergent { .. } => "restore the file as it was applied and put the change into a new migration".into(),
            Self::FileGone { .. } => "restore the file, or start the image that has it".into(),
            Self::OutOfOrder { highest, .. } => format!("give the file a version above {highest}"),
            Self::Elsewhere { table, schema, wanted, is_begun, .. } => {
                let (from, to) = (identifier(schema), identifier(wanted));
                let first = if *is_begun { format!("DROP TABLE {to}.{table}; ") } else { String::new() };
                format!(
                    "if the stored search_path was changed since: {first}ALTER TABLE {from}.{table} SET SCHEMA {to}; \
                     else name the schema that is meant in the address: `options=-csearch_path={schema}` to go on there, \
                     or `options=-csearch_path={wanted}` to begin anew"
                )
            }
            Self::Table { .. } => return None,
        })
    }
}

/// What to do about all of them, each advice once; `None` if there is none.
pub(crate) fn hints(problems: &[Problem]) -> Option<String> {
    let mut hints: Vec<String> = Vec::new();
    for hint in problems.iter().filter_map(Problem::hint) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    (!hints.is_empty()).then(|| hints.join("; "))
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { file, why } => write!(out, "`{file}` is not a migration's name: {why}"),
            Self::Linked { file } => {
                write!(
                    out,
                    "`{file}` stands behind a link to its folder, where refinery would skip it"
                )
            }
            Self::Content { file, why } => write!(out, "`{file}` cannot be used: {why}"),
            Self::Unfit { file, line, why, .. } => {
                write!(out, "{file}:{line} cannot be applied: {why}")
            }
            Self::Duplicate { version, files } => {
                write!(out, "version {version} is used by {}", files.join(" and "))
            }
            Self::Divergent { label, why } => {
                write!(out, "{label} was changed after it was applied: {why}")
            }
            Self::FileGone { label } => write!(out, "{label} is applied and its file is missing"),
            Self::OutOfOrder { label, highest } => {
                write!(out, "{label} is not applied although {highest} is")
            }
            Self::Elsewhere { label, table, schema, wanted, .. } => write!(
                out,
                "{label} is applied in schema `{schema}`, but the search_path that is stored for the database or the role \
                 leads to schema `{wanted}`, where no `{table}` says so"
            ),
            Self::Table { why } => out.write_str(why),
        }
    }
}

/// The table that says what is applied, as it was read.
pub(crate) trait History {
    /// The table, with its schema, as SQL has it.
    fn name(&self) -> &str;

    /// Whether the table is there.
    fn exists(&self) -> bool;

    /// The statement that makes the table, safe to repeat.
    fn create(&self) -> String;

    /// What is applied, lowest version first.
    fn applied(&self) -> &[Row];

    /// What the history would store for this file; `None` if the format keeps no checksum.
    fn checksum(&self, migration: &Migration) -> Option<String>;

    /// A query that returns a row if the migration is applied, with the stored checksum.
    fn lookup(&self, migration: &Migration) -> String;

    /// The statement that records the migration as applied now.
    fn record(&self, migration: &Migration) -> String;

    /// What the table cannot hold.
    fn problems(&self, migrations: &[Migration]) -> Vec<Problem>;
}
