//! One step of a file that runs outside a transaction.
//!
//! Before a step and after it, a marker says so. A step that can have a transaction commits with
//! its marker; one that cannot is repeated if it failed or nobody knows how it ended, and what it
//! left behind half-done is cleared away or finished first.

use tokio_postgres::error::SqlState;

use super::{
    concurrent::{Detaches, detaches},
    error::MigrateError,
    executor::{Executor, Unit},
    script::{Piece, Script},
    sql::{column, literal, wait_for_locks},
    steps::{Kind, Step, fingerprint},
};

/// A script may have taken a role that cannot write our markers. Ends with the transaction.
pub(super) const AS_OURSELVES: &str =
    "SET LOCAL session_authorization TO DEFAULT; SET LOCAL role TO DEFAULT";

/// What is known of an earlier try at a step that cannot have a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Earlier {
    /// There was none.
    None,
    /// It was not done, and may have left something behind.
    Failed,
    /// Nobody knows how it ended.
    CutOff,
}

impl Executor<'_> {
    /// Carries out a step.
    pub(super) async fn step(
        &self,
        unit: &Unit<'_>,
        steps: &[Step],
        index: usize,
        earlier: Earlier,
    ) -> Result<(), MigrateError> {
        let kind = steps[index].kind;
        let performed = match kind {
            Kind::Setting => self.setting(unit, steps, index).await,
            Kind::Together if steps[index].begin.is_some() => {
                self.together(unit, steps, index).await
            }
            Kind::Routine if earlier != Earlier::None => {
                self.by_itself(unit, steps, index, earlier).await.map_err(|it| cut(kind, it))
            }
            Kind::Together | Kind::Routine => match self.together(unit, steps, index).await {
                Err(error) if refuses_transaction(&error) => {
                    self.ask(&unit.script, "ROLLBACK").await?;
                    self.hold(unit, index).await?;
                    self.by_itself(unit, steps, index, earlier).await.map_err(|it| cut(kind, it))
                }
                outcome => outcome,
            },
            Kind::Alone => self.by_itself(unit, steps, index, earlier).await,
        };
        performed.map_err(|error| left(error, index))
    }

    async fn setting(
        &self,
        unit: &Unit<'_>,
        steps: &[Step],
        index: usize,
    ) -> Result<(), MigrateError> {
        let script = &unit.script;
        self.carry(unit, &steps[index], index).await?;
        self.remember(script, &self.note(unit, &steps[..=index], "done")).await.map(drop)
    }

    /// The step and its note, or neither.
    async fn together(
        &self,
        unit: &Unit<'_>,
        steps: &[Step],
        index: usize,
    ) -> Result<(), MigrateError> {
        let script = &unit.script;
        match steps[index].begin {
            Some(begin) => self.one(script, begin).await?,
            None => self.ask(script, "BEGIN").await.map(drop)?,
        }
        self.carry(unit, &steps[index], index).await?;
        let done = self.note(unit, &steps[..=index], "done");
        self.remember(script, &format!("{done}; COMMIT")).await.map(drop)
    }

    /// The step between two notes.
    async fn by_itself(
        &self,
        unit: &Unit<'_>,
        steps: &[Step],
        index: usize,
        earlier: Earlier,
    ) -> Result<(), MigrateError> {
        let (script, step) = (&unit.script, &steps[index]);
        self.make_way(script, step, earlier).await?;
        if !self.was_detached(script, step, earlier).await? {
            self.remember(script, &self.attempted(unit, steps, index, "begun")).await?;
            match self.carry(unit, step, index).await {
                Err(error) if earlier == Earlier::CutOff && was_done(script, step, &error) => {}
                Err(error) => return Err(self.failed(unit, steps, index, error).await),
                Ok(()) => {}
            }
        }
        self.remember(script, &self.note(unit, &steps[..=index], "done")).await.map(drop)
    }

    /// The error of a step, once it is noted that it was not done, if that is sure. Whoever cannot
    /// note it leaves the step begun, of which the next start believes no more than it sees.
    async fn failed(
        &self,
        unit: &Unit<'_>,
        steps: &[Step],
        index: usize,
        error: MigrateError,
    ) -> MigrateError {
        if matches!(error, MigrateError::Script(_)) && !error.is_lost_connection() {
            let failed = self.attempted(unit, steps, index, "failed");
            if let Err(why) = self.remember(&unit.script, &failed).await {
                tracing::debug!(phase = self.scene.phase, reason = %why, "the failure is not noted");
            }
        }
        error
    }

    /// Whether an earlier try detached the partition that the step detaches concurrently, with what
    /// it left pending finished: the server refuses to begin that anew (manual, ALTER TABLE).
    async fn was_detached(
        &self,
        script: &Script,
        step: &Step,
        earlier: Earlier,
    ) -> Result<bool, MigrateError> {
        let detaches = detaches(script, step.statements.start);
        let Some(Detaches { table, partition }) = detaches.filter(|_| earlier != Earlier::None)
        else {
            return Ok(false);
        };
        let query = format!(
            "SELECT inhdetachpending FROM pg_catalog.pg_inherits WHERE inhparent = \
             pg_catalog.to_regclass({}) AND inhrelid = pg_catalog.to_regclass({})",
            literal(&table),
            literal(&partition),
        );
        let attached = self.ask(script, &query).await?;
        match attached.first().and_then(|row| column(row, 0)).as_deref() {
            None => Ok(earlier == Earlier::CutOff),
            Some("t") => {
                let finish = format!("ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE");
                self.ask(script, &finish).await.map(|_| true)
            }
            Some(_) => Ok(false),
        }
    }

    /// The statements that note that the step of that index was begun, or failed.
    fn attempted(&self, unit: &Unit<'_>, steps: &[Step], index: usize, state: &str) -> String {
        let attempt = fingerprint(&unit.script, &steps[index..=index]);
        self.note(unit, &steps[..index], &format!("{state}:{attempt}"))
    }

    /// The statements that note how far the file is.
    fn note(&self, unit: &Unit<'_>, done: &[Step], state: &str) -> String {
        let place = &self.scene.place;
        let far = literal(&format!("{} {state} {} ", done.len(), fingerprint(&unit.script, done)));
        let pair = unit.history.map_or_else(|| "''".into(), |history| place.pair(history));
        let note = place.record_sql(&unit.marker, &format!("{far} || {pair}"));
        format!("{AS_OURSELVES}; {}; {note}", wait_for_locks(place.patience))
    }

    /// Sends a step's statements one by one; afterwards the fence is ours. `done` steps are noted.
    pub(super) async fn carry(
        &self,
        unit: &Unit<'_>,
        step: &Step,
        done: usize,
    ) -> Result<(), MigrateError> {
        for statement in step.statements.clone() {
            self.one(&unit.script, statement).await?;
        }
        self.hold(unit, done).await
    }

    async fn one(&self, script: &Script, index: usize) -> Result<(), MigrateError> {
        let statement = &script.statements[index];
        let piece = match &statement.data {
            Some(data) => Piece::Copy { statement: index, data: data.clone() },
            None => Piece::Query { range: statement.range.clone(), first: index },
        };
        self.piece(script, piece).await
    }
}

