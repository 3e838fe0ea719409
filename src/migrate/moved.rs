//! A file that stores another search path for the database or the role: it counts from the next
//! session on, and may lead the next start away from the history.

use tokio_postgres::Client;

use super::{
    error::MigrateError,
    format::{History, Migration, refinery},
    session::try_open,
    sql::rows,
};
use crate::config::database::Connection;

/// Whether a search path is stored for whoever logs in as we did. Most have none, and are asked no
/// further.
const STORED: &str = "SELECT FROM pg_catalog.pg_db_role_setting s \
    CROSS JOIN pg_catalog.unnest(s.setconfig) AS setting \
    WHERE setting LIKE 'search_path=%' AND s.setdatabase IN (0, (SELECT d.oid \
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())) \
    AND s.setrole IN (0, (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = session_user))";

/// Warns if the next start will not find the history. What was applied stays applied, so whatever
/// cannot be found out here, that start says.
pub(super) async fn warn(connection: &Connection, client: &Client, migrations: &[Migration]) {
    if rows(client, STORED).await.is_ok_and(|stored| !stored.is_empty())
        && let Ok(history) = next(connection, migrations).await
    {
        for problem in history.problems(migrations) {
            let hint = problem.hint().unwrap_or_default();
            tracing::warn!(
                phase = "migrate",
                event = "moved",
                "the next start will stop: {problem}; {hint}"
            );
        }
    }
}

/// The history as a new session finds it.
async fn next(
    connection: &Connection,
    migrations: &[Migration],
) -> Result<refinery::Table, MigrateError> {
    let session = try_open(connection, "migrate").await?;
    refinery::history(&session.client, migrations).await
}
