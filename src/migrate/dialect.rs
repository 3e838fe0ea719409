//! What of a server decides how a file is read for it.

use tokio_postgres::{Client, SimpleQueryRow};

use super::{
    cause::Cause,
    error::MigrateError,
    split::Backslash,
    sql::{column, rows},
};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dialect {
    pub(super) backslash: Backslash,
    /// It has no `transaction_timeout`, which came with 17.
    pub(super) lacks_transaction_timeout: bool,
}

impl Dialect {
    /// Asks the server, once for all files. One that does not know the question is like any other.
    /// # Errors
    /// `Database` if the session was lost.
    pub(super) async fn of(client: &Client, phase: &str) -> Result<Self, MigrateError> {
        const QUERY: &str = "SELECT pg_catalog.current_setting('standard_conforming_strings'), \
            pg_catalog.current_setting('transaction_timeout', true)";
        match rows(client, QUERY).await {
            Ok(rows) => Ok(rows.first().map(Self::told).unwrap_or_default()),
            Err(error) if error.as_db_error().is_some() => Ok(Self::default()),
            Err(error) => {
                let (doing, cause) = (format!("begin to {phase}"), Cause::of(&error));
                Err(MigrateError::Database { doing, cause })
            }
        }
    }

    fn told(row: &SimpleQueryRow) -> Self {
        let backslash = match column(row, 0).as_deref() {
            Some("off") => Backslash::Escape,
            _ => Backslash::Letter,
        };
        Self { backslash, lacks_transaction_timeout: column(row, 1).is_none() }
    }
}
