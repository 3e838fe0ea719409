//! What a file outside a transaction is cut into, so that it can go on where it stopped. Pure.

use std::{hash::Hasher, ops::Range};

use siphasher::sip::SipHasher13;

use super::{script::Script, split::Statement};

/// Statements that are done together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Indexes of its statements; a file's own `BEGIN` and `COMMIT` are not among them.
    pub(super) statements: Range<usize>,
    pub(super) kind: Kind,
    /// The `BEGIN` that the file has in front of them, which may name an isolation level.
    pub(super) begin: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In a transaction, with the note that it is done; without one if the server then refuses it.
    Together,
    /// `CALL` or `DO`: the same, unless it commits by itself.
    Routine,
    /// The server refuses a transaction round it.
    Alone,
    /// It changes only the session, so it is done again when the file goes on.
    Setting,
}

/// Cuts a script; a `BEGIN … COMMIT` in it stays one step.
/// # Errors
/// The line of a `BEGIN` that has no `COMMIT`, or of a `COMMIT` on its own.
pub(super) fn steps(script: &Script) -> Result<Vec<Step>, usize> {
    let mut steps = Vec::new();
    let mut open = None;
    for (index, statement) in script.statements.iter().enumerate() {
        if statement.opens_transaction() && open.is_none() {
            open = Some(index + 1);
        } else if statement.closes_transaction() {
            let start = open.take().ok_or(statement.line)?;
            let begin = Some(start - 1);
            steps.push(Step { statements: start..index, kind: Kind::Together, begin });
        } else if statement.is_transaction_control() {
            return Err(statement.line);
        } else if open.is_none() {
            let (statements, kind) = (index..index + 1, kind(statement));
            steps.push(Step { statements, kind, begin: None });
        }
    }
    match open {
        Some(start) => Err(script.statements[start - 1].line),
        None => Ok(steps),
    }
}

fn kind(statement: &Statement) -> Kind {
    let words: Vec<&str> = statement.words.iter().map(String::as_str).collect();
    match words[..] {
        _ if statement.refuses_transaction() => Kind::Alone,
        ["CALL" | "DO", ..] => Kind::Routine,
        // `pg_dump` writes `SELECT pg_catalog.set_config(…)`.
        ["SET" | "RESET", ..]
        | ["SELECT", "SET_CONFIG"]
        | ["SELECT", "PG_CATALOG", "SET_CONFIG"] => Kind::Setting,
        _ => Kind::Together,
    }
}

/// A hash of the first steps' text: whether what was done is still what the file says.
pub(super) fn fingerprint(script: &Script, done: &[Step]) -> String {
    let mut hasher = SipHasher13::new();
    for statement in done.iter().flat_map(|step| step.statements.clone()) {
        hasher.write(script.text[script.statements[statement].range.clone()].as_bytes());
        hasher.write(&[0xFF]);
    }
    hasher.finish().to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::{super::dialect::Dialect, *};

    pub(crate) fn script(text: &str) -> Script {
        let text = format!("-- app-init: no-transaction\n{text}");
        Script::read("V1__x", Path::new("V1__x.sql"), &text, Dialect::default()).unwrap()
    }

    #[test]
    fn cuts_between_what_can_be_done_alone() {
        for (text, expected) in [
            ("select 1; vacuum", "0..1 Together, 1..2 Alone"),
            (
                "set x to 1; call p(); begin isolation level serializable; select 1; select 2; commit; select 3",
                "0..1 Setting, 1..2 Routine, 3..5 Together, 6..7 Together",
            ),
            (
                "select pg_catalog.set_config('x', '1', false); select set_config('x', y, false), f()",
                "0..1 Setting, 1..2 Together",
            ),
            ("vacuum;\nbegin; select 1", "3"),
            ("vacuum;\n\ncommit;", "4"),
        ] {
            let found = match steps(&script(text)) {
                Ok(steps) => steps
                    .iter()
                    .map(|step| format!("{:?} {:?}", step.statements, step.kind))
                    .collect::<Vec<_>>()
                    .join(", "),
                Err(line) => line.to_string(),
            };
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
