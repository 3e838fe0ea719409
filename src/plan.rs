//! Config to Plan: the phases of a start in order, as plain data.
//!
//! Pure: no clock, socket, process or environment. `init plan` prints what `run` carries out.

use std::{path::PathBuf, time::Duration};

use crate::{
    config::{
        command::CommandLine, database::Connection, environment::Environment, target::Target,
    },
    exit::Exit,
    process::signal::{SignalMap, SignalTarget},
};

/// Everything one start does.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) mode: String,
    pub(crate) phases: Vec<Phase>,
    pub(crate) end: End,
}

/// One line of the timeline.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    /// `dirs`, `user`, `wait`, `migrate`, `seed`, `etl` or the name of a step of `init.toml`.
    pub(crate) name: String,
    pub(crate) action: Action,
}

/// Whether a phase does something.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Why there is nothing to do: `SEED_ON_START is false`.
    Skip(String),
    Do(Work),
}

/// What a phase does.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// Each directory exists afterwards and is writable.
    Dirs(Vec<PathBuf>),
    Wait(Wait),
    Migrate(Migrate),
    Seed(Seed),
    Step(Step),
}

/// All targets are probed in parallel until each is ready.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) targets: Vec<Target>,
    /// Wall clock for all targets together; `None` waits for ever.
    pub(crate) timeout: Option<Duration>,
    /// How long a *never* (refused password, missing database) is tolerated.
    pub(crate) fatal_grace: Duration,
    /// Only a primary that takes writes counts, because something will be migrated or seeded.
    pub(crate) writable: bool,
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

/// Bring the schema up to date.
#[derive(Clone, Debug)]
pub(crate) struct Migrate {
    pub(crate) source: Source,
    /// `None` only for a command whose database app-init was not told about: it runs unlocked, with a warning.
    pub(crate) connection: Option<Connection>,
    pub(crate) lock: LockPolicy,
    pub(crate) schema: String,
    /// `AUTORUN_MIGRATIONS=wait`: apply nothing, wait until all of this image's migrations are there.
    pub(crate) check_only: bool,
}

/// Load seed data.
#[derive(Clone, Debug)]
pub(crate) struct Seed {
    pub(crate) source: Source,
    pub(crate) connection: Option<Connection>,
    pub(crate) lock: LockPolicy,
    pub(crate) schema: String,
    /// The marker that makes it run once per database; `None` seeds on each start.
    pub(crate) once: Option<String>,
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

/// What a failed step does to the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnFailure {
    Abort,
    Continue,
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

/// How the server is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handoff {
    /// `Supervise` as PID 1, `Exec` otherwise.
    Auto,
    Supervise,
    Exec,
}

/// Which signals reach the server, and what happens between a stop signal and the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StopPolicy {
    /// Wait so long before a stop signal is forwarded; lets a load balancer drain.
    pub(crate) delay: Duration,
    /// After forwarding a stop: SIGKILL to the group; `None` leaves that to the runtime.
    pub(crate) grace: Option<Duration>,
    /// What still runs when the server has ended gets SIGTERM and so long to finish.
    pub(crate) leftover: Duration,
    pub(crate) target: SignalTarget,
    pub(crate) map: SignalMap,
    /// Exit codes of the server that become 0.
    pub(crate) success: Vec<u8>,
    pub(crate) signals: SignalState,
}

impl Default for StopPolicy {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            grace: None,
            leftover: Duration::from_secs(5),
            target: SignalTarget::Child,
            map: SignalMap::default(),
            success: Vec::new(),
            signals: SignalState::Default,
        }
    }
}

/// The signal state a server starts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SignalState {
    /// Nothing ignored, nothing blocked.
    #[default]
    Default,
    /// What app-init was started with (`APP_INIT_SIGNALS_INHERIT=true`), for `nohup` users.
    Inherited,
}
