//! A script to its statements, by PostgreSQL's lexical rules (manual, 4.1) and psql's conventions.
//!
//! Knows strings, quoted names, dollar quotes, nested comments, parentheses, `BEGIN ATOMIC` bodies
//! and the data behind `COPY … FROM STDIN`. It does not check syntax: the server does.
//!
//! By hand, as no crate does it: `sqlparser` refuses what its grammar lacks, so that files could not run
//! that the server takes; `pg_query` is the parser of one version of the server, in C, which puts a pipe in
//! place of standard error while it splits, and knows nothing of psql's data behind a `COPY`.

mod inside;
mod token;

use std::ops::Range;

use inside::Inside;
pub(super) use inside::copies;
use token::{
    blank, comment, dollar_quoted, dollar_tag, escaped, is_name, is_name_start, length_to, quoted,
};

/// A script in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Split {
    /// Without empty ones, as the server's parser leaves them out.
    pub(crate) statements: Vec<Statement>,
    /// What is open at the end, so that everything behind it belongs to it.
    pub(crate) open: Option<Open>,
}

/// A comment, string or quoted name without an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    /// What opens it: `/*`, `'`, `"` or `$tag$`.
    pub(crate) with: String,
    pub(crate) line: usize,
}

/// What a backslash is in a string without `E`: the server's `standard_conforming_strings`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Backslash {
    #[default]
    Letter,
    Escape,
}

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Bytes from the first word up to, without, the semicolon.
    pub(crate) range: Range<usize>,
    /// The line of the first word, counted from 1.
    pub(crate) line: usize,
    /// Its words outside quotes, comments and parentheses, in upper case, 24 at most; and
    /// `CONCURRENTLY` among the options of `REINDEX`.
    pub(crate) words: Vec<String>,
    /// The lines behind `COPY … FROM STDIN`, without the closing `\.`.
    pub(crate) data: Option<Range<usize>>,
}

/// Splits a script.
pub(crate) fn split(text: &str, backslash: Backslash) -> Split {
    let mut scanner = Scanner::new(text, backslash);
    let mut statements = Vec::new();
    let mut line = Lines { text, at: 0, line: 1 };
    while let Some(mut statement) = scanner.statement() {
        statement.line = line.of(statement.range.start);
        statements.push(statement);
    }
    let open = scanner.open.map(|opener| Open {
        line: 1 + text[..opener.start].matches('\n').count(),
        with: text[opener].to_owned(),
    });
    Split { statements, open }
}

/// The tokens of one statement as they are written; strings and quoted names are one each.
pub(crate) fn tokens(statement: &str) -> Vec<&str> {
    let mut scanner = Scanner::new(statement, Backslash::default());
    let mut found = Vec::new();
    while scanner.at < scanner.bytes.len() {
        if !scanner.skip_blank() {
            let start = scanner.at;
            scanner.token(&mut Inside::default());
            found.push(&statement[start..scanner.at]);
        }
    }
    found
}

/// Line numbers of rising offsets, counted once.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, offset: usize) -> usize {
        self.line += self.text[self.at..offset].matches('\n').count();
        self.at = offset;
        self.line
    }
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    backslash: Backslash,
    /// Where that begins which nothing ends.
    open: Option<Range<usize>>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, backslash: Backslash) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, backslash, open: None }
    }

    /// The next statement that is not empty.
    fn statement(&mut self) -> Option<Statement> {
        let mut inside = Inside::default();
        while self.at < self.bytes.len() {
            if self.skip_blank() {
                continue;
            }
            if self.bytes[self.at] == b';' && inside.semicolon() {
                let end = self.at;
                self.at += 1;
                if inside.start.is_some() {
                    return Some(self.finish(inside, end));
                }
                continue;
            }
            inside.start.get_or_insert(self.at);
            self.token(&mut inside);
        }
        let end = self.text.trim_ascii_end().len();
        inside.start.is_some().then(|| self.finish(inside, end))
    }

    fn finish(&mut self, inside: Inside, end: usize) -> Statement {
        let range = inside.start.unwrap_or(end)..end;
        let data = copies(&inside.words, "FROM").then(|| self.copy_data());
        Statement { range, line: 0, words: inside.words, data }
    }

    /// Skips one stretch of white space or one comment; `false` if there is none here.
    fn skip_blank(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        if let Some(length) = blank(rest) {
            self.at += length;
        } else if rest.starts_with(b"/*") {
            self.step(comment(rest), 2);
        } else {
            return false;
        }
        true
    }

    /// Steps over something of this length, opened by so many bytes; to the end if nothing ends it.
    fn step(&mut self, length: Option<usize>, opener: usize) {
        if length.is_none() {
            self.open = Some(self.at..self.at + opener);
        }
        self.at = length.map_or(self.bytes.len(), |length| self.at + length);
    }

    /// Steps over one token.
    fn token(&mut self, inside: &mut Inside) {
        let rest = &self.bytes[self.at..];
        match rest[0] {
            b'\'' if self.backslash == Backslash::Escape => self.step(escaped(rest), 1),
            b'\'' => self.step(quoted(rest, b'\'', Backslash::Letter), 1),
            b'"' => self.step(quoted(rest, b'"', Backslash::Letter), 1),
            b'$' => match dollar_tag(rest) {
                Some(tag) => self.step(dollar_quoted(rest, tag), tag.len()),
                None => self.at += 1,
            },
            b'(' => {
                inside.parentheses += 1;
                self.at += 1;
            }
            b')' => {
                inside.parentheses = inside.parentheses.saturating_sub(1);
                self.at += 1;
            }
            first if is_name_start(first) => self.word(inside),
            // What may follow at once is a name, or `$$`.
            first if first.is_ascii_digit() => {
                self.at += rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            }
            _ => self.at += 1,
        }
    }

    /// A word, or a string with a prefix: only `E'…'` changes how it ends (manual, 4.1.2.2).
    fn word(&mut self, inside: &mut Inside) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().take_while(|byte| is_name(**byte)).count();
        let word = self.text[self.at..self.at + length].to_ascii_uppercase();
        self.at += length;
        if word == "E" && self.bytes.get(self.at) == Some(&b'\'') {
            self.step(escaped(&self.bytes[self.at..]), 1);
        } else if inside.parentheses == 0 || inside.is_option(&word) {
            inside.see(word);
        }
    }

    /// The lines after the one with the semicolon, up to `\.`; the scan goes on behind it.
    fn copy_data(&mut self) -> Range<usize> {
        self.at += length_to(&self.bytes[self.at..], b'\n');
        let start = self.at;
        while self.at < self.bytes.len() {
            let begin = self.at;
            self.at += length_to(&self.bytes[self.at..], b'\n');
            if self.text[begin..self.at].trim_end() == "\\." {
                return start..begin;
            }
        }
        start..self.at
    }
}

#[cfg(test)]
mod tests;
