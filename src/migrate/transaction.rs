//! A file in one transaction: fence, look again, script, clean up, record. All of it or nothing.

use std::time::Duration;

use tokio_postgres::{Error, SimpleQueryRow, error::SqlState};

use super::{
    cause::Cause,
    error::MigrateError,
    executor::{Attempt, CLEAN, Executor, Unit, lock_timeout},
    format::Problem,
    lock::milliseconds,
    session::VIGILANCE,
    sql::{column, rows},
};

/// The start of the current transaction, which changes if a script commits, and whose it is.
const NOW: &str = "SELECT pg_catalog.transaction_timestamp(), pg_catalog.pg_backend_pid()";

/// What the first query of a transaction found.
enum Begun {
    Fenced,
    Already,
    /// The transaction's own time, which names it.
    At(String),
}

impl Executor<'_> {
    pub(super) async fn attempt(&self, unit: &Unit<'_>) -> Result<Attempt, MigrateError> {
        self.go_on(unit)?;
        let began = match self.begin(unit).await? {
            Begun::Fenced => return self.give_up(Attempt::Fenced).await,
            Begun::Already => return self.give_up(Attempt::Already).await,
            Begun::At(time) => time,
        };
        let ran = self.script(&unit.script).await.and_then(|()| self.go_on(unit));
        if let Err(error) = ran {
            return self.undo(unit, error).await;
        }
        match self.record(unit).await {
            Ok(ended) => {
                if ended != began {
                    self.say_commits(unit);
                }
                Ok(Attempt::Applied)
            }
            Err(error) => {
                let error = self.failure(&unit.script, 0, None, &error);
                self.undo(unit, error).await
            }
        }
    }

    fn say_commits(&self, unit: &Unit<'_>) {
        let label = &unit.script.label;
        tracing::warn!(
            phase = self.scene.phase,
            event = "commits",
            "{label} ends its transaction by itself: had it been interrupted, it would have stayed half-applied"
        );
    }

    /// Transaction, time limits, fence, and a look at whether it is done: one round trip.
    fn opening(&self, unit: &Unit<'_>) -> String {
        let mut statements = vec!["BEGIN ISOLATION LEVEL READ COMMITTED".to_owned()];
        statements.extend(self.vigilant.then(|| VIGILANCE.to_owned()));
        statements.push(set_local("lock_timeout", lock_timeout(&unit.script)));
        let limit = unit.script.statement_timeout;
        statements.extend(limit.map(|limit| set_local("statement_timeout", limit)));
        statements.extend([NOW.to_owned(), self.scene.fence.try_lock(), unit.lookup.clone()]);
        statements.join("; ")
    }

    async fn begin(&self, unit: &Unit<'_>) -> Result<Begun, MigrateError> {
        let answers = rows(&self.scene.session.client, &self.opening(unit)).await;
        let answers = answers.map_err(|error| MigrateError::Database {
            doing: format!("begin {}", unit.script.label),
            cause: Cause::of(&error),
        })?;
        let mut answers = answers.iter().skip(usize::from(self.vigilant));
        let now = answers.next();
        self.scene.progress.runs_as(now.and_then(|row| column(row, 1)));
        let began = now.and_then(|row| column(row, 0)).unwrap_or_default();
        if answers.next().and_then(|row| column(row, 0)).as_deref() != Some("t") {
            return Ok(Begun::Fenced);
        }
        match answers.next() {
            None => Ok(Begun::At(began)),
            Some(row) => same(unit, row).map(|()| Begun::Already),
        }
    }

    /// Commits the record together with the script; the time at which the transaction began.
    async fn record(&self, unit: &Unit<'_>) -> Result<String, Error> {
        let query = format!("{CLEAN}; {NOW}; {}; COMMIT", (unit.record)());
        let answers = rows(&self.scene.session.client, &query).await?;
        Ok(answers.first().and_then(|row| column(row, 0)).unwrap_or_default())
    }

    async fn give_up(&self, attempt: Attempt) -> Result<Attempt, MigrateError> {
        drop(self.scene.session.client.batch_execute("ROLLBACK").await);
        Ok(attempt)
    }

    /// Rolls back, and says whether the same file is worth another try.
    async fn undo(&self, unit: &Unit<'_>, error: MigrateError) -> Result<Attempt, MigrateError> {
        drop(self.scene.session.client.batch_execute("ROLLBACK").await);
        // What has committed a part of itself must not run again.
        if is_blocked(&error) && !unit.script.commits {
            return Ok(Attempt::Blocked(error));
        }
        Err(error)
    }
}

/// A lock that was not to be had in time, or a deadlock of which we were the victim.
pub(super) fn is_blocked(error: &MigrateError) -> bool {
    let MigrateError::Script(failure) = error else { return false };
    failure.cause.is(&[SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED])
}

/// The file is done; it must have been this file.
pub(super) fn same(unit: &Unit<'_>, row: &SimpleQueryRow) -> Result<(), MigrateError> {
    if unit.expected.is_none() || unit.expected == column(row, 0) {
        return Ok(());
    }
    let why = "another replica applied another text of it just now".into();
    let label = unit.script.label.clone();
    Err(MigrateError::Problems(vec![Problem::Divergent { label, why }]))
}

fn set_local(name: &str, limit: Duration) -> String {
    format!("SET LOCAL {name} = {}", milliseconds(limit))
}
