//! A file in one transaction: fence, look again, script, clean up, record. All of it or nothing.
//!
//! Of a file of one statement all of that is one query, so that it costs one round trip; of another
//! each statement is sent when the one before has ended, so that a heartbeat can tell which one runs.
//! A simple query ends at its first error (manual, 55.2.2.1), so what must not go on is made to fail:
//! the script stands behind the fence without anybody having to look whether it was got.

mod fault;

use std::time::Duration;

use tokio_postgres::{SimpleQueryRow, error::SqlState};

use super::{
    cause::Cause,
    error::MigrateError,
    executor::{Attempt, Executor, Unit, clean},
    format::Problem,
    lock::milliseconds,
    refusal::{self, ALREADY, FENCED},
    script::Piece,
    send::{Answer, Share},
    sql::column,
};
use fault::{Fault, fault};

/// The transaction that we are in, another one if a script commits. Its time would not tell: all
/// transactions of one query began with the query.
const CURRENT: &str = "SELECT pg_catalog.txid_current()";
/// How long the server waits for the next statement: whoever is frozen between two keeps its locks on
/// tables no longer. Longer than a machine stands still for a moment.
const IDLE: Duration = Duration::from_secs(5 * 60);

/// What stands in front of the script. Its last two statements are fence and lookup.
struct Opening {
    text: String,
    statements: usize,
}

/// What stands behind it. Its last statement is `COMMIT`.
struct Closing {
    text: String,
    statements: usize,
}

/// What a failed attempt is, before the transaction has been rolled back.
enum Failed {
    Fenced,
    Already,
    Error(MigrateError),
}

impl From<MigrateError> for Failed {
    fn from(error: MigrateError) -> Self {
        Self::Error(error)
    }
}

