//! The values behind `${…}`. Each word stays one word: no splitting, no patterns.

use std::ffi::{OsStr, OsString};

use super::{environment::Environment, problem::Problem, types::boolean};

/// One word of a command before expansion. Has no `Debug`: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Word {
    Pieces {
        pieces: Vec<Piece>,
        /// False for an unquoted word of nothing but variables: it vanishes when all are empty, as
        /// in a shell (XCU 2.6.5).
        kept_if_empty: bool,
    },
    /// `${?NAME:word}`: the word if NAME is a true boolean, otherwise no word at all.
    IfTrue { name: String, word: Vec<Piece> },
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Variable(Variable),
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) operator: Operator,
}

/// What happens when the variable is unset or empty.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `${X}`: nothing.
    Value,
    /// `${X:-x}`: x instead.
    Default(Vec<Piece>),
    /// `${X:+x}`: nothing, and x otherwise.
    Other(Vec<Piece>),
    /// `${X:?x}`: an error with that message.
    Required(Vec<Piece>),
    /// `${?X:x}`, which only a whole word can be.
    IfTrue(Vec<Piece>),
}

impl Operator {
    pub(crate) fn new(sign: char, operand: Vec<Piece>) -> Self {
        match sign {
            '-' => Self::Default(operand),
            '+' => Self::Other(operand),
            '?' => Self::Required(operand),
            ':' => Self::IfTrue(operand),
            _ => Self::Value,
        }
    }
}

impl Word {
    /// The word with its values; `None` if it is no word. `nproc` is what `${…:-auto}` stands for.
    pub(crate) fn expand(
        &self,
        environment: &Environment,
        nproc: usize,
    ) -> Result<Option<OsString>, Problem> {
        let values = Values { environment, nproc };
        match self {
            Self::Pieces { pieces, kept_if_empty } => {
                let text = values.all(pieces)?;
                Ok((*kept_if_empty || !text.is_empty()).then_some(text))
            }
            Self::IfTrue { name, word } => {
                if values.is_true(name)? {
                    values.all(word).map(Some)
                } else {
                    Ok(None)
                }
            }
        }
    }
}

struct Values<'a> {
    environment: &'a Environment,
    nproc: usize,
}

impl Values<'_> {
    fn all(&self, pieces: &[Piece]) -> Result<OsString, Problem> {
        let mut text = OsString::new();
        for piece in pieces {
            match piece {
                Piece::Text(constant) => text.push(constant),
                Piece::Variable(variable) => text.push(self.variable(variable)?),
            }
        }
        Ok(text)
    }

    fn variable(&self, variable: &Variable) -> Result<OsString, Problem> {
        let value = self.environment.get(&variable.name).filter(|value| !value.is_empty());
        match (&variable.operator, value) {
            (Operator::Default(default), value) => self.or_default(value, default),
            (Operator::Other(other), Some(_)) => self.all(other),
            (Operator::Required(message), None) => Err(required(variable, &self.all(message)?)),
            (_, value) => Ok(value.unwrap_or_default().to_owned()),
        }
    }

    /// Where the default is `auto`, the count of CPUs replaces both it and a value `auto`.
    fn or_default(&self, value: Option<&OsStr>, default: &[Piece]) -> Result<OsString, Problem> {
        let default = self.all(default)?;
        let chosen = value.unwrap_or(&default);
        let count = is_auto(&default) && is_auto(chosen);
        Ok(if count { self.nproc.to_string().into() } else { chosen.to_owned() })
    }

    fn is_true(&self, name: &str) -> Result<bool, Problem> {
        let text = self.environment.get(name).unwrap_or_default().to_string_lossy();
        if text.trim().is_empty() {
            return Ok(false);
        }
        boolean(&text)
            .ok_or_else(|| Problem::config(format!("{name}: `{text}` is neither true nor false")))
    }
}

/// The words that stand for the count of CPUs.
pub(crate) fn is_auto(value: &OsStr) -> bool {
    value == "auto" || value == "nproc"
}

fn required(variable: &Variable, message: &OsStr) -> Problem {
    let message = message.to_string_lossy();
    let why = if message.is_empty() { "is not set".into() } else { message };
    Problem::config(format!("{}: {why}", variable.name))
}
