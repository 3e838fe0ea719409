//! The syntax of commands: POSIX-quoted words or a JSON array, with `${…}` inside (XCU 2.2, 2.6.2).
//!
//! What only a shell can do is an error that says how to ask for one.

mod expansion;

use std::{iter::Peekable, str::Chars};

use super::{
    expand::{Operator, Piece, Variable, Word},
    problem::Problem,
};

/// Reads words with the quoting of the POSIX shell.
pub(crate) fn posix(text: &str) -> Result<Vec<Word>, Problem> {
    let mut reader = Reader::new(text, Style::Shell);
    let mut words = Vec::new();
    while reader.skip_blanks() {
        words.push(reader.word()?);
    }
    match words.first().and_then(assignment) {
        Some(name) => {
            Err(Problem::config(format!("`{name}=…` in front of a command is a shell's doing"))
                .hint(format!("write `env {name}=… …`")))
        }
        None => Ok(words),
    }
}

/// Reads a JSON array of texts; each is one word.
pub(crate) fn json(text: &str) -> Result<Vec<String>, Problem> {
    serde_json::from_str(text).map_err(|_| {
        Problem::config("starts with `[` but is no JSON array of texts")
            .hint(r#"write ["program", "argument"], or words without brackets"#)
    })
}

/// Reads one word in which only `${…}` is special.
pub(crate) fn literal(text: &str) -> Result<Word, Problem> {
    let mut reader = Reader::new(text, Style::Literal);
    let pieces = reader.pieces(&[])?;
    finish(pieces, true)
}

/// The name in `X=1` as the first word; the value may be a secret.
fn assignment(word: &Word) -> Option<String> {
    let Word::Pieces { pieces, .. } = word else { return None };
    let Some(Piece::Text(text)) = pieces.first() else { return None };
    let (name, _) = text.split_once('=')?;
    is_name(name).then(|| name.to_owned())
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(is_name_letter)
}

fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// `${?X:word}` must be a whole word: it may be no word at all.
fn finish(mut pieces: Vec<Piece>, kept_if_empty: bool) -> Result<Word, Problem> {
    let optional = |piece: &Piece| {
        matches!(piece, Piece::Variable(Variable { operator: Operator::IfTrue(_), .. }))
    };
    if pieces.len() == 1
        && let Some(Piece::Variable(Variable { name, operator: Operator::IfTrue(word) })) =
            pieces.pop_if(|piece| optional(piece))
    {
        return Ok(Word::IfTrue { name, word });
    }
    if pieces.iter().any(optional) {
        return Err(Problem::config("`${?NAME:word}` must be a whole word"));
    }
    Ok(Word::Pieces { pieces, kept_if_empty })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Shell,
    /// Inside double quotes: blanks and operators are text.
    Quoted,
    /// A word of an array: only `${…}` is special.
    Literal,
}

struct Reader<'a> {
    letters: Peekable<Chars<'a>>,
    style: Style,
    /// Something of the current word stood in quotes, so that it is a word even if empty.
    quoted: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, style: Style) -> Self {
        Self { letters: text.chars().peekable(), style, quoted: false }
    }

    /// Whether a word follows.
    fn skip_blanks(&mut self) -> bool {
        while self.letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        self.letters.peek().is_some()
    }

    fn word(&mut self) -> Result<Word, Problem> {
        self.quoted = false;
        let pieces = self.pieces(&[])?;
        let constant = pieces.iter().any(|piece| matches!(piece, Piece::Text(_)));
        finish(pieces, self.quoted || constant)
    }

    /// Reads up to a blank (in shell style), one of `ends`, or the end; none of these is consumed.
    fn pieces(&mut self, ends: &[char]) -> Result<Vec<Piece>, Problem> {
        let mut pieces = Pieces::default();
        while let Some(&letter) = self.letters.peek() {
            let blank = self.style == Style::Shell && letter.is_whitespace() && ends.is_empty();
            if blank || ends.contains(&letter) {
                break;
            }
            self.letters.next();
            self.piece(letter, &mut pieces)?;
        }
        Ok(pieces.0)
    }

    fn piece(&mut self, letter: char, pieces: &mut Pieces) -> Result<(), Problem> {
        match (letter, self.style) {
            ('$', _) => self.dollar(pieces)?,
            ('\'', Style::Shell) => self.single(pieces)?,
            ('"', Style::Shell) => self.double(pieces)?,
            ('\\', Style::Shell) => pieces.extend(self.letters.next()),
            ('\\', Style::Quoted) => self.escape(pieces),
            ('`', Style::Shell | Style::Quoted) => return Err(shell_only("a backtick")),
            ('&' | '|' | ';' | '<' | '>', Style::Shell) => {
                let double = self.letters.next_if_eq(&letter).map_or(String::new(), String::from);
                return Err(shell_only(&format!("`{letter}{double}`")));
            }
            _ => pieces.push(letter),
        }
        Ok(())
    }

    fn single(&mut self, pieces: &mut Pieces) -> Result<(), Problem> {
        self.quoted = true;
        loop {
            match self.letters.next() {
                Some('\'') => return Ok(()),
                Some(letter) => pieces.push(letter),
                None => return Err(Problem::config("a single quote is not closed")),
            }
        }
    }

    fn double(&mut self, pieces: &mut Pieces) -> Result<(), Problem> {
        self.quoted = true;
        self.style = Style::Quoted;
        pieces.0.extend(self.pieces(&['"'])?);
        self.style = Style::Shell;
        match self.letters.next() {
            Some(_) => Ok(()),
            None => Err(Problem::config("a double quote is not closed")),
        }
    }

    /// Within double quotes a backslash escapes only these (XCU 2.2.3).
    fn escape(&mut self, pieces: &mut Pieces) {
        match self.letters.next_if(|letter| matches!(letter, '$' | '`' | '"' | '\\')) {
            Some(letter) => pieces.push(letter),
            None => pieces.push('\\'),
        }
    }
}

fn shell_only(what: &str) -> Problem {
    Problem::config(format!("{what} needs a shell, and commands run without one"))
        .hint("quote it, or write sh -c '…'")
}

/// Pieces under construction; neighbouring letters are one text.
#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn push(&mut self, letter: char) {
        if let Some(Piece::Text(text)) = self.0.last_mut() {
            text.push(letter);
        } else {
            self.0.push(Piece::Text(letter.into()));
        }
    }

    fn extend(&mut self, letters: impl IntoIterator<Item = char>) {
        letters.into_iter().for_each(|letter| self.push(letter));
    }
}
