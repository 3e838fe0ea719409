//! The one executor: runs files in order, each exactly once, whatever format or seed they are.
//!
//! A file and its record commit together, behind a fence that no second runner passes, so that even
//! a leader that has lost its lock without noticing cannot apply anything twice.

use std::time::Duration;

use futures_util::{SinkExt, TryStreamExt};
use tokio::time::{Instant, sleep};
use tokio_postgres::{Error, SimpleQueryMessage, SimpleQueryRow, error::SqlState};

use super::{
    cause::Cause,
    error::{MigrateError, ScriptFailure},
    key::Key,
    lock::{milliseconds, spoken},
    progress::Progress,
    script::{Mode, Piece, Script},
    session::{VIGILANCE, jittered},
    sql::{column, rows},
};
use crate::{exit::Exit, postgres::Session};

/// How long one statement waits for a table lock: behind it queues everyone else who wants the
/// table, so a migration must step aside and come back.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a file is tried again because of table locks before it counts as failed.
const LOCK_BUDGET: Duration = Duration::from_secs(5 * 60);
/// Pause before a file is tried again: first and longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Undoes what a script did to the session, before the record is written and so that nothing
/// reaches the next script. The role first: the rest may need rights.
const CLEAN: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; \
    DEALLOCATE ALL; DISCARD TEMP; DISCARD SEQUENCES";

/// One file and what makes it count as done.
pub(super) struct Unit<'a> {
    pub(super) script: Script,
    /// A query that returns a row if the file is done already.
    pub(super) lookup: String,
    /// What that row must hold; `None`: any row will do.
    pub(super) expected: Option<String>,
    /// The statement that records the file as done, made when it is.
    pub(super) record: Box<dyn Fn() -> String + 'a>,
}

/// A session that runs units.
pub(super) struct Executor<'a> {
    pub(super) session: &'a Session,
    pub(super) fence: Key,
    /// `migrate` or `seed`, for the log.
    pub(super) phase: &'static str,
    /// How the start ends when a file fails.
    pub(super) exit: Exit,
    pub(super) progress: &'a Progress,
    /// Whether the server takes our time limits.
    vigilant: bool,
}

/// How one attempt at a file ended, short of an error.
enum Attempt {
    Applied,
    /// Somebody else did it first.
    Already,
    /// Another session is inside the fence.
    Fenced,
    /// A table lock was not to be had in time; worth another try.
    Blocked(MigrateError),
}

