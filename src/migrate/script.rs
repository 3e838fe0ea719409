//! One SQL file made ready to send: what is cut out, how it runs, and where a position lies in it. Pure.

mod fit;

use std::{cmp::Reverse, ops::Range, path::Path, time::Duration};

use super::{
    dialect::Dialect,
    discreet::excerpt,
    error::MigrateError,
    options::{self, Options},
    split::{Backslash, Split, Statement, split, tokens},
};
use fit::Misfit;

/// A file that can be run.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// `V3__add_age`, or a seed's file name.
    pub(crate) label: String,
    /// The path as it is shown.
    pub(crate) file: String,
    /// What is sent: the file with as many characters in the same places, some of them blanked.
    pub(crate) text: String,
    pub(crate) statements: Vec<Statement>,
    /// The line of `SET transaction_timeout = 0` where that was left out: the server lacks it.
    pub(crate) left_out: Option<usize>,
    pub(crate) mode: Mode,
    /// It ends the transaction by itself, so its record cannot commit together with it.
    pub(crate) commits: bool,
    /// It is sent at once, although it has several statements.
    pub(crate) whole: bool,
    /// `None`: the server's own for statements, ours for locks.
    pub(crate) lock_timeout: Option<Duration>,
    pub(crate) statement_timeout: Option<Duration>,
    /// Lines that look like options of ours and are none.
    pub(crate) misplaced: Vec<usize>,
}

/// How a file runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All of it and its record, or nothing.
    Transaction,
    /// Statement by statement: `CREATE INDEX CONCURRENTLY` and its kin.
    Statements,
}

/// What goes to the server at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text for one simple query, whose first statement has this index.
    Query { range: Range<usize>, first: usize },
    /// A `COPY … FROM STDIN` with its data.
    Copy { statement: usize, data: Range<usize> },
}

impl Script {
    /// Reads a file's text as that server will.
    /// # Errors
    /// `Unfit` if nothing ends a string or comment, if it mixes statements that need a transaction
    /// with such that cannot have one, rolls back or is
    /// prepared by itself, or has an option nobody knows.
    pub(crate) fn read(
        label: &str,
        path: &Path,
        text: &str,
        dialect: Dialect,
    ) -> Result<Self, MigrateError> {
        let file = path.display().to_string();
        Self::of(label, &file, text, dialect).map_err(|misfit| MigrateError::Unfit {
            file,
            line: misfit.line,
            why: misfit.why,
            hint: misfit.hint,
        })
    }

    fn of(label: &str, file: &str, text: &str, dialect: Dialect) -> Result<Self, Misfit> {
        let options = Options::read(text).map_err(|(line, why)| {
            Misfit::new(
                line,
                why,
                "known are no-transaction, lock_timeout=3s and statement_timeout=1m",
            )
        })?;
        let misplaced = options::misplaced(text);
        let mut text = blank_foreign(text, dialect.backslash);
        let found = split(&text, dialect.backslash);
        let mode = fit::mode(&text, &found, options.no_transaction)?;
        let unknown = found.statements.iter().find(|it| is_unknown(&text, it, dialect));
        let left_out = unknown.map(|statement| statement.line);
        let frame = frame(&found.statements).filter(|_| mode == Mode::Transaction);
        let unknown = unknown.map(|statement| statement.range.clone());
        let mut blanks: Vec<_> = unknown.into_iter().chain(frame.into_iter().flatten()).collect();
        // From the end: a blank takes as many characters, but not as many bytes.
        blanks.sort_by_key(|range| Reverse(range.start));
        for range in blanks.iter().cloned() {
            text = blanked(&text, range);
        }
        let statements = if blanks.is_empty() {
            found.statements
        } else {
            split(&text, dialect.backslash).statements
        };
        let commits =
            mode == Mode::Transaction && statements.iter().any(Statement::is_transaction_control);
        Ok(Self {
            label: label.to_owned(),
            file: file.to_owned(),
            commits,
            whole: commits || fit::changes_backslash(&text, &statements),
            text,
            statements,
            left_out,
            mode,
            lock_timeout: options.lock_timeout,
            statement_timeout: options.statement_timeout,
            misplaced,
        })
    }

    /// Each statement by itself, so that it is known which one runs. The statements of a query that
    /// end a transaction form one with what follows them (manual, 55.2.2.1), and by itself each of
    /// these would commit; where a file says how its strings are read, only the server can cut it.
    pub(crate) fn pieces(&self) -> Vec<Piece> {
        if self.whole {
            return self.between_copies();
        }
        let piece = |(index, statement): (usize, &Statement)| match &statement.data {
            Some(data) => Piece::Copy { statement: index, data: data.clone() },
            None => Piece::Query { range: statement.range.clone(), first: index },
        };
        self.statements.iter().enumerate().map(piece).collect()
    }

