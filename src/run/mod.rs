//! What the user started: a report, or a plan that is carried out phase by phase and handed over.

mod dirs;
mod locked;
mod prepare;
mod stopped;
mod termination;

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
    path::Path,
    time::Instant,
};

use tracing::{Level, debug, error, info, warn};

use crate::{
    cli::{Cli, Command},
    config::{self, Config, environment::Environment, files::Disk, problem::Problems},
    exit::Exit,
    failure::{Failure, sentence},
    log, migrate,
    plan::{self, End, Plan, Server},
    process::{Events, Inherited},
    supervise::{self, voice},
    timeline::{Outcome, Timeline},
};
use prepare::Preparation;

/// What `main` read from the outside, once.
pub(crate) struct Outside {
    /// The words after the program's name.
    pub(crate) words: Vec<OsString>,
    pub(crate) environment: Environment,
    /// The signal state we were started with.
    pub(crate) inherited: Inherited,
    /// When the process began, as near as we know.
    pub(crate) began: Instant,
    /// Modes that `init.toml` defines.
    pub(crate) modes: Vec<String>,
}

/// Does what was asked for; the exit code.
pub(crate) fn start(outside: Outside) -> u8 {
    first_words(&outside);
    let cli = match Cli::parse(outside.words.clone(), &outside.modes) {
        Ok(cli) => cli,
        Err(error) => return tell(&error).code(),
    };
    let config = config::resolve(&cli, &outside.environment, &Disk, config::cpu_count());
    speak_as(&outside, &config);
    match &cli.command {
        Command::Help(topic) => print(&topic.text()).code(),
        Command::Version => print(&format!("app-init {}\n", env!("CARGO_PKG_VERSION"))).code(),
        Command::Config { check } => settings(&config, *check).code(),
        Command::Plan { json, .. } => planned(&config, *json).code(),
        Command::Status { json, exit_code } => status(&config, *json, *exit_code).code(),
        Command::Start { .. } | Command::Wait { .. } => carry_out(outside, &config),
    }
}
