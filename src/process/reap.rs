//! Collecting children: the only `wait` in the program, because a second one steals exit codes.

use std::fmt;

use rustix::process::{Pid, WaitOptions, WaitStatus};

use super::signal::Signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself, with this code.
    Exited(u8),
    /// By a signal, real-time signals included.
    Killed(Signal),
}

impl Ended {
    /// The code a shell would report: `128 + N` for signal N (XCU 2.8.2).
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Killed(signal) => u8::try_from(128 + signal.number()).unwrap_or(u8::MAX),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(out, "exit code {code}"),
            Self::Killed(signal) => write!(out, "killed by {signal}"),
        }
    }
}

/// What one look at the children found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Ended(Pid, Ended),
    /// Stopped by this signal and still there.
    Stopped(Pid, Signal),
    /// Children are there and nothing has happened to them.
    Quiet,
    /// No child is left.
    Childless,
}

/// Collects one child that has ended or stopped, adopted orphans included, without blocking.
///
/// Pending signals of one kind merge (signal(7)), so one SIGCHLD may stand for many ends: call it
/// until it says `Quiet` or `Childless`. After `Ended` the pid may belong to somebody else.
#[expect(clippy::disallowed_methods, reason = "the one place that collects children")]
pub(crate) fn next() -> Change {
    match rustix::process::wait(WaitOptions::NOHANG | WaitOptions::UNTRACED) {
        Ok(Some((pid, status))) => change(pid, status),
        Ok(None) => Change::Quiet,
        // ECHILD; EINTR cannot happen with WNOHANG (wait(2)).
        Err(_) => Change::Childless,
    }
}

fn change(pid: Pid, status: WaitStatus) -> Change {
    if let Some(signal) = status.stopping_signal().and_then(Signal::from_raw) {
        return Change::Stopped(pid, signal);
    }
    let killed = status.terminating_signal().and_then(Signal::from_raw).map(Ended::Killed);
    let code = status.exit_status().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX);
    Change::Ended(pid, killed.unwrap_or(Ended::Exited(code)))
}
