//! What a server said, taken apart: never another library's text, which may quote user input.

use std::{error::Error as _, fmt, io};

use tokio_postgres::error::{DbError, ErrorPosition, Severity, SqlState};

use super::discreet::{addresses, discreet};
use crate::{exit::Exit, phrase, postgres::Session};

/// The reason of a failed query or connection.
#[derive(Clone, Debug)]
pub(crate) struct Cause(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    text: String,
    /// `None`: no server answered.
    code: Option<SqlState>,
    /// Whether the session ended with it.
    fatal: bool,
    detail: Option<String>,
    hint: Option<String>,
    /// Characters from the start of the query, counted from 1; `None` if the server named none.
    position: Option<usize>,
    /// What the server was inside of: a function, a line of COPY data.
    context: Option<String>,
}

impl Cause {
    /// A reason of our own.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self(Box::new(Parts {
            text,
            code: None,
            fatal: true,
            detail: None,
            hint: None,
            position: None,
            context: None,
        }))
    }

    pub(crate) fn of(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(error) => Self::of_server(error),
            None => Self::text(transport(error)),
        }
    }

    /// The same for a query on that session: if it was over already, what the server said as it ended.
    pub(crate) fn on(session: &Session, error: &tokio_postgres::Error) -> Self {
        let end = session.last_words().filter(|_| error.is_closed());
        Self::of(end.unwrap_or(error))
    }

    fn of_server(error: &DbError) -> Self {
        let position = match error.position() {
            Some(ErrorPosition::Original(position)) => usize::try_from(*position).ok(),
            // Inside a function's body: the position is not one of the file's.
            Some(ErrorPosition::Internal { .. }) | None => None,
        };
        Self(Box::new(Parts {
            text: addresses(error.message()),
            code: Some(error.code().clone()),
            fatal: error.parsed_severity() != Some(Severity::Error) && error.severity() != "ERROR",
            detail: error.detail().map(addresses),
            hint: error.hint().map(addresses),
            position,
            // It quotes what a function executes.
            context: error.where_().and_then(|text| text.lines().next()).map(discreet),
        }))
    }

    /// Characters from the start of the query, counted from 1; `None` if the server named none.
    pub(super) fn position(&self) -> Option<usize> {
        self.0.position
    }

    pub(crate) fn is(&self, states: &[SqlState]) -> bool {
        self.0.code.as_ref().is_some_and(|code| states.contains(code))
    }

    /// pgbouncer in statement mode, which knows no transactions (08P01). Trying again is no help.
    fn is_statement_pooler(&self) -> bool {
        self.0.text.contains("statement pooling mode")
    }

    /// No answer, or the server ended the session: nothing is known about the file itself.
    pub(crate) fn is_lost_connection(&self) -> bool {
        match &self.0.code {
            Some(_) if self.is_statement_pooler() => false,
            None => true,
            // Class 08 is connection exceptions, 57P01 to 57P05 an ended session, 25P03 one that stood
            // still for too long (appendix A). Where the session goes on, it was one of a statement's
            // own, to another server: dblink, a subscription.
            Some(code) => {
                let code = code.code();
                self.0.fatal
                    && (code.starts_with("08") || code.starts_with("57P") || code == "25P03")
            }
        }
    }

    /// 77 where rights or credentials are missing, 75 where the connection went; else `usual`.
    pub(crate) fn exit(&self, usual: Exit) -> Exit {
        match &self.0.code {
            Some(code) if code == &SqlState::INSUFFICIENT_PRIVILEGE => Exit::Refused,
            Some(code) if code == &SqlState::INVALID_CATALOG_NAME => Exit::Refused,
            Some(code) if code.code().starts_with("28") => Exit::Refused,
            Some(_) if self.is_statement_pooler() => Exit::Config,
            _ if usual == Exit::NotReady => usual,
            _ if self.is_lost_connection() => Exit::Lock,
            _ => usual,
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        if self.is(&[SqlState::INSUFFICIENT_PRIVILEGE]) && self.0.hint.is_none() {
            return Some(
                "grant the right, or set MIGRATE_DATABASE_URL to a role that has it".into(),
            );
        }
        if self.is_statement_pooler() {
            return Some(
                "set MIGRATE_DATABASE_URL to an address that goes past the pooler, or let it pool by transaction".into(),
            );
        }
        if self.is(&[SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT]) {
            return Some(
                "this process, or the way to the server, stood still between two statements: start again".into(),
            );
        }
        // `CALL` and `DO` end a transaction of their own with 2D000 (appendix A).
        let alone = [SqlState::ACTIVE_SQL_TRANSACTION, SqlState::INVALID_TRANSACTION_TERMINATION];
        if self.is(&alone) {
            let marker =
                "put it into a file of its own that begins with `-- app-init: no-transaction`";
            return Some(marker.into());
        }
        if self.is(&[SqlState::SYNTAX_ERROR]) && self.0.text.contains(r#""\""#) {
            return Some(
                r"only psql knows commands that begin with `\`: take it out (pg_dump's \restrict and \unrestrict may stay)".into(),
            );
        }
        self.0.hint.clone()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.text)?;
        if let Some(code) = &self.0.code {
            write!(out, " (SQLSTATE {})", code.code())?;
        }
        if let Some(detail) = &self.0.detail {
            write!(out, "; detail: {}", detail.trim_end_matches('.'))?;
        }
        if let Some(context) = &self.0.context {
            write!(out, "; in: {context}")?;
        }
        Ok(())
    }
}

/// An error without a server's answer, by its parts.
fn transport(error: &tokio_postgres::Error) -> String {
    if error.is_closed() {
        return "the server closed the connection".into();
    }
    match error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
        Some(cause) => phrase::system(cause),
        None => "the server's answer could not be used".into(),
    }
}
