//! Waiting for others: asking again and again whether somebody else has migrated, or has let go of
//! the history.

mod waiting;

use tokio::time::timeout;

use super::{error::MigrateError, session::try_open};
use crate::{config::database::Connection, failure::Failure, plan::Migrate, postgres::Session};
use waiting::{Reason, Waiting};

/// What one question came to.
pub(super) enum Answer<T> {
    Ready(T),
    /// What is still missing, for people.
    Missing(String),
}

/// Asks until the answer is `Ready`, each time on a connection of its own, of which none is kept.
/// Says what is missing whenever that changes, and now and then.
///
/// The limit, `work.lock.timeout`, holds for each try as well, so that neither a server that is gone
/// nor a table that is locked can outlast it. Dropping the future gives up.
/// # Errors
/// `NotApplied` says what is missing; a failed question that may not pass by itself.
pub(super) async fn until<T>(
    work: &Migrate,
    connection: &Connection,
    ask: impl AsyncFn(Session) -> Result<Answer<T>, MigrateError>,
) -> Result<T, MigrateError> {
    let question = async || ask(try_open(connection, "migrate").await?).await;
    let mut waiting = Waiting::new("waiting for the schema", work, connection);
    loop {
        let patience = waiting.patience();
        let reason = match timeout(patience.time, question()).await {
            Ok(Ok(Answer::Ready(found))) => return Ok(found),
            Ok(Ok(Answer::Missing(missing))) => Some(Reason::missing(missing)),
            // Whoever migrates may have to make the schema first.
            Ok(Err(error @ MigrateError::NoSchema { .. })) => Some(Reason::of(&error)),
            Ok(Err(error)) if error.may_pass() => Some(Reason::of(&error)),
            Ok(Err(error)) => return Err(error),
            // What all tries before had found says more than that the last one had no time.
            Err(_) if patience.is_cut && waiting.has_reason() => None,
            Err(_) => Some(silent(connection)),
        };
        waiting.learn(reason);
        if waiting.is_over() {
            return Err(waiting.give_up());
        }
        waiting.tell().await;
        waiting.pause().await;
    }
}

/// The server did not let us in, or let us in and did not answer.
fn silent(connection: &Connection) -> Reason {
    let text = format!("{} does not answer", connection.place());
    let hint = "look whether the server is up, and at what it is busy with";
    Reason { text, hint: Some(hint.to_owned()), answered: false }
}

/// Asks until nobody keeps the history locked any more, and says who does.
/// # Errors
/// `Busy` when the limit of the lock is over; whatever else a question fails with.
pub(super) async fn unlocked<T>(
    work: &Migrate,
    connection: &Connection,
    ask: impl AsyncFn() -> Result<T, MigrateError>,
) -> Result<T, MigrateError> {
    let mut waiting = Waiting::new("waiting", work, connection);
    loop {
        let error = match ask().await {
            Err(error @ MigrateError::Busy { .. }) => error,
            outcome => return outcome,
        };
        waiting.learn(Some(Reason { answered: false, ..Reason::of(&error) }));
        if waiting.is_over() {
            return Err(error);
        }
        waiting.tell().await;
        waiting.pause().await;
    }
}

impl Reason {
    fn missing(text: String) -> Self {
        Self { text, hint: None, answered: true }
    }

    fn of(error: &MigrateError) -> Self {
        let answered = matches!(error, MigrateError::Busy { .. });
        Self { text: error.to_string(), hint: error.hint(), answered }
    }
}
