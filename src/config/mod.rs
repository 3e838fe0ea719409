//! Flags, variables and files to `Config`, the one resolved struct.
//!
//! `sources` finds values, `values` gives them types, `resolve` puts them together. Nothing later
//! looks at the environment or at a file again.

pub(crate) mod command;
mod connections;
mod cpu;
pub(crate) mod database;
pub(crate) mod duration;
pub(crate) mod endpoint;
mod env_file;
pub(crate) mod environment;
mod expand;
pub(crate) mod file;
pub(crate) mod files;
pub(crate) mod identity;
mod locate;
mod misspelt;
pub(crate) mod modes;
mod names;
mod origin;
pub(crate) mod problem;
mod report;
mod resolve;
pub(crate) mod secret;
mod secret_files;
mod sources;
pub(crate) mod target;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod types;
mod user;
mod values;
mod words;

use std::{ffi::OsString, path::PathBuf, time::Duration};

pub(crate) use connections::target;
pub(crate) use cpu::count as cpu_count;
pub(crate) use locate::mode_names;
pub(crate) use names::names_we_read;
pub(crate) use report::{Shown, text as report};
pub(crate) use resolve::{hand_off, resolve};

use crate::process::identity::Identity;
use command::Template;
use database::Connection;
use endpoint::Endpoint;
use environment::Environment;
use file::When;
use modes::Mode;
use problem::{Problem, Problems};
use secret::Secret;
use types::{Autorun, Handoff, OnFailure, SeedSwitch, StopPolicy};

/// Everything that was set, with its final type.
///
/// Has no `Debug`, nor have its parts with texts in them: a target or a word may hold a password.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) request: Request,
    pub(crate) log: Log,
    /// The application's database; `None` if nobody named one.
    pub(crate) database: Option<Connection>,
    /// Somebody did name a database, even if what they wrote cannot be read.
    pub(crate) database_named: bool,
    /// For lock, migrate and seed, where it is another one than `database`.
    pub(crate) migrate_database: Option<Connection>,
    pub(crate) wait: WaitSettings,
    pub(crate) lock: LockSettings,
    pub(crate) migrate: MigrateSettings,
    pub(crate) seed: SeedSettings,
    pub(crate) etl: EtlSettings,
    /// Steps of `init.toml`, in its order.
    pub(crate) steps: Vec<Step>,
    pub(crate) modes: Vec<Mode>,
    /// `APP_INIT_API_COMMAND`.
    pub(crate) api: Option<Template>,
    /// `APP_INIT_SKIP`.
    pub(crate) skip: Vec<String>,
    pub(crate) dirs: Vec<PathBuf>,
    /// `APP_INIT_USER`: whom to become before any step.
    pub(crate) user: Option<Identity>,
    pub(crate) handoff: Handoff,
    pub(crate) stop: StopPolicy,
    /// `APP_INIT_HEALTHCHECK_URL`, or what is wrong with it.
    pub(crate) healthcheck: Result<Endpoint, Problem>,
    /// Interval of the line for a silent step; `None` prints none.
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) termination_log: PathBuf,
    /// `MIGRATE_DATABASE_URL` as it was given; steps see it as `DATABASE_URL`.
    pub(crate) migrate_url: Option<Secret>,
    /// What children get before what is particular to each.
    pub(crate) environment: Environment,
    /// What `auto` stands for.
    pub(crate) nproc: usize,
    /// For the log, once it works.
    pub(crate) warnings: Vec<String>,
    /// The same for the debug level.
    pub(crate) notes: Vec<String>,
    /// For `init config`.
    pub(crate) shown: Vec<Shown>,
    /// What is wrong with the settings themselves: fails every start and `config --check`.
    pub(crate) problems: Problems,
    /// Required names that are not set: fails a start, but not the check of an image at build.
    pub(crate) missing: Problems,
}

