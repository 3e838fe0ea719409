//! Migrating and seeding: the leader lock is taken when one of them has something to do, and not before.

use std::path::Path;

use super::prepare::{Done, Preparation, Result, done, stopped};
use crate::{
    config::database::Connection,
    migrate::{self, MigrateError, State, lock::Leader, seed::Need},
    phrase::counted,
    plan::{LockPolicy, Migrate, Seed, Source, Step},
    process::{Events, Signal},
    step,
    timeline::Outcome,
};

impl Preparation {
    pub(super) async fn migrate(&mut self, name: &str, work: &Migrate) -> Result<Done> {
        match (&work.source, &work.connection) {
            (Source::Folder(folder), Some(connection)) if work.check_only => {
                let found = migrate::await_applied(connection, folder, work);
                let state = self.unless_stopped(name, found).await??;
                Ok(done(nothing_pending(&state)))
            }
            (Source::Folder(folder), Some(connection)) => {
                self.migrate_folder(name, work, connection, folder).await
            }
            (Source::Command(step), connection) => match (connection, &work.watch) {
                (Some(connection), Some(watch)) => {
                    Box::pin(self.watched(name, work, (connection, watch), step)).await
                }
                _ => self.command(name, step, connection.as_ref(), &work.lock).await,
            },
            // `plan` refuses a folder without a database.
            (Source::Folder(_), None) => Ok(skipped("no database is configured")),
        }
    }

    async fn migrate_folder(
        &mut self,
        name: &str,
        work: &Migrate,
        connection: &Connection,
        folder: &Path,
    ) -> Result<Done> {
        let known = self.known_session(connection);
        let inspected = migrate::inspect(connection, folder, work, known);
        let state = self.unless_stopped(name, inspected).await??;
        if state.pending.is_empty() {
            return Ok(done(nothing_pending(&state)));
        }
        if self.leader.is_none() {
            let leader = migrate::lead(connection, folder, work);
            self.leader = self.unless_stopped(name, leader).await??;
        }
        let Some(leader) = &self.leader else {
            return Ok(done("nothing pending any more: another replica was faster"));
        };
        let mut stop = None;
        let stopping = noted(&mut self.events, &mut stop);
        let applied = migrate::apply(connection, folder, work, leader, stopping).await;
        let applied = applied.map_err(|error| told(name, error, stop))?;
        Ok(done(match applied.as_slice() {
            [] => "nothing pending any more: another replica was faster".to_owned(),
            [one] => format!("1 applied: {one}"),
            [first, .., last] => format!("{} applied: {first} to {last}", applied.len()),
        }))
    }

    pub(super) async fn seed(&mut self, name: &str, work: &Seed) -> Result<Done> {
        if !work.force
            && let Need::Done(reason) =
                self.unless_stopped(name, migrate::seed::needed(work)).await??
        {
            return Ok(skipped(reason));
        }
        match (&work.source, &work.connection) {
            (Source::Folder(folder), Some(connection)) => {
                self.seed_folder(name, work, connection, folder).await
            }
            (Source::Command(step), connection) => {
                self.seed_command(name, work, step, connection.as_ref()).await
            }
            (Source::Folder(_), None) => Ok(skipped("no database is configured")),
        }
    }

    async fn seed_folder(
        &mut self,
        name: &str,
        work: &Seed,
        connection: &Connection,
        folder: &Path,
    ) -> Result<Done> {
        self.lock(name, connection, &work.lock).await?;
        let Some(leader) = &self.leader else { return Ok(skipped("no lock")) };
        let mut stop = None;
        let seeded = migrate::seed::apply_folder(
            connection,
            work,
            folder,
            work.force,
            leader,
            noted(&mut self.events, &mut stop),
        );
        let seeded = seeded.await.map_err(|error| told(name, error, stop))?;
        Ok(done(counted(seeded.len(), "file")))
    }

    /// The marker is looked for again under the lock: another replica may have seeded while we queued.
    async fn seed_command(
        &mut self,
        name: &str,
        work: &Seed,
        step: &Step,
        connection: Option<&Connection>,
    ) -> Result<Done> {
        if let Some(connection) = connection {
            self.lock(name, connection, &work.lock).await?;
            if !work.force
                && let Need::Done(reason) =
                    self.unless_stopped(name, migrate::seed::needed(work)).await??
            {
                return Ok(skipped(reason));
            }
        }
        let done = self.command(name, step, connection, &work.lock).await?;
        self.noting(name, async |leader| migrate::seed::mark(work, leader).await).await?;
        Ok(done)
    }