impl Executor<'_> {
    pub(super) async fn attempt(&self, unit: &Unit<'_>) -> Result<Attempt, MigrateError> {
        self.go_on(unit)?;
        let opening = self.opening(unit);
        let attempt = match unit.script.pieces().as_slice() {
            [] | [Piece::Query { .. }] => self.at_once(unit, &opening).await,
            _ => self.in_pieces(unit, &opening).await,
        };
        let failed = match attempt {
            Ok(whole) => {
                if !whole {
                    self.say_commits(unit);
                }
                return Ok(Attempt::Applied);
            }
            Err(failed) => failed,
        };
        // A part that the script committed by itself may have changed the session, which a pooler
        // would give to others.
        let undo = format!("ROLLBACK; {}", clean(&unit.script));
        drop(self.scene.session.client.batch_execute(&undo).await);
        match failed {
            Failed::Fenced => Ok(Attempt::Fenced),
            Failed::Already => self.already(unit).await,
            // What has committed a part of itself must not run again.
            Failed::Error(error) if is_blocked(&error) && !unit.script.commits => {
                Ok(Attempt::Blocked(error))
            }
            Failed::Error(error) => Err(error),
        }
    }

    /// The whole file in one query; whether it was one transaction.
    async fn at_once(&self, unit: &Unit<'_>, opening: &Opening) -> Result<bool, Failed> {
        // The line end: a comment may be the last that the script has.
        let closing = self.closing(unit);
        let text = format!("{}{}\n; {}", opening.text, unit.script.text, closing.text);
        let mut answer = Answer::default();
        match self.query(&text, &mut answer).await {
            Ok(()) => Ok(answer.first == answer.last),
            Err(error) => Err(self.blame(unit, opening, &closing, answer.ended, &error)),
        }
    }

    /// A file of several statements, or with data for `COPY`, which cannot stand inside a query.
    async fn in_pieces(&self, unit: &Unit<'_>, opening: &Opening) -> Result<bool, Failed> {
        let mut began = Answer::default();
        let sent = self.query(&opening.text, &mut began).await;
        let closing = self.closing(unit);
        sent.map_err(|error| self.blame(unit, opening, &closing, began.ended, &error))?;
        self.script(&unit.script).await?;
        self.go_further()?;
        let mut ended = Answer::default();
        let sent = self.query(&closing.text, &mut ended).await;
        sent.map_err(|error| match closing.statements {
            all if ended.ended + 1 < all => self.unrecorded(unit, &error),
            _ => self.failure(&unit.script, NOWHERE, &error),
        })?;
        Ok(began.first == ended.last)
    }

    /// Transaction, time limits, fence, and a look at whether it is done.
    fn opening(&self, unit: &Unit<'_>) -> Opening {
        let mut statements =
            vec!["BEGIN ISOLATION LEVEL READ COMMITTED".to_owned(), CURRENT.to_owned()];
        statements.extend_from_slice(&self.vigilance);
        statements.push(set_local("idle_in_transaction_session_timeout", IDLE));
        statements.push(set_local("lock_timeout", self.lock_timeout(&unit.script)));
        let limit = self.statement_timeout(&unit.script);
        statements.extend(limit.map(|limit| set_local("statement_timeout", limit)));
        statements.push(self.fence_or_error());
        statements.push(refusal::if_any(&unit.lookup, ALREADY));
        let name = unit.script.label.replace(char::is_control, " ");
        // Whoever looks at `pg_stat_activity` sees the beginning.
        let text = format!("-- app-init: {name}\n{};\n", statements.join("; "));
        Opening { text, statements: statements.len() }
    }

    fn fence_or_error(&self) -> String {
        let (try_lock, error) = (self.scene.fence.try_lock(), refusal::error(FENCED));
        format!("SELECT CASE WHEN NOT ({try_lock}) THEN {error} END")
    }

    fn blame(
        &self,
        unit: &Unit<'_>,
        opening: &Opening,
        closing: &Closing,
        ended: usize,
        error: &tokio_postgres::Error,
    ) -> Failed {
        let cause = Cause::on(self.scene.session, error);
        let ahead = opening.text.chars().count();
        let inside = cause.position().is_some_and(|position| position > ahead);
        let counts = (opening.statements, unit.script.statements.len(), closing.statements);
        let missing = cause.is(&[SqlState::UNDEFINED_OBJECT]);
        match fault(counts, ended, inside, missing) {
            Fault::Fenced => Failed::Fenced,
            Fault::Already => Failed::Already,
            Fault::Opening => {
                let doing = format!("apply {}", unit.script.label);
                Failed::Error(MigrateError::Database { doing, cause })
            }
            Fault::Record => Failed::Error(self.unrecorded(unit, error)),
            Fault::Script(ended) => {
                Failed::Error(self.failure(&unit.script, Share { from: 0, ahead, ended }, error))
            }
        }
    }

    /// Cleans up, and commits the record together with the script. Its last row is which transaction
    /// that was. Whoever has locked the history is waited for: the script has been waited for, too.
    fn closing(&self, unit: &Unit<'_>) -> Closing {
        let mut statements: Vec<String> =
            clean(&unit.script).split("; ").map(str::to_owned).collect();
        statements.push(self.record_timeout());
        statements.extend((unit.record)());
        statements.extend([CURRENT, "COMMIT"].map(str::to_owned));
        Closing { text: statements.join("; "), statements: statements.len() }
    }

    /// Neither script nor `COMMIT` failed, but what is between them.
    fn unrecorded(&self, unit: &Unit<'_>, error: &tokio_postgres::Error) -> MigrateError {
        let kept = self.kept_from(&unit.script, &Cause::on(self.scene.session, error));
        kept.unwrap_or_else(|| self.failure(&unit.script, NOWHERE, error))
    }

    /// The file is done; it must have been this file.
    async fn already(&self, unit: &Unit<'_>) -> Result<Attempt, MigrateError> {
        let found = self.ask(&unit.script, &unit.lookup).await?;
        match found.first() {
            Some(row) => already(unit, row),
            None => Ok(Attempt::Already(MEANWHILE.to_owned())),
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
}

/// The error is not one of the script's.
const NOWHERE: Share = Share { from: 0, ahead: 0, ended: None };

/// A lock that was not to be had in time, or a deadlock of which we were the victim.
pub(super) fn is_blocked(error: &MigrateError) -> bool {
    let cause = match error {
        MigrateError::Script(failure) if !failure.committed => &failure.cause,
        MigrateError::Database { cause, .. } => cause,
        _ => return false,
    };
    cause.is(&[SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED])
}

/// Of a migration. What an earlier start applied is not pending.
const MEANWHILE: &str = "was applied by another replica meanwhile";

/// The file is done; it must have been this file. A marker's row says since when: of seeds an earlier
/// start may have done it.
pub(super) fn already(unit: &Unit<'_>, row: &SimpleQueryRow) -> Result<Attempt, MigrateError> {
    if unit.expected.is_none() || unit.expected == column(row, 0) {
        return Ok(Attempt::Already(match (column(row, 1), column(row, 2)) {
            (Some(since), Some(by)) => format!("is done since {since} by {by}"),
            _ => MEANWHILE.to_owned(),
        }));
    }
    let why = "another replica applied another text of it just now".into();
    let label = unit.script.label.clone();
    Err(MigrateError::Problems(vec![Problem::Divergent { label, why }]))
}

fn set_local(name: &str, limit: Duration) -> String {
    format!("SET LOCAL {name} = {}", milliseconds(limit))
}
