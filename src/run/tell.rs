//! What is said about a start as a whole: how the log looks, what is odd about the settings, and why
//! the start failed.

use std::{ffi::OsString, io::IsTerminal, path::Path, time::Duration};

use tracing::{Level, debug, error, info, warn};

use super::{Outside, termination};
use crate::{
    cli::{self, Cli},
    config::{self, Config, environment::Environment, files::Disk, problem::Problems},
    exit::Exit,
    failure::{Failure, sentence},
    log,
    plan::Plan,
};

/// Until the settings are read the log is as the flags and the environment seem to want it.
pub(super) fn first_words(outside: &Outside) {
    let flag = cli::flag_value(&outside.words, "log-format");
    let json = flag.map_or_else(|| is_json(&outside.environment), |text| names_json(&text));
    log::configure(format(json), Level::INFO, colour(outside));
    let dumb = outside.environment.text("TERM").is_none_or(|term| term == "dumb");
    log::allow_status(std::io::stderr().is_terminal() && !dumb);
}

/// Whether the variable asks for JSON.
pub(super) fn is_json(environment: &Environment) -> bool {
    environment.text("APP_INIT_LOG_FORMAT").is_some_and(names_json)
}

/// In any case, and in the quotes that `docker run --env-file` leaves.
fn names_json(text: &str) -> bool {
    text.trim().trim_matches(['"', '\'']).eq_ignore_ascii_case("json")
}

/// Reads the settings for who cannot start anything with them, and speaks as they say. `words` are
/// those of a command line that cannot be understood, as far as they are ours.
pub(super) fn salvage(outside: &Outside, words: &[OsString]) -> Config {
    let cli = Cli::salvage(words);
    let config = config::resolve(&cli, &outside.environment, &Disk, config::cpu_count());
    speak_as(outside, &config);
    config
}

pub(super) fn speak_as(outside: &Outside, config: &Config) {
    log::configure(format(config.log.json), config.log.level, colour(outside));
}

fn format(json: bool) -> log::Format {
    if json { log::Format::Json } else { log::Format::Text }
}

fn colour(outside: &Outside) -> bool {
    let lookup = |name: &str| outside.environment.text(name).map(str::to_owned);
    log::colour(std::io::stderr().is_terminal(), lookup)
}

/// Says what failed and what to do about it; the way to end.
pub(super) fn tell(failure: &(impl Failure + ?Sized)) -> Exit {
    let exit = failure.exit();
    let (reason, exit_code) = (exit.reason(), exit.code());
    let message = sentence(failure);
    let (hint, missing) = (failure.hint(), failure.missing());
    let missing = missing.as_ref();
    error!(
        event = "failed",
        reason,
        exit_code,
        hint,
        id = missing.map(|one| one.id),
        target = missing.map(|one| one.target.as_str()),
        attempts = missing.map(|one| u64::from(one.attempts)),
        elapsed_ms = missing.map(|one| millis(one.elapsed)),
        addresses = missing.map(|one| one.addresses.join(", ")),
        "{message}"
    );
    exit
}

fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Tells every problem; the code that stands for all of them.
pub(super) fn tell_all(problems: &Problems) -> Exit {
    problems.iter().for_each(|problem| {
        tell(problem);
    });
    problems.exit()
}

/// The termination message: the reason's word, what failed and what to do.
fn last_words(failure: &dyn Failure) -> String {
    let what = format!("{}: {}", failure.exit().reason(), sentence(failure));
    termination::message(&what, failure.hint().as_deref())
}

/// What is odd about the settings, and for the debug level what was ignored.
pub(super) fn note(config: &Config) {
    config.warnings.iter().for_each(|warning| warn!(event = "settings", "{warning}"));
    config.notes.iter().for_each(|note| debug!(event = "settings", "{note}"));
}

/// The same about the addresses of what is waited for.
pub(super) fn note_targets(plan: &Plan) {
    for note in plan.notes() {
        if note.is_warning() {
            warn!(event = "settings", "{note}");
        } else {
            debug!(event = "settings", "{note}");
        }
    }
}

/// Ends a start before it began. Of a report, which may be asked for beside a running server, the
/// termination message says nothing.
pub(super) fn refuse(outside: &Outside, words: &[OsString], failure: &dyn Failure) -> Exit {
    let config = salvage(outside, words);
    if cli::is_report(words) { tell(failure) } else { give_up(&config.termination_log, failure) }
}

/// The same for a start whose settings are wrong.
pub(super) fn give_up_all(termination_log: &Path, problems: &Problems) -> Exit {
    termination::write(termination_log, &last_words(problems));
    tell_all(problems)
}

/// The last lines of a start that failed, and the message that outlives the container.
pub(super) fn give_up(termination_log: &Path, failure: &dyn Failure) -> Exit {
    termination::write(termination_log, &last_words(failure));
    if let Exit::Signal(_) = failure.exit() {
        let (reason, exit_code) = (failure.exit().reason(), failure.exit().code());
        info!(event = "failed", reason, exit_code, "{}", sentence(failure));
        return failure.exit();
    }
    tell(failure)
}
