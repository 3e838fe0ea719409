//! What the user started: a report, or a plan that is carried out phase by phase and handed over.

mod dirs;
mod doctor;
mod health;
mod locked;
mod prepare;
mod report;
mod stopped;
mod tell;
mod termination;
mod watched;

use std::{ffi::OsString, time::Instant};

use tracing::Level;

use crate::{
    cli::{self, Cli, Command},
    config::{self, Config, environment::Environment, files::Disk},
    exit::Exit,
    failure::Failure,
    passthrough::{self, Choice, NearMiss},
    plan::{self, End, Plan, Server},
    process::{self, Events, Inherited, program},
    supervise::{
        self, Renewal,
        voice::{self, Voice},
    },
    timeline::{Outcome, Timeline},
};
use prepare::Preparation;
use tell::{
    first_words, give_up, give_up_all, is_json, note, note_targets, refuse, salvage, speak_as,
    tell, tell_all,
};

/// What `main` read from the outside, once.
pub(crate) struct Outside {
    /// The words after the program's name.
    pub(crate) words: Vec<OsString>,
    pub(crate) environment: Environment,
    /// The signal state we were started with.
    pub(crate) inherited: Inherited,
    /// When the process began, as near as we know.
    pub(crate) began: Instant,
}

/// Does what the user asked for; the exit code. Does not come back from a hand-off.
pub(crate) fn user(outside: &Outside) -> u8 {
    let modes = config::mode_names(&outside.words, &outside.environment, &Disk);
    let names = cli::WORDS.into_iter().chain(modes.iter().map(String::as_str));
    let path = outside.environment.get("PATH");
    let is_program = |word: &OsString| program::exists(word, path);
    match passthrough::choose(outside.words.first(), names, is_program) {
        Choice::Ours => {
            first_words(outside);
            ours(outside, &modes)
        }
        Choice::PassThrough => pass_through(outside),
        Choice::NearMiss(name) => {
            first_words(outside);
            let mut meant = outside.words.clone();
            meant[0] = name.into();
            refuse(outside, &meant, &NearMiss::new(&outside.words[0], name)).code()
        }
    }
}

/// Hands over at once: no step, no runtime, nothing of ours in the environment, and no log before
/// something is wrong.
fn pass_through(outside: &Outside) -> u8 {
    let server = match passthrough::server(outside.words.clone(), outside.environment.clone()) {
        Ok(server) => server,
        Err(problems) => {
            let log = salvage(outside, &[]).termination_log;
            return give_up_all(&log, &problems).code();
        }
    };
    let voice = quiet_voice(&outside.environment);
    let passed = supervise::hand_over(&server, &outside.inherited, voice, Renewal::Later);
    passed.unwrap_or_else(|failure| refuse(outside, &[], &failure).code())
}

fn quiet_voice(environment: &Environment) -> Voice {
    let level = environment.text("APP_INIT_LOG_LEVEL").and_then(voice::Level::parse);
    Voice { json: is_json(environment), level: level.unwrap_or(voice::Level::Warn) }
}

fn ours(outside: &Outside, modes: &[String]) -> u8 {
    let cli = match Cli::parse(outside.words.clone(), modes) {
        Ok(cli) => cli,
        Err(error) => return refuse(outside, &outside.words, &error).code(),
    };
    let config = config::resolve(&cli, &outside.environment, &Disk, config::cpu_count());
    speak_as(outside, &config);
    match &cli.command {
        Command::Help(topic) => report::print(&topic.text()).code(),
        Command::Completions(script) => report::print(script).code(),
        Command::Version => report::print(VERSION).code(),
        Command::Config { check } => report::settings(&config, *check).code(),
        Command::Plan { json, .. } => report::plan(&config, *json).code(),
        Command::Doctor { json, .. } => doctor::report(outside, &config, *json).code(),
        Command::Status { json, exit_code } => report::status(&config, *json, *exit_code).code(),
        Command::Healthcheck(asked) => health::check(asked, &config),
        Command::Start { .. } | Command::Wait { .. } => carry_out(outside, &config),
    }
}

