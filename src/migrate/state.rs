//! Files against history: what is applied, pending, ahead or wrong. Pure.

use std::collections::BTreeSet;

use super::format::{History, Migration, Problem, Row, Version};
use crate::phrase::listed;

/// How folder and database stand to each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Rows whose file is there, lowest version first.
    pub(crate) applied: Vec<Row>,
    /// Files to apply, in this order.
    pub(crate) pending: Vec<Migration>,
    /// Rows newer than any file: this image is older than the database.
    pub(crate) ahead: Vec<Row>,
    /// Everything that stops a start.
    pub(crate) problems: Vec<Problem>,
}

impl State {
    /// The rows that are newer than any file: `V7__orders, V8__invoices`.
    pub(crate) fn ahead_labels(&self) -> String {
        let label = |row: &Row| format!("V{}__{}", row.version, row.name);
        listed(&self.ahead.iter().map(label).collect::<Vec<_>>())
    }
}

/// Compares them, reporting every problem.
pub(crate) fn compare(migrations: &[Migration], history: &impl History) -> State {
    let mut state = State { problems: history.problems(migrations), ..State::default() };
    let newest = newest(migrations);
    for row in history.applied() {
        match migrations.iter().find(|migration| migration.version == row.version) {
            Some(migration) => {
                state.problems.extend(divergence(migration, row, history));
                state.applied.push(row.clone());
            }
            // An empty folder is more likely a forgotten COPY than an image older than everything.
            None if newest.is_some_and(|newest| row.version > *newest) => {
                state.ahead.push(row.clone());
            }
            None => {
                let label = format!("V{}__{}", row.version, row.name);
                state.problems.push(Problem::FileGone { label });
            }
        }
    }
    let known: BTreeSet<&Version> = history.applied().iter().map(|row| &row.version).collect();
    let highest = known.last();
    for migration in migrations.iter().filter(|file| !known.contains(&file.version)) {
        match highest {
            Some(highest) if migration.version < **highest && !migration.any_order => {
                let (label, highest) = (migration.label.clone(), (*highest).clone());
                state.problems.push(Problem::OutOfOrder { label, highest });
            }
            _ => state.pending.push(migration.clone()),
        }
    }
    state
}

/// The highest version of a file; files of any order count only where there are no others.
fn newest(migrations: &[Migration]) -> Option<&Version> {
    let ordered = migrations.iter().filter(|migration| !migration.any_order);
    let versions = |migration: &'_ Migration| migration.version.clone();
    ordered
        .max_by_key(|migration| versions(migration))
        .or_else(|| migrations.iter().max_by_key(|migration| versions(migration)))
        .map(|migration| &migration.version)
}

fn divergence(migration: &Migration, row: &Row, history: &impl History) -> Option<Problem> {
    let why = if migration.name != row.name {
        format!("it was applied as `{}`", row.name)
    } else if history.checksum(migration) != row.checksum {
        format!(
            "checksum {} now, {} when applied",
            history.checksum(migration).unwrap_or_default(),
            row.checksum.as_deref().unwrap_or("none"),
        )
    } else {
        return None;
    };
    Some(Problem::Divergent { label: migration.label.clone(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checksum is the text itself.
    struct Fake(Vec<Row>);

    impl History for Fake {
        fn name(&self) -> &'static str {
            ""
        }
        fn exists(&self) -> bool {
            true
        }
        fn create(&self) -> String {
            String::new()
        }
        fn applied(&self) -> &[Row] {
            &self.0
        }
        fn checksum(&self, migration: &Migration) -> Option<String> {
            Some(migration.text.clone())
        }
        fn lookup(&self, _: &Migration) -> String {
            String::new()
        }
        fn record(&self, _: &Migration) -> String {
            String::new()
        }
        fn problems(&self, _: &[Migration]) -> Vec<Problem> {
            Vec::new()
        }
    }

    fn file(label: &str, text: &str) -> Migration {
        let (version, name) = label[1..].split_once("__").unwrap();
        Migration {
            version: Version::Number(version.parse().unwrap()),
            name: name.into(),
            label: label.into(),
            path: label.into(),
            text: text.into(),
            any_order: label.starts_with('U'),
        }
    }

    fn row(version: i64, name: &str, checksum: &str) -> Row {
        Row {
            version: Version::Number(version),
            name: name.into(),
            applied_on: None,
            checksum: Some(checksum.into()),
        }
    }

    fn told(files: &[(&str, &str)], rows: &[(i64, &str, &str)]) -> String {
        let files: Vec<Migration> = files.iter().map(|(label, text)| file(label, text)).collect();
        let rows = rows.iter().map(|(version, name, sum)| row(*version, name, sum)).collect();
        let state = compare(&files, &Fake(rows));
        let pending: Vec<_> = state.pending.iter().map(|file| file.label.clone()).collect();
        let ahead: Vec<_> = state.ahead.iter().map(|row| row.version.to_string()).collect();
        let problems: Vec<_> = state.problems.iter().map(ToString::to_string).collect();
        format!("{}|{}|{}", pending.join(","), ahead.join(","), problems.join("; "))
    }

    #[test]
    fn sorts_files_and_rows_into_their_kinds() {
        let two = [("V1__a", "x"), ("V2__b", "y")];
        for (files, rows, expected) in [
            (&two[..], &[][..], "V1__a,V2__b||"),
            (&two, &[(1, "a", "x")], "V2__b||"),
            (&two, &[(1, "a", "x"), (2, "b", "y"), (3, "c", "z")], "|3|"),
            (
                &two,
                &[(1, "a", "X")],
                "V2__b||V1__a was changed after it was applied: checksum x now, X when applied",
            ),
            (
                &two,
                &[(1, "z", "x")],
                "V2__b||V1__a was changed after it was applied: it was applied as `z`",
            ),
            (&two, &[(2, "b", "y")], "||V1__a is not applied although 2 is"),
            (&[("U1__a", "x"), ("V2__b", "y")], &[(2, "b", "y")], "U1__a||"),
            (&two[1..], &[(1, "a", "x")], "V2__b||V1__a is applied and its file is missing"),
            (&[], &[(1, "a", "x")], "||V1__a is applied and its file is missing"),
            (&[("V1__a", "x"), ("U9__m", "m")], &[(1, "a", "x"), (5, "c", "z")], "U9__m|5|"),
        ] {
            assert_eq!(told(files, rows), expected, "{files:?} {rows:?}");
        }
    }
}
