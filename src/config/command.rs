//! A command line: what was written, and the words it became. No shell is involved.

use std::ffi::OsString;

/// A command ready to run.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CommandLine {
    /// As the user wrote it, before expansion: the only form that may be printed, because an
    /// expanded `${DATABASE_URL}` would show a password.
    pub(crate) source: String,
    /// Program and arguments; never empty.
    pub(crate) argv: Vec<OsString>,
}

impl std::fmt::Debug for CommandLine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(out)
    }
}