const VERSION: &str = concat!("app-init ", env!("CARGO_PKG_VERSION"), "\n");

/// Prepares, then hands over; the exit code.
fn carry_out(outside: &Outside, config: &Config) -> u8 {
    process::name("init:settings");
    note(config);
    let plan = match plan::plan(config) {
        Ok(plan) => plan,
        Err(problems) => return give_up_all(&config.termination_log, &problems).code(),
    };
    note_targets(&plan);
    let mut timeline = Timeline::new(outside.began);
    timeline.add("settings", Outcome::Ok, format!("mode {}", plan.mode));
    let outcome = prepared(&plan, timeline).and_then(|()| end(outside, config, plan));
    outcome.unwrap_or_else(|failure| give_up(&config.termination_log, &*failure).code())
}

/// Carries out the phases on a runtime of their own, which is gone afterwards.
fn prepared(plan: &Plan, timeline: Timeline) -> prepare::Result<()> {
    let runtime = runtime()?;
    let (timeline, outcome) = runtime.block_on(async {
        let events = listen()?;
        let mut preparation = Preparation::new(events, timeline);
        let outcome = preparation.carry_out(plan).await;
        prepare::Result::Ok((preparation.timeline, outcome))
    })?;
    // Watched files may still be read on a thread of their own; nobody waits for it.
    runtime.shutdown_background();
    let failure = outcome.as_ref().err().map(AsRef::as_ref);
    let ended = if failure.is_some() { Outcome::Failed } else { Outcome::Ok };
    timeline.show(ended, &what_next(plan, failure));
    outcome
}

/// One thread, this one, but for reading watched files.
fn runtime() -> prepare::Result<tokio::runtime::Runtime> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(built.map_err(|cause| Internal { what: "start the runtime", cause })?)
}

/// Answers a question on a runtime of its own. A stop signal, blocked like all others, ends it too.
fn ask<T>(question: impl Future<Output = T>) -> prepare::Result<T> {
    let runtime = runtime()?;
    let answer = runtime.block_on(async {
        let mut events = listen()?;
        tokio::select! {
            answer = question => Ok(answer),
            signal = events.stop() => Err(prepare::stopped("report", signal)),
        }
    });
    // Watched files may still be read on a thread of their own; nobody waits for it.
    runtime.shutdown_background();
    answer
}

fn listen() -> prepare::Result<Events> {
    Ok(Events::open().map_err(|cause| Internal { what: "listen to signals", cause })?)
}

/// The last line of the timeline.
fn what_next(plan: &Plan, failure: Option<&dyn Failure>) -> String {
    match (failure, &plan.end) {
        (Some(failure), _) => {
            format!("exit {}: {}", failure.exit().code(), failure.exit().reason())
        }
        (None, End::Exit) => "done".to_owned(),
        (None, End::Server(server)) => format!("starting {}", server.command.source),
    }
}

fn end(outside: &Outside, config: &Config, plan: Plan) -> prepare::Result<u8> {
    match plan.end {
        End::Exit => Ok(Exit::Done.code()),
        End::Server(server) => hand_over(outside, config, &server),
    }
}

fn hand_over(outside: &Outside, config: &Config, server: &Server) -> prepare::Result<u8> {
    termination::write(&config.termination_log, "");
    let level =
        if config.log.level <= Level::WARN { voice::Level::Warn } else { voice::Level::Info };
    let voice = Voice { json: config.log.json, level };
    Ok(supervise::hand_over(server, &outside.inherited, voice, Renewal::AtOnce)?)
}

/// Something that cannot happen on a working machine.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
struct Internal {
    what: &'static str,
    #[source]
    cause: std::io::Error,
}

impl Failure for Internal {
    fn exit(&self) -> Exit {
        Exit::Internal
    }
}
