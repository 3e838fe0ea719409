//! One login: from plain connection settings to a session that can be queried and cancelled.
//!
//! Owns sockets and TLS to Postgres; `wait` asks it in a loop, `migrate` works on what it returns.
//! Each part of a try is bounded, so that no silent peer, router or name server can hold it up.

mod certificate;
mod error;
mod login;
mod lookup;
pub(crate) mod negotiate;
mod order;
mod role;
mod session;
pub(crate) mod socket;
pub(crate) mod tls;

use std::time::Duration;

use crate::config::database::{Connection, Host, SessionAttributes};

pub(crate) use error::{ConnectError, refused_query};
pub(crate) use session::Session;

/// Bounds of one try at one host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Name lookup.
    pub(crate) lookup: Duration,
    /// All addresses of the name together.
    pub(crate) tcp: Duration,
    /// Everything up to the end of the login.
    pub(crate) total: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            lookup: Duration::from_secs(1),
            tcp: Duration::from_secs(3),
            total: Duration::from_secs(5),
        }
    }
}

impl Budget {
    /// Shortened to what is left of a deadline, so that a try ends with a reason of its own.
    pub(crate) fn within(self, left: Option<Duration>) -> Self {
        let Some(left) = left else { return self };
        let total = self.total.min(left);
        Self { lookup: self.lookup.min(total / 2), tcp: self.tcp.min(total * 3 / 4), total }
    }

    /// How much of `total` is kept for finding out who does not answer.
    fn reserve(self) -> Duration {
        Duration::from_millis(500).min(self.total / 5)
    }

    /// The text's own `connect_timeout`, longer or shorter, for what follows the lookup.
    fn with_timeout(self, timeout: Duration) -> Self {
        // A budget that was cut to a deadline is never lengthened again.
        let cut = self.total < Self::default().total;
        let total = if cut { timeout.min(self.total) } else { timeout };
        Self { lookup: self.lookup.min(total), tcp: total, total }
    }
}

/// Connects and logs in, with `application_name` shown in `pg_stat_activity`.
///
/// Hosts are tried in their order, or in any where that is asked for, until one lets us in and is what `target_session_attrs` asks for.
/// # Errors
/// The reason of the host that came furthest, with the reasons of the others beside it.
pub(crate) async fn connect(
    connection: &Connection,
    application_name: &str,
    budget: Budget,
) -> Result<Session, ConnectError> {
    let budget = match connection.connect_timeout {
        Some(timeout) => budget.with_timeout(timeout),
        None => budget,
    };
    let hosts = order::order(connection, order::below);
    match pass(connection, &hosts, connection.attributes, application_name, budget).await {
        // A standby is preferred, but any server will do (manual, 34.1.2).
        Err(_) if connection.attributes == SessionAttributes::PreferStandby => {
            pass(connection, &hosts, SessionAttributes::Any, application_name, budget).await
        }
        outcome => outcome,
    }
}

/// One round through all hosts.
async fn pass(
    connection: &Connection,
    hosts: &[&Host],
    attributes: SessionAttributes,
    application_name: &str,
    budget: Budget,
) -> Result<Session, ConnectError> {
    let mut failed: Option<ConnectError> = None;
    for host in hosts {
        let attempt = login::Attempt { connection, host, application_name, budget };
        match attempt.run(attributes).await {
            Ok(session) => return Ok(session),
            Err(error) => {
                failed = Some(match failed {
                    Some(earlier) => earlier.join(error),
                    None => error,
                });
            }
        }
    }
    Err(failed.unwrap_or_else(|| ConnectError::no_host(connection)))
}