    /// Runs a tool while the lock is held; if the lock is lost, the tool is stopped and the start ends.
    pub(super) async fn command(
        &mut self,
        name: &str,
        step: &Step,
        connection: Option<&Connection>,
        policy: &LockPolicy,
    ) -> Result<Done> {
        match connection {
            Some(connection) => self.lock(name, connection, policy).await?,
            None => tracing::warn!(
                phase = name,
                "no database is configured, so `{}` runs without a lock: replicas that start together run it together",
                step.command.source
            ),
        }
        let mut why = None;
        let lost = lost(self.leader.as_ref(), &mut why);
        let result = step::run(step, &mut self.events, beside(lost, name, step, connection)).await;
        match (result, why) {
            (_, Some(why)) => {
                let command = step.command.source.clone();
                Err(MigrateError::LockLostBy { command, why }.into())
            }
            (result, None) => Ok(result.map(|_| done(step.command.source.as_str()))?),
        }
    }

    /// Reads or writes what is remembered of a tool, if we have the lock. A stop drops the leader, and with it
    /// the lock; a server that answers no more is a lost lock.
    pub(super) async fn noting<T>(
        &mut self,
        name: &str,
        note: impl AsyncFnOnce(&Leader) -> std::result::Result<T, MigrateError>,
    ) -> Result<Option<T>> {
        let Some(leader) = self.leader.take() else { return Ok(None) };
        let noted = async {
            tokio::select! {
                biased;
                outcome = note(&leader) => outcome,
                why = leader.lost() => Err(MigrateError::LockLost { why, applied: Vec::new() }),
            }
        };
        let noted = self.unless_stopped(name, noted).await??;
        self.leader = Some(leader);
        Ok(Some(noted))
    }

    /// Queues for the lock unless it is held already.
    pub(super) async fn lock(
        &mut self,
        name: &str,
        connection: &Connection,
        policy: &LockPolicy,
    ) -> Result<()> {
        if self.leader.is_none() {
            let acquired = migrate::lock::acquire(connection, policy);
            self.leader = Some(self.unless_stopped(name, acquired).await??);
        }
        Ok(())
    }
}

/// Resolves when the lock is lost, leaving the reason in `why`.
async fn lost(leader: Option<&Leader>, why: &mut Option<String>) {
    match leader {
        Some(leader) => *why = Some(leader.lost().await),
        None => std::future::pending().await,
    }
}

/// Waits for the loss of the lock and meanwhile says who is in the command's way.
async fn beside(
    lost: impl Future<Output = ()>,
    name: &str,
    step: &Step,
    connection: Option<&Connection>,
) {
    let Some(connection) = connection else { return lost.await };
    tokio::select! {
        () = lost => {}
        never = migrate::onlooker::tell_blocked(connection, name, step.heartbeat) => match never {},
    }
}

/// Resolves at the first stop signal, leaving it in `which`.
async fn noted(events: &mut Events, which: &mut Option<Signal>) {
    *which = Some(events.stop().await);
}

/// A stop ends the start with the signal's own number.
fn told(
    phase: &str,
    error: MigrateError,
    stop: Option<Signal>,
) -> Box<dyn crate::failure::Failure> {
    match (error, stop) {
        (error @ MigrateError::Stopped { .. }, Some(signal)) => {
            tracing::info!(phase, event = "stopped", "{error}");
            stopped(phase, signal)
        }
        (error, _) => error.into(),
    }
}

pub(super) fn skipped(reason: impl Into<String>) -> Done {
    Done { outcome: Outcome::Skipped, note: reason.into() }
}

/// The note of a phase that found nothing to do. An older image on a newer schema is worth a warning:
/// it is what a rollback looks like, and it starts.
fn nothing_pending(state: &State) -> String {
    let note = format!("nothing pending, {} applied", state.applied.len());
    if state.ahead.is_empty() {
        return note;
    }
    let ahead = state.ahead_labels();
    tracing::warn!(
        phase = "migrate",
        event = "ahead",
        "the database is ahead of this image: {ahead}"
    );
    format!("{note}; ahead of this image: {ahead}")
}
