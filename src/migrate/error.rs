//! What can go wrong while the schema is brought up to date, and how the start ends because of it.

mod script;

use std::path::PathBuf;

use thiserror::Error;
use tokio_postgres::error::SqlState;

use super::{
    cause::Cause,
    format::{Problem, hints},
    silence::Silence,
};
use crate::{
    diagnose::{Class, table},
    exit::Exit,
    failure::Failure,
    phrase::listed,
    postgres::ConnectError,
};

pub(crate) use script::ScriptFailure;

/// Why migrating or seeding ended early.
#[derive(Debug, Error)]
pub(crate) enum MigrateError {
    #[error("cannot read the {what} in `{}`: {why}", folder.display())]
    Folder { what: &'static str, folder: PathBuf, why: String },

    /// `AUTORUN_MIGRATIONS=wait` of an image that ships no file.
    #[error("AUTORUN_MIGRATIONS is `wait`, and there is nothing to wait for: `{}` holds no migration", folder.display())]
    NoFiles { folder: PathBuf },

    #[error("cannot read the watched path `{}`: {why}", path.display())]
    Watched { path: PathBuf, why: String, hint: String },

    /// Everything that is wrong with files or history, found before anything ran.
    #[error("cannot migrate: {}", list(.0))]
    Problems(Vec<Problem>),

    /// The session could not be had; `doing` says what it was for.
    #[error("{doing}: {why}")]
    Connect { doing: &'static str, why: Box<ConnectError> },

    /// A query of our own failed.
    #[error("cannot {doing}: {cause}")]
    Database { doing: String, cause: Cause },

    /// Another session, or a prepared transaction, has locked what it needs; `what` is that table.
    #[error("cannot {doing}: {what} is locked{}", by(holder.as_deref()))]
    Busy { doing: String, what: &'static str, holder: Option<String> },

    /// The server let us in and then said nothing for as long as a question may take, or went away.
    #[error("cannot {doing}: {place} {} [{}]", silence.words(), silence.row().id)]
    Unanswered { doing: &'static str, place: String, silence: Silence },

    /// Our role lacks rights; what to grant, as statements.
    #[error("cannot {doing}: the role `{role}` has not the rights")]
    Rights { doing: String, role: String, grant: String },

    /// There is no place where a history could be.
    #[error(
        "cannot find a place for `{table}`: the search_path names no schema that exists and is open to this role"
    )]
    NoSchema { table: &'static str },

    /// A file failed; it was rolled back, and what came before it stays.
    #[error("{0}")]
    Script(Box<ScriptFailure>),

    /// The file was run, and its record is not there although it was written. `left`: what becomes of
    /// what it did.
    #[error(
        "cannot record {file}: what is written to the history table is not there afterwards; {left}{}",
        after(applied)
    )]
    Unrecorded { file: String, left: String, applied: Vec<String> },

    /// A file that cannot be run as it is, found before any of it ran.
    #[error("cannot apply {file}:{line}: {why}")]
    Unfit { file: String, line: usize, why: String, hint: String },

    /// What would be a migration's failure, of a seed.
    #[error(transparent)]
    Seed(Box<Self>),

    /// The once marker is that of another schema than the address names.
    #[error(
        "cannot tell whether to seed: what was seeded since {since} is schema `{theirs}`, and the address names `{ours}`"
    )]
    OtherSchema { theirs: String, ours: String, since: String },

    /// `hint`: what to do about what stood in the way of asking; `None`: somebody has it.
    #[error("cannot get the lock{} within {waited}: {why}", named(name))]
    LockTimeout { name: String, waited: String, why: String, hint: Option<String> },

    #[error("the lock was lost while it was needed: {why}{}", after(applied))]
    LockLost { why: String, applied: Vec<String> },

    /// The app's own tool was running, and was ended.
    #[error("the lock was lost while `{command}` ran, which was ended: {why}")]
    LockLostBy { command: String, why: String },

    /// The caller's stop signal; the running statement was cancelled, and `during` says what became of it.
    #[error("stopped {during}{}", after(applied))]
    Stopped { during: String, applied: Vec<String> },

    /// `APP_INIT_MIGRATE_TIMEOUT` or its like for seeds; cancelled, too.
    #[error("{phase} ran past its timeout of {limit}, {during}{}", after(applied))]
    TimedOut { phase: &'static str, limit: String, during: String, applied: Vec<String> },

    /// `AUTORUN_MIGRATIONS=wait`: nobody applied them in time. `hint`: what stood in the way of
    /// finding out; `None`: they are missing.
    #[error("the schema was not brought up to date within {waited}: {missing}")]
    NotApplied { waited: String, missing: String, hint: Option<String> },

    /// `APP_INIT_MIGRATE_STRICT`: an older image must not start on a newer schema.
    #[error("the database is ahead of this image: {0}")]
    Ahead(String),
}

/// What to think of where a folder of migrations has no file.
pub(crate) const NO_FILES: &str =
    "files are named V1__name.sql; was the folder copied into the image?";

/// How many sessions work takes: the lock's, that of the files, and, of a file outside a transaction,
/// the one that looks for a pooler. Who looks at a slow file can do without one.
pub(super) const AT_ONCE: &str =
    "app-init needs two at once to migrate or seed, three for a file outside a transaction";

/// Why nobody may answer, at the login or after it.
pub(super) const TAKEN: &str = "a pooler is silent while all its sessions are taken";

/// How it is said that what was recorded is another tenant's.
pub(super) const ANOTHER_SCHEMA: &str = "was for another schema";

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

