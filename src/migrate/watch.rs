//! A second session that looks at what a slow statement is doing and whom it waits for.

use std::{convert::Infallible, time::Duration};

use tokio::time::sleep;

use super::{
    blocker,
    key::Key,
    progress::Progress,
    session::try_open,
    sql::{column, rows},
};
use crate::{config::database::Connection, postgres::Session};

/// How long a file runs before anybody looks, and how often they look.
const PACE: Duration = Duration::from_secs(1);

/// `patience` is how soon a look must come. Notes blocker and activity in `progress` for as long as it is polled. Never ends; a database
/// that lets nobody else in is asked again later.
pub(super) async fn watch(
    connection: &Connection,
    fence: Key,
    progress: &Progress,
    patience: Option<Duration>,
) -> Infallible {
    let pace = patience.map_or(PACE, |patience| PACE.min(patience));
    sleep(pace).await;
    loop {
        if let Ok(session) = try_open(connection, "watch").await {
            while look(&session, fence, progress).await.is_ok() {
                sleep(pace).await;
            }
        }
        sleep(PACE).await;
    }
}

async fn look(
    session: &Session,
    fence: Key,
    progress: &Progress,
) -> Result<(), tokio_postgres::Error> {
    let rows = rows(&session.client, &question(fence)).await?;
    if let Some(row) = rows.first() {
        let (blocker, wait) = (column(row, 0), column(row, 2));
        let activity = column(row, 1).or(wait.filter(|_| blocker.is_none()));
        progress.seen(blocker, activity);
    }
    Ok(())
}

/// Who blocks, progress of an index, or else what it waits for (manual, 28.2 and 28.4), of whoever is
/// inside the fence. Waits of a moment, as for a page of a file, tell nothing and are left out. Not of a known process: through a pooler it is another one for each
/// file, and the answers to a file come when it has ended.
fn question(fence: Key) -> String {
    let held = fence.held();
    let blocker = blocker::of_process("a.pid");
    format!(
        "SELECT {blocker}, \
         (SELECT CASE WHEN p.tuples_total > 0 \
         THEN 100 * p.tuples_done / p.tuples_total || ' % of ' \
         WHEN p.blocks_done < p.blocks_total \
         THEN 100 * p.blocks_done / p.blocks_total || ' % of ' ELSE '' END \
         || p.phase || ' (' || p.command || ' on ' || p.relid::pg_catalog.regclass || ')' FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid = a.pid), \
         CASE WHEN a.wait_event = 'SyncRep' THEN 'waiting for a synchronous standby' \
         WHEN a.wait_event_type IN ('Lock', 'BufferPin') \
         THEN 'waiting for ' || a.wait_event_type || ' ' || a.wait_event END \
         FROM pg_catalog.pg_stat_activity a WHERE a.pid IN (SELECT l.pid FROM pg_catalog.pg_locks l WHERE {held})"
    )
}
