//! app-init: the container entrypoint that waits, migrates, seeds and serves.

mod cli;
mod config;
mod diagnose;
mod dns;
mod doctor;
mod exit;
mod failure;
mod healthcheck;
mod log;
mod migrate;
mod passthrough;
mod phrase;
mod plan;
mod postgres;
mod process;
mod run;
mod step;
mod supervise;
mod timeline;
mod wait;

use std::{ffi::OsString, process::ExitCode, time::Instant};

use config::environment::Environment;
use process::{Inherited, launch};
use supervise::{
    order::{self, Order},
    serve,
};

/// Which of our personalities this run is: decided before anything else is touched.
fn main() -> ExitCode {
    let began = Instant::now();
    let inherited = process::inherited();
    let words: Vec<OsString> = std::env::args_os().collect();
    let name = words.first().map(|name| name.to_string_lossy());
    let code = match name.as_deref() {
        Some(order::NAME) => supervisor(&words),
        Some(launch::NAME) => launched(&words, &inherited),
        _ => started(words, inherited, began),
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
fn started(words: Vec<OsString>, inherited: Inherited, began: Instant) -> u8 {
    std::panic::set_hook(Box::new(broken));
    let environment = Environment::new(std::env::vars_os());
    let words = words.into_iter().skip(1).collect();
    run::user(&run::Outside { words, environment, inherited, began })
}

/// A bug of ours ends the start, with 70 instead of a signal. The panic's own words are not shown:
/// they may quote what was being worked on, a connection string for one.
#[expect(clippy::disallowed_methods, reason = "`main` ends the process")]
fn broken(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(String::new, ToString::to_string);
    let (reason, exit_code) = (exit::Exit::Internal.reason(), exit::Exit::Internal.code());
    tracing::error!(event = "failed", reason, exit_code, "a bug in app-init, at {place}");
    std::process::exit(i32::from(exit_code));
}