    /// The whole text in one piece, unless data for COPY stands in it: the simple protocol cannot
    /// carry that inside a query.
    fn between_copies(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let (mut from, mut first) = (0, 0);
        for (index, statement) in self.statements.iter().enumerate() {
            let Some(data) = &statement.data else { continue };
            if first < index {
                pieces.push(Piece::Query { range: from..statement.range.start, first });
            }
            pieces.push(Piece::Copy { statement: index, data: data.clone() });
            (from, first) = (data.end, index + 1);
            // Past the line with the closing `\.`.
            from += self.text[from..].find('\n').map_or(self.text.len() - from, |at| at + 1);
        }
        if first < self.statements.len() {
            pieces.push(Piece::Query { range: from..self.text.len(), first });
        }
        pieces
    }

    /// `file:line` and the statement, from a position in what was sent (characters from 1), or
    /// else from the number of statements that had ended.
    pub(crate) fn place(
        &self,
        sent: usize,
        position: Option<usize>,
        statement: Option<usize>,
    ) -> (String, Option<String>) {
        let offset = position.map(|position| self.offset(sent, position));
        let at = offset.and_then(|offset| self.containing(offset)).or(statement);
        let statement = at.and_then(|index| self.statements.get(index));
        let line = match (offset, statement) {
            (Some(offset), _) => Some(1 + self.text[..offset].matches('\n').count()),
            (None, Some(statement)) => Some(statement.line),
            (None, None) => None,
        };
        let place = match line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        };
        (place, statement.map(|statement| excerpt(&self.text[statement.range.clone()])))
    }

    /// The byte of a character of the text that was sent from byte `sent` on.
    fn offset(&self, sent: usize, position: usize) -> usize {
        let mut characters = self.text[sent..].char_indices();
        characters
            .nth(position.saturating_sub(1))
            .map_or(self.text.len(), |(offset, _)| sent + offset)
    }

    fn containing(&self, offset: usize) -> Option<usize> {
        self.statements.iter().rposition(|statement| statement.range.start <= offset)
    }
}

/// `SET transaction_timeout = 0`, which `pg_dump` writes since 17, for a server that has no such
/// limit: what it asks for is so already.
fn is_unknown(text: &str, statement: &Statement, dialect: Dialect) -> bool {
    dialect.lacks_transaction_timeout
        && matches!(
            tokens(&text[statement.range.clone()])[..],
            [set, "transaction_timeout", "=", "0"] if set.eq_ignore_ascii_case("SET")
        )
}

/// The `BEGIN` and `COMMIT` round a whole file, which our own transaction replaces: with them the
/// record could not commit together with the script.
fn frame(found: &[Statement]) -> Option<[Range<usize>; 2]> {
    let [first, inner @ .., last] = found else { return None };
    let framed = first.opens_ours() && last.closes_transaction();
    let clean = !inner.iter().any(Statement::is_transaction_control);
    (framed && clean).then(|| [first.range.clone(), last.range.clone()])
}

/// Blanks what psql and editors put into files and the server does not read: a byte order mark,
/// and the `\restrict` and `\unrestrict` lines of `pg_dump`.
fn blank_foreign(text: &str, backslash: Backslash) -> String {
    let mut text = text.replacen('\u{feff}', " ", usize::from(text.starts_with('\u{feff}')));
    loop {
        let Split { statements, .. } = split(&text, backslash);
        let Some(line) = statements.iter().find_map(|statement| meta(&text, statement)) else {
            return text;
        };
        text = blanked(&text, line);
    }
}

/// The line at a statement's beginning if it is one of the two.
fn meta(text: &str, statement: &Statement) -> Option<Range<usize>> {
    let start = statement.range.start;
    let end = start + text[start..].find(['\n', '\r']).unwrap_or(text.len() - start);
    let line = &text[start..end];
    let known = line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    known.then_some(start..end)
}

/// The text with spaces in place of a range's characters; line ends stay.
fn blanked(text: &str, range: Range<usize>) -> String {
    let spaces = text[range.clone()].chars().map(|c| if c == '\n' { '\n' } else { ' ' });
    [&text[..range.start], &spaces.collect::<String>(), &text[range.end..]].concat()
}

#[cfg(test)]
mod tests;
