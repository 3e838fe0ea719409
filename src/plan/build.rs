//! The decisions: which phases a mode has here, and why the others are skipped.

mod end;
mod targets;
mod watch;

use std::time::Duration;

use super::{
    Action, Dirs, FilePolicy, LockPolicy, Migrate, Phase, Plan, Seed, Source, Step, Work,
    children::{Children, Role},
};
use crate::{
    config::{
        Config, Provision,
        command::Template,
        modes::{Mode, ModeEnd},
        problem::{Problem, Problems},
        types::{Autorun, OnFailure, SeedSwitch, nearest},
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
    let migrate = vec!["migrate".to_owned()];
    let mode = Mode {
        name: "migrate".into(),
        steps: migrate.clone(),
        always: migrate,
        end: ModeEnd::Exit,
    };
    let mut builder = Builder::new(config, &mode, config.problems.clone());
    match builder.migration() {
        Action::Do(Work::Migrate(work)) => builder.problems.or(Some(work)),
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
        let problem = Problem::config(format!("APP_INIT_MODE: unknown mode `{name}`"));
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
    targets: Vec<String>,
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
        let database =
            [&migrate, &seed].into_iter().any(|action| matches!(action, Some(Action::Do(_))));
        let wait = self.listed("wait").then(|| self.wait(database));
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
            let what = format!("mode {} needs `{step}`: {reason}", self.mode.name);
            self.problems.push(Problem::config(what).hint(hint));
        }
    }

    fn dirs(&self) -> Option<Action> {
        let paths = &self.config.dirs;
        let user = self.config.user.clone();
        let work = || Action::Do(Work::Dirs(Dirs { paths: paths.clone(), user }));
        (!paths.is_empty()).then(|| self.skipped("dirs").unwrap_or_else(work))
    }

    fn migrate(&mut self) -> Action {
        let settings = &self.config.migrate;
        if let Some(skip) = self.skipped("migrate") {
            return skip;
        }
        if settings.switch == Autorun::No && !self.demanded("migrate") {
            return Action::Skip("AUTORUN_MIGRATIONS is false".into());
        }
        self.migration()
    }

    fn migration(&mut self) -> Action {
        let settings = &self.config.migrate;
        let step = StepPolicy {
            timeout: settings.timeout,
            on_failure: OnFailure::Abort,
            exit: Exit::Migrate,
        };
        let source = match self.source("migrate", &settings.provision, step) {
            Ok(source) => source,
            Err(reason) => return Action::Skip(reason),
        };
        let connection = self.config.migrate_connection().cloned();
        if connection.is_none() && matches!(source, Source::Folder(_)) {
            return self.no_database("migrate");
        }
        let check_only = settings.switch == Autorun::Wait && !self.demanded("migrate");
        let watch = match self.watch(&source, connection.is_some(), check_only) {
            Ok(watch) => watch,
            Err(reason) => return Action::Skip(reason),
        };
        Action::Do(Work::Migrate(Migrate {
            source,
            connection,
            lock: self.lock(),
            schema: self.config.lock.schema.clone(),
            watch,
            files: self.files(settings.timeout),
            strict: settings.strict,
            check_only,
        }))
    }

    fn seed(&mut self) -> Action {
        let settings = &self.config.seed;
        if let Some(skip) = self.skipped("seed") {
            return skip;
        }
        if settings.switch == SeedSwitch::No && !self.demanded("seed") {
            return Action::Skip("SEED_ON_START is false".into());
        }
        let step = StepPolicy {
            timeout: settings.timeout,
            on_failure: settings.on_failure,
            exit: Exit::Seed,
        };
        let source = match self.source("seed", &settings.provision, step) {
            Ok(source) => source,
            Err(reason) => return Action::Skip(reason),
        };
        let connection = self.config.migrate_connection().cloned();
        // `init seed` honours the marker too, so that a second call does no harm.
        let once = settings.switch != SeedSwitch::EachStart;
        if connection.is_none() && (once || matches!(source, Source::Folder(_))) {
            return self.no_database("seed");
        }
        self.targets.extend(settings.wait_for.iter().cloned());
        Action::Do(Work::Seed(Seed {
            source,
            connection,
            lock: self.lock(),
            schema: self.config.lock.schema.clone(),
            files: self.files(settings.timeout),
            once: once.then(|| settings.id.clone()),
            force: self.config.request.force,
            on_failure: settings.on_failure,
        }))
    }

    fn no_database(&mut self, step: &str) -> Action {
        let reason = "no database is known".to_owned();
        if !self.config.database_named {
            let problem = Problem::config(format!("{step}: {reason}"));
            self.problems.push(problem.hint(
                "set DATABASE_URL, or parts of it such as POSTGRES_HOST and POSTGRES_PASSWORD",
            ));
        }
        Action::Skip(reason)
    }

    fn source(
        &mut self,
        name: &str,
        provision: &Provision,
        policy: StepPolicy,
    ) -> Result<Source, String> {
        match provision {
            Provision::Folder(path) => Ok(Source::Folder(path.clone())),
            Provision::Command(template) => {
                let subject = format!("APP_INIT_{}_COMMAND", name.to_uppercase());
                let role = Role::Database(name);
                self.child(name, &subject, template, &role, policy)
                    .map(|step| Source::Command(Box::new(step)))
            }
            Provision::Nothing(reason) => {
                let name_of_folder =
                    if name == "migrate" { "APP_INIT_MIGRATIONS" } else { "APP_INIT_SEEDS" };
                let hint =
                    format!("set {name_of_folder} or APP_INIT_{}_COMMAND", name.to_uppercase());
                self.absent(name, reason, &hint);
                Err(reason.clone())
            }
        }
    }

    fn lock(&self) -> LockPolicy {
        LockPolicy {
            name: self.config.lock.name.clone(),
            timeout: self.config.lock.timeout,
            take: self.skipped("lock").is_none(),
        }
    }

    fn files(&self, timeout: Option<Duration>) -> FilePolicy {
        let settings = &self.config.migrate;
        FilePolicy {
            lock_timeout: settings.lock_timeout,
            lock_retry: settings.lock_retry,
            statement_timeout: settings.statement_timeout,
            timeout,
            heartbeat: self.config.heartbeat,
        }
    }

    fn step(&mut self, name: &str) -> Action {
        if let Some(skip) = self.skipped(name) {
            return skip;
        }
        if name == "etl" { self.etl() } else { self.own_step(name) }
    }

    fn etl(&mut self) -> Action {
        let settings = &self.config.etl;
        if !self.demanded("etl") {
            return Action::Skip("RUN_ETL_ON_STARTUP is false".into());
        }
        let Some(template) = &settings.command else {
            let reason = "APP_INIT_ETL_COMMAND is unset";
            self.absent("etl", reason, "set it, or `run` of [steps.etl] in init.toml");
            return Action::Skip(reason.to_owned());
        };
        self.targets.extend(settings.wait_for.iter().cloned());
        let policy = StepPolicy {
            timeout: settings.timeout,
            on_failure: settings.on_failure,
            exit: Exit::Etl,
        };
        let step = self.child("etl", "APP_INIT_ETL_COMMAND", template, &Role::Step("etl"), policy);
        step.map_or_else(Action::Skip, |step| Action::Do(Work::Step(step)))
    }

    fn own_step(&mut self, name: &str) -> Action {
        let Some(step) = self.config.steps.iter().find(|step| step.name == name) else {
            return Action::Skip(format!("no step {name}")); // noted when init.toml was read
        };
        if let Some(switch) = step.when.as_ref().filter(|switch| !switch.on && !self.demanded(name))
        {
            return Action::Skip(format!("{} is false", switch.when.variable));
        }
        self.targets.extend(step.wait_for.iter().cloned());
        let policy =
            StepPolicy { timeout: step.timeout, on_failure: step.on_failure, exit: Exit::Step };
        let made = self.child(name, &format!("steps.{name}"), &step.run, &Role::Step(name), policy);
        made.map_or_else(Action::Skip, |step| Action::Do(Work::Step(step)))
    }

    /// A step's command with its environment. What cannot be expanded is noted.
    fn child(
        &mut self,
        name: &str,
        subject: &str,
        template: &Template,
        role: &Role<'_>,
        policy: StepPolicy,
    ) -> Result<Step, String> {
        let environment = self.children.environment(role);
        match template.expand(&environment, self.config.nproc) {
            Ok(command) => Ok(Step {
                name: name.to_owned(),
                command,
                environment,
                timeout: policy.timeout,
                on_failure: policy.on_failure,
                heartbeat: self.config.heartbeat,
                stop_grace: self.config.stop.grace,
                exit: policy.exit,
            }),
            Err(problem) => {
                self.problems.push(problem.at(subject));
                Err(format!("{subject} cannot be expanded"))
            }
        }
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
