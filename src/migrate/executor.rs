//! The one executor: runs files in order, each exactly once, whatever format or seed they are.
//!
//! A file runs behind a fence that no second runner passes, so that even a leader that has lost its
//! lock without noticing cannot apply anything twice. How it runs: `transaction` and `outside`.

mod voice;

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    cause::Cause,
    error::MigrateError,
    key::Key,
    limits::spent,
    lock::milliseconds,
    marker::Place,
    progress::Progress,
    script::{Mode, Script},
    session::{VIGILANCE, jittered},
    sql::{column, rows},
    watch::watch,
};
use crate::{
    config::database::Connection, exit::Exit, phrase::Took, plan::FilePolicy, postgres::Session,
};

/// How long somebody who lost the lock may go on before its session is ended.
const ORPHAN: Duration = Duration::from_secs(10);
/// Pause before a file is tried again: first and longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Undoes what a script did to the session, before the record is written and so that nothing
/// reaches the next script. The role first: the rest may need rights.
pub(super) const CLEAN: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; \
    UNLISTEN *; DEALLOCATE ALL; DISCARD TEMP; DISCARD SEQUENCES";

/// The same behind a file in a transaction, whose fence ends with that: a session's advisory locks go,
/// too. Not unless the file speaks of such: behind a pooler they may be those of another client.
pub(super) fn clean(script: &Script) -> String {
    if script.text.to_ascii_lowercase().contains("advisory") {
        format!("{CLEAN}; SELECT pg_catalog.pg_advisory_unlock_all()")
    } else {
        CLEAN.to_owned()
    }
}

/// One file and what makes it count as done.
pub(super) struct Unit<'a> {
    pub(super) script: Script,
    /// A query that returns a row if the file is done already.
    pub(super) lookup: String,
    /// What that row must hold; `None`: any row will do.
    pub(super) expected: Option<String>,
    /// The marker that says how far it is if it runs outside a transaction. Files of the same name in
    /// another schema are others.
    pub(super) marker: String,
    /// The table that it is recorded in, if that is not the one with our markers.
    pub(super) history: Option<&'a str>,
    /// The statements that record the file as done, made when it is.
    pub(super) record: Box<dyn Fn() -> Vec<String> + 'a>,
}

/// What units run on, and how their outcome is told.
pub(super) struct Scene<'a> {
    pub(super) connection: &'a Connection,
    pub(super) session: &'a Session,
    pub(super) fence: Key,
    /// Whether we hold the lock: not if it is switched off.
    pub(super) leads: bool,
    /// Time limits of files that have none of their own.
    pub(super) policy: FilePolicy,
    /// Where a file outside a transaction remembers how far it is.
    pub(super) place: Place<'a>,
    /// `migrate` or `seed`, for the log.
    pub(super) phase: &'static str,
    /// How the start ends when a file fails.
    pub(super) exit: Exit,
    pub(super) progress: &'a Progress,
}

/// A session that runs units.
pub(super) struct Executor<'a> {
    pub(super) scene: Scene<'a>,
    /// Statements for what the server takes of `VIGILANCE`; empty if it refuses.
    pub(super) vigilance: Vec<String>,
}

/// How one attempt at a file ended, short of an error.
pub(super) enum Attempt {
    Applied,
    /// It is done already: what to say of it behind its name.
    Already(String),
    /// Another session is inside the fence.
    Fenced,
    /// A table lock was not to be had in time; worth another try.
    Blocked(MigrateError),
}

impl<'a> Executor<'a> {
    pub(super) async fn new(scene: Scene<'a>) -> Result<Self, MigrateError> {
        // Outside a transaction it changes nothing; it only shows what the server accepts.
        let vigilance = match rows(&scene.session.client, VIGILANCE).await {
            Ok(accepted) => accepted.iter().filter_map(|row| column(row, 0)).collect(),
            Err(error) if error.as_db_error().is_some() => Vec::new(),
            Err(error) => {
                let (doing, cause) = (format!("begin to {}", scene.phase), Cause::of(&error));
                return Err(MigrateError::Database { doing, cause });
            }
        };
        Ok(Self { scene, vigilance })
    }

