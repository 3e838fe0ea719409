//! A script to its statements, by PostgreSQL's lexical rules (manual, 4.1) and psql's conventions.
//!
//! Knows strings, quoted names, dollar quotes, nested comments, parentheses, `BEGIN ATOMIC` bodies
//! and the data behind `COPY … FROM STDIN`. It does not check syntax: the server does.

mod token;

use std::ops::Range;

use token::{blank, comment, dollar_quoted, escaped, is_name, is_name_start, length_to, quoted};

/// One statement of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Bytes from the first word up to, without, the semicolon.
    pub(crate) range: Range<usize>,
    /// The line of the first word, counted from 1.
    pub(crate) line: usize,
    /// Its words outside quotes, comments and parentheses, in upper case, `WORDS` at most; and
    /// `CONCURRENTLY` among the options of `REINDEX`.
    pub(crate) words: Vec<String>,
    /// The lines behind `COPY … FROM STDIN`, without the closing `\.`.
    pub(crate) data: Option<Range<usize>>,
}

/// Enough to tell statements apart; a list of columns stands in parentheses and does not count.
const WORDS: usize = 24;

/// Splits a script. Empty statements are left out, as the server's parser leaves them out.
pub(crate) fn statements(text: &str) -> Vec<Statement> {
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0 };
    let mut found = Vec::new();
    let mut line = Lines { text, at: 0, line: 1 };
    while let Some(mut statement) = scanner.statement() {
        statement.line = line.of(statement.range.start);
        found.push(statement);
    }
    found
}

/// The tokens of one statement as they are written; strings and quoted names are one each.
pub(crate) fn tokens(statement: &str) -> Vec<&str> {
    let mut scanner = Scanner { text: statement, bytes: statement.as_bytes(), at: 0 };
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
}

/// What the scanner knows of the statement it is in.
#[derive(Default)]
struct Inside {
    start: Option<usize>,
    words: Vec<String>,
    parentheses: usize,
    /// Open `BEGIN ATOMIC` and `CASE`.
    blocks: usize,
}

impl Scanner<'_> {
    /// The next statement that is not empty.
    fn statement(&mut self) -> Option<Statement> {
        let mut inside = Inside::default();
        while self.at < self.bytes.len() {
            if self.skip_blank() {
                continue;
            }
            if self.bytes[self.at] == b';' && inside.parentheses == 0 && inside.blocks == 0 {
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
        let end = self.text.trim_end().len();
        inside.start.is_some().then(|| self.finish(inside, end))
    }

    fn finish(&mut self, inside: Inside, end: usize) -> Statement {
        let range = inside.start.unwrap_or(end)..end;
        let data = is_copy_in(&inside.words).then(|| self.copy_data());
        Statement { range, line: 0, words: inside.words, data }
    }

    /// Skips one stretch of white space or one comment; `false` if there is none here.
    fn skip_blank(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        if let Some(length) = blank(rest) {
            self.at += length;
        } else if rest.starts_with(b"/*") {
            self.at += comment(rest);
        } else {
            return false;
        }
        true
    }

    /// Steps over one token.
    fn token(&mut self, inside: &mut Inside) {
        let rest = &self.bytes[self.at..];
        match rest[0] {
            b'\'' => self.at += quoted(rest, b'\'', false),
            b'"' => self.at += quoted(rest, b'"', false),
            b'$' => self.at += dollar_quoted(rest),
            b'(' => {
                inside.parentheses += 1;
                self.at += 1;
            }
            b')' => {
                inside.parentheses = inside.parentheses.saturating_sub(1);
                self.at += 1;
            }
            first if is_name_start(first) => self.word(inside),
            first if first.is_ascii_digit() => {
                self.at += rest.iter().take_while(|byte| is_name(**byte)).count();
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
            self.at += escaped(&self.bytes[self.at..]);
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

impl Inside {
    /// `BEGIN ATOMIC` opens a function's body, which `END` closes; `CASE … END` nests in it.
    fn see(&mut self, word: String) {
        let begins = word == "ATOMIC" && self.words.last().is_some_and(|last| last == "BEGIN");
        if begins && self.makes_routine() || self.blocks > 0 && word == "CASE" {
            self.blocks += 1;
        } else if self.blocks > 0 && word == "END" {
            self.blocks -= 1;
        }
        if self.words.len() < WORDS {
            self.words.push(word);
        } else if let Some(last) = self.words.last_mut() {
            *last = word;
        }
    }

    /// `REINDEX (CONCURRENTLY)`: the one word in parentheses that decides how a statement runs.
    fn is_option(&self, word: &str) -> bool {
        word == "CONCURRENTLY" && self.words == ["REINDEX"]
    }

    fn makes_routine(&self) -> bool {
        let mut words = self.words.iter().map(String::as_str);
        words.next() == Some("CREATE")
            && words.take(3).any(|word| matches!(word, "FUNCTION" | "PROCEDURE"))
    }
}

fn is_copy_in(words: &[String]) -> bool {
    words.first().is_some_and(|word| word == "COPY")
        && words.windows(2).any(|pair| pair[0] == "FROM" && pair[1] == "STDIN")
}

#[cfg(test)]
mod tests;
