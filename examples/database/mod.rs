//! What the demo's two programs share: one connection to the database that `DATABASE_URL` names.

use std::str::FromStr;

use thiserror::Error;
use tokio_postgres::{Client, Config, NoTls};

/// Why there is no connection. No variant repeats the URL: it holds a password.
#[derive(Debug, Error)]
pub(crate) enum DatabaseError {
    #[error("DATABASE_URL is not set")]
    Unset,
    #[error("DATABASE_URL is not a Postgres URL")]
    Malformed,
    #[error("cannot connect to the database")]
    Connect(#[source] tokio_postgres::Error),
}

/// Reads `DATABASE_URL`, without connecting.
pub(crate) fn settings() -> Result<Config, DatabaseError> {
    #[expect(clippy::disallowed_methods, reason = "a program of its own, started by init")]
    let url = std::env::var("DATABASE_URL").map_err(|_| DatabaseError::Unset)?;
    Config::from_str(&url).map_err(|_| DatabaseError::Malformed)
}

/// Connects without TLS: the demo's database is on this machine.
pub(crate) async fn connect(settings: &Config) -> Result<Client, DatabaseError> {
    let (client, connection) = settings.connect(NoTls).await.map_err(DatabaseError::Connect)?;
    // Ends when the client is dropped; an error of the connection reaches the client's next query.
    tokio::spawn(async { drop(connection.await) });
    Ok(client)
}

/// An error and its causes on one line, `what failed: why`.
pub(crate) fn sentence(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
