//! Makes the history table, and says who else is making one.

use std::{pin::pin, time::Duration};

use tokio::time::sleep;
use tokio_postgres::error::SqlState;

use super::{
    blocker,
    cause::Cause,
    error::MigrateError,
    format::History,
    session::try_open,
    sql::{literal, scalar, wait_for_locks},
};
use crate::{config::database::Connection, postgres::Session};

/// How long a creation waits for another of the same name, before it is said whose that is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Makes the table. Only the leader comes here: `IF NOT EXISTS` alone is a race.
///
/// Another session may have made one of that name in a transaction that is still open. The server
/// waits for its end, on the index over all names, and `lock_timeout` holds for that, too.
/// # Errors
/// `Busy` names who does; whether the table is there then has to be read again.
pub(super) async fn history(
    session: &Session,
    connection: &Connection,
    history: &impl History,
) -> Result<(), MigrateError> {
    let query = format!("{}; {}", wait_for_locks(Some(PATIENCE)), history.create());
    let mut made = pin!(session.client.batch_execute(&query));
    let mut holder = None;
    let outcome = tokio::select! {
        biased;
        outcome = made.as_mut() => outcome,
        seen = seen(connection, &query) => {
            holder = seen;
            made.await
        }
    };
    outcome.map_err(|error| match error.code() {
        // 23505: the other was committed while we waited for it.
        Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::UNIQUE_VIOLATION) => {
            let doing = format!("create the migration history `{}`", history.name());
            MigrateError::Busy { doing, what: "its name", holder }
        }
        _ => MigrateError::Database {
            doing: "create the migration history".into(),
            cause: Cause::on(session, &error),
        },
    })
}

/// Whom the query waits for at half-time. It is found by its text: behind a pooler nobody knows the
/// number of the process that runs it.
async fn seen(connection: &Connection, query: &str) -> Option<String> {
    sleep(PATIENCE / 2).await;
    let onlooker = try_open(connection, "onlooker").await.ok()?;
    let look = format!(
        "SELECT {} FROM pg_catalog.pg_stat_activity a WHERE a.wait_event_type = 'Lock' \
         AND a.datname = pg_catalog.current_database() AND a.query = {}",
        blocker::of_process("a.pid"),
        literal(query)
    );
    scalar(&onlooker.client, &look).await.ok().flatten()
}
