//! A command line that cannot be understood: clap's findings in our words, with what was meant.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use thiserror::Error;

use super::{
    MODES, REPORTS, WORDS,
    mask::mask,
    settings::{self, Kind, PREFIX, Setting},
};
use crate::{exit::Exit, failure::Failure};

/// A command line that cannot be understood.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub(crate) struct UsageError {
    pub(super) message: String,
    pub(super) hint: String,
}

impl Failure for UsageError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

/// clap's finding in our words.
pub(super) fn usage(error: &clap::Error, words: &[OsString], modes: &[String]) -> UsageError {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(mask(text)),
        _ => None,
    };
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(variable) = secret(name)
    {
        return secret_option(name, &variable);
    }
    let (message, hint) = match error.kind() {
        ErrorKind::UnknownArgument if name.starts_with('-') => (
            format!("unknown option `{name}`"),
            context(ContextKind::SuggestedArg)
                .map_or_else(|| advice(words).to_owned(), |near| format!("did you mean `{near}`?")),
        ),
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => {
            return unexpected(&argument, words, modes);
        }
        ErrorKind::ArgumentConflict if matches!(name, "--live" | "--ready") => {
            ("`--live` and `--ready` exclude each other".to_owned(), "keep one of them".to_owned())
        }
        ErrorKind::ArgumentConflict => {
            (format!("`{name}` is given twice"), "keep one of them".to_owned())
        }
        ErrorKind::InvalidValue | ErrorKind::TooFewValues => (
            format!("`{name}` needs a value"),
            "`init help env` says what it may look like".to_owned(),
        ),
        _ => (
            format!("`{name}` cannot be used like that"),
            "`init help` lists the commands, `init help env` the settings".to_owned(),
        ),
    };
    UsageError { message, hint }
}

/// Where to look for an option. Those of dockerize and wait-for-it have their own names here.
fn advice(words: &[OsString]) -> &'static str {
    if words.first().is_some_and(|word| word == "wait") {
        "`init help wait` says what the options of dockerize and wait-for-it are called here"
    } else {
        "`init help` lists the commands, `init help env` the settings"
    }
}

/// The variable of a secret that was meant by an option; `None` if it was no secret.
fn secret(option: &str) -> Option<String> {
    let name = option.strip_prefix("--")?.replace('-', "_").to_ascii_uppercase();
    match settings::find(&name) {
        Some(setting) => (setting.kind == Kind::Secret).then_some(name),
        None => name.ends_with("PASSWORD").then(|| "DATABASE_PASSWORD".to_owned()),
    }
}

fn secret_option(option: &str, variable: &str) -> UsageError {
    UsageError {
        message: format!(
            "`{option}` is no option: it holds a secret, and /proc shows every user the options of a process"
        ),
        hint: format!(
            "set the variable `{variable}`, or `{variable}_FILE` to a file that holds it"
        ),
    }
}

/// A word that is no option: a mode nobody knows, unless one stands in front of it.
fn unexpected(argument: &str, words: &[OsString], modes: &[String]) -> UsageError {
    let known = |word: &OsString| {
        let known = |name: &str| word.to_str() == Some(name);
        WORDS.into_iter().any(known) || modes.iter().any(|name| known(name))
    };
    let before = words.iter().take_while(|word| mask(&word.to_string_lossy()) != argument);
    let Some(command) = before.into_iter().find(|word| known(word)) else {
        return unknown_mode(argument, modes);
    };
    let command = command.to_string_lossy();
    let hint = if REPORTS.contains(&&*command) {
        format!("`init help {command}` says what it takes")
    } else {
        format!("another server command goes after `--`: init {command} -- CMD")
    };
    UsageError { message: format!("unexpected word `{argument}`"), hint }
}

/// A word that is neither a command nor a mode nor, as the caller has found, a program.
fn unknown_mode(word: &str, modes: &[String]) -> UsageError {
    let known: Vec<&str> = WORDS.into_iter().chain(modes.iter().map(String::as_str)).collect();
    let hint = match nearest(word, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("modes are {}", modes_named(modes).join(", ")),
    };
    UsageError { message: format!("unknown mode or command `{word}`"), hint }
}

pub(super) fn unknown_topic(word: &str) -> UsageError {
    let hint = match meant(word) {
        Some(setting) => format!("did you mean `init help {}`?", setting.name),
        None => "there is `init help env`, `modes`, `config`, `exit-codes`, `wait`, `plan`, `status`, `doctor`, `healthcheck`, `completions`, and the name of a setting".into(),
    };
    UsageError { message: format!("no help about `{}`", mask(word)), hint }
}

/// The setting that a mistyped name was meant to be. The prefix says only whose it is; what stands
/// behind it, which one, and bare names may have it, too.
pub(crate) fn meant(name: &str) -> Option<&'static Setting> {
    let keys: Vec<String> = settings::all().map(Setting::key).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let near = nearest(name.strip_prefix(PREFIX).unwrap_or(name), &keys)?;
    settings::all().find(|setting| setting.key() == near)
}

/// The word a mistyped one was meant to be; `None` if it is like none of them.
///
/// Also decides whether an unknown first word is a mistake or a program to hand over to.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // A third of the letters wrong is still a typing mistake; more, or every one, is another word.
    let letters = word.chars().count();
    let limit = (letters / 3).clamp(1, 3).min(letters.saturating_sub(1));
    let word = word.to_ascii_lowercase();
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_ascii_lowercase()), *name));
    near.filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

fn modes_named(modes: &[String]) -> Vec<&str> {
    let own = modes.iter().map(String::as_str).filter(|mode| !MODES.contains(mode));
    MODES.into_iter().chain(own).collect()
}
