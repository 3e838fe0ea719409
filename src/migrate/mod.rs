//! Brings the schema up to date exactly once, however many replicas start.
//!
//! Owns reading and applying files, the leader lock and the markers; commands are run by `run`
//! between `lock::acquire` and `release`. Nothing here reads settings or decides whether to migrate.

mod anew;
mod awaiting;
mod blocker;
pub(crate) mod cause;
mod concurrent;
mod create;
mod dialect;
mod discreet;
pub(crate) mod error;
mod executor;
pub(crate) mod format;
mod guard;
mod hold;
mod holder;
mod index;
mod key;
mod limits;
pub(crate) mod lock;
pub(crate) mod marker;
mod moved;
pub(crate) mod onlooker;
mod options;
mod outside;
mod perform;
mod progress;
mod queue;
mod refusal;
mod script;
pub(crate) mod seed;
mod send;
pub(crate) mod session;
mod silence;
mod split;
pub(crate) mod sql;
pub(crate) mod state;
mod statement;
pub(crate) mod status;
mod steps;
mod transaction;
pub(crate) mod unchanged;
mod watch;

use std::{future::Future, path::Path, pin::pin, time::Duration};

use tokio_postgres::Client;

pub(crate) use error::{MigrateError, NO_FILES};
pub(crate) use state::State;

use crate::{
    config::database::Connection, exit::Exit, phrase::listed, plan::Migrate, postgres::Session,
};
use awaiting::{Answer, Terms};
use dialect::Dialect;
use executor::{Executor, Scene, Unit};
use format::{History, Migration, refinery};
use guard::Guard;
use lock::Leader;
use marker::Place;
use progress::Progress;
use script::Script;
use session::{answered, open, open_unless};

/// What the questions to a folder's database are for.
const READ: &str = "read the migration history";

/// Reads folder and history, creating nothing and taking no lock. `session` is one to that database
/// if there is one already; it may have been lost since.
/// # Errors
/// `Problems` names everything that would stop a start: changed, missing, misplaced, misnamed files;
/// `Busy` if somebody keeps the history locked for as long as one would queue; `Unanswered`; `Ahead` if `plan` is strict.
pub(crate) async fn inspect(
    connection: &Connection,
    folder: &Path,
    plan: &Migrate,
    session: Option<Box<Session>>,
) -> Result<State, MigrateError> {
    let migrations = refinery::scan(folder)?;
    if migrations.is_empty() {
        tracing::warn!(
            phase = "migrate",
            event = "no_files",
            "`{}` holds no migration: {NO_FILES}",
            folder.display()
        );
    }
    refinery::say_left_out(folder);
    let terms = Terms::of(plan, connection, READ);
    let asked = async |time: Duration, session: &Session| {
        let read = read(&session.client, &migrations, plan);
        terms.answered(time, read).await.map(|(state, _)| state)
    };
    if let Some(session) = session {
        match asked(terms.patience(), &session).await {
            Err(error) if error.may_pass() => {}
            outcome => return outcome,
        }
    }
    awaiting::unlocked(terms, async |time| asked(time, &open(connection, "migrate").await?).await)
        .await
}

/// The folder against the history; problems are errors, and so is a right that will be missing.
async fn read(
    client: &Client,
    migrations: &[Migration],
    plan: &Migrate,
) -> Result<(State, refinery::Table), MigrateError> {
    let history = refinery::history(client, migrations).await?;
    let state = state::compare(migrations, &history);
    if !state.problems.is_empty() {
        return Err(MigrateError::Problems(state.problems));
    }
    if plan.strict && !state.ahead.is_empty() {
        return Err(MigrateError::Ahead(state.ahead_labels()));
    }
    if !plan.check_only && !state.pending.is_empty() {
        history.may_record()?;
    }
    Ok((state, history))
}

/// Queues for the lock until it is ours or, `None`, until another replica has applied everything:
/// the last of many replicas need not hold the lock one after the other to find that out.
/// # Errors
/// As for `lock::acquire` and `inspect`.
pub(crate) async fn lead(
    connection: &Connection,
    folder: &Path,
    plan: &Migrate,
) -> Result<Option<Leader>, MigrateError> {
    let migrations = refinery::scan(folder)?;
    let done = async |client: &Client| {
        read(client, &migrations, plan).await.map(|(state, _)| state.pending.is_empty())
    };
    lock::acquire_unless(connection, &plan.lock, done).await
}

