//! Words to `Cli`: what was asked for and which settings were given as flags. No logic.
//!
//! clap stays in here; its flags are made from the table of `settings`.

pub(crate) mod help;
pub(crate) mod mask;
pub(crate) mod settings;

use std::ffi::OsString;

use clap::{
    Arg, ArgAction, ArgMatches,
    builder::ValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use thiserror::Error;

use crate::{exit::Exit, failure::Failure};
use help::Topic;
use mask::mask;

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

const MODES: [&str; 5] = ["api", "all", "etl", "migrate", "seed"];

/// A command line that cannot be understood.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub(crate) struct UsageError {
    message: String,
    hint: String,
}

impl Failure for UsageError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

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

fn grammar(modes: &[String]) -> clap::Command {
    let own = modes.iter().map(String::as_str).filter(|mode| !WORDS.contains(mode));
    let starts = MODES.into_iter().chain(own).map(|mode| command(mode).arg(server()));
    let starts = starts.map(|start| match start.get_name() {
        "seed" => start.arg(switch("force")),
        _ => start,
    });
    command("init")
        .args(settings::all().filter_map(flag))
        .arg(switch("quiet").short('q').global(true))
        .arg(Arg::new("verbose").short('v').long("verbose").action(ArgAction::Count).global(true))
        .arg(switch("help").short('h').global(true))
        .arg(switch("version").short('V'))
        .arg(server())
        .subcommands(starts)
        .subcommands([
            command("wait")
                .arg(Arg::new("target").num_args(0..).action(ArgAction::Append))
                .arg(Arg::new("timeout").long("timeout").conflicts_with("APP_INIT_WAIT_TIMEOUT"))
                .arg(server()),
            command("plan").arg(Arg::new("mode")).arg(switch("json")),
            command("doctor").arg(Arg::new("mode")).arg(switch("json")),
            command("config").arg(switch("check")),
            command("status").arg(switch("json")).arg(switch("exit-code")),
            command("healthcheck")
                .arg(switch("live"))
                .arg(switch("ready").conflicts_with("live"))
                .arg(Arg::new("url").long("url").conflicts_with("APP_INIT_HEALTHCHECK_URL"))
                .arg(Arg::new("timeout").long("timeout").default_value("3s"))
                .arg(Arg::new("expect-status").long("expect-status").default_value("200-299")),
            command("help").arg(Arg::new("topic")),
            command("completions").arg(Arg::new("shell").default_value("")),
            command("version"),
        ])
}

fn command(name: &str) -> clap::Command {
    clap::Command::new(name.to_owned())
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
}

fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// What stands after `--`.
fn server() -> Arg {
    Arg::new("server").last(true).num_args(1..).value_parser(ValueParser::os_string())
}

fn flag(setting: &'static settings::Setting) -> Option<Arg> {
    Some(Arg::new(setting.name).long(setting.flag()?).global(true).allow_hyphen_values(true))
}

fn read(matches: &ArgMatches) -> Cli {
    let (name, inner) =
        matches.subcommand().map_or((None, matches), |(name, inner)| (Some(name), inner));
    let text = |id: &str| inner.get_one::<String>(id).cloned();
    let mut flags: Vec<(&'static str, String)> = settings::all()
        .filter(|setting| setting.flag().is_some())
        .filter_map(|setting| Some((setting.name, text(setting.name)?)))
        .collect();
    let command = if inner.get_flag("help") {
        Command::Help(name.and_then(Topic::find).unwrap_or(Topic::Top))
    } else if matches.get_flag("version") {
        Command::Version
    } else {
        asked(name, inner)
    };
    if name == Some("wait") {
        flags.extend(text("timeout").map(|timeout| ("APP_INIT_WAIT_TIMEOUT", timeout)));
    }
    if name == Some("healthcheck") {
        flags.extend(text("url").map(|url| ("APP_INIT_HEALTHCHECK_URL", url)));
    }
    Cli { command, flags, quiet: inner.get_flag("quiet"), verbose: inner.get_count("verbose") }
}

fn asked(name: Option<&str>, inner: &ArgMatches) -> Command {
    let text = |id: &str| inner.get_one::<String>(id).cloned();
    let words = || inner.get_many("server").into_iter().flatten().cloned().collect();
    match name {
        Some("wait") => {
            let targets = inner.get_many("target").into_iter().flatten().cloned().collect();
            Command::Wait { targets, words: words() }
        }
        Some("plan") => Command::Plan { mode: text("mode"), json: inner.get_flag("json") },
        Some("doctor") => Command::Doctor { mode: text("mode"), json: inner.get_flag("json") },
        Some("config") => Command::Config { check: inner.get_flag("check") },
        Some("status") => {
            Command::Status { json: inner.get_flag("json"), exit_code: inner.get_flag("exit-code") }
        }
        Some("healthcheck") => Command::Healthcheck(Healthcheck {
            question: if inner.get_flag("live") { Asked::Live } else { Asked::Ready },
            url: text("url").is_some(),
            timeout: text("timeout").unwrap_or_default(),
            expect_status: text("expect-status").unwrap_or_default(),
        }),
        Some("help") => Command::Help(text("topic").map_or(Topic::Top, Topic::named)),
        Some("version") => Command::Version,
        Some("completions") => Command::Completions(text("shell").unwrap_or_default()),
        mode => Command::Start {
            mode: mode.map(str::to_owned),
            words: words(),
            force: mode == Some("seed") && inner.get_flag("force"),
        },
    }
}

/// The completion script of a shell, from the same grammar that reads the command line.
fn completions(shell: &str, modes: &[String]) -> Result<String, UsageError> {
    let known: clap_complete::Shell = shell.parse().map_err(|_| UsageError {
        message: format!("no completions for a shell `{shell}`"),
        hint: "there are some for bash, zsh, fish, elvish and powershell".into(),
    })?;
    let mut script = Vec::new();
    clap_complete::generate(known, &mut grammar(modes), "init", &mut script);
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// clap's finding in our words.
fn usage(error: &clap::Error, words: &[OsString], modes: &[String]) -> UsageError {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(mask(text)),
        _ => None,
    };
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    let (message, hint) = match error.kind() {
        ErrorKind::UnknownArgument if name.starts_with('-') => (
            format!("unknown option `{name}`"),
            context(ContextKind::SuggestedArg).map_or_else(
                || "`init help` lists the commands, `init help env` the settings".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
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

/// A word that is no option: a mode nobody knows, unless one stands in front of it.
fn unexpected(argument: &str, words: &[OsString], modes: &[String]) -> UsageError {
    let known = |word: &OsString| {
        let known = |name: &str| word.to_str() == Some(name);
        WORDS.into_iter().any(known) || modes.iter().any(|name| known(name))
    };
    let before = words.iter().take_while(|word| mask(&word.to_string_lossy()) != argument);
    if !before.into_iter().any(known) {
        return unknown_mode(argument, modes);
    }
    UsageError {
        message: format!("unexpected word `{argument}`"),
        hint: "another server command goes after `--`: init api -- CMD".into(),
    }
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

fn unknown_topic(word: &str) -> UsageError {
    UsageError {
        message: format!("no help about `{}`", mask(word)),
        hint: "there is `init help env`, `modes`, `config`, `exit-codes`, `wait`, `plan`, `status`, `doctor`, `healthcheck`"
            .into(),
    }
}

/// The word a mistyped one was meant to be; `None` if it is like none of them.
///
/// Also decides whether an unknown first word is a mistake or a program to hand over to.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // A third of the letters wrong is still a typing mistake; more is another word.
    let limit = (word.chars().count() / 3).clamp(1, 3);
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
