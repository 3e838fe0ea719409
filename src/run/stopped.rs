//! The end of a start that a stop signal ended before the server ran.

use thiserror::Error;

use crate::{exit::Exit, failure::Failure, process::signal};

/// A stop signal came during a phase and the phase has been wound up.
#[derive(Debug, Error)]
#[error("stopped by {} during `{phase}`", signal::name(*signal))]
pub(crate) struct Stopped {
    pub(crate) phase: String,
    /// The signal's number.
    pub(crate) signal: i32,
}

impl Failure for Stopped {
    fn exit(&self) -> Exit {
        Exit::Signal(self.signal)
    }
}
