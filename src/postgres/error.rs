//! Why a try failed, as a diagnosis. Library texts are never shown: they may quote user input.

use std::{error::Error, fmt, io};

use super::{negotiate::NotPostgres, tls};
use crate::{
    config::database::{Connection, Host},
    diagnose::{
        Diagnosis, Facts, Row, names,
        server::{self, Report},
        table,
    },
    exit::Exit,
    failure::Failure,
};

/// A failed try.
#[derive(Debug)]
pub(crate) struct ConnectError {
    /// The host that came furthest.
    pub(crate) host: String,
    pub(crate) diagnosis: Diagnosis,
    /// What its name resolved to.
    pub(crate) addresses: Vec<String>,
    /// The other hosts of the list and their reasons.
    pub(crate) others: Vec<(String, Diagnosis)>,
}

impl ConnectError {
    /// `text` is what the row's words need beyond the connection's own fields.
    pub(super) fn new(
        row: &'static Row,
        connection: &Connection,
        host: &Host,
        addresses: &[String],
        text: &str,
    ) -> Self {
        // A newer pgbouncer hands the server's own report on: it names the database behind its entry.
        let other = row == &table::NO_DATABASE && !text.contains(&connection.database);
        let row = if other { &table::POOLER_NO_DATABASE } else { row };
        let facts = facts(row, connection, host, addresses, text);
        Self {
            host: host.to_string(),
            diagnosis: doubted(Diagnosis::new(row, &facts), connection),
            addresses: addresses.to_vec(),
            others: Vec::new(),
        }
    }

    /// For a list without hosts, which parsing never makes.
    pub(super) fn no_host(connection: &Connection) -> Self {
        let host = Host::Tcp { name: String::new(), port: 0, address: None };
        Self::new(&table::DNS_UNKNOWN, connection, &host, &[], "")
    }

    /// Keeps the more telling one in front; the first on equal terms.
    pub(super) fn join(self, later: Self) -> Self {
        let (mut front, back) = if later.diagnosis.row.rank > self.diagnosis.row.rank {
            (later, self)
        } else {
            (self, later)
        };
        front.others.push((back.host, back.diagnosis));
        front.others.extend(back.others);
        front
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot connect to {}: {}", self.host, self.diagnosis)?;
        for (host, diagnosis) in &self.others {
            write!(out, "; {host}: {diagnosis}")?;
        }
        Ok(())
    }
}

impl Error for ConnectError {}

impl Failure for ConnectError {
    fn exit(&self) -> Exit {
        self.diagnosis.exit()
    }

    fn hint(&self) -> Option<String> {
        Some(self.diagnosis.hint.clone())
    }
}

/// Host and database may not be those that were meant, if the address can be read in two ways.
fn doubted(mut diagnosis: Diagnosis, connection: &Connection) -> Diagnosis {
    let Some(character) = connection.ambiguous else { return diagnosis };
    diagnosis.cause.push_str(&format!(
        "; the address can be read in two ways, as its password contains `{character}`"
    ));
    match connection.password_remark {
        Some(remark) if !diagnosis.hint.contains(remark) => diagnosis.remarked(remark),
        _ => diagnosis,
    }
}

/// The words' facts: names only.
fn facts(
    row: &'static Row,
    connection: &Connection,
    host: &Host,
    addresses: &[String],
    text: &str,
) -> Facts {
    let (name, port) = match host {
        Host::Tcp { name, port, .. } => (name.clone(), port),
        Host::Unix { directory, port } => (directory.display().to_string(), port),
    };
    let keyword = if row == &table::NO_DATABASE || row == &table::POOLER_DATABASE {
        "dbname"
    } else if row == &table::NO_ROLE {
        "user"
    } else {
        "password"
    };
    let login = row == &table::PASSWORD || row == &table::POOLER_LOGIN;
    let remark = if login {
        connection.password_remark.unwrap_or_default()
    } else if keyword == "dbname" {
        database_remark(&connection.database)
    } else {
        names::remark(row, &name)
    };
    Facts {
        addresses: if addresses.is_empty() { name.clone() } else { addresses.join(", ") },
        host: name,
        port: port.to_string(),
        user: connection.user.clone(),
        database: connection.database.clone(),
        origin: connection.origin(keyword).unwrap_or("the address").to_owned(),
        text: text.to_owned(),
        remark: remark.to_owned(),
    }
}

/// What a missing database's name suggests.
fn database_remark(name: &str) -> &'static str {
    if name.contains(['/', '?', '#', '&', '=']) {
        "the name holds a character that usually ends it: look at the address's path"
    } else if name.trim() != name {
        "the name begins or ends with a blank"
    } else if name.chars().any(|c| c.is_ascii_uppercase()) {
        "names differ by upper and lower case"
    } else {
        ""
    }
}

/// Why a query failed on a session that had been let in: what the server or a pooler reported, or
/// nothing, because the session has ended.
pub(crate) fn refused_query(error: &tokio_postgres::Error, connection: &Connection) -> Diagnosis {
    let (row, text) = reported(error).unwrap_or((&table::CUT, String::new()));
    match connection.hosts.first() {
        Some(host) => ConnectError::new(row, connection, host, &[], &text).diagnosis,
        None => ConnectError::no_host(connection).diagnosis,
    }
}

/// The row and the words of what the other side itself reported.
fn reported(error: &tokio_postgres::Error) -> Option<(&'static Row, String)> {
    let report = error.as_db_error()?;
    let code = report.code().code();
    let row = server::row(Report { code, message: report.message(), detail: report.detail() });
    Some((row, report.message().to_owned()))
}

/// The kind of a driver's error that came before the handshake's end.
const HANDSHAKE: &str = "error performing TLS handshake";

/// The row of a driver's error, and its text if it is safe to show.
pub(super) fn row(error: &tokio_postgres::Error) -> (&'static Row, String) {
    if let Some(reported) = reported(error) {
        return reported;
    }
    // The driver's errors have no public kind, but their Display is nothing but the kind.
    let kind = error.to_string();
    if let Some(io) = cause::<io::Error>(error) {
        return io_row(io, kind == HANDSHAKE);
    }
    let why = error.source().map(ToString::to_string).unwrap_or_default();
    match (kind.as_str(), why.as_str()) {
        ("invalid configuration", _) => (&table::NO_PASSWORD, String::new()),
        (_, "server did not use channel binding") => (&table::CHANNEL_BINDING, String::new()),
        ("authentication error", _) => (&table::AUTHENTICATION, String::new()),
        ("connection closed", _) => (&table::CLOSED, String::new()),
        (HANDSHAKE, _) => (&table::TLS_FAILED, "no detail".to_owned()),
        _ => (&table::PROTOCOL, "a message that does not belong here".to_owned()),
    }
}

/// The row of an error on a socket that was connected.
pub(super) fn io_row(error: &io::Error, in_handshake: bool) -> (&'static Row, String) {
    let inner = error.get_ref();
    if let Some(spoken) = inner.and_then(|inner| inner.downcast_ref::<NotPostgres>()) {
        return (&table::NOT_POSTGRES, spoken.name().to_owned());
    }
    if let Some(failed) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls::row(failed);
    }
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            (&table::PROTOCOL, "a message that does not belong here".to_owned())
        }
        _ if in_handshake => (&table::TLS_CUT, String::new()),
        _ => (&table::CLOSED, String::new()),
    }
}

/// The first cause of a type in an error's chain.
fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(error.source(), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

#[cfg(test)]
mod tests;