fn named(lock: &str) -> String {
    if lock.is_empty() { String::new() } else { format!(" `{lock}`") }
}

fn by(holder: Option<&str>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}

fn after(applied: &[String]) -> String {
    match applied {
        [] => String::new(),
        names => format!("; applied before: {}", listed(names)),
    }
}

impl MigrateError {
    /// The same failure where the file is a seed.
    pub(super) fn of_seed(self) -> Self {
        if self.exit() == Exit::Migrate { Self::Seed(Box::new(self)) } else { self }
    }

    /// Whether trying again can help: a busy or restarting server, but no refusal.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Connect { why, .. } => why.diagnosis.row.class == Class::Transient,
            Self::Database { cause, .. } => {
                cause.is_lost_connection() || cause.is(&[SqlState::TOO_MANY_CONNECTIONS])
            }
            Self::Busy { .. } | Self::Unanswered { .. } => true,
            _ => false,
        }
    }

    /// The connection went, so nobody knows whether the server has done what it was asked.
    pub(super) fn is_lost_connection(&self) -> bool {
        match self {
            Self::Database { cause, .. } => cause.is_lost_connection(),
            Self::Script(failure) => failure.cause.is_lost_connection(),
            _ => false,
        }
    }
}

impl Failure for MigrateError {
    fn exit(&self) -> Exit {
        match self {
            Self::Folder { .. } | Self::Watched { .. } => Exit::NoInput,
            Self::Problems(_)
            | Self::NoSchema { .. }
            | Self::Unfit { .. }
            | Self::Unrecorded { .. }
            | Self::Ahead(_) => Exit::Migrate,
            Self::NoFiles { .. } | Self::OtherSchema { .. } => Exit::Config,
            Self::Seed(_) => Exit::Seed,
            Self::Connect { why, .. } => why.exit(),
            Self::Database { cause, .. } => cause.exit(Exit::Migrate),
            Self::Rights { .. } => Exit::Refused,
            Self::Script(failure) => failure.cause.exit(failure.exit),
            Self::Busy { .. }
            | Self::LockTimeout { .. }
            | Self::LockLost { .. }
            | Self::LockLostBy { .. } => Exit::Lock,
            // SIGTERM; whoever sent the stop knows the number and may say another.
            Self::Stopped { .. } => Exit::Signal(15),
            Self::TimedOut { .. } => Exit::Timeout,
            Self::NotApplied { .. } | Self::Unanswered { .. } => Exit::NotReady,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Problems(problems) => hints(problems),
            Self::Unfit { hint, .. }
            | Self::Watched { hint, .. }
            | Self::LockTimeout { hint: Some(hint), .. }
            | Self::NotApplied { hint: Some(hint), .. } => Some(hint.clone()),
            Self::NoFiles { .. } => Some(
                "copy the migrations, V1__name.sql and so on, into this image, too, or set AUTORUN_MIGRATIONS=false".into(),
            ),
            Self::Seed(error) => error.hint(),
            Self::OtherSchema { .. } => Some(
                "tenants that share a database need an APP_INIT_LOCK_NAME each; with one of its own this schema is seeded, too".into(),
            ),
            Self::Connect { why, .. } => why.hint().map(|hint| match why.diagnosis.row {
                row if row == &table::LIMIT || row == &table::FULL => format!("{hint}; {AT_ONCE}"),
                row if row == &table::SILENT => format!("{hint}; {TAKEN}: {AT_ONCE}"),
                _ => hint,
            }),
            Self::Database { cause, .. } => cause.hint(),
            Self::NoSchema { .. } => Some(
                "create the schema, or correct `search_path` of the role, the database or the address".into(),
            ),
            Self::Busy { .. } => Some(
                "end that transaction, or try again when it has ended".into(),
            ),
            Self::Unanswered { silence, .. } => Some(silence.hint()),
            Self::Rights { grant, .. } => Some(format!("let who owns it run: {grant}")),
            Self::Script(failure) => failure.hint(),
            Self::Unrecorded { .. } => Some(
                "a trigger or a rule of that table swallows the row (psql's \\d shows them): drop or disable it, as every start would apply the file again".into(),
            ),
            Self::LockTimeout { .. } => Some(
                "another replica is still migrating: look at its log, or raise APP_INIT_LOCK_TIMEOUT".into(),
            ),
            Self::LockLost { .. } => {
                Some("nothing is half-applied; the next start goes on where this one stopped".into())
            }
            Self::LockLostBy { .. } => {
                Some("the next start runs it again; what it had done by then only the tool knows".into())
            }
            Self::TimedOut { phase, .. } => Some(format!(
                "raise APP_INIT_{}_TIMEOUT; the next start goes on where this one stopped",
                phase.to_uppercase()
            )),
            Self::Folder { .. } | Self::Stopped { .. } => None,
            Self::NotApplied { missing, .. } if missing.contains(ANOTHER_SCHEMA) => Some(
                "give this tenant an APP_INIT_LOCK_NAME of its own, here and where `init migrate` is run for it (a Job, a Helm hook), and run that".into(),
            ),
            Self::NotApplied { missing, .. } if missing.contains("the version table `") => Some(
                "run `init migrate` (a Job, a Helm hook) with this image; if that table is another app's, let APP_INIT_MIGRATE_TABLE name this one's, here and there".into(),
            ),
            Self::NotApplied { .. } => {
                Some("run `init migrate` (a Job, a Helm hook) with this image first".into())
            }
            Self::Ahead(_) => {
                Some("start a newer image, or set APP_INIT_MIGRATE_STRICT=false".into())
            }
        }
    }
}
