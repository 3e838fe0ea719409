//! The end of a start that a stop signal ended before the server ran.

use thiserror::Error;

use crate::{exit::Exit, failure::Failure, process::Signal};

/// A stop signal came during a phase and the phase has been wound up.
#[derive(Debug, Error)]
#[error("stopped by {signal} during `{phase}`")]
pub(crate) struct Stopped {
    pub(crate) phase: String,
    pub(crate) signal: Signal,
}

impl Failure for Stopped {
    fn exit(&self) -> Exit {
        Exit::Signal(self.signal.number())
    }
}
