//! `init ANYTHING ELSE…`: which words are ours, and which are a program to hand over to at once.
//!
//! Pure but for what it is told. A word that is nearly one of ours and no program is most likely a
//! typing error, and starting nothing then beats starting the wrong thing.

use std::{ffi::OsString, time::Duration};

use thiserror::Error;

use crate::{
    config::{command::CommandLine, duration, environment::Environment},
    exit::Exit,
    failure::Failure,
    plan::{Handoff, Server, SignalState, StopPolicy},
    process::signal,
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

/// Why a pass-through cannot begin.
#[derive(Debug, Error)]
pub(crate) enum PassThroughError {
    #[error("unknown mode `{word}`: there is no such mode, subcommand or program")]
    NearMiss { word: String, name: String },
    #[error("invalid settings: {0}")]
    Settings(String),
}

impl PassThroughError {
    pub(crate) fn near_miss(word: &OsString, name: &str) -> Self {
        Self::NearMiss { word: word.to_string_lossy().into_owned(), name: name.to_owned() }
    }
}

impl Failure for PassThroughError {
    fn exit(&self) -> Exit {
        match self {
            Self::NearMiss { .. } => Exit::Usage,
            Self::Settings(_) => Exit::Config,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NearMiss { name, .. } => Some(format!("did you mean `{name}`?")),
            Self::Settings(_) => Some("`init help env` says what each may be".to_owned()),
        }
    }
}

/// The server that a pass-through is: the words as they are, the environment untouched, and of our
/// settings only those about hand-off and signals.
/// # Errors
/// Every setting that cannot be read, in one message.
pub(crate) fn server(
    argv: Vec<OsString>,
    environment: Environment,
) -> Result<Server, PassThroughError> {
    let (handoff, stop) = settings(&environment).map_err(PassThroughError::Settings)?;
    let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
    let command = CommandLine { source: words.join(" "), argv };
    Ok(Server { command, environment, handoff, stop })
}

fn settings(environment: &Environment) -> Result<(Handoff, StopPolicy), String> {
    let mut problems = Vec::new();
    let mut stop = StopPolicy::default();
    let mut handoff = Handoff::Auto;
    let mut read = |name: &str, apply: &mut dyn FnMut(&str) -> Result<(), String>| {
        let text = environment.text(name).map(str::trim).filter(|text| !text.is_empty());
        if let Some(Err(problem)) = text.map(apply) {
            problems.push(format!("{name}: {problem}"));
        }
    };
    read("APP_INIT_HANDOFF", &mut |text| parse_handoff(text).map(|value| handoff = value));
    read("APP_INIT_STOP_DELAY", &mut |text| bounded(text).map(|value| stop.delay = value));
    read("APP_INIT_STOP_GRACE", &mut |text| duration::parse(text).map(|value| stop.grace = value));
    read("APP_INIT_LEFTOVER_GRACE", &mut |text| bounded(text).map(|value| stop.leftover = value));
    read("APP_INIT_SIGNAL_TARGET", &mut |text| {
        signal::parse_target(text).map(|value| stop.target = value)
    });
    read("APP_INIT_SIGNAL_MAP", &mut |text| signal::parse_map(text).map(|value| stop.map = value));
    read("APP_INIT_SUCCESS_CODES", &mut |text| {
        signal::parse_codes(text).map(|value| stop.success = value)
    });
    read("APP_INIT_SIGNALS_INHERIT", &mut |text| {
        parse_state(text).map(|value| stop.signals = value)
    });
    if problems.is_empty() { Ok((handoff, stop)) } else { Err(problems.join("; ")) }
}

fn parse_handoff(text: &str) -> Result<Handoff, String> {
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(Handoff::Auto),
        "supervise" => Ok(Handoff::Supervise),
        "exec" => Ok(Handoff::Exec),
        _ => Err(format!("`{text}` is not auto, supervise or exec")),
    }
}

/// A duration that has an end.
fn bounded(text: &str) -> Result<Duration, String> {
    duration::parse(text)?.ok_or_else(|| format!("`{text}` is not allowed here"))
}

fn parse_state(text: &str) -> Result<SignalState, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "on" | "enable" | "enabled" => Ok(SignalState::Inherited),
        "false" | "0" | "no" | "n" | "off" | "disable" | "disabled" => Ok(SignalState::Default),
        _ => Err(format!("`{text}` is neither true nor false")),
    }
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

    #[test]
    fn every_bad_setting_is_named_at_once() {
        let pairs =
            [("APP_INIT_HANDOFF", "fork"), ("APP_INIT_SIGNAL_MAP", "TERM=TERM"), ("X", "y")];
        let environment = Environment::new(pairs.map(|(name, value)| (name.into(), value.into())));
        let error = server(vec!["sh".into()], environment).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid settings: APP_INIT_HANDOFF: `fork` is not auto, supervise or exec; \
             APP_INIT_SIGNAL_MAP: the map leads from SIGTERM back to SIGTERM"
        );
    }
}
