//! What is said of a file that failed.

use std::fmt;

use tokio_postgres::error::SqlState;

use super::after;
use crate::{exit::Exit, migrate::cause::Cause};

/// One failed file.
#[derive(Debug)]
pub(crate) struct ScriptFailure {
    /// Where: `/migrations/V3__add_age.sql:2`.
    pub(crate) place: String,
    /// The statement's beginning, on one line; `None` if it is not known which one it was.
    pub(crate) statement: Option<String>,
    pub(crate) cause: Cause,
    /// Who held the lock that it wanted; `None` if nobody was seen.
    pub(crate) blocker: Option<String>,
    /// What had been applied before it, in this start.
    pub(crate) applied: Vec<String>,
    /// What is left behind of a file that does not run in one transaction.
    pub(crate) left: Option<String>,
    /// It may have committed a part by itself, so that it is not tried again by us.
    pub(crate) committed: bool,
    /// What to do where we know more than the server's answer says.
    pub(crate) hint: Option<String>,
    /// 80 or 81: how the start ends unless rights were missing.
    pub(crate) exit: Exit,
}

impl ScriptFailure {
    pub(super) fn hint(&self) -> Option<String> {
        if let Some(hint) = &self.hint {
            return Some(hint.clone());
        }
        let first = self.statement.as_ref().and_then(|text| text.split(' ').next());
        let begins = |with| first.is_some_and(|word| word.eq_ignore_ascii_case(with));
        // The driver prepares a COPY, and the name is its own choice.
        if self.cause.is(&[SqlState::DUPLICATE_PSTATEMENT]) && begins("COPY") {
            return Some("app-init prepares a COPY under such a name, `s` and a number: call the file's own prepared statement otherwise".into());
        }
        if self.cause.is(&[SqlState::UNDEFINED_OBJECT]) && begins("SET") {
            return Some("a newer server knows this setting, such as the one that a dump comes from: take the line out, or migrate a newer server".into());
        }
        self.cause.hint()
    }
}

impl fmt::Display for ScriptFailure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot apply {}: {}", self.place, self.cause)?;
        if let Some(statement) = &self.statement {
            write!(out, "; statement: `{statement}`")?;
        }
        if let Some(blocker) = &self.blocker {
            write!(out, "; blocked by {blocker}")?;
        }
        if let Some(left) = &self.left {
            write!(out, "; {left}")?;
        }
        out.write_str(&after(&self.applied))
    }
}