/// What this start was asked to do.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Name of the mode; `wait` for `init wait`.
    pub(crate) mode: String,
    /// The setting that named it, for the start of a message; `None` is a word of the command line.
    pub(crate) mode_setting: Option<String>,
    /// Words after `--`; empty leaves the mode's own server.
    pub(crate) words: Vec<OsString>,
    /// `seed --force`: the once marker does not count.
    pub(crate) force: bool,
    /// `Some` for `init wait`: nothing but waiting, for these or, if empty, for the usual targets.
    pub(crate) targets: Option<Vec<String>>,
}

/// How app-init speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) json: bool,
    pub(crate) level: tracing::Level,
}

/// What is waited for, as it was written, and the setting that says so with its place.
#[derive(Clone, Default)]
pub(crate) struct Targets {
    pub(crate) words: Vec<String>,
    pub(crate) subject: String,
}

#[derive(Clone)]
pub(crate) struct WaitSettings {
    /// `None` is the database, if one is known.
    pub(crate) targets: Option<Targets>,
    /// `None` waits for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) fatal_grace: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct LockSettings {
    /// `None` is the database's name.
    pub(crate) name: Option<String>,
    /// `None` queues for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) schema: String,
}

/// Where schema or data come from.
#[derive(Clone, Debug)]
pub(crate) enum Provision {
    Folder(PathBuf),
    Command(Template),
    /// Nothing is configured; why, in the user's words.
    Nothing(String),
}

#[derive(Clone, Debug)]
pub(crate) struct MigrateSettings {
    pub(crate) switch: Autorun,
    pub(crate) provision: Provision,
    /// `None` is for ever.
    pub(crate) timeout: Option<Duration>,
    /// Files that decide the command's outcome; empty runs it on each start.
    pub(crate) watch: Vec<String>,
    /// `table` or `schema.table` of the command's version tables; empty: those of known tools.
    pub(crate) tables: Vec<String>,
    /// Refuse a database that is ahead of this image.
    pub(crate) strict: bool,
    /// How long a statement of a file waits for a table lock; zero is no limit.
    pub(crate) lock_timeout: Duration,
    /// How long a file that got no table lock is tried again; `None` is for ever.
    pub(crate) lock_retry: Option<Duration>,
    /// Limit of a statement of a file; zero is none, `None` the server's own.
    pub(crate) statement_timeout: Option<Duration>,
}

#[derive(Clone)]
pub(crate) struct SeedSettings {
    pub(crate) switch: SeedSwitch,
    pub(crate) provision: Provision,
    pub(crate) id: String,
    pub(crate) wait_for: Targets,
    /// `None` is for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_failure: OnFailure,
}

#[derive(Clone)]
pub(crate) struct EtlSettings {
    /// `RUN_ETL_ON_STARTUP`.
    pub(crate) on_startup: bool,
    pub(crate) command: Option<Template>,
    pub(crate) wait_for: Targets,
    /// `None` is for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_failure: OnFailure,
}

/// `[steps.NAME]`, a step of the image's own.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) run: Template,
    pub(crate) wait_for: Targets,
    /// `None`: it runs wherever a mode lists it.
    pub(crate) when: Option<Switch>,
    /// `None` is for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_failure: OnFailure,
}

/// The variable that switches a step, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Switch {
    pub(crate) when: When,
    pub(crate) on: bool,
}

impl Config {
    /// The connection for lock, migrate and seed.
    pub(crate) fn migrate_connection(&self) -> Option<&Connection> {
        self.migrate_database.as_ref().or(self.database.as_ref())
    }

    /// `MIGRATE_DATABASE_URL` as it was given.
    pub(crate) fn migrate_url(&self) -> Option<&Secret> {
        self.migrate_url.as_ref()
    }

    /// What `config --check` finds: everything but what only the deployment can set.
    pub(crate) fn check(&self) -> Result<(), Problems> {
        self.problems.clone().or(())
    }
}
