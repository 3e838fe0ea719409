//! A history that is begun: what was noted of files before it is of another one.

use super::{create, error::MigrateError, format::History, marker::Place, outside::markers};
use crate::{config::database::Connection, postgres::Session};

/// Forgets how far files are of which no history knows, as where the schema was dropped while one was
/// half done, and makes the history. Only the leader comes here: `IF NOT EXISTS` alone is a race.
/// # Errors
/// `Busy` if somebody has locked the markers, or makes the history: whoever asked waits, and asks again.
pub(super) async fn begin(
    session: &Session,
    connection: &Connection,
    history: &impl History,
    place: &Place<'_>,
) -> Result<(), MigrateError> {
    place.forget_all(&session.client, &markers(history.name())).await?;
    create::history(session, connection, history).await
}
