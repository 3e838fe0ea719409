//! `${…}` inside a word: its name, its operator and what stands behind it.

use std::{iter::Peekable, str::Chars};

use super::{Pieces, Reader, Style, is_name, is_name_letter, shell_only};
use crate::config::{
    expand::{Operator, Piece, Variable},
    problem::Problem,
};

impl Reader<'_> {
    pub(super) fn dollar(&mut self, pieces: &mut Pieces) -> Result<(), Problem> {
        let shell = self.style != Style::Literal;
        match self.letters.peek() {
            Some('{') => self.braces(pieces),
            Some('(') if shell => Err(shell_only("`$(`")),
            Some(letter) if shell && is_name_letter(*letter) => {
                let name: String =
                    self.letters.clone().take_while(|next| is_name_letter(*next)).collect();
                if !pieces.0.is_empty() {
                    // It may be a piece of a password.
                    return Err(Problem::config("a `$` inside a word is not expanded").hint(
                        "write `${NAME}` for a variable, or single quotes round the word to keep the `$`",
                    ));
                }
                Err(Problem::config(format!("`${name}` is not expanded"))
                    .hint(format!("write `${{{name}}}`, or '${name}' to keep it as it is")))
            }
            _ => {
                pieces.push('$');
                Ok(())
            }
        }
    }

    /// `${…}`; a form that only a shell knows stays as it is in an array, whose words are meant so.
    fn braces(&mut self, pieces: &mut Pieces) -> Result<(), Problem> {
        let before = self.letters.clone();
        self.letters.next();
        let optional = self.letters.next_if_eq(&'?').is_some();
        let name = self.name();
        let operator = match self.operator(optional) {
            Some(sign) if is_name(&name) => sign,
            _ if self.style == Style::Literal => {
                self.letters = before;
                pieces.push('$');
                return Ok(());
            }
            _ if !pieces.0.is_empty() => return Err(unknown_form("…}".chars().peekable())),
            _ => return Err(unknown_form(before)),
        };
        let operand = if operator == '}' { Vec::new() } else { self.operand()? };
        pieces
            .0
            .push(Piece::Variable(Variable { name, operator: Operator::new(operator, operand) }));
        Ok(())
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(letter) = self.letters.next_if(|letter| is_name_letter(*letter)) {
            name.push(letter);
        }
        name
    }

    /// `}`, or the sign of `:-`, `:+`, `:?`; `:` for `${?X:word}`. `None` is a form we do not know.
    fn operator(&mut self, optional: bool) -> Option<char> {
        match (self.letters.next()?, optional) {
            ('}', false) => Some('}'),
            (':', true) => Some(':'),
            (':', false) => self.letters.next_if(|sign| matches!(sign, '-' | '+' | '?')),
            _ => None,
        }
    }

    fn operand(&mut self) -> Result<Vec<Piece>, Problem> {
        let pieces = self.pieces(&['}'])?;
        match self.letters.next() {
            Some(_) => Ok(pieces),
            None => Err(Problem::config("a `${` has no `}`")),
        }
    }
}

fn unknown_form(letters: Peekable<Chars<'_>>) -> Problem {
    let rest: String = letters.collect();
    let Some(end) = rest.find('}') else { return Problem::config("a `${` has no `}`") };
    Problem::config(format!("`${}` is not an expansion that app-init knows", &rest[..=end]))
        .hint("known are ${X} ${X:-default} ${X:+other} ${X:?message} ${?X:word}; for others write sh -c '…'")
}
