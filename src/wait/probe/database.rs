//! A database that lets us in and answers a query; if writes will follow, one that takes them.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::{Readiness, Seen};
use crate::{
    config::database::{Connection, Host},
    diagnose::{Diagnosis, Facts, Row, table},
    postgres::{self, Budget, ConnectError, Session},
};

/// How long a server that listens on its socket only must last to count.
const SOCKET_ONLY: Duration = Duration::from_secs(3);

/// How long the query after the login may take.
const QUERY: Duration = Duration::from_secs(3);

/// A database and what the tries before have seen of it.
pub(in crate::wait) struct Database {
    connection: Connection,
    writable: bool,
    /// Since when, and since which start of the server, it has listened on its socket only.
    socket_only: Option<(Instant, String)>,
}

impl Database {
    pub(super) fn new(connection: Connection, writable: bool) -> Self {
        // Our questions name their schema, and a pooler may refuse the option.
        let connection = Connection { search_path: None, ..connection };
        Self { connection, writable, socket_only: None }
    }

    pub(super) async fn attempt(&mut self, tries: u32, left: Option<Duration>) -> Readiness {
        match postgres::connect(&self.connection, "app-init wait", budget(tries).within(left)).await
        {
            Ok(session) => match self.ask(&session).await {
                Ok(()) => Readiness::LoggedIn(Box::new(session)),
                Err(diagnosis) => Readiness::NotYet(Seen::new(diagnosis)),
            },
            Err(error) => {
                self.socket_only = None;
                Readiness::NotYet(seen(error))
            }
        }
    }

    /// What is missing. By the simple protocol, which every pooler passes on.
    async fn ask(&mut self, session: &Session) -> Result<(), Diagnosis> {
        let asked = timeout(QUERY, session.client.simple_query(self.question())).await;
        let messages = asked
            .map_err(|_| self.diagnosis(&table::SILENT))?
            .map_err(|error| postgres::refused_query(&error, &self.connection))?;
        let Some(answer) = messages.iter().find_map(as_row) else {
            return Err(self.diagnosis(&table::PROTOCOL));
        };
        self.missing(answer).map_or(Ok(()), |row| Err(self.diagnosis(row)))
    }

    /// What the answer says is missing; `None` is ready.
    fn missing(&mut self, answer: &SimpleQueryRow) -> Option<&'static Row> {
        if self.writable && read_only(answer) {
            Some(&table::READ_ONLY)
        } else {
            self.init_phase(answer).then_some(&table::INIT_PHASE)
        }
    }

    fn question(&self) -> &'static str {
        if self.over_socket() {
            "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only'), pg_catalog.current_setting('listen_addresses'), pg_catalog.pg_postmaster_start_time(), (SELECT source FROM pg_catalog.pg_settings WHERE name = 'listen_addresses')"
        } else if self.writable {
            "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')"
        } else {
            "SELECT 1"
        }
    }

    fn over_socket(&self) -> bool {
        self.connection.hosts.iter().any(|host| matches!(host, Host::Unix { .. }))
    }

    /// The official image's first phase: a server without `listen_addresses`, stopped after the init
    /// scripts, however long they take. Its entrypoint says so on the command line, and such a server
    /// never counts. One that is meant to be so has it in its configuration and must only last.
    fn init_phase(&mut self, row: &SimpleQueryRow) -> bool {
        if !self.over_socket() || row.get(2) != Some("") {
            self.socket_only = None;
            return false;
        }
        if row.get(4) == Some("command line") {
            return true;
        }
        let started = row.get(3).unwrap_or_default();
        match &self.socket_only {
            Some((since, known)) if known == started => since.elapsed() < SOCKET_ONLY,
            _ => {
                self.socket_only = Some((Instant::now(), started.to_owned()));
                true
            }
        }
    }

    fn diagnosis(&self, row: &'static Row) -> Diagnosis {
        let facts = Facts {
            host: self.connection.place(),
            user: self.connection.user.clone(),
            database: self.connection.database.clone(),
            ..Facts::default()
        };
        Diagnosis::new(row, &facts)
    }
}

/// The first tries are short, so that a route which comes up is seen soon.
fn budget(tries: u32) -> Budget {
    let tcp = Duration::from_secs(if tries < 3 { 1 } else { 3 });
    Budget { tcp, ..Budget::default() }
}

fn as_row(message: &SimpleQueryMessage) -> Option<&SimpleQueryRow> {
    match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    }
}

fn read_only(row: &SimpleQueryRow) -> bool {
    row.get(0) == Some("t") || row.get(1) == Some("on")
}

fn seen(error: ConnectError) -> Seen {
    Seen { diagnosis: error.diagnosis, addresses: error.addresses, others: error.others }
}
