//! `AUTORUN_MIGRATIONS=wait`: asking again and again whether somebody else has migrated.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::error::SqlState;

use super::{error::MigrateError, lock::spoken, session::jittered, sql::identifier};
use crate::config::database::Connection;

/// Pause between two questions; each opens a connection of its own and keeps none.
const PACE: Duration = Duration::from_secs(1);

/// What one question came to.
pub(super) enum Answer<T> {
    Ready(T),
    /// What is still missing, for people.
    Missing(String),
}

/// Asks until the answer is `Ready`, saying what is missing whenever that changes. A limit of
/// `None` waits for ever. Dropping the future gives up.
/// # Errors
/// `NotApplied` says what is missing; a failed question that may not pass by itself.
pub(super) async fn until<T>(
    limit: Option<Duration>,
    ask: impl AsyncFn() -> Result<Answer<T>, MigrateError>,
) -> Result<T, MigrateError> {
    let (started, mut said) = (Instant::now(), String::new());
    loop {
        let missing = match ask().await {
            Ok(Answer::Ready(found)) => return Ok(found),
            Ok(Answer::Missing(missing)) => missing,
            // Whoever migrates may have to make the schema first.
            Err(error @ MigrateError::NoSchema { .. }) => error.to_string(),
            Err(error) if error.may_pass() => error.to_string(),
            Err(error) => return Err(error),
        };
        let left = limit.map(|limit| limit.saturating_sub(started.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            let waited = limit.map(spoken).unwrap_or_default();
            return Err(MigrateError::NotApplied { waited, missing });
        }
        if said != missing {
            tracing::info!(
                phase = "migrate",
                event = "reason",
                "waiting for the schema: {missing}"
            );
            said = missing;
        }
        sleep(jittered(PACE).min(left.unwrap_or(PACE * 2))).await;
    }
}

/// A role that only waits needs one right, to read the history; where it lacks that, what to grant.
pub(super) fn with_grant(
    error: MigrateError,
    connection: &Connection,
    table: &str,
) -> MigrateError {
    match error {
        MigrateError::Database { doing, cause }
            if cause.is(&[SqlState::INSUFFICIENT_PRIVILEGE]) =>
        {
            let role = connection.user.clone();
            let grant = format!("GRANT SELECT ON {table} TO {}", identifier(&role));
            MigrateError::Rights { doing, role, grant }
        }
        error => error,
    }
}
