//! app-init: the container entrypoint that waits, migrates, seeds and serves.

mod cli;
mod config;
mod exit;
mod failure;
mod plan;

use std::{io::Write, process::ExitCode};

use cli::{Cli, Command};
use config::{Config, environment::Environment, files::Disk};
use exit::Exit;
use failure::Failure;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "`main` reads the environment once")]
    let environment = Environment::new(std::env::vars_os());
    ExitCode::from(start(&environment).code())
}

fn start(environment: &Environment) -> Exit {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let modes = config::mode_names(&words, environment, &Disk);
    let cli = match Cli::parse(words, &modes) {
        Ok(cli) => cli,
        Err(error) => return failed(&error),
    };
    let config = config::resolve(&cli, environment, &Disk, config::cpu_count());
    let report = match &cli.command {
        Command::Help(topic) => Ok(topic.text()),
        Command::Version => Ok(format!("app-init {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Config { check } => return settings(&config, *check),
        Command::Plan { json: true, .. } => {
            plan::plan(&config).map(|plan| format!("{:#}\n", plan.json()))
        }
        _ => plan::plan(&config).map(|plan| plan.text()),
    };
    match report {
        Ok(text) => print(&text),
        Err(problems) => problems.iter().map(failed).fold(problems.exit(), |exit, _| exit),
    }
}

/// The report comes first, so that a mistake is seen beside its setting.
fn settings(config: &Config, check: bool) -> Exit {
    if !check {
        print(&config::report(&config.shown));
    }
    config.problems.iter().chain(config.missing.iter().filter(|_| !check)).for_each(|problem| {
        failed(problem);
    });
    config.check().map_or_else(|problems| problems.exit(), |()| Exit::Done)
}

fn print(text: &str) -> Exit {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Internal,
    }
}

fn failed(failure: &(impl Failure + ?Sized)) -> Exit {
    let hint = failure.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    drop(write!(std::io::stderr(), "error: {}\n{hint}", failure::sentence(failure)));
    failure.exit()
}
