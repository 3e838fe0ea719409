//! Everything that was found to `Config`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Config, EtlSettings, LockSettings, Log, MigrateSettings, Provision, Request, SeedSettings,
    Step, Switch, WaitSettings,
    connections::{self, Connections},
    duration,
    endpoint::Endpoint,
    environment::Environment,
    file::{StepEntry, When},
    files::Files,
    modes,
    problem::{Problem, Problems},
    report, sources,
    types::{Autorun, Handoff, OnFailure, SeedSwitch, SignalState, StopPolicy, boolean, nearest},
    values::{Reader, template},
};
use crate::{
    cli::{Cli, Command, settings::PREFIX},
    process::{identity::Identity, signal},
};

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
    config.problems = problems;
    config
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
    let usual = || reader.text("APP_INIT_MODE").unwrap_or_default().trim().to_owned();
    let mut request =
        Request { mode: String::new(), words: Vec::new(), force: false, targets: None };
    match &cli.command {
        Command::Start { mode, words, force } => {
            request.mode = mode.clone().unwrap_or_else(usual);
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
        _ => request.mode = usual(),
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

fn migrate(reader: &mut Reader<'_>, files: &impl Files) -> MigrateSettings {
    MigrateSettings {
        switch: match reader.word("AUTORUN_MIGRATIONS").as_str() {
            "false" => Autorun::No,
            "wait" => Autorun::Wait,
            _ => Autorun::Yes,
        },
        provision: provision(
            reader,
            files,
            ("APP_INIT_MIGRATIONS", "migrations", "APP_INIT_MIGRATE_COMMAND"),
        ),
        timeout: reader.limit("APP_INIT_MIGRATE_TIMEOUT"),
        watch: reader.list("APP_INIT_MIGRATE_WATCH").unwrap_or_default(),
        tables: reader.list("APP_INIT_MIGRATE_TABLE").unwrap_or_default(),
        strict: reader.is_true("APP_INIT_MIGRATE_STRICT"),
        lock_timeout: reader.limit("APP_INIT_MIGRATE_LOCK_TIMEOUT").unwrap_or_default(),
        lock_retry: reader.limit("APP_INIT_MIGRATE_LOCK_RETRY"),
        statement_timeout: statement_timeout(reader),
    }
}

/// The server reads zero as *no limit*.
fn statement_timeout(reader: &mut Reader<'_>) -> Option<Duration> {
    const NAME: &str = "APP_INIT_MIGRATE_STATEMENT_TIMEOUT";
    reader.text(NAME).map(|_| reader.limit(NAME).unwrap_or_default())
}

fn seed(reader: &mut Reader<'_>, files: &impl Files) -> SeedSettings {
    SeedSettings {
        switch: match reader.word("SEED_ON_START").as_str() {
            "true" => SeedSwitch::EachStart,
            "once" => SeedSwitch::Once,
            _ => SeedSwitch::No,
        },
        provision: provision(reader, files, ("APP_INIT_SEEDS", "seeds", "APP_INIT_SEED_COMMAND")),
        id: reader.text("APP_INIT_SEED_ID").unwrap_or_default(),
        wait_for: reader.targets("APP_INIT_SEED_WAIT_FOR").unwrap_or_default(),
        timeout: reader.limit("APP_INIT_SEED_TIMEOUT"),
        on_failure: reader.on_failure("APP_INIT_SEED_ON_FAILURE"),
    }
}

fn etl(reader: &mut Reader<'_>) -> EtlSettings {
    EtlSettings {
        on_startup: reader.is_true("RUN_ETL_ON_STARTUP"),
        command: reader.command("APP_INIT_ETL_COMMAND"),
        wait_for: reader.targets("APP_INIT_ETL_WAIT_FOR").unwrap_or_default(),
        timeout: reader.limit("APP_INIT_ETL_TIMEOUT"),
        on_failure: reader.on_failure("APP_INIT_ETL_ON_FAILURE"),
    }
}

fn stop(reader: &mut Reader<'_>) -> StopPolicy {
    let inherit = reader.is_true("APP_INIT_SIGNALS_INHERIT");
    StopPolicy {
        delay: reader.span("APP_INIT_STOP_DELAY"),
        grace: reader.limit("APP_INIT_STOP_GRACE"),
        leftover: reader.span("APP_INIT_LEFTOVER_GRACE"),
        target: reader.parsed("APP_INIT_SIGNAL_TARGET", signal::parse_target, signal::TARGET_HINT),
        map: reader.parsed("APP_INIT_SIGNAL_MAP", signal::parse_map, signal::MAP_HINT),
        success: reader.parsed("APP_INIT_SUCCESS_CODES", signal::parse_codes, signal::CODES_HINT),
        signals: if inherit { SignalState::Inherited } else { SignalState::Default },
    }
}

fn handoff(reader: &mut Reader<'_>) -> Handoff {
    match reader.word("APP_INIT_HANDOFF").as_str() {
        "supervise" => Handoff::Supervise,
        "exec" => Handoff::Exec,
        _ => Handoff::Auto,
    }
}

/// A folder or a command, never both; a folder of the usual name counts if it is there.
fn provision(
    reader: &mut Reader<'_>,
    files: &impl Files,
    (folder, usual, command): (&str, &str, &str),
) -> Provision {
    let path = reader.path(folder);
    if let (Some(_), Some(_)) = (&path, reader.sources.values.get(command)) {
        reader.problems.push(
            Problem::config(format!("{folder} and {command} are both set"))
                .hint("keep the one that counts"),
        );
    }
    if let Some(path) = path {
        if !files.is_dir(&path) {
            reader.wrong(
                folder,
                Problem::no_input(format!("there is no folder `{}`", path.display())),
            );
        }
        return Provision::Folder(path);
    }
    if let Some(command) = reader.command(command) {
        return Provision::Command(command);
    }
    let places = [format!("/{usual}"), usual.to_owned()];
    match places.iter().find(|place| files.is_dir(Path::new(place))) {
        Some(place) => Provision::Folder(place.into()),
        None => Provision::Nothing(format!(
            "no {usual}: {command} is unset, neither /{usual} nor ./{usual} is there"
        )),
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

fn own_steps(reader: &mut Reader<'_>) -> Vec<Step> {
    let sources = reader.sources;
    sources.file.steps.iter().filter_map(|entry| own_step(reader, entry)).collect()
}

/// `None` if it has no command that can be read; that is noted.
fn own_step(reader: &mut Reader<'_>, entry: &StepEntry) -> Option<Step> {
    let file = reader.sources.file.path.display();
    let place = format!("{file}:{}: steps.{}", entry.line, entry.name);
    let when = entry.when.as_ref().map(|when| switch(reader, when));
    let timeout = entry.timeout.as_deref().map_or(Ok(None), duration::parse);
    let timeout = timeout.map_err(Problem::config);
    let on_failure = on_failure(entry.on_failure.as_deref());
    let run = entry.run.as_ref().map(template).transpose();
    let mut wrong =
        |what: &str, problem: Problem| reader.problems.push(problem.at(&format!("{place}.{what}")));
    let timeout = timeout.map_err(|problem| wrong("timeout", problem)).ok();
    let on_failure = on_failure.map_err(|problem| wrong("on_failure", problem)).ok();
    let run = run.map_err(|problem| wrong("run", problem)).ok();
    if matches!(entry.name.as_str(), "serve" | "launch") {
        let taken = Problem::config("this name is taken by a process of app-init");
        wrong("run", taken.hint("name the step otherwise: `init healthcheck` goes by it"));
    }
    Some(Step {
        name: entry.name.clone(),
        run: run??,
        wait_for: entry.wait.clone(),
        when,
        timeout: timeout?,
        on_failure: on_failure?,
    })
}

fn on_failure(text: Option<&str>) -> Result<OnFailure, Problem> {
    match text {
        None | Some("abort") => Ok(OnFailure::Abort),
        Some("continue") => Ok(OnFailure::Continue),
        Some(other) => Err(Problem::config(format!("`{other}` is not abort or continue"))),
    }
}

/// How a step's own variable stands. Empty is unset, as with every boolean.
fn switch(reader: &mut Reader<'_>, when: &When) -> Switch {
    let text = reader.sources.environment.text(&when.variable).unwrap_or_default().trim();
    let on = if text.is_empty() { Some(when.default) } else { boolean(text) };
    if on.is_none() {
        let problem = Problem::config(format!("{}: `{text}` is not true or false", when.variable));
        reader.problems.push(problem);
    }
    Switch { when: when.clone(), on: on.unwrap_or_default() }
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
