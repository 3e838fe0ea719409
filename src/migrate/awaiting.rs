//! Waiting for others: asking again and again whether somebody else has migrated, or has let go of
//! a table that is needed.

mod waiting;

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{
    error::MigrateError,
    session::{PATIENCE, answered, question, try_open},
    silence::Silence,
};
use crate::{
    config::database::Connection,
    failure::Failure,
    plan::{LockPolicy, Migrate, Seed},
    postgres::Session,
};
use waiting::{Reason, Waiting};

/// What is asked of whom, and how long.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    /// For the log.
    phase: &'static str,
    /// What the questions are for, behind `cannot`.
    doing: &'static str,
    connection: &'a Connection,
    lock: &'a LockPolicy,
    /// How often a wait speaks though nothing has changed; `None` is never.
    every: Option<Duration>,
}

impl<'a> Terms<'a> {
    pub(super) fn of(work: &'a Migrate, connection: &'a Connection, doing: &'static str) -> Self {
        let (lock, every) = (&work.lock, work.files.heartbeat);
        Self { phase: "migrate", doing, connection, lock, every }
    }

    pub(super) fn of_seed(seed: &'a Seed, connection: &'a Connection, doing: &'static str) -> Self {
        let (lock, every) = (&seed.lock, seed.files.heartbeat);
        Self { phase: "seed", doing, connection, lock, every }
    }

    /// How long a first question may take.
    pub(super) fn patience(self) -> Duration {
        question(self.lock.timeout)
    }

    /// An answer that came within that time, on a session that only it needs.
    /// # Errors
    /// `Unanswered` if it did not.
    pub(super) async fn answered<T>(
        self,
        limit: Duration,
        answer: impl Future<Output = Result<T, MigrateError>>,
    ) -> Result<T, MigrateError> {
        match answered(limit, self.connection, self.doing, answer).await {
            Err(error) if error.is_lost_connection() => Err(self.unanswered(Silence::Left)),
            outcome => outcome,
        }
    }

    fn unanswered(self, silence: Silence) -> MigrateError {
        MigrateError::Unanswered { doing: self.doing, place: self.connection.place(), silence }
    }
}

/// What one question came to.
pub(super) enum Answer<T> {
    Ready(T),
    /// What is still missing, for people.
    Missing(String),
}

/// Asks until the answer is `Ready`, each time on a connection of its own, of which none is kept.
/// Says what is missing whenever that changes, and now and then.
///
/// The limit, that of the lock, holds for each try as well, so that neither a server that is gone
/// nor a table that is locked can outlast it. Dropping the future gives up.
/// # Errors
/// `NotApplied` says what is missing; a failed question that may not pass by itself.
pub(super) async fn until<T>(
    terms: Terms<'_>,
    ask: impl AsyncFn(Session) -> Result<Answer<T>, MigrateError>,
) -> Result<T, MigrateError> {
    let question = async || ask(try_open(terms.connection, "migrate").await?).await;
    let mut waiting = Waiting::new("waiting for the schema", terms);
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
            // The server did not let us in, or let us in and did not answer.
            Err(_) => Some(Reason::of(&terms.unanswered(Silence::Kept))),
        };
        waiting.learn(reason);
        if waiting.is_over() {
            return Err(waiting.give_up());
        }
        waiting.tell().await;
        waiting.pause().await;
    }
}

/// Asks until nobody keeps the table locked any more, and says who does. `ask` is told how long its
/// question may take; one that was not answered is asked again, too, for no longer than a session
/// that cannot be had.
/// # Errors
/// `Busy` when the limit of the lock is over; `Unanswered`; whatever else a question fails with.
pub(super) async fn unlocked<T>(
    terms: Terms<'_>,
    ask: impl AsyncFn(Duration) -> Result<T, MigrateError>,
) -> Result<T, MigrateError> {
    let mut waiting = Waiting::new("waiting", terms);
    let mut unanswered = None;
    loop {
        let began = Instant::now();
        let error = match ask(question(waiting.left())).await {
            Err(error @ (MigrateError::Busy { .. } | MigrateError::Unanswered { .. })) => error,
            outcome => return outcome,
        };
        let unheard = matches!(error, MigrateError::Unanswered { .. });
        unanswered = unheard.then(|| unanswered.unwrap_or(began));
        waiting.learn(Some(Reason { answered: false, ..Reason::of(&error) }));
        if waiting.is_over() || unanswered.is_some_and(|since: Instant| since.elapsed() >= PATIENCE)
        {
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
