//! A file that cannot run in a transaction: step by step, going on where it stopped.
//!
//! Before a step and after it, a marker says so. A step that can have a transaction commits with
//! its marker; one that cannot is repeated if nobody knows how it ended, and an index that it left
//! behind half-built is dropped first.

use tokio_postgres::{Error, SimpleQueryRow, error::SqlState};

use super::{
    cause::Cause,
    error::MigrateError,
    executor::{Attempt, CLEAN, Executor, Unit},
    lock::milliseconds,
    script::{Piece, Script},
    session::is_pooled,
    sql::{column, rows},
    steps::{Kind, Step, fingerprint, steps},
    transaction::{is_blocked, same},
};
use crate::phrase::counted;

/// How far a file is.
struct Reached {
    done: usize,
    /// The next step was begun, and nobody knows how it ended.
    begun: bool,
}

impl Executor<'_> {
    pub(super) async fn outside(&self, unit: &Unit<'_>) -> Result<Attempt, MigrateError> {
        self.go_on(unit)?;
        let script = &unit.script;
        let steps = steps(script).map_err(|line| {
            unfit(script, line, "a transaction in it is not whole", "pair each BEGIN with a COMMIT")
        })?;
        self.refuse_pooler(script).await?;
        if !self.fence(script).await? {
            return Ok(Attempt::Fenced);
        }
        let result = self.inside_fence(unit, &steps).await;
        // The session ends with the program; this is for the next file.
        drop(
            self.ask(script, &format!("ROLLBACK; {CLEAN}; {}", self.scene.fence.unlock_session()))
                .await,
        );
        match result {
            Err(error) if is_blocked(&error) => Ok(Attempt::Blocked(error)),
            other => other,
        }
    }

    async fn inside_fence(&self, unit: &Unit<'_>, steps: &[Step]) -> Result<Attempt, MigrateError> {
        let script = &unit.script;
        if let Some(row) = self.ask(script, &unit.lookup).await?.first() {
            return same(unit, row).map(|()| Attempt::Already);
        }
        let client = &self.scene.session.client;
        self.scene.place.write(client, None).await?;
        self.limits(script).await?;
        let reached = self.reached(script, steps).await?;
        for (index, step) in steps.iter().enumerate() {
            self.go_on(unit)?;
            if index >= reached.done {
                let again = reached.begun && index == reached.done;
                self.step(script, steps, index, again).await?;
            } else if step.kind == Kind::Setting {
                self.alone(script, step).await?;
            }
        }
        self.refuse_invalid(script, steps).await?;
        let forget = self.scene.place.forget(&marker(script));
        self.ask(script, &format!("BEGIN; {CLEAN}; {}; {forget}; COMMIT", (unit.record)())).await?;
        Ok(Attempt::Applied)
    }

    /// The fence for the whole file. It is the session's own lock: a transaction's would hold up
    /// `CREATE INDEX CONCURRENTLY`, which waits for every open transaction that has a snapshot.
    async fn fence(&self, script: &Script) -> Result<bool, MigrateError> {
        let answers = self.ask(script, &self.scene.fence.try_session_lock()).await?;
        Ok(answers.first().and_then(|row| column(row, 0)).as_deref() == Some("t"))
    }

    /// Time limits for the session. No limit for locks unless the file has one: building an index
    /// concurrently waits for other transactions without holding anybody up.
    async fn limits(&self, script: &Script) -> Result<(), MigrateError> {
        let mut query =
            format!("SET lock_timeout = {}", milliseconds(script.lock_timeout.unwrap_or_default()));
        if let Some(limit) = self.statement_timeout(script) {
            query = format!("{query}; SET statement_timeout = {}", milliseconds(limit));
        }
        for local in &self.vigilance {
            query = format!("{query}; {}", local.replacen("SET LOCAL", "SET", 1));
        }
        self.ask(script, &query).await.map(drop)
    }

    async fn reached(&self, script: &Script, steps: &[Step]) -> Result<Reached, MigrateError> {
        let client = &self.scene.session.client;
        let Some(marker) = self.scene.place.read(client, &marker(script)).await? else {
            return Ok(Reached { done: 0, begun: false });
        };
        let mut words = marker.value.split(' ');
        let done: usize = words.next().and_then(|count| count.parse().ok()).unwrap_or_default();
        let begun = words.next() == Some("begun");
        let known = steps.get(..done).map(|done| fingerprint(script, done));
        if known.as_deref() != words.next() {
            let why = format!("{} done already, and changed since", counted(done, "step"));
            return Err(unfit(script, 1, &why, "restore them; only what comes after may change"));
        }
        tracing::info!(
            phase = self.scene.phase,
            event = "resumed",
            "{} goes on after {done} of {} steps, done since {}",
            script.label,
            steps.len(),
            marker.since
        );
        Ok(Reached { done, begun })
    }

    async fn step(
        &self,
        script: &Script,
        steps: &[Step],
        index: usize,
        again: bool,
    ) -> Result<(), MigrateError> {
        let step = &steps[index];
        let done = self.note(script, &steps[..=index], "done");
        match step.kind {
            Kind::Together => {
                self.ask(script, "BEGIN").await?;
                self.alone(script, step).await.map_err(|error| left(error, index))?;
                self.ask(script, &format!("{done}; COMMIT")).await?;
            }
            Kind::Setting => {
                self.alone(script, step).await.map_err(|error| left(error, index))?;
                self.ask(script, &done).await?;
            }
            Kind::Alone => {
                self.drop_invalid(script, step, again).await?;
                self.ask(script, &self.note(script, &steps[..index], "begun")).await?;
                match self.alone(script, step).await {
                    Err(error) if again && was_done(&error) => {}
                    outcome => outcome.map_err(|error| left(error, index))?,
                }
                self.ask(script, &done).await?;
            }
        }
        Ok(())
    }

    /// The statement that notes how far the file is.
    fn note(&self, script: &Script, done: &[Step], state: &str) -> String {
        let value = format!("{} {state} {}", done.len(), fingerprint(script, done));
        self.scene.place.record(&marker(script), &value)
    }

    /// Sends a step's statements one by one.
    async fn alone(&self, script: &Script, step: &Step) -> Result<(), MigrateError> {
        for first in step.statements.clone() {
            let statement = &script.statements[first];
            let piece = match &statement.data {
                Some(data) => Piece::Copy { statement: first, data: data.clone() },
                None => Piece::Query { range: statement.range.clone(), first },
            };
            self.piece(script, piece).await?;
        }
        Ok(())
    }

    async fn refuse_pooler(&self, script: &Script) -> Result<(), MigrateError> {
        let pooled = is_pooled(self.scene.session, self.scene.connection).await?;
        if !pooled {
            return Ok(());
        }
        let why = "it runs outside a transaction, which a pooler in transaction mode cannot do";
        Err(unfit(
            script,
            1,
            why,
            "set MIGRATE_DATABASE_URL to an address that goes past the pooler",
        ))
    }

    /// A query of our own.
    pub(super) async fn ask(
        &self,
        script: &Script,
        query: &str,
    ) -> Result<Vec<SimpleQueryRow>, MigrateError> {
        let failed = |error: Error| MigrateError::Database {
            doing: format!("apply {}", script.label),
            cause: Cause::of(&error),
        };
        rows(&self.scene.session.client, query).await.map_err(failed)
    }
}

/// Where a file notes how far it is.
fn marker(script: &Script) -> String {
    format!("progress {}", script.label)
}

pub(super) fn unfit(script: &Script, line: usize, why: &str, hint: &str) -> MigrateError {
    MigrateError::Unfit {
        file: script.file.clone(),
        line,
        why: why.to_owned(),
        hint: hint.to_owned(),
    }
}

/// Says what stays behind when a step fails.
fn left(mut error: MigrateError, done: usize) -> MigrateError {
    if let MigrateError::Script(failure) = &mut error {
        failure.left = Some(match done {
            0 => "nothing of it is done".into(),
            1 => "the step before it is done, and the next start goes on here".into(),
            done => format!("the {done} steps before it are done, and the next start goes on here"),
        });
    }
    error
}

/// What a statement says whose work was done by a try that could not note it any more.
fn was_done(error: &MigrateError) -> bool {
    let MigrateError::Script(failure) = error else { return false };
    failure.cause.is(&[
        SqlState::DUPLICATE_TABLE,
        SqlState::DUPLICATE_OBJECT,
        SqlState::DUPLICATE_DATABASE,
        SqlState::UNDEFINED_OBJECT,
        SqlState::INVALID_CATALOG_NAME,
    ])
}
