//! A question that a server let us ask and did not answer.

use super::error::{AT_ONCE, TAKEN};
use crate::diagnose::{Row, table};

/// How it was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    Kept,
    /// The session ended.
    Left,
}

impl Silence {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Kept => "does not answer",
            Self::Left => "ended the session",
        }
    }

    pub(super) fn row(self) -> &'static Row {
        match self {
            Self::Kept => &table::SILENT,
            Self::Left => &table::CUT,
        }
    }

    pub(super) fn hint(self) -> String {
        match self {
            // What else is in the row shows before the login.
            Self::Kept => format!(
                "look whether the server is up, and at what it is busy with; {TAKEN}: {AT_ONCE}"
            ),
            Self::Left => self.row().hint.to_owned(),
        }
    }
}
