//! Whether a file can be run as it is, and how: found out before any of it is sent. Pure.

use super::Mode;
use crate::migrate::{
    split::{Backslash, Open, Split, Statement, split},
    statement::Other,
};

/// Why a file cannot be run.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) line: usize,
    pub(super) why: String,
    pub(super) hint: String,
}

impl Misfit {
    pub(super) fn new(line: usize, why: String, hint: &str) -> Self {
        Self { line, why, hint: hint.to_owned() }
    }
}

/// How the file runs; `marked`: it says itself that it wants no transaction.
pub(super) fn mode(text: &str, found: &Split, marked: bool) -> Result<Mode, Misfit> {
    let statements = &found.statements;
    if let Some(at) = text.find('\0') {
        let line = 1 + text[..at].matches('\n').count();
        let why = "it holds a zero byte".to_owned();
        return Err(Misfit::new(line, why, "save the file as UTF-8"));
    }
    if let Some(open) = found.open.as_ref().filter(|_| !changes_backslash(text, statements)) {
        return Err(not_closed(open));
    }
    if let Some(copy) = statements.iter().find(|statement| statement.copies_out()) {
        let why = "nobody is there to take the rows of `COPY … TO STDOUT`".to_owned();
        let hint = "copy into a file of the server (`TO '/path'`), or keep the rows in a table";
        return Err(Misfit::new(copy.line, why, hint));
    }
    if let Some(line) = statements.iter().find_map(|statement| beside_data(text, statement)) {
        let why = "the data of `COPY … FROM STDIN` begins in the next line, and more SQL stands in this one".to_owned();
        return Err(Misfit::new(line, why, "move it behind the line `\\.` that ends the data"));
    }
    if let Some(rollback) = statements.iter().find(|statement| statement.rolls_back()) {
        let why = format!("`{}` would undo it and still count", rollback.words.join(" "));
        let hint = "take it out: a file that fails is rolled back anyway";
        return Err(Misfit::new(rollback.line, why, hint));
    }
    let mode = if marked { Mode::Statements } else { by_statements(statements)? };
    match statements.iter().take_while(|statement| !statement.ends_transaction()).find_map(other) {
        Some(misfit) if mode == Mode::Transaction => Err(misfit),
        _ => Ok(mode),
    }
}

/// The server would read on into what we append, and show that.
fn not_closed(open: &Open) -> Misfit {
    let with = &open.with;
    let (what, hint) = match with.as_str() {
        "/*" => ("comment", "end it with `*/`; a comment inside a comment needs an end of its own"),
        "\"" => ("quoted name", "end it with `\"`, or look for one that is missing further up"),
        "'" => (
            "string",
            "end it with `'`, or look for one that is missing further up; a quote inside a string is written twice",
        ),
        _ => ("string", "end it exactly as it begins, in the same case"),
    };
    Misfit::new(open.line, format!("nothing ends the {what} that begins here with `{with}`"), hint)
}

/// A statement that asks for a kind of transaction in the middle of ours. Its level could not be
/// ours: a snapshot that is older than the fence would not show what was applied meanwhile.
fn other(statement: &Statement) -> Option<Misfit> {
    let words = statement.words.join(" ");
    let (why, hint) = match statement.wants_other()? {
        Other::Level => (
            format!(
                "`{words}` comes too late: the file runs in app-init's own transaction, read committed"
            ),
            "begin the file with `-- app-init: no-transaction`: then its own BEGIN and COMMIT count",
        ),
        Other::ReadOnly => (
            format!("`{words}` keeps it from being recorded in the same transaction"),
            "take READ ONLY out",
        ),
    };
    Some(Misfit::new(statement.line, why, hint))
}

/// The line of a `COPY` that has more SQL between its semicolon and its data.
fn beside_data(text: &str, statement: &Statement) -> Option<usize> {
    let data = statement.data.as_ref()?;
    let rest = text[statement.range.end..data.start].trim_start_matches(';');
    let rest = split(rest, Backslash::default());
    (!rest.statements.is_empty() || rest.open.is_some()).then_some(statement.line)
}

/// Whether the file may say itself how its strings are read: then only the server knows.
fn changes_backslash(text: &str, statements: &[Statement]) -> bool {
    const SETTING: &str = "STANDARD_CONFORMING_STRINGS";
    let switches_on = |statement: &&Statement| {
        let words: Vec<&str> = statement.words.iter().map(String::as_str).collect();
        matches!(words[..], ["SET", SETTING, "ON"] | ["SET", SETTING, "TO", "ON"])
    };
    text.to_ascii_uppercase().matches(SETTING).count()
        > statements.iter().filter(switches_on).count()
}

/// Whether the statements run in a transaction: all must be of one kind.
fn by_statements(found: &[Statement]) -> Result<Mode, Misfit> {
    let Some(outside) = found.iter().find(|statement| statement.refuses_transaction()) else {
        return Ok(Mode::Transaction);
    };
    match found.iter().find(|statement| !statement.refuses_transaction()) {
        None => Ok(Mode::Statements),
        Some(inside) => {
            let (outside_words, inside_words) = (outside.opening(), inside.opening());
            let why = format!(
                "`{outside_words}` cannot run in a transaction and `{inside_words}` in line {} should",
                inside.line
            );
            Err(Misfit::new(outside.line, why, "move it into a file of its own"))
        }
    }
}
