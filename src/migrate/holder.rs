//! Who holds the leader lock, as the server shows it to our role.

use std::fmt;

use tokio_postgres::Client;

use super::{
    cause::Cause,
    error::MigrateError,
    key::{Key, Kind},
    lock::namespace,
    sql::{column, literal, rows},
};

/// Who has the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: String,
    /// Empty if the server hides it from our role.
    pub(crate) application: String,
    /// `None`: a Unix socket, or hidden.
    pub(crate) address: Option<String>,
    /// UTC, RFC 3339; `None`: hidden.
    pub(crate) since: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "pid {}", self.pid)?;
        if !self.application.is_empty() {
            write!(out, ", {}", self.application)?;
        }
        if let Some(address) = &self.address {
            write!(out, ", from {address}")?;
        }
        match &self.since {
            Some(since) => write!(out, ", since {since}"),
            None => Ok(()),
        }
    }
}

/// Who holds the leader lock of that name, `None` the database's; `None` if nobody does.
pub(super) async fn leader(
    client: &Client,
    lock_name: Option<&str>,
) -> Result<Option<Holder>, MigrateError> {
    let failed = |error: tokio_postgres::Error| MigrateError::Database {
        doing: "look at the migration lock".into(),
        cause: Cause::of(&error),
    };
    let namespace = namespace(client, lock_name).await.map_err(failed)?;
    holder(client, Key::new(Kind::Leader, &namespace)).await.map_err(failed)
}

/// Who holds the key now; `None` if it has just been freed.
pub(super) async fn holder(
    client: &Client,
    key: Key,
) -> Result<Option<Holder>, tokio_postgres::Error> {
    first(client, &key.held()).await
}

/// Who locks one of those tables, `schema.name`, against everybody; `None` if it has just been freed.
pub(super) async fn holder_of(
    client: &Client,
    tables: &[String],
) -> Result<Option<Holder>, tokio_postgres::Error> {
    let names: Vec<String> = tables.iter().map(|name| literal(name)).collect();
    let held = format!(
        "l.locktype = 'relation' AND l.granted AND l.mode = 'AccessExclusiveLock' \
         AND l.database = {OURS} AND l.relation IN (SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
         ON n.oid = c.relnamespace WHERE n.nspname || '.' || c.relname IN ({}))",
        names.join(", ")
    );
    first(client, &held).await
}

/// Another session that builds an index concurrently of that table, or of that index's; `None` if
/// there is none. It has a lock of the table for its whole time (manual, 13.3.1), and so has `VACUUM`.
pub(super) async fn builder(
    client: &Client,
    relation: &str,
) -> Result<Option<Holder>, tokio_postgres::Error> {
    let held = format!(
        "l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock' \
         AND l.database = {OURS} AND l.relation = {} AND l.pid <> pg_catalog.pg_backend_pid() \
         AND l.pid IN (SELECT p.pid FROM pg_catalog.pg_stat_progress_create_index p)",
        table_of(&literal(relation))
    );
    first(client, &held).await
}

/// An expression: the table of that name, or the one of the index of that name.
pub(super) fn table_of(name: &str) -> String {
    format!(
        "coalesce((SELECT b.indrelid FROM pg_catalog.pg_index b WHERE b.indexrelid = \
         pg_catalog.to_regclass({name})), pg_catalog.to_regclass({name}))"
    )
}

/// An expression: the database that we are in.
const OURS: &str = "(SELECT oid FROM pg_catalog.pg_database \
    WHERE datname = pg_catalog.current_database())";

async fn first(client: &Client, held: &str) -> Result<Option<Holder>, tokio_postgres::Error> {
    let query = format!(
        "SELECT l.pid, a.application_name, pg_catalog.host(a.client_addr), pg_catalog.to_char(\
         a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE {held}"
    );
    Ok(rows(client, &query).await?.first().map(|row| Holder {
        pid: column(row, 0).unwrap_or_default(),
        application: column(row, 1).unwrap_or_default(),
        address: column(row, 2),
        since: column(row, 3),
    }))
}
