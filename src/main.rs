//! app-init: the container entrypoint that waits, migrates, seeds and serves.

mod config;
mod exit;
mod failure;
mod log;
mod migrate;
mod passthrough;
mod plan;
mod postgres;
mod process;
mod step;
mod supervise;
mod timeline;

use std::{ffi::OsString, process::ExitCode};

use config::environment::Environment;
use failure::Failure;
use passthrough::{Choice, PassThroughError};
use process::{Inherited, launch, program};
use supervise::{
    order::{self, Order},
    serve,
    voice::{Level, Voice},
};

/// Modes and subcommands that are built in.
const NAMES: [&str; 14] = [
    "api",
    "all",
    "etl",
    "migrate",
    "seed",
    "wait",
    "status",
    "plan",
    "config",
    "doctor",
    "healthcheck",
    "help",
    "version",
    "completions",
];

/// Which of our personalities this run is: decided before anything else is touched.
fn main() -> ExitCode {
    let inherited = process::block_signals();
    let words: Vec<OsString> = std::env::args_os().collect();
    let name = words.first().map(|name| name.to_string_lossy());
    let code = match name.as_deref() {
        Some(order::NAME) => supervisor(&words),
        Some(launch::NAME) => launched(&words, &inherited),
        _ => started(words, &inherited),
    };
    ExitCode::from(code)
}

/// The minimal supervisor that `supervise::hand_over` turned us into.
fn supervisor(words: &[OsString]) -> u8 {
    Order::decode(words).map_or(exit::Exit::Usage.code(), serve::serve)
}

/// A child on its way to becoming the server or a step. Our parent tells what failed.
#[expect(clippy::disallowed_methods, reason = "`main` reads the environment once")]
fn launched(words: &[OsString], inherited: &Inherited) -> u8 {
    drop(launch::run(words, std::env::vars_os(), inherited));
    exit::Exit::NotExecutable.code()
}

/// What the user started.
#[expect(clippy::disallowed_methods, reason = "`main` reads the environment once")]
fn started(words: Vec<OsString>, inherited: &Inherited) -> u8 {
    let environment = Environment::new(std::env::vars_os());
    let path = environment.get("PATH").map(ToOwned::to_owned);
    let is_program = |word: &OsString| program::exists(word, path.as_deref());
    let outcome = match passthrough::choose(words.get(1), NAMES, is_program) {
        Choice::Ours => return 0,
        Choice::PassThrough => pass_through(words, environment, inherited),
        Choice::NearMiss(name) => Err(near_miss(&words[1], name).into()),
    };
    outcome.unwrap_or_else(|failure: Box<dyn Failure>| tell(&*failure))
}

fn near_miss(word: &OsString, name: &str) -> PassThroughError {
    PassThroughError::NearMiss { word: word.to_string_lossy().into_owned(), name: name.to_owned() }
}

fn pass_through(
    mut words: Vec<OsString>,
    environment: Environment,
    inherited: &Inherited,
) -> Result<u8, Box<dyn Failure>> {
    let voice = Voice {
        json: environment.text("APP_INIT_LOG_FORMAT") == Some("json"),
        level: environment.text("APP_INIT_LOG_LEVEL").and_then(Level::parse).unwrap_or(Level::Warn),
    };
    let server = passthrough::server(words.split_off(1), environment)?;
    Ok(supervise::hand_over(&server, inherited, voice)?)
}

#[expect(
    clippy::print_stderr,
    reason = "a stub until the full path's rendering of failures is here"
)]
fn tell(failure: &dyn Failure) -> u8 {
    eprintln!("error: {}", failure::sentence(failure));
    if let Some(hint) = failure.hint() {
        eprintln!("hint: {hint}");
    }
    failure.exit().code()
}
