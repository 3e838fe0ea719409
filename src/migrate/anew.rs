//! A history that is begun: what was noted of files before it is of another one.

use super::{
    awaiting::{self, Terms},
    create,
    error::MigrateError,
    format::History,
    marker::Place,
    outside::markers,
};
use crate::{config::database::Connection, postgres::Session};

/// Forgets how far files are of which no history knows, as where the schema was dropped while one was
/// half done, and makes the history. Only the leader comes here: `IF NOT EXISTS` alone is a race.
/// # Errors
/// `Busy` if somebody keeps the markers locked for as long as one would queue.
pub(super) async fn begin(
    session: &Session,
    connection: &Connection,
    history: &impl History,
    place: &Place<'_>,
    terms: Terms<'_>,
) -> Result<(), MigrateError> {
    let noted = markers(history.name());
    awaiting::unlocked(terms, async |_| place.forget_all(&session.client, &noted).await).await?;
    create::history(session, connection, history).await
}