    /// Runs all that are not done yet, in order, and stops at the first failure.
    pub(super) async fn run(&self, units: &[Unit<'_>]) -> Result<(), MigrateError> {
        let phase = self.scene.phase;
        for unit in units {
            self.say_misplaced(&unit.script);
        }
        for (index, unit) in units.iter().enumerate() {
            let label = &unit.script.label;
            self.scene.progress.begins(&unit.script, (index + 1, units.len()));
            self.say_left_out(&unit.script);
            let started = Instant::now();
            if let Attempt::Already(how) = self.once(unit).await? {
                tracing::info!(phase, event = "skipped", "{label} {how}");
            } else {
                let elapsed = started.elapsed();
                self.scene.progress.applied(label);
                tracing::info!(
                    phase,
                    event = "applied",
                    duration_ms = milliseconds(elapsed),
                    "applied {label} in {}",
                    Took(elapsed)
                );
            }
        }
        Ok(())
    }

    /// Tries until the file is done or has failed for good, while a second session looks at what a
    /// slow try waits for.
    async fn once(&self, unit: &Unit<'_>) -> Result<Attempt, MigrateError> {
        // A look at half-time, so that whoever blocks is known when the server gives up.
        let limit = self.lock_timeout(&unit.script);
        let patience = Some(limit / 2).filter(|_| !limit.is_zero());
        let Scene { connection, fence, progress, .. } = self.scene;
        tokio::select! {
            biased;
            result = self.again_and_again(unit) => result,
            never = watch(connection, fence, progress, patience) => match never {},
        }
    }

    async fn again_and_again(&self, unit: &Unit<'_>) -> Result<Attempt, MigrateError> {
        let (started, mut pause) = (Instant::now(), RETRY.0);
        let (mut fenced, mut blocked) = (None, None);
        loop {
            self.scene.progress.tries();
            let attempt = match unit.script.mode {
                Mode::Transaction => self.attempt(unit).await?,
                Mode::Statements => self.outside(unit).await?,
            };
            match attempt {
                Attempt::Fenced => {
                    let since = *fenced.get_or_insert_with(Instant::now);
                    self.wait_at_fence(unit, since).await;
                }
                Attempt::Blocked(error) => {
                    let took = started.elapsed();
                    if let Some(limit) = self.scene.policy.lock_retry.filter(|it| took >= *it) {
                        return Err(spent(error, took, limit));
                    }
                    self.say_blocked(unit, &error, took, &mut blocked);
                }
                done => return Ok(done),
            }
            self.scene.progress.pauses(true);
            sleep(jittered(pause)).await;
            self.scene.progress.pauses(false);
            pause = (pause * 2).min(RETRY.1);
        }
    }

    /// Whoever is inside the fence while we have the lock has lost it. Its client cancels it within
    /// seconds; if that is dead or frozen, and the server does not notice (before 14 it cannot
    /// while a statement runs), we do.
    async fn wait_at_fence(&self, unit: &Unit<'_>, since: Instant) {
        let label = &unit.script.label;
        if self.scene.leads && since.elapsed() >= ORPHAN {
            let held = self.scene.fence.held();
            let query = format!(
                "SELECT l.pid, pg_catalog.pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks l WHERE {held}"
            );
            let ended = rows(&self.scene.session.client, &query).await.unwrap_or_default();
            for pid in ended.iter().filter_map(|row| column(row, 0)) {
                tracing::warn!(
                    phase = self.scene.phase,
                    event = "orphan",
                    "{label}: ended the session pid {pid}, which still applied a migration without the lock"
                );
            }
            return;
        }
        tracing::info!(
            phase = self.scene.phase,
            event = "fence",
            "{label} waits: another session is applying a migration"
        );
    }

    /// How long a statement waits for a table lock: behind it queues everyone else who wants the
    /// table, so a migration steps aside and comes back. Zero is no limit.
    pub(super) fn lock_timeout(&self, script: &Script) -> Duration {
        script.lock_timeout.unwrap_or(self.scene.policy.lock_timeout)
    }

    pub(super) fn statement_timeout(&self, script: &Script) -> Option<Duration> {
        script.statement_timeout.or(self.scene.policy.statement_timeout)
    }

    /// A stop before the first query of a file.
    pub(super) fn go_on(&self, unit: &Unit<'_>) -> Result<(), MigrateError> {
        self.unless_stopping(|| format!("before {}", unit.script.label))
    }

    /// A stop between two queries of a file: the next must not begin.
    pub(super) fn go_further(&self) -> Result<(), MigrateError> {
        self.unless_stopping(|| self.scene.progress.during(true))
    }

    fn unless_stopping(&self, during: impl FnOnce() -> String) -> Result<(), MigrateError> {
        let progress = self.scene.progress;
        if progress.stopping() {
            return Err(MigrateError::Stopped { during: during(), applied: progress.so_far() });
        }
        Ok(())
    }
}
