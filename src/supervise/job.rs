//! Job control: what to do when the server is stopped, as ^Z does, and when we are continued.

use nix::unistd::{getpgid, getpgrp, getppid, getsid};
use rustix::process::getpid;

use crate::process::{self, Pid, Signal, send, terminal::Terminal};

/// Follows a server that was stopped by a job-control signal.
///
/// With a shell in front of us we stop too, so that the shell notices, after giving it the terminal.
/// Without one nobody could ever continue the server, so it goes on, as the kernel has it for
/// orphaned process groups (setpgid(2)). Returns whether we were stopped.
pub(super) fn server_stopped(server: Pid, signal: Signal, foreground: bool) -> bool {
    let terminal = Terminal::open();
    if somebody_can_continue_us() {
        if let Some(terminal) = terminal.filter(|terminal| terminal.is_in_front(server)) {
            terminal.take_back();
        }
        // The rest of our job, a pipeline for example. We have it blocked and stop for certain:
        drop(send::to_own_group(signal));
        drop(send::to_process(getpid(), Signal::STOP));
        return true;
    }
    if let Some(terminal) = terminal.filter(|_| foreground) {
        let in_front = terminal.is_in_front(server);
        // Stopped for reading or writing while in front: something else is wrong, and continuing
        // it would only spin.
        if signal == Signal::TSTP || !in_front {
            terminal.give_to(server);
            drop(send::to_group(server, Signal::CONT));
        }
    }
    false
}

/// After SIGCONT: if the shell has put us in front, the server belongs there.
pub(super) fn continued(server: Pid) {
    if let Some(terminal) = Terminal::open().filter(Terminal::is_ours) {
        terminal.give_to(server);
    }
    drop(send::to_group(server, Signal::CONT));
}

/// Puts our own group in front again if the server's still is. Its leader is gone by now, and maybe
/// the whole group.
pub(super) fn take_back(server: Pid) {
    if let Some(terminal) = Terminal::open()
        && !terminal.is_ours()
        && terminal.is_in_front(server)
    {
        terminal.take_back();
    }
}

/// Whether our process group is not orphaned: our parent is in our session and another group.
fn somebody_can_continue_us() -> bool {
    // PID 1 cannot be stopped by anybody in its namespace.
    let parent = Some(getppid());
    !process::is_pid_1()
        && getsid(parent) == getsid(None)
        && getpgid(parent).is_ok_and(|group| group != getpgrp())
}
