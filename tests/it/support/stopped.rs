//! Processes that do nothing for a while.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{init::state, until};

/// A process that is stopped until this is dropped.
pub(crate) struct Stopped(Pid);

impl Stopped {
    /// Stops it. What is in a system call finishes that first, so this waits.
    pub(crate) fn new(pid: Pid) -> Self {
        kill(pid, Signal::SIGSTOP).unwrap();
        let stopped = Self(pid);
        until("it is stopped", || "Tt".contains(state(pid)).then_some(()));
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // Who was killed meanwhile is gone.
        let _ = kill(self.0, Signal::SIGCONT);
    }
}
