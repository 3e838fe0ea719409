//! Everything that was found to `Config`.

mod schema;
mod steps;
mod stop;

use std::path::PathBuf;

use super::{
    Config, LockSettings, Log, Request, Step, WaitSettings,
    connections::{self, Connections},
    endpoint::Endpoint,
    environment::Environment,
    files::Files,
    modes,
    problem::{Problem, Problems},
    report, sources,
    types::nearest,
    values::Reader,
};
use crate::{
    cli::{Cli, Command, settings::PREFIX},
    process::identity::Identity,
};
use schema::{migrate, seed, without_effect};
use steps::{etl, own_steps};
pub(crate) use stop::of_environment as hand_off;
use stop::{handoff, stop};

/// Applies flag > variable > env file > `init.toml` > default.
///
/// Never fails: what is wrong stands in `Config::problems`, so that the plan can add what it finds
/// and the user reads everything at once. `nproc` is what `auto` stands for.
pub(crate) fn resolve(
    cli: &Cli,
    environment: &Environment,
    files: &impl Files,
    nproc: usize,
) -> Config {
    let mut problems = Problems::default();
    let sources = sources::gather(cli, environment, files, nproc, &mut problems);
    let connections = Connections::read(&sources, &mut problems);
    let mut reader = Reader { sources: &sources, problems: &mut problems };
    let steps = own_steps(&mut reader);
    let modes = modes::modes(&sources.file, &steps, reader.problems);
    let (missing, shown) = (missing(&reader), report::shown(&sources, &connections));
    let mut config = Config {
        request: request(cli, &reader),
        log: log(cli, &mut reader),
        database_named: connections.named,
        database: connections.database,
        migrate_database: connections.migrate,
        wait: wait(&mut reader),
        lock: lock(&mut reader),
        migrate: migrate(&mut reader, files),
        seed: seed(&mut reader, files),
        etl: etl(&mut reader),
        api: reader.command("APP_INIT_API_COMMAND"),
        skip: skip(&mut reader, &steps),
        steps,
        modes,
        dirs: reader
            .list("APP_INIT_DIRS")
            .unwrap_or_default()
            .into_iter()
            .map(PathBuf::from)
            .collect(),
        user: user(&mut reader, files),
        handoff: handoff(&mut reader),
        stop: stop(&mut reader),
        healthcheck: healthcheck(&mut reader, nproc),
        heartbeat: reader.limit("APP_INIT_HEARTBEAT").filter(|interval| !interval.is_zero()),
        termination_log: reader.path("APP_INIT_TERMINATION_LOG").unwrap_or_default(),
        migrate_url: connections::migrate_url(&sources),
        environment: sources.environment.clone(),
        nproc,
        warnings: [sources.warnings.clone(), connections.warnings].concat(),
        notes: connections.notes,
        shown,
        missing,
        problems: Problems::default(),
    };
    config.warnings.extend(without_effect(&reader, &config.migrate));
    if !is_waiting_settled(&config) {
        config.warnings.extend(connections::incomplete(&sources));
    }
    config.problems = problems;
    config
}

/// Whether somebody said what to wait for, be it no database.
fn is_waiting_settled(config: &Config) -> bool {
    let asked = config.request.targets.as_ref().is_some_and(|targets| !targets.is_empty());
    config.database_named || asked || config.wait.targets.is_some()
}

fn user(reader: &mut Reader<'_>, files: &impl Files) -> Option<Identity> {
    let found = super::user::user(&reader.text("APP_INIT_USER")?, files);
    found.map_err(|problem| reader.wrong("APP_INIT_USER", problem)).ok()
}

/// A mistake in the usual URL, in its `${PORT}`, is told to those who ask for health only.
fn healthcheck(reader: &mut Reader<'_>, nproc: usize) -> Result<Endpoint, Problem> {
    let name = "APP_INIT_HEALTHCHECK_URL";
    let text = reader.text(name).unwrap_or_default();
    let read = Endpoint::read(&text, &reader.sources.environment, nproc);
    if let (Err(problem), true) = (&read, reader.sources.values.contains_key(name)) {
        reader.wrong(name, problem.clone());
    }
    read
}