impl<'a> Executor<'a> {
    pub(super) async fn new(
        session: &'a Session,
        fence: Key,
        (phase, exit): (&'static str, Exit),
        progress: &'a Progress,
    ) -> Result<Self, MigrateError> {
        // Outside a transaction it changes nothing; it only shows whether the server accepts it.
        let vigilant = match session.client.batch_execute(VIGILANCE).await {
            Ok(()) => true,
            Err(error) if error.as_db_error().is_some() => false,
            Err(error) => {
                let (doing, cause) = (format!("begin to {phase}"), Cause::of(&error));
                return Err(MigrateError::Database { doing, cause });
            }
        };
        Ok(Self { session, fence, phase, exit, progress, vigilant })
    }

    /// Runs all that are not done yet, in order, and stops at the first failure.
    pub(super) async fn run(&self, units: &[Unit<'_>]) -> Result<(), MigrateError> {
        for unit in units {
            self.progress.begins(&unit.script);
            let started = Instant::now();
            let label = &unit.script.label;
            match self.once(unit).await? {
                Attempt::Applied => {
                    let took = milliseconds(started.elapsed());
                    self.progress.applied(label);
                    tracing::info!(
                        phase = self.phase,
                        event = "applied",
                        duration_ms = took,
                        "applied {label} in {took} ms"
                    );
                }
                _ => tracing::info!(
                    phase = self.phase,
                    event = "skipped",
                    "{label} was applied by another replica meanwhile"
                ),
            }
        }
        Ok(())
    }

    /// Tries until the file is done or has failed for good.
    async fn once(&self, unit: &Unit<'_>) -> Result<Attempt, MigrateError> {
        let (started, mut pause) = (Instant::now(), RETRY.0);
        loop {
            let attempt = match unit.script.mode {
                Mode::Transaction => self.attempt(unit).await?,
                Mode::Statements => self.outside(unit).await?,
            };
            let label = &unit.script.label;
            match attempt {
                Attempt::Fenced => tracing::info!(
                    phase = self.phase,
                    event = "fence",
                    "{label} waits: another session is applying a migration"
                ),
                Attempt::Blocked(error) if started.elapsed() >= LOCK_BUDGET => return Err(error),
                Attempt::Blocked(_) => {
                    let limit = spoken(unit.script.lock_timeout.unwrap_or(LOCK_TIMEOUT));
                    tracing::info!(
                        phase = self.phase,
                        event = "blocked",
                        "{label} could not lock a table within {limit} and was rolled back; trying again"
                    );
                }
                done => return Ok(done),
            }
            self.progress.pauses(true);
            sleep(jittered(pause)).await;
            self.progress.pauses(false);
            pause = (pause * 2).min(RETRY.1);
        }
    }

    /// One transaction: fence, look again, script, clean up, record.
    async fn attempt(&self, unit: &Unit<'_>) -> Result<Attempt, MigrateError> {
        self.go_on(unit)?;
        let began = match self.begin(unit).await? {
            Begun::Fenced => return self.give_up(Attempt::Fenced).await,
            Begun::Already => return self.give_up(Attempt::Already).await,
            Begun::At(time) => time,
        };
        let result = match self.script(&unit.script).await {
            Ok(()) => self.go_on(unit),
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            return self.undo(unit, error).await;
        }
        match self.record(unit).await {
            Ok(ended) if ended == began => Ok(Attempt::Applied),
            Ok(_) => {
                tracing::warn!(
                    phase = self.phase,
                    event = "commits",
                    "{} ends its transaction by itself: had it been interrupted, it would have stayed half-applied",
                    unit.script.label
                );
                Ok(Attempt::Applied)
            }
            Err(error) => {
                let error = self.failure(&unit.script, 0, None, &error);
                self.undo(unit, error).await
            }
        }
    }

    /// Transaction, time limits, fence, and a look at whether it is done: one round trip.
    fn opening(&self, unit: &Unit<'_>) -> String {
        let lock_timeout = unit.script.lock_timeout.unwrap_or(LOCK_TIMEOUT);
        let mut statements = vec!["BEGIN ISOLATION LEVEL READ COMMITTED".to_owned()];
        statements.extend(self.vigilant.then(|| VIGILANCE.to_owned()));
        statements.push(set_local("lock_timeout", lock_timeout));
        statements.extend(
            unit.script.statement_timeout.map(|limit| set_local("statement_timeout", limit)),
        );
        statements.extend([NOW.to_owned(), self.fence.try_lock(), unit.lookup.clone()]);
        statements.join("; ")
    }

    async fn begin(&self, unit: &Unit<'_>) -> Result<Begun, MigrateError> {
        let query = self.opening(unit);
        let answers =
            rows(&self.session.client, &query).await.map_err(|error| MigrateError::Database {
                doing: format!("begin {}", unit.script.label),
                cause: Cause::of(&error),
            })?;
        let mut answers = answers.iter().skip(usize::from(self.vigilant));
        let began = answers.next().and_then(|row| column(row, 0)).unwrap_or_default();
        if answers.next().and_then(|row| column(row, 0)).as_deref() != Some("t") {
            return Ok(Begun::Fenced);
        }
        match answers.next() {
            None => Ok(Begun::At(began)),
            Some(row) => Self::same(unit, row),
        }
    }

    /// The file is done; was it this file?
    fn same(unit: &Unit<'_>, row: &SimpleQueryRow) -> Result<Begun, MigrateError> {
        let stored = column(row, 0);
        if unit.expected.is_none() || unit.expected == stored {
            return Ok(Begun::Already);
        }
        let why = "another replica applied another text of it just now".into();
        let label = unit.script.label.clone();
        Err(MigrateError::Problems(vec![super::format::Problem::Divergent { label, why }]))
    }

    /// Sends the script, whole if it can be.
    async fn script(&self, script: &Script) -> Result<(), MigrateError> {
        for piece in script.pieces() {
            match piece {
                Piece::Query { range, first } => {
                    let mut ended = first;
                    self.progress.reaches(first);
                    let sent = self.query(&script.text[range.clone()], &mut ended).await;
                    sent.map_err(|error| self.failure(script, range.start, Some(ended), &error))?;
                }
                Piece::Copy { statement, data } => {
                    self.progress.reaches(statement);
                    let range = script.statements[statement].range.clone();
                    let copied = self.copy(&script.text[range.clone()], &script.text[data]).await;
                    copied.map_err(|error| {
                        self.failure(script, range.start, Some(statement), &error)
                    })?;
                }
            }
        }
        Ok(())
    }

    /// One simple query; `ended` counts the statements that the server has completed.
    async fn query(&self, text: &str, ended: &mut usize) -> Result<(), Error> {
        let answers = self.session.client.simple_query_raw(text).await?;
        let mut answers = std::pin::pin!(answers);
        while let Some(answer) = answers.try_next().await? {
            if matches!(answer, SimpleQueryMessage::CommandComplete(_)) {
                *ended += 1;
                self.progress.reaches(*ended);
            }
        }
        Ok(())
    }

    async fn copy(&self, statement: &str, data: &str) -> Result<(), Error> {
        const CHUNK: usize = 64 * 1024;
        let sink = self.session.client.copy_in(statement).await?;
        let mut sink = std::pin::pin!(sink);
        for chunk in data.as_bytes().chunks(CHUNK) {
            sink.send(std::io::Cursor::new(chunk.to_vec())).await?;
        }
        sink.finish().await.map(drop)
    }

    /// Commits the record together with the script; the time at which the transaction began.
    async fn record(&self, unit: &Unit<'_>) -> Result<String, Error> {
        let query = format!("{CLEAN}; {NOW}; {}; COMMIT", (unit.record)());
        let answers = rows(&self.session.client, &query).await?;
        Ok(answers.first().and_then(|row| column(row, 0)).unwrap_or_default())
    }

    async fn give_up(&self, attempt: Attempt) -> Result<Attempt, MigrateError> {
        drop(self.session.client.batch_execute("ROLLBACK").await);
        Ok(attempt)
    }

    /// Rolls back, and says whether the same file is worth another try.
    async fn undo(&self, unit: &Unit<'_>, error: MigrateError) -> Result<Attempt, MigrateError> {
        drop(self.session.client.batch_execute("ROLLBACK").await);
        let MigrateError::Script(failure) = &error else { return Err(error) };
        let passing = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
        // What has committed a part of itself must not run again.
        if failure.cause.is(&passing) && !unit.script.commits {
            return Ok(Attempt::Blocked(error));
        }
        Err(error)
    }

    /// A stop between two queries: the next must not begin.
    fn go_on(&self, unit: &Unit<'_>) -> Result<(), MigrateError> {
        if self.progress.stopping() {
            let during = format!("before {}", unit.script.label);
            return Err(MigrateError::Stopped { during, applied: self.progress.so_far() });
        }
        Ok(())
    }

    fn failure(
        &self,
        script: &Script,
        sent: usize,
        ended: Option<usize>,
        error: &Error,
    ) -> MigrateError {
        let cause = Cause::of(error);
        let position = cause.position().filter(|_| ended.is_some());
        let (place, statement) = script.place(sent, position, ended);
        let left = script.commits.then(|| {
            "it ends its transaction by itself, so look at what it left behind".to_owned()
        });
        MigrateError::Script(Box::new(ScriptFailure {
            label: script.label.clone(),
            place,
            statement,
            cause,
            applied: self.progress.so_far(),
            left,
            exit: self.exit,
        }))
    }

    async fn outside(&self, unit: &Unit<'_>) -> Result<Attempt, MigrateError> {
        self.attempt(unit).await
    }
}

fn set_local(name: &str, limit: Duration) -> String {
    format!("SET LOCAL {name} = {}", milliseconds(limit))
}

/// The start of the current transaction. It changes if a script commits.
const NOW: &str = "SELECT pg_catalog.transaction_timestamp()";

/// What the first query of a transaction found.
enum Begun {
    Fenced,
    Already,
    /// The transaction's own time, which names it.
    At(String),
}