/// Applies what is pending and returns the names of what this call applied.
///
/// Folder and history are read again under the lock. Each migration and its row commit together or
/// not at all. When `stop` resolves or the lock is lost, the running statement is cancelled and its
/// migration rolled back; what was applied before stays. A file that runs outside a transaction
/// keeps its place in `plan.schema`.
/// # Errors
/// `Problems` before anything ran; `Script` for the file that failed; `Stopped`; `LockLost`;
/// `TimedOut`.
pub(crate) async fn apply(
    connection: &Connection,
    folder: &Path,
    plan: &Migrate,
    leader: &Leader,
    stop: impl Future<Output = ()>,
) -> Result<Vec<String>, MigrateError> {
    let mut stop = pin!(stop);
    let session = open_unless(connection, "migrate", stop.as_mut()).await?;
    let progress = Progress::default();
    let work = async {
        let migrations = refinery::scan(folder)?;
        let terms = Terms::of(plan, connection, READ);
        let place = Place::new(&plan.schema, &leader.namespace);
        let (state, history, scripts) = awaiting::unlocked(terms, async |time| {
            let read = read(&session.client, &migrations, plan);
            let (state, history) = answered(time, connection, READ, read).await?;
            if state.pending.is_empty() {
                return Ok((state, history, Vec::new()));
            }
            let dialect = Dialect::of(&session.client, "migrate").await?;
            let scripts = scripts(&state.pending, dialect)?;
            if !history.exists() {
                anew::begin(&session, connection, &history, &place).await?;
            }
            Ok((state, history, scripts))
        })
        .await?;
        if state.pending.is_empty() {
            return Ok(());
        }
        let units: Vec<Unit<'_>> = state
            .pending
            .iter()
            .zip(scripts)
            .map(|(migration, script)| unit(&history, migration, script))
            .collect();
        let scene = Scene {
            connection,
            session: &session,
            fence: leader.fence(),
            leads: leader.is_locked(),
            policy: plan.files,
            place: Place { patience: plan.files.record_timeout, ..place },
            phase: "migrate",
            exit: Exit::Migrate,
            progress: &progress,
        };
        let executor = Executor::new(scene).await?;
        executor.run(&units).await?;
        moved::warn(connection, &session.client, &migrations).await;
        Ok(())
    };
    let (session, progress, policy) = (&session, &progress, plan.files);
    let guard = Guard { phase: "migrate", session, progress, leader, policy };
    Box::pin(guard.run(work, stop)).await?;
    Ok(progress.so_far())
}

/// All files are looked through before the first one runs.
fn scripts(pending: &[Migration], dialect: Dialect) -> Result<Vec<Script>, MigrateError> {
    let read = |it: &Migration| Script::read(&it.label, &it.path, &it.text, dialect);
    pending.iter().map(read).collect()
}

fn unit<'a>(history: &'a impl History, migration: &'a Migration, script: Script) -> Unit<'a> {
    Unit {
        script,
        lookup: history.lookup(migration),
        expected: history.checksum(migration),
        marker: outside::marker(history.name(), &migration.label),
        history: Some(history.name()),
        record: Box::new(|| recorded(history, migration)),
    }
}

/// Records it, and fails if that cannot be seen afterwards: a trigger or a rule of the table can do
/// something else than what it is told.
fn recorded(history: &impl History, migration: &Migration) -> Vec<String> {
    let lookup = history.lookup(migration);
    vec![history.record(migration), refusal::if_none(&lookup, refusal::UNRECORDED)]
}

/// Waits until somebody else has applied every file of the folder, asking again and again on
/// connections that are not kept.
/// # Errors
/// `NotApplied` says what is missing; `NoFiles` that there is nothing to wait for, which an image that
/// lost its migrations looks like; `Problems` as for `inspect`.
pub(crate) async fn await_applied(
    connection: &Connection,
    folder: &Path,
    plan: &Migrate,
) -> Result<State, MigrateError> {
    let migrations = refinery::scan(folder)?;
    if migrations.is_empty() {
        return Err(MigrateError::NoFiles { folder: folder.to_owned() });
    }
    refinery::say_left_out(folder);
    awaiting::until(Terms::of(plan, connection, READ), async |session: Session| {
        let (state, _) = read(&session.client, &migrations, plan).await?;
        Ok(match labels(&state.pending) {
            labels if labels.is_empty() => Answer::Ready(state),
            labels => Answer::Missing(format!("missing {labels}")),
        })
    })
    .await
}

fn labels(migrations: &[Migration]) -> String {
    let labels: Vec<&str> = migrations.iter().map(|migration| migration.label.as_str()).collect();
    listed(&labels)
}