fn request(cli: &Cli, reader: &Reader<'_>) -> Request {
    let mut request = Request {
        mode: String::new(),
        mode_setting: None,
        words: Vec::new(),
        force: false,
        targets: None,
    };
    match &cli.command {
        Command::Start { mode, words, force } => {
            request.mode = mode.clone().unwrap_or_default();
            request.words.clone_from(words);
            request.force = *force;
        }
        Command::Wait { targets, words } => {
            "wait".clone_into(&mut request.mode);
            request.words.clone_from(words);
            request.targets = Some(targets.clone());
        }
        Command::Plan { mode: Some(mode), .. } | Command::Doctor { mode: Some(mode), .. } => {
            request.mode.clone_from(mode);
        }
        _ => {}
    }
    if request.mode.is_empty() {
        reader.text("APP_INIT_MODE").unwrap_or_default().trim().clone_into(&mut request.mode);
        request.mode_setting = Some(reader.subject("APP_INIT_MODE"));
    }
    request
}

fn log(cli: &Cli, reader: &mut Reader<'_>) -> Log {
    let named = match reader.word("APP_INIT_LOG_LEVEL").as_str() {
        "error" => tracing::Level::ERROR,
        "warn" => tracing::Level::WARN,
        "debug" => tracing::Level::DEBUG,
        "trace" => tracing::Level::TRACE,
        _ => tracing::Level::INFO,
    };
    let level = match (cli.quiet, cli.verbose) {
        (true, _) => tracing::Level::WARN,
        (false, 0) => named,
        (false, 1) => named.max(tracing::Level::DEBUG),
        (false, _) => tracing::Level::TRACE,
    };
    Log { json: reader.word("APP_INIT_LOG_FORMAT") == "json", level }
}

fn wait(reader: &mut Reader<'_>) -> WaitSettings {
    WaitSettings {
        targets: reader.targets("APP_INIT_WAIT_FOR"),
        timeout: reader.limit("APP_INIT_WAIT_TIMEOUT"),
        fatal_grace: reader.span("APP_INIT_WAIT_FATAL_GRACE"),
    }
}

fn lock(reader: &mut Reader<'_>) -> LockSettings {
    LockSettings {
        name: reader.text("APP_INIT_LOCK_NAME"),
        timeout: reader.limit("APP_INIT_LOCK_TIMEOUT"),
        schema: reader.text("APP_INIT_SCHEMA").unwrap_or_default(),
    }
}

fn skip(reader: &mut Reader<'_>, steps: &[Step]) -> Vec<String> {
    let names = reader.list("APP_INIT_SKIP").unwrap_or_default();
    let known: Vec<&str> = ["wait", "lock", "migrate", "seed", "etl", "dirs"]
        .into_iter()
        .chain(steps.iter().map(|step| step.name.as_str()))
        .collect();
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        let problem = Problem::config(format!("`{name}` cannot be skipped"));
        reader.wrong("APP_INIT_SKIP", problem.hint(format!("known are {}", known.join(", "))));
    }
    names
}

/// Required names that are not set, with what may have been meant.
fn missing(reader: &Reader<'_>) -> Problems {
    let mut missing = Problems::default();
    let environment = &reader.sources.environment;
    let set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
    for name in reader.list("APP_INIT_REQUIRE").unwrap_or_default() {
        if set(&name) {
            continue;
        }
        let there = environment.iter().filter_map(|(name, _)| name.to_str());
        let others = there.filter(|other| *other != name && !other.starts_with(PREFIX));
        let problem = Problem::config(format!("{name}: required and not set"));
        missing.push(match nearest(&name, others) {
            Some(near) => problem.hint(format!("`{near}` is set: did you mean {name}?")),
            None => problem.hint(format!("set {name}, or {name}_FILE if it is a secret")),
        });
    }
    missing
}
