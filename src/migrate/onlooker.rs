//! Looks at what the app's own tool waits for, as far as a second session can know.

use std::{convert::Infallible, future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{
    blocker,
    session::try_open,
    sql::{column, rows},
};
use crate::config::database::Connection;

/// How long one look may take, login included.
const LOOK: Duration = Duration::from_secs(5);

/// Says at this interval which sessions that may be the tool's are blocked, and by whom; `None` says
/// nothing. Not on the lock's session, which must hold no snapshot. Never ends.
pub(crate) async fn tell_blocked(
    connection: &Connection,
    phase: &str,
    every: Option<Duration>,
) -> Infallible {
    let Some(every) = every else { return future::pending().await };
    let began = Instant::now();
    loop {
        sleep(every).await;
        // The answer comes later than the question was thought of.
        let found = timeout(LOOK, look(connection, began.elapsed() + LOOK)).await;
        for (who, blocker) in found.ok().flatten().unwrap_or_default() {
            tracing::info!(
                phase,
                event = "blocked",
                "{who}, of the command by all signs, is blocked by {blocker}"
            );
        }
    }
}

/// Sessions and whom they wait for; `None` if the server does not say so now.
async fn look(connection: &Connection, took: Duration) -> Option<Vec<(String, String)>> {
    let session = try_open(connection, "watch").await.ok()?;
    let rows = rows(&session.client, &question(took)).await.ok()?;
    Some(rows.iter().filter_map(|row| column(row, 0).zip(column(row, 1))).collect())
}

/// Sessions of our role, from where we are, that have begun since the command did and wait for a lock.
fn question(took: Duration) -> String {
    let (blocker, seconds) = (blocker::of_process("a.pid"), took.as_secs_f64());
    format!(
        "SELECT pg_catalog.concat_ws(', ', 'pid ' || a.pid, nullif(a.application_name, '')), {blocker} \
         FROM pg_catalog.pg_stat_activity a WHERE a.datname = pg_catalog.current_database() \
         AND a.usename = session_user AND a.wait_event_type = 'Lock' \
         AND a.client_addr IS NOT DISTINCT FROM pg_catalog.inet_client_addr() \
         AND a.backend_start >= pg_catalog.clock_timestamp() - {seconds} * interval '1 second'"
    )
}
