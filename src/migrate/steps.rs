//! What a file outside a transaction is cut into, so that it can go on where it stopped. Pure.

use std::{hash::Hasher, ops::Range};

use siphasher::sip::SipHasher13;

use super::{
    script::Script,
    split::{Statement, tokens},
};

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

/// An index that a statement builds concurrently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// As the catalogue has it.
    pub(super) name: String,
    /// As it is written, for `to_regclass`: an index lives in its table's schema.
    pub(super) table: String,
}

/// What a statement builds concurrently, or drops so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Builds {
    Nothing,
    Named(Index),
    /// Left to the server to name: a broken one could not be told from others.
    Unnamed,
    /// Indexes that are there already: those of this table, or this index; as it is written.
    Again(String),
    /// None: it drops this one concurrently, as it is written.
    Drops(String),
}

pub(super) fn builds(script: &Script, statement: usize) -> Builds {
    let statement = &script.statements[statement];
    let tokens = || tokens(&script.text[statement.range.clone()]);
    match statement.words.first().map_or("", String::as_str) {
        "CREATE" if statement.refuses_transaction() => creates(&tokens()),
        "REINDEX" => recreates(&tokens()),
        "DROP" if statement.refuses_transaction() => drops(&tokens()),
        _ => Builds::Nothing,
    }
}

/// `REINDEX INDEX CONCURRENTLY i`, or with the word among options in parentheses.
fn recreates(tokens: &[&str]) -> Builds {
    let find = |words: &[&str]| {
        tokens.iter().position(|token| words.iter().any(|word| token.eq_ignore_ascii_case(word)))
    };
    match (find(&["CONCURRENTLY"]), find(&["INDEX", "TABLE"])) {
        (Some(word), Some(kind)) => Builds::Again(dotted(tokens, word.max(kind) + 1)),
        _ => Builds::Nothing,
    }
}

/// `DROP INDEX CONCURRENTLY IF EXISTS i`; there can be no second one (manual, DROP INDEX).
fn drops(tokens: &[&str]) -> Builds {
    let at = behind_concurrently(tokens);
    at.map_or(Builds::Nothing, |at| {
        Builds::Drops(dotted(tokens, if is(tokens, at, "IF") { at + 2 } else { at }))
    })
}

fn is(tokens: &[&str], at: usize, word: &str) -> bool {
    tokens.get(at).is_some_and(|it| it.eq_ignore_ascii_case(word))
}

fn behind_concurrently(tokens: &[&str]) -> Option<usize> {
    (0..tokens.len()).find(|at| is(tokens, *at, "CONCURRENTLY")).map(|at| at + 1)
}

fn creates(tokens: &[&str]) -> Builds {
    let Some(mut at) = behind_concurrently(tokens) else { return Builds::Nothing };
    if is(tokens, at, "IF") {
        at += 3;
    }
    if is(tokens, at, "ON") {
        return Builds::Unnamed;
    }
    let name = tokens.get(at).map(|name| folded(name)).unwrap_or_default();
    at += if is(tokens, at + 2, "ONLY") { 3 } else { 2 };
    Builds::Named(Index { name, table: dotted(tokens, at) })
}

/// A partition that a statement detaches concurrently; names as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Detaches {
    pub(super) table: String,
    pub(super) partition: String,
}

pub(super) fn detaches(script: &Script, statement: usize) -> Option<Detaches> {
    let statement = &script.statements[statement];
    let is_one = statement.refuses_transaction() && statement.words.iter().any(|it| it == "DETACH");
    let tokens = tokens(&script.text[statement.range.clone()]);
    let find = |word: &str| tokens.iter().position(|token| token.eq_ignore_ascii_case(word));
    let table = find("ONLY").or(find("EXISTS")).or(find("TABLE")).filter(|_| is_one)?;
    let partition = find("PARTITION")?;
    Some(Detaches { table: dotted(&tokens, table + 1), partition: dotted(&tokens, partition + 1) })
}

/// A name that may have a schema in front, as it is written.
fn dotted(tokens: &[&str], mut at: usize) -> String {
    let mut name = String::new();
    while let Some(token) = tokens.get(at) {
        name.push_str(token);
        if tokens.get(at + 1) != Some(&".") {
            break;
        }
        name.push('.');
        at += 2;
    }
    name
}

/// A name as the catalogue stores it (manual, 4.1.1).
fn folded(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::dialect::Dialect, *};

    fn script(text: &str) -> Script {
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

    #[test]
    fn finds_the_index_that_is_built_or_dropped() {
        let named = |name: &str, table: &str| {
            Builds::Named(Index { name: name.into(), table: table.into() })
        };
        for (text, expected) in [
            ("create index concurrently I_x on T (a)", named("i_x", "T")),
            (
                "create unique index concurrently if not exists \"I\"\"x\" on only s.\"T\" using btree (a)",
                named("I\"x", "s.\"T\""),
            ),
            ("create index concurrently on t (a)", Builds::Unnamed),
            ("create index i on t (a)", Builds::Nothing),
            ("reindex table t", Builds::Nothing),
            ("reindex table concurrently s.T", Builds::Again("s.T".into())),
            ("reindex (verbose, concurrently) index i;", Builds::Again("i".into())),
            ("drop index concurrently s.\"I\";", Builds::Drops("s.\"I\"".into())),
            ("drop index concurrently if exists i cascade", Builds::Drops("i".into())),
            ("drop index i", Builds::Nothing),
            ("create database d", Builds::Nothing),
        ] {
            assert_eq!(builds(&script(text), 0), expected, "{text:?}");
        }
    }

    #[test]
    fn finds_the_partition_that_is_detached() {
        for (text, expected) in [
            ("alter table s.t detach partition \"P 1\" concurrently", Some(("s.t", "\"P 1\""))),
            ("alter table if exists only t detach partition s.p concurrently", Some(("t", "s.p"))),
            ("alter table t detach partition p", None),
            ("vacuum", None),
        ] {
            let expected = expected.map(|(table, partition)| Detaches {
                table: table.into(),
                partition: partition.into(),
            });
            assert_eq!(detaches(&script(text), 0), expected, "{text:?}");
        }
    }
}
