//! One login: from plain connection settings to a session that can be queried and cancelled.
//!
//! Owns sockets and TLS to Postgres; `wait` asks it in a loop, `migrate` works on what it returns.

use crate::config::database::{Connection, Host};

/// A logged-in session. Dropping it closes the connection.
pub(crate) struct Session {
    pub(crate) client: tokio_postgres::Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Connects and logs in, with `application_name` shown in `pg_stat_activity`.
pub(crate) async fn connect(
    connection: &Connection,
    application_name: &str,
) -> Result<Session, tokio_postgres::Error> {
    let mut settings = tokio_postgres::Config::new();
    settings.user(&connection.user).dbname(&connection.database).application_name(application_name);
    if let Some(password) = &connection.password {
        settings.password(password.expose());
    }
    for host in &connection.hosts {
        match host {
            Host::Tcp { name, port } => settings.host(name).port(*port),
            Host::Unix { directory, port } => settings.host_path(directory).port(*port),
        };
    }
    let (client, driver) = settings.connect(tokio_postgres::NoTls).await?;
    let driver = tokio::spawn(async move {
        // A broken connection shows up as an error of the query that was running on it.
        drop(driver.await);
    });
    Ok(Session { client, driver })
}
