//! What of a server decides how a file is read for it.

use tokio_postgres::Client;

use super::{
    cause::Cause,
    error::MigrateError,
    split::Backslash,
    sql::{column, rows},
};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dialect {
    pub(super) backslash: Backslash,
}

impl Dialect {
    /// Asks the server, once for all files. One that does not know the question is like any other.
    /// # Errors
    /// `Database` if the session was lost.
    pub(super) async fn of(client: &Client, phase: &str) -> Result<Self, MigrateError> {
        const QUERY: &str = "SELECT pg_catalog.current_setting('standard_conforming_strings')";
        match rows(client, QUERY).await {
            Ok(rows) => Ok(Self::told(rows.first().and_then(|row| column(row, 0)).as_deref())),
            Err(error) if error.as_db_error().is_some() => Ok(Self::default()),
            Err(error) => {
                let (doing, cause) = (format!("begin to {phase}"), Cause::of(&error));
                Err(MigrateError::Database { doing, cause })
            }
        }
    }

    fn told(standard_conforming_strings: Option<&str>) -> Self {
        let backslash = match standard_conforming_strings {
            Some("off") => Backslash::Escape,
            _ => Backslash::Letter,
        };
        Self { backslash }
    }
}
