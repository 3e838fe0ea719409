//! A history that is begun: what was noted of files before it is of another one.

use super::{
    awaiting::{self, Terms},
    cause::Cause,
    error::MigrateError,
    format::History,
    marker::Place,
    outside::markers,
};
use crate::postgres::Session;

/// Forgets how far files are of which no history knows, as where the schema was dropped while one was
/// half done, and makes the history. Only the leader comes here: `IF NOT EXISTS` alone is a race.
/// # Errors
/// `Busy` if somebody keeps the markers locked for as long as one would queue.
pub(super) async fn begin(
    session: &Session,
    history: &impl History,
    place: &Place<'_>,
    terms: Terms<'_>,
) -> Result<(), MigrateError> {
    let noted = markers(history.name());
    awaiting::unlocked(terms, async |_| place.forget_all(&session.client, &noted).await).await?;
    session.client.batch_execute(&history.create()).await.map_err(|error| MigrateError::Database {
        doing: "create the migration history".into(),
        cause: Cause::on(session, &error),
    })
}
