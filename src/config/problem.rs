//! What is wrong with the settings: every mistake at once, each with its place and what to do.

use thiserror::Error;

use crate::{cli::mask::mask, exit::Exit, failure::Failure};

/// One mistake.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub(crate) struct Problem {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl Problem {
    /// An invalid setting (78). Passwords in URLs that the message quotes are masked.
    pub(crate) fn config(message: impl AsRef<str>) -> Self {
        Self { exit: Exit::Config, message: mask(message.as_ref()), hint: None }
    }

    /// A named file that is missing or unreadable (66).
    pub(crate) fn no_input(message: impl AsRef<str>) -> Self {
        Self { exit: Exit::NoInput, ..Self::config(message) }
    }

    /// A command line that does not fit the settings (64).
    pub(crate) fn usage(message: impl AsRef<str>) -> Self {
        Self { exit: Exit::Usage, ..Self::config(message) }
    }

    pub(crate) fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(mask(hint.as_ref()));
        self
    }

    /// The same mistake with its place in front: `APP_INIT_ETL_COMMAND: …`.
    pub(crate) fn at(mut self, subject: &str) -> Self {
        self.message = format!("{subject}: {}", self.message);
        self
    }
}

impl Failure for Problem {
    fn exit(&self) -> Exit {
        self.exit
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// All mistakes, in the order of their discovery.
#[derive(Clone, Debug, Default, Error, PartialEq, Eq)]
#[error("{}", self.sentences())]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    pub(crate) fn extend(&mut self, others: &Self) {
        others.iter().for_each(|problem| self.push(problem.clone()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each is printed as its own `error:` and `hint:`.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// The value, unless something is wrong.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    fn sentences(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl Failure for Problems {
    /// The code that all share; 78 when they differ, because then a setting is wrong too.
    fn exit(&self) -> Exit {
        let first = self.0.first().map_or(Exit::Config, |problem| problem.exit);
        let same = self.0.iter().all(|problem| problem.exit == first);
        if same { first } else { Exit::Config }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_code_counts_and_78_otherwise() {
        let missing = || Problem::no_input("x");
        for (problems, exit) in [
            (vec![missing()], Exit::NoInput),
            (vec![missing(), Problem::config("y")], Exit::Config),
            (vec![Problem::usage("z")], Exit::Usage),
        ] {
            assert_eq!(Problems(problems.clone()).exit(), exit, "{problems:?}");
        }
    }
}
