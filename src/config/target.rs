//! What can be waited for.

use std::fmt;

use super::database::{Connection, Lookup, Note, Problem};

/// One dependency.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Database(Box<Connection>),
    Tcp { host: String, port: u16 },
}

impl Target {
    /// Reads one word of `APP_INIT_WAIT_FOR` or `init wait`; `source` is where it was written.
    ///
    /// `database` stands for `database`, the connection the settings give, if any.
    pub(crate) fn parse(
        word: &str,
        source: &str,
        database: Option<&Connection>,
        variables: Lookup,
    ) -> Result<(Self, Vec<Note>), Problem> {
        let word = word.trim();
        if word.eq_ignore_ascii_case("database") {
            let connection = database.cloned().ok_or_else(|| no_database(source))?;
            return Ok((Self::Database(Box::new(connection)), Vec::new()));
        }
        if Connection::recognises(word) {
            let (connection, notes) = Connection::parse(word, source, variables)?;
            return Ok((Self::Database(Box::new(connection)), notes));
        }
        let place = match word.split_once("://") {
            Some(("tcp", place)) => place.trim_end_matches('/'),
            Some((scheme, _)) => return Err(unknown(scheme, source)),
            None => word,
        };
        tcp(place, source).map(|target| (target, Vec::new()))
    }
}

fn no_database(source: &str) -> Problem {
    Problem::new("target-database", source, "`database` is waited for, but no database is set")
        .hint("set DATABASE_URL, or parts such as DATABASE_HOST, POSTGRES_HOST or PGHOST")
}

/// A scheme is at most a word, so it may be shown; the rest of the text may hold a password.
fn unknown(scheme: &str, source: &str) -> Problem {
    Problem::new("target-unknown", source, format!("cannot wait for `{scheme}://` targets"))
        .hint("known are: database, postgres://…, tcp://host:port and host:port")
}

fn tcp(place: &str, source: &str) -> Result<Target, Problem> {
    let malformed = || {
        Problem::new("target-unknown", source, "not a target").hint(
            "write `database`, a postgres:// URL, tcp://host:port or host:port, separated by blanks or commas",
        )
    };
    let (host, port) = place.rsplit_once(':').ok_or_else(malformed)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(malformed)?;
    if bare.is_empty() || !bare.chars().all(plain) || (bare == host && bare.contains(':')) {
        return Err(malformed());
    }
    Ok(Target::Tcp { host: bare.to_owned(), port })
}

/// Kind and place, as messages name it. Never a secret.
impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(connection) => write!(out, "database {}", connection.place()),
            Self::Tcp { host, port } if host.contains(':') => write!(out, "tcp [{host}]:{port}"),
            Self::Tcp { host, port } => write!(out, "tcp {host}:{port}"),
        }
    }
}
