//! Whether a file can be run as it is, and how: found out before any of it is sent. Pure.

use super::Mode;
use crate::migrate::{
    split::{Backslash, Open, Split, Statement, split, tokens},
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
    in_text(text, found).map_or(Ok(()), Err)?;
    statements.iter().find_map(|it| in_statement(text, it)).map_or(Ok(()), Err)?;
    misread(text, statements).map_or(Ok(()), Err)?;
    let mode = if marked { Mode::Statements } else { by_statements(statements)? };
    let is_ours =
        |statement: &&Statement| mode == Mode::Statements || !statement.ends_transaction();
    let unfit = statements.iter().take_while(is_ours).find_map(|it| other(it, mode));
    unfit.map_or(Ok(mode), Err)
}

fn in_text(text: &str, found: &Split) -> Option<Misfit> {
    if let Some(at) = text.find('\0') {
        let line = 1 + text[..at].matches('\n').count();
        return Some(Misfit::new(line, "it holds a zero byte".into(), "save the file as UTF-8"));
    }
    if let Some(line) = text.lines().position(takes_back) {
        return Some(Misfit::new(
            line + 1,
            "what stands below takes it back, and would run as well".into(),
            "take that part out: files are only ever applied",
        ));
    }
    let open = found.open.as_ref()?;
    (!changes_backslash(text, &found.statements)).then(|| not_closed(open))
}

/// Where goose, sql-migrate, dbmate, Micrate, Rambler, node-pg-migrate, Play, `MyBatis` and tern begin the
/// other half of a file.
fn takes_back(line: &str) -> bool {
    const DOWN: [&str; 8] = [
        "+goose down",
        "+migrate down",
        "migrate:down",
        "+micrate down",
        "rambler down",
        "!downs",
        "//@undo",
        "create above / drop below",
    ];
    let Some(comment) = line.trim_start().strip_prefix("--") else { return false };
    let words: Vec<&str> = comment.trim_start_matches('-').split_whitespace().collect();
    let comment = words.join(" ").to_lowercase();
    // Without a sign of its own it is only that if nothing else stands in the line.
    comment == "down migration" || DOWN.iter().any(|down| comment.starts_with(down))
}

fn in_statement(text: &str, statement: &Statement) -> Option<Misfit> {
    let (why, hint) = if statement.copies_out() {
        (
            "nobody is there to take the rows of `COPY … TO STDOUT`".into(),
            "copy into a file of the server (`TO '/path'`), or keep the rows in a table",
        )
    } else if has_beside_data(text, statement) {
        (
            "the data of `COPY … FROM STDIN` begins in the next line, and more SQL stands in this one".into(),
            "move it behind the line `\\.` that ends the data",
        )
    } else if statement.rolls_back() {
        (
            format!("`{}` would undo it and still count", statement.words.join(" ")),
            "take it out: a file that fails is rolled back anyway",
        )
    } else if statement.prepares_transaction() {
        (
            "`PREPARE TRANSACTION` would leave it uncommitted, keep its locks and still count"
                .into(),
            "take it out: a file is committed for it",
        )
    } else {
        return None;
    };
    Some(Misfit::new(statement.line, why, hint))
}

/// A `SET client_encoding` in front of what is beyond ASCII: what we send is UTF-8 whatever it says, and
/// would be stored as other letters. The dump of a Latin-1 database has it, also once it was converted.
fn misread(text: &str, statements: &[Statement]) -> Option<Misfit> {
    let other = statements.iter().position(|it| names_encoding(&text[it.range.clone()]))?;
    let beyond = |range: &std::ops::Range<usize>| !text[range.clone()].is_ascii();
    let is_misread = |it: &Statement| beyond(&it.range) || it.data.as_ref().is_some_and(beyond);
    let until = |it: &&Statement| {
        let word = it.words.get(1).map_or("", String::as_str);
        !matches!(word, "CLIENT_ENCODING" | "NAMES")
    };
    statements[other + 1..].iter().take_while(until).any(is_misread).then(|| {
        Misfit::new(
            statements[other].line,
            "the file is UTF-8, and this has the server read it as something else".into(),
            "take the statement out",
        )
    })
}

/// Whether it sets another encoding of the client than ours; with `SQL_ASCII` nothing is converted.
fn names_encoding(statement: &str) -> bool {
    let words: Vec<String> = tokens(statement).iter().map(|it| it.to_ascii_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ([.., "client_encoding", "=" | "to", named] | [.., "names", named]) = words[..] else {
        return false;
    };
    let named: String = named.chars().filter(char::is_ascii_alphanumeric).collect();
    words[0] == "set" && !["utf8", "unicode", "sqlascii", "default"].contains(&named.as_str())
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

/// A statement that asks for a kind of transaction that it cannot have. The level of ours could be
/// no other: a snapshot that is older than the fence would not show what was applied meanwhile.
fn other(statement: &Statement, mode: Mode) -> Option<Misfit> {
    let other = statement.wants_other()?;
    let words = statement.words.join(" ");
    let (why, hint) = match other {
        Other::Level if mode == Mode::Statements => return None,
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

/// Whether more SQL stands between the semicolon of a `COPY` and its data.
fn has_beside_data(text: &str, statement: &Statement) -> bool {
    let Some(data) = &statement.data else { return false };
    let rest = text[statement.range.end..data.start].trim_start_matches(';');
    let rest = split(rest, Backslash::default());
    !rest.statements.is_empty() || rest.open.is_some()
}

/// Whether the file may say itself how its strings are read: then only the server knows.
pub(super) fn changes_backslash(text: &str, statements: &[Statement]) -> bool {
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
