//! The controlling terminal: which process group is in front.

use std::fs::{File, OpenOptions};

use nix::unistd;
use rustix::process::Pid;

/// The terminal that controls our session, whatever standard input is.
#[derive(Debug)]
pub(crate) struct Terminal(File);

impl Terminal {
    /// `None` without one.
    pub(crate) fn open() -> Option<Self> {
        OpenOptions::new().read(true).write(true).open("/dev/tty").ok().map(Self)
    }

    /// Whether our own process group is in front.
    ///
    /// For PID 1 that group may lie outside the PID namespace. The kernel calls it 0 then, and a
    /// group in front that lies outside as well, which is most likely ours.
    pub(crate) fn is_ours(&self) -> bool {
        unistd::tcgetpgrp(&self.0) == Ok(unistd::getpgrp())
    }

    /// Puts our own group in front again; impossible, and nobody's loss, if it lies outside.
    pub(crate) fn take_back(&self) {
        let _ = unistd::tcsetpgrp(&self.0, unistd::getpgrp());
    }

    pub(crate) fn is_in_front(&self, group: Pid) -> bool {
        unistd::tcgetpgrp(&self.0).is_ok_and(|front| front.as_raw() == group.as_raw_pid())
    }

    /// Puts `group` in front. Works from the background too, because SIGTTOU is blocked
    /// (tcsetpgrp(3)). A group that is gone or a terminal that hung up is no error worth telling.
    pub(crate) fn give_to(&self, group: Pid) {
        let _ = unistd::tcsetpgrp(&self.0, unistd::Pid::from_raw(group.as_raw_pid()));
    }
}
