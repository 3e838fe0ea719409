//! Sending signals: to one process, to a group, to everybody.

use std::io;

use rustix::{
    io::Errno,
    process::{self, Pid, PidfdFlags},
};
use rustix_libc_wrappers::process::SignalExt;

use super::signal::Signal;

/// Sends to one process.
/// # Errors
/// EPERM if it changed its user, ESRCH if it is gone, EINVAL for the C library's own signals.
#[expect(clippy::disallowed_methods, reason = "the one place that signals a process")]
pub(crate) fn to_process(pid: Pid, signal: Signal) -> io::Result<()> {
    Ok(process::kill_process(pid, native(signal)?)?)
}

/// Sends to one process that is not our child, whose number may have become somebody else's. `is_it`
/// is asked whether that happened, once it can happen no more: `pidfd_open(2)` keeps hold of a process.
/// # Errors
/// As `to_process`; ESRCH too if it is another one.
#[expect(clippy::disallowed_methods, reason = "the one place that signals a process")]
pub(crate) fn to_process_if(
    pid: Pid,
    signal: Signal,
    is_it: impl FnOnce() -> bool,
) -> io::Result<()> {
    match process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) if is_it() => Ok(process::pidfd_send_signal(handle, native(signal)?)?),
        Ok(_) | Err(Errno::SRCH) => Err(Errno::SRCH.into()),
        // No such call: Linux before 5.3, or a seccomp profile from before that.
        Err(_) => to_process(pid, signal),
    }
}

/// Sends to every process of a group.
/// # Errors
/// As `to_process`; success if one of them could be signalled (kill(2)).
#[expect(clippy::disallowed_methods, reason = "the one place that signals a group")]
pub(crate) fn to_group(group: Pid, signal: Signal) -> io::Result<()> {
    Ok(process::kill_process_group(group, native(signal)?)?)
}

/// Sends to everything in the PID namespace but ourselves. Only PID 1 may ask for that.
/// # Errors
/// ESRCH if nothing else is there; EPERM if we are not PID 1.
pub(crate) fn to_everybody(signal: Signal) -> io::Result<()> {
    if process::getpid() != Pid::INIT {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // kill(-1): rustix spells it as the group of PID 1.
    to_group(Pid::INIT, signal)
}

/// Whether anything else exists in the PID namespace, zombies included. Only for PID 1.
pub(crate) fn anybody() -> bool {
    process::test_kill_process_group(Pid::INIT).is_ok()
}

/// Sends to our own process group, ourselves included.
#[expect(clippy::disallowed_methods, reason = "the one place that signals our own group")]
pub(crate) fn to_own_group(signal: Signal) -> io::Result<()> {
    Ok(process::kill_current_process_group(native(signal)?)?)
}

/// Why a signal was not sent, in the system's words (errno(3)), for who may not use the heap:
/// `io::Error` makes a text each time.
pub(crate) fn refusal(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::PERM) => "operation not permitted",
        Some(Errno::SRCH) => "no such process",
        _ => "invalid argument",
    }
}

fn native(signal: Signal) -> io::Result<process::Signal> {
    process::Signal::from_raw(signal.number()).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phrase;

    #[test]
    fn a_refusal_is_said_as_everywhere_else() {
        for errno in [Errno::PERM, Errno::SRCH, Errno::INVAL] {
            let error = io::Error::from(errno);
            assert_eq!(refusal(&error), phrase::system(&error));
        }
        assert_eq!(refusal(&io::ErrorKind::InvalidInput.into()), "invalid argument");
    }
}