/// Notes that a routine which commits by itself has failed: what it had committed by then stays.
fn cut(kind: Kind, mut error: MigrateError) -> MigrateError {
    if let MigrateError::Script(failure) = &mut error {
        failure.committed = kind == Kind::Routine;
    }
    error
}

/// Says what stays behind when a step fails.
fn left(mut error: MigrateError, done: usize) -> MigrateError {
    if let MigrateError::Script(failure) = &mut error {
        if failure.committed {
            let stays = "what it had committed by then stays, and the next start runs it again";
            failure.left = Some(stays.into());
            return error;
        }
        failure.left = Some(match done {
            0 => "nothing of it is done".into(),
            1 => "the step before it is done, and the next start goes on here".into(),
            done => format!("the {done} steps before it are done, and the next start goes on here"),
        });
    }
    error
}

/// Whether a statement says that its work is done already. Nothing else it says will do: a type or a
/// table that it needs may be missing, too.
fn was_done(script: &Script, step: &Step, error: &MigrateError) -> bool {
    let statement = &script.statements[step.statements.start];
    match statement.words.first().map_or("", String::as_str) {
        "CREATE" => is(
            error,
            &[SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT, SqlState::DUPLICATE_DATABASE],
        ),
        "DROP" => is(error, &[SqlState::UNDEFINED_OBJECT, SqlState::INVALID_CATALOG_NAME]),
        _ => false,
    }
}

/// A routine that commits by itself, inside a transaction (2D000), or what cannot be told by its words:
/// `REINDEX TABLE` of a partitioned one, `DROP SUBSCRIPTION`, an extension's procedure (25001).
fn refuses_transaction(error: &MigrateError) -> bool {
    is(error, &[SqlState::INVALID_TRANSACTION_TERMINATION, SqlState::ACTIVE_SQL_TRANSACTION])
}

fn is(error: &MigrateError, states: &[SqlState]) -> bool {
    matches!(error, MigrateError::Script(failure) if failure.cause.is(states))
}
