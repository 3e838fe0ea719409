//! A file that cannot run in a transaction: step by step, going on where it stopped.
//!
//! A marker says how far it is; `perform` carries out each step and moves it.

use std::slice;

use tokio_postgres::{Error, SimpleQueryRow, error::SqlState};

use super::{
    cause::Cause,
    error::MigrateError,
    executor::{Attempt, CLEAN, Executor, Unit},
    lock::milliseconds,
    perform::Earlier,
    refusal::UNRECORDED,
    script::Script,
    send::left,
    session::is_pooled,
    sql::{column, lock_timeout, rows},
    steps::{Kind, Step, fingerprint, steps},
    transaction::{already, is_blocked},
};
use crate::phrase::counted;

/// How far a file is.
struct Reached {
    done: usize,
    /// Of the next step.
    earlier: Earlier,
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
        let limit = self.record_timeout();
        let lookup = format!("BEGIN; {limit}; {}; COMMIT", unit.lookup);
        if let Some(row) = self.remember(script, &lookup).await?.first() {
            return already(unit, row);
        }
        let client = &self.scene.session.client;
        self.scene.place.write(client, None).await?;
        self.limits(script).await?;
        let reached = self.reached(unit, steps).await?;
        for (index, step) in steps.iter().enumerate() {
            self.go_further()?;
            if index >= reached.done {
                let is_next = index == reached.done;
                let earlier = if is_next { reached.earlier } else { Earlier::None };
                self.step(unit, steps, index, earlier).await?;
            } else if step.kind == Kind::Setting {
                self.carry(unit, step, reached.done).await?;
            }
        }
        self.refuse_invalid(script, steps).await?;
        let forget = self.scene.place.forget(&unit.marker);
        let record = (unit.record)().join("; ");
        let record = format!("BEGIN; {CLEAN}; {limit}; {record}; {forget}; COMMIT");
        self.remember(script, &record).await?;
        Ok(Attempt::Applied)
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

    async fn reached(&self, unit: &Unit<'_>, steps: &[Step]) -> Result<Reached, MigrateError> {
        let script = &unit.script;
        let client = &self.scene.session.client;
        let Some(marker) = self.scene.place.read(client, &unit.marker).await? else {
            return Ok(Reached { done: 0, earlier: Earlier::None });
        };
        let mut words = marker.value.split(' ');
        let done: usize = words.next().and_then(|count| count.parse().ok()).unwrap_or_default();
        let state = words.next().unwrap_or_default();
        let known = steps.get(..done).map(|done| fingerprint(script, done));
        let noted = words.next();
        if self.is_replaced(unit, words.next()).await? {
            self.remember(script, &self.scene.place.forget(&unit.marker)).await?;
            return Ok(Reached { done: 0, earlier: Earlier::None });
        }
        if known.as_deref() != noted {
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
        let next = steps.get(done).map(|next| fingerprint(script, slice::from_ref(next)));
        Ok(Reached { done, earlier: earlier(state, next.as_deref()) })
    }

    /// Whether the history is another table than it was when the file was noted to be so far, while our
    /// markers are the same: then a backup has taken its schema back to a time before. Where both are
    /// others, they came together.
    async fn is_replaced(
        &self,
        unit: &Unit<'_>,
        noted: Option<&str>,
    ) -> Result<bool, MigrateError> {
        let pair = |text: &str| text.split_once(':').map(|(h, m)| (h.to_owned(), m.to_owned()));
        let (Some(history), Some(then)) = (unit.history, noted.and_then(pair)) else {
            return Ok(false);
        };
        let query = format!("SELECT {}", self.scene.place.pair(history));
        let now = self.ask(&unit.script, &query).await?;
        let now = now.first().and_then(|row| column(row, 0)).as_deref().and_then(pair);
        let replaced = now.is_some_and(|now| now.0 != then.0 && now.1 == then.1);
        if replaced {
            tracing::info!(
                phase = self.scene.phase,
                event = "anew",
                "{} begins anew: the history was put in the place of the one in which it was begun",
                unit.script.label
            );
        }
        Ok(replaced)
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

    /// The statement that says how long the rest of the transaction waits for a locked table.
    pub(super) fn record_timeout(&self) -> String {
        format!("SET LOCAL lock_timeout = {}", lock_timeout(self.scene.policy.record_timeout))
    }

    /// A query of our own that reads or writes what is remembered of a file. Who has locked the table
    /// for that is not waited for again and again, as for a table of the file's.
    pub(super) async fn remember(
        &self,
        script: &Script,
        query: &str,
    ) -> Result<Vec<SimpleQueryRow>, MigrateError> {
        self.ask(script, query).await.map_err(|error| match &error {
            MigrateError::Database { cause, .. } => self.kept_from(script, cause).unwrap_or(error),
            _ => error,
        })
    }

    /// Somebody had the table in which the file is recorded locked for too long, or it does not keep
    /// what is written to it; `None`: it is something else.
    pub(super) fn kept_from(&self, script: &Script, cause: &Cause) -> Option<MigrateError> {
        let progress = self.scene.progress;
        if cause.is(&[SqlState::LOCK_NOT_AVAILABLE]) {
            let doing = format!("record {}", script.label);
            let holder = progress.blocker();
            return Some(MigrateError::Busy { doing, what: "the table for it", holder });
        }
        cause.to_string().contains(UNRECORDED).then(|| MigrateError::Unrecorded {
            file: script.label.clone(),
            left: left(script, cause).unwrap_or("its statements are done").to_owned(),
            applied: progress.so_far(),
        })
    }

    /// A query of our own.
    pub(super) async fn ask(
        &self,
        script: &Script,
        query: &str,
    ) -> Result<Vec<SimpleQueryRow>, MigrateError> {
        let rows = rows(&self.scene.session.client, query).await;
        rows.map_err(|error| self.unanswered(script, &error))
    }

    /// The error of a query of our own.
    pub(super) fn unanswered(&self, script: &Script, error: &Error) -> MigrateError {
        let cause = Cause::on(self.scene.session, error);
        MigrateError::Database { doing: format!("apply {}", script.label), cause }
    }
}

/// What is known of the step that was begun, from how it was noted. If it reads otherwise than it did
/// then, what is there of it is another's.
fn earlier(state: &str, next: Option<&str>) -> Earlier {
    match state.split_once(':') {
        None => Earlier::None,
        Some(("begun", attempt)) if Some(attempt) == next => Earlier::CutOff,
        Some(_) => Earlier::Failed,
    }
}

/// Where a file notes how far it is; `home` tells its schema from others.
pub(super) fn marker(home: &str, label: &str) -> String {
    markers(home) + label
}

/// What the names of all of these start with.
pub(super) fn markers(home: &str) -> String {
    format!("progress {home} ")
}

pub(super) fn unfit(script: &Script, line: usize, why: &str, hint: &str) -> MigrateError {
    MigrateError::Unfit {
        file: script.file.clone(),
        line,
        why: why.to_owned(),
        hint: hint.to_owned(),
    }
}
