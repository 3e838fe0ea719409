//! The decisions: which phases a mode has here, and why the others are skipped.

mod end;
mod schema;
mod steps;
mod targets;
mod watch;
mod word;

use std::time::Duration;

use word::Word;

use super::{Action, Dirs, Migrate, Phase, Plan, Work, children::Children};
use crate::{
    config::{
        Config, Provision,
        modes::{Mode, ModeEnd},
        problem::{Problem, Problems},
        types::{Autorun, OnFailure, nearest},
    },
    exit::Exit,
};

/// Decides what a start does.
/// # Errors
/// Everything wrong with the settings, with what this mode needs, and with its commands, at once.
pub(crate) fn plan(config: &Config) -> Result<Plan, Problems> {
    match draft(config) {
        (Some(plan), problems) => problems.or(plan),
        (None, problems) => Err(problems),
    }
}

/// The same for who goes on although something is wrong: the plan without what cannot be had.
/// `None` if there is no such mode.
pub(crate) fn draft(config: &Config) -> (Option<Plan>, Problems) {
    let mut problems = config.problems.clone();
    problems.extend(&config.missing);
    let Some(mode) = find_mode(config, &mut problems) else { return (None, problems) };
    let mut builder = Builder::new(config, &mode, problems);
    let plan = builder.plan();
    (Some(plan), builder.problems)
}

/// What migrates the schema, as `init migrate` does it; `None` if nothing is configured.
///
/// For who only looks: neither a switch nor `APP_INIT_SKIP` counts.
/// # Errors
/// What is wrong with the settings or with the command.
pub(crate) fn migration(config: &Config) -> Result<Option<Migrate>, Problems> {
    if let Provision::Nothing(_) = config.migrate.provision {
        return config.problems.clone().or(None);
    }
    let migrate = vec!["migrate".to_owned()];
    let mode = Mode {
        name: "migrate".into(),
        steps: migrate.clone(),
        always: migrate,
        end: ModeEnd::Exit,
    };
    let mut builder = Builder::new(config, &mode, config.problems.clone());
    match builder.migration() {
        Action::Do(Work::Migrate(work)) => {
            let check_only = config.migrate.switch == Autorun::Wait;
            builder.problems.or(Some(Migrate { check_only, ..work }))
        }
        _ => builder.problems.or(None),
    }
}

/// The mode asked for; `init wait` is one of nothing but waiting.
fn find_mode(config: &Config, problems: &mut Problems) -> Option<Mode> {
    let name = &config.request.mode;
    if config.request.targets.is_some() {
        let wait = vec!["wait".to_owned()];
        return Some(Mode {
            name: name.clone(),
            steps: wait.clone(),
            always: wait,
            end: ModeEnd::Exit,
        });
    }
    let found = config.modes.iter().find(|mode| mode.name == *name).cloned();
    if found.is_none() {
        let names: Vec<&str> = config.modes.iter().map(|mode| mode.name.as_str()).collect();
        let problem = Problem::config(format!("unknown mode `{name}`"));
        let problem = match &config.request.mode_setting {
            Some(setting) => problem.at(setting),
            None => problem,
        };
        problems.push(match nearest(name, names.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("modes are {}", names.join(", "))),
        });
    }
    found
}

struct Builder<'a> {
    config: &'a Config,
    mode: &'a Mode,
    children: Children<'a>,
    /// What the steps that will run wait for.
    targets: Vec<Word>,
    problems: Problems,
}

impl<'a> Builder<'a> {
    fn new(config: &'a Config, mode: &'a Mode, problems: Problems) -> Self {
        let children = Children::new(config, &mode.name);
        Self { config, mode, children, targets: Vec::new(), problems }
    }

    fn plan(&mut self) -> Plan {
        let migrate = self.listed("migrate").then(|| self.migrate());
        let seed = self.listed("seed").then(|| self.seed());
        let steps = self.mode.steps.clone();
        let others =
            steps.iter().filter(|name| !matches!(name.as_str(), "wait" | "migrate" | "seed"));
        let others: Vec<Phase> = others.map(|name| phase(name, self.step(name))).collect();
        let work: Vec<&Work> = [&migrate, &seed]
            .into_iter()
            .filter_map(|action| match action {
                Some(Action::Do(work)) => Some(work),
                _ => None,
            })
            .collect();
        let wait = self.listed("wait").then(|| self.wait(&work));
        let mut phases = Vec::new();
        phases.extend(self.dirs().map(|action| phase("dirs", action)));
        let user = self.config.user.clone().map(|user| Action::Do(Work::User(user)));
        phases.extend(user.map(|action| phase("user", action)));
        phases.extend(wait.map(|action| phase("wait", action)));
        phases.extend(migrate.map(|action| phase("migrate", action)));
        phases.extend(seed.map(|action| phase("seed", action)));
        phases.extend(others);
        Plan { mode: self.mode.name.clone(), phases, end: self.end() }
    }

    fn listed(&self, step: &str) -> bool {
        self.mode.steps.iter().any(|name| name == step)
    }

    fn demanded(&self, step: &str) -> bool {
        let etl = step == "etl" && self.config.etl.on_startup;
        etl || self.mode.always.iter().any(|name| name == step)
    }

    fn skipped(&self, step: &str) -> Option<Action> {
        let named = self.config.skip.iter().any(|name| name == step);
        named.then(|| Action::Skip(format!("APP_INIT_SKIP names {step}")))
    }

    /// Nobody configured the step: an error if the mode demands it.
    fn absent(&mut self, step: &str, reason: &str, hint: &str) {
        if self.demanded(step) {
            let what = format!("{} has {}: {reason}", self.subject(), missing(step));
            self.problems.push(Problem::config(what).hint(hint));
        }
    }

    fn subject(&self) -> String {
        match self.config.request.targets {
            Some(_) => "init wait".to_owned(),
            None => format!("mode {}", self.mode.name),
        }
    }

    fn dirs(&self) -> Option<Action> {
        let paths = &self.config.dirs;
        let user = self.config.user.clone();
        let work = || Action::Do(Work::Dirs(Dirs { paths: paths.clone(), user }));
        (!paths.is_empty()).then(|| self.skipped("dirs").unwrap_or_else(work))
    }
}

/// What a mode has not where nobody configured a step.
fn missing(step: &str) -> &'static str {
    match step {
        "migrate" => "no migrations",
        "seed" => "no seeds",
        "wait" => "nothing to wait for",
        _ => "no ETL job",
    }
}

/// What differs between steps besides the command.
#[derive(Clone, Copy)]
struct StepPolicy {
    timeout: Option<Duration>,
    on_failure: OnFailure,
    exit: Exit,
}

fn phase(name: &str, action: Action) -> Phase {
    Phase { name: name.to_owned(), action }
}
