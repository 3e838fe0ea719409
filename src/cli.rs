//! Words to `Cli`: what was asked for and which settings were given as flags. No logic.
//!
//! clap stays in here; its flags are made from the table of `settings`.

mod grammar;
pub(crate) mod help;
pub(crate) mod mask;
mod salvage;
pub(crate) mod settings;
mod usage;

use std::ffi::OsString;

pub(crate) use salvage::{flag_value, is_report};
pub(crate) use usage::{meant, nearest};

use grammar::{completions, grammar, read};
use help::Topic;
use usage::{UsageError, unknown_topic, usage};

/// The command line. Has no `Debug`: a word may hold a password.
#[derive(Clone)]
pub(crate) struct Cli {
    pub(crate) command: Command,
    /// Settings given as flags, by the name of their variable.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// `-q`: warnings and errors only.
    pub(crate) quiet: bool,
    /// How often `-v` was given.
    pub(crate) verbose: u8,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Start {
        /// `None` is `APP_INIT_MODE`, or api.
        mode: Option<String>,
        /// Words after `--`: another server, or more words for it if the first starts with `-`.
        words: Vec<OsString>,
        /// Ignores the once marker of seeds.
        force: bool,
    },
    Wait {
        /// Empty waits for the usual targets.
        targets: Vec<String>,
        /// What to hand over to; empty ends after waiting.
        words: Vec<OsString>,
    },
    Plan {
        mode: Option<String>,
        json: bool,
    },
    Doctor {
        mode: Option<String>,
        json: bool,
    },
    Config {
        check: bool,
    },
    Status {
        json: bool,
        exit_code: bool,
    },
    Healthcheck(Healthcheck),
    /// The script for that shell.
    Completions(String),
    Help(Topic),
    Version,
}

/// `init healthcheck`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Healthcheck {
    pub(crate) question: Asked,
    /// `--url` was given; its value counts as `APP_INIT_HEALTHCHECK_URL`.
    pub(crate) url: bool,
    pub(crate) timeout: String,
    pub(crate) expect_status: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `--live`: would a restart help?
    Live,
    /// `--ready`, and the default: may requests be sent here?
    Ready,
}

/// The words that mean something as the first; everything else but a mode is handed over.
pub(crate) const WORDS: [&str; 14] = [
    "api",
    "all",
    "etl",
    "migrate",
    "seed",
    "wait",
    "plan",
    "config",
    "doctor",
    "healthcheck",
    "status",
    "help",
    "version",
    "completions",
];

/// Those of them that print and start nothing.
const REPORTS: [&str; 8] =
    ["plan", "config", "doctor", "healthcheck", "status", "help", "version", "completions"];

const MODES: [&str; 5] = ["api", "all", "etl", "migrate", "seed"];

impl Cli {
    /// Reads the words after the program's name; `modes` are those of `init.toml`.
    pub(crate) fn parse(
        words: impl IntoIterator<Item = OsString>,
        modes: &[String],
    ) -> Result<Self, UsageError> {
        let words: Vec<OsString> = words.into_iter().collect();
        let whole = std::iter::once(OsString::from("init")).chain(words.iter().cloned());
        let matches = grammar(modes).try_get_matches_from(whole);
        let mut cli =
            matches.map_err(|error| usage(&error, &words, modes)).map(|found| read(&found))?;
        match &mut cli.command {
            Command::Help(Topic::Unknown(word)) => return Err(unknown_topic(word)),
            Command::Completions(shell) => *shell = completions(shell, modes)?,
            _ => {}
        }
        Ok(cli)
    }

    /// The value of a setting that was given as a flag.
    pub(crate) fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|(flag, _)| *flag == name).map(|(_, value)| value.as_str())
    }
}
