//! `init ANYTHING ELSE…`: which words are ours, and which are a program to hand over to at once.
//!
//! Pure but for what it is told. A word that is nearly one of ours and no program is most likely a
//! typing error, and starting nothing then beats starting the wrong thing.

use std::ffi::OsString;

use thiserror::Error;

use crate::{
    config::{self, command::CommandLine, environment::Environment, problem::Problems},
    exit::Exit,
    failure::Failure,
    plan::Server,
};

/// What the words after `init` ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// A mode, a subcommand, a flag, or nothing at all.
    Ours,
    /// A program and its arguments.
    PassThrough,
    /// No program, and nearly this name of ours.
    NearMiss(&'a str),
}

/// Decides by the first word. `names` are all modes and subcommands, `is_program` asks PATH.
pub(crate) fn choose<'a>(
    first: Option<&OsString>,
    names: impl IntoIterator<Item = &'a str> + Clone,
    is_program: impl FnOnce(&OsString) -> bool,
) -> Choice<'a> {
    let Some(word) = first else {
        return Choice::Ours;
    };
    let text = word.to_string_lossy();
    if text.is_empty()
        || text.starts_with('-')
        || names.clone().into_iter().any(|name| name == text)
    {
        return Choice::Ours;
    }
    if text.contains('/') || is_program(word) {
        return Choice::PassThrough;
    }
    nearest(&text, names).map_or(Choice::PassThrough, Choice::NearMiss)
}

/// A name one or two typing errors away, and not mostly another word.
fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let distances = names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, name), name))
        .filter(|(distance, name)| *distance <= 2 && distance * 2 < name.len());
    distances.min().map(|(_, name)| name)
}

/// A word that is no program, and nearly one of ours.
#[derive(Debug, Error)]
#[error("unknown mode `{word}`: there is no such mode, subcommand or program")]
pub(crate) struct NearMiss {
    word: String,
    name: String,
}

impl NearMiss {
    pub(crate) fn new(word: &OsString, name: &str) -> Self {
        Self { word: word.to_string_lossy().into_owned(), name: name.to_owned() }
    }
}

impl Failure for NearMiss {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(format!("did you mean `{}`?", self.name))
    }
}

/// The server that a pass-through is: the words as they are, the environment untouched, and of our
/// settings only those about hand-off and signals.
/// # Errors
/// Every setting that cannot be read.
pub(crate) fn server(argv: Vec<OsString>, environment: Environment) -> Result<Server, Problems> {
    let (handoff, stop) = config::hand_off(&environment)?;
    let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
    let command = CommandLine { source: words.join(" "), argv };
    Ok(Server { command, environment, handoff, stop })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["api", "all", "etl", "migrate", "seed", "worker"];

    #[test]
    fn the_first_word_decides() {
        for (word, is_program, choice) in [
            ("api", false, Choice::Ours),
            ("worker", true, Choice::Ours),
            ("--help", false, Choice::Ours),
            ("-q", false, Choice::Ours),
            ("", false, Choice::Ours),
            ("bash", true, Choice::PassThrough),
            ("bash", false, Choice::PassThrough),
            ("migrat", false, Choice::NearMiss("migrate")),
            ("Migrate", false, Choice::NearMiss("migrate")),
            ("wroker", false, Choice::NearMiss("worker")),
            ("sed", true, Choice::PassThrough),
            ("sed", false, Choice::NearMiss("seed")),
            ("ls", false, Choice::PassThrough),
            ("./seed", false, Choice::PassThrough),
        ] {
            let chosen = choose(Some(&OsString::from(word)), NAMES, |_| is_program);
            assert_eq!(chosen, choice, "{word:?}, a program: {is_program}");
        }
        assert_eq!(choose(None, NAMES, |_| true), Choice::Ours);
    }
}
