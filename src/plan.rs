//! Config to Plan: the phases of a start in order, as plain data.
//!
//! Pure: no clock, socket, process or environment. `init plan` prints what `run` carries out.

mod build;
mod children;
mod render;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

pub(crate) use crate::config::types::{Handoff, OnFailure, SignalState, StopPolicy};
pub(crate) use build::{draft, migration, plan};
pub(crate) use render::Missing;

use crate::{
    config::{
        command::CommandLine,
        database::{Connection, Note},
        environment::Environment,
        target::Target,
    },
    exit::Exit,
    process::identity::Identity,
};

/// Everything one start does.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) mode: String,
    pub(crate) phases: Vec<Phase>,
    pub(crate) end: End,
}

impl Plan {
    /// What is remarkable about the addresses of what is waited for.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &Note> {
        self.phases.iter().flat_map(|phase| match &phase.action {
            Action::Do(Work::Wait(wait)) => wait.notes.as_slice(),
            _ => &[],
        })
    }
}

/// One line of the timeline.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    /// `dirs`, `user`, `wait`, `migrate`, `seed`, `etl` or the name of a step of `init.toml`.
    pub(crate) name: String,
    pub(crate) action: Action,
}

/// Whether a phase does something.
#[expect(clippy::large_enum_variant, reason = "a plan has a handful of phases")]
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Why there is nothing to do: `SEED_ON_START is false`.
    Skip(String),
    Do(Work),
}

/// What a phase does.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Dirs(Dirs),
    /// From here on everything runs as that user.
    User(Identity),
    Wait(Wait),
    Migrate(Migrate),
    Seed(Seed),
    Step(Step),
}

/// Each directory exists afterwards and is writable.
#[derive(Clone, Debug)]
pub(crate) struct Dirs {
    pub(crate) paths: Vec<PathBuf>,
    /// By whom; `None` is the user we are.
    pub(crate) user: Option<Identity>,
}

/// All targets are probed in parallel until each is ready.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) targets: Vec<Target>,
    /// What is remarkable about their addresses.
    pub(crate) notes: Vec<Note>,
    /// Wall clock for all targets together; `None` waits for ever.
    pub(crate) timeout: Option<Duration>,
    /// How long a *never* (refused password, missing database) is tolerated.
    pub(crate) fatal_grace: Duration,
    /// Interval of the line that says what is still missing; `None` prints none.
    pub(crate) heartbeat: Option<Duration>,
    /// Names of the databases that are migrated or seeded: only a primary that takes writes counts.
    pub(crate) written: Vec<String>,
}

impl Wait {
    /// Whether it is a database that something will be written to.
    pub(crate) fn writes_to(&self, target: &Target) -> bool {
        matches!(target, Target::Database(connection) if self.written.contains(&connection.name()))
    }
}

/// Where schema or data come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// SQL files that app-init applies itself.
    Folder(PathBuf),
    /// The app's own tool, run while app-init holds the lock.
    Command(Box<Step>),
}

/// How the leader lock is taken.
#[derive(Clone, Debug)]
pub(crate) struct LockPolicy {
    /// Namespace of lock and markers; `None` is the database's name.
    pub(crate) name: Option<String>,
    /// How long to queue behind another replica; `None` queues for ever.
    pub(crate) timeout: Option<Duration>,
    /// `APP_INIT_SKIP=lock`, the break-glass case, sets this to false.
    pub(crate) take: bool,
}

/// How app-init runs SQL files itself. A file's own options beat the first and the third.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilePolicy {
    /// How long a statement waits for a table lock; zero is no limit.
    pub(crate) lock_timeout: Duration,
    /// How long a file that got no table lock is tried again; `None` is for ever.
    pub(crate) lock_retry: Option<Duration>,
    /// How long a file that is done waits to be recorded, if somebody has locked the table for that;
    /// `None` is for ever.
    pub(crate) record_timeout: Option<Duration>,
    /// Limit of a statement; zero is none, `None` the server's own.
    pub(crate) statement_timeout: Option<Duration>,
    /// Wall-clock limit of all files together, without the queue; `None` is for ever.
    pub(crate) timeout: Option<Duration>,
    /// Interval of the line that says what still runs; `None` prints none.
    pub(crate) heartbeat: Option<Duration>,
}

/// Bring the schema up to date.
#[derive(Clone, Debug)]
pub(crate) struct Migrate {
    pub(crate) source: Source,
    /// `None` only for a command whose database app-init was not told about: it runs unlocked, with a warning.
    pub(crate) connection: Option<Connection>,
    pub(crate) lock: LockPolicy,
    /// Where markers are kept.
    pub(crate) schema: String,
    /// What decides the outcome of a command; `None` for a folder and for a command that runs on
    /// each start.
    pub(crate) watch: Option<Watch>,
    /// For a folder; a command has its step's.
    pub(crate) files: FilePolicy,
    /// Refuse a database that is ahead of this image.
    pub(crate) strict: bool,
    /// `AUTORUN_MIGRATIONS=wait`: apply nothing, wait until all of this image's migrations are there.
    pub(crate) check_only: bool,
}

/// What says that a command has nothing to do.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// The command as every replica of the image has it, `config::identity`; never run.
    pub(crate) command: CommandLine,
    /// Files and folders, in the order given.
    pub(crate) paths: Vec<PathBuf>,
    /// `table` or `schema.table`; empty: those of known tools.
    pub(crate) tables: Vec<String>,
}

/// Load seed data.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    pub(crate) source: Source,
    pub(crate) connection: Option<Connection>,
    pub(crate) lock: LockPolicy,
    pub(crate) schema: String,
    /// For a folder; a command has its step's.
    pub(crate) files: FilePolicy,
    /// The marker that makes it run once per database; `None` seeds on each start.
    pub(crate) once: Option<String>,
    /// Seed although the marker is there.
    pub(crate) force: bool,
    pub(crate) on_failure: OnFailure,
}

/// One command that runs to completion.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) command: CommandLine,
    pub(crate) environment: Environment,
    /// Wall-clock limit, after which its process group gets SIGTERM and is waited for; `None` is for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_failure: OnFailure,
    /// Interval of the line that says a silent step still runs; `None` prints none.
    pub(crate) heartbeat: Option<Duration>,
    /// After a stop was forwarded: SIGKILL to the group; `None` waits for ever.
    pub(crate) stop_grace: Option<Duration>,
    /// How the start ends when the step fails.
    pub(crate) exit: Exit,
}

/// What follows the last phase.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// The one-shot modes: exit 0.
    Exit,
    Server(Box<Server>),
}

/// The long-lived child.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) command: CommandLine,
    pub(crate) environment: Environment,
    pub(crate) handoff: Handoff,
    pub(crate) stop: StopPolicy,
}
