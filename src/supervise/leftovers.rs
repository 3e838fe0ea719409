//! What the server left behind: who it is, asking it to end, killing it.
//!
//! As PID 1 that is everything in the namespace. Otherwise only our descendants, found through
//! `/proc`: a shared PID namespace is full of processes that are not ours. Without `/proc` the
//! server's process group is all we know.

use rustix::process::test_kill_process_group;

use crate::process::{self, Pid, Signal, descendants, send};

/// Whether nothing is left, given that we have no child.
///
/// Without `adopts` an orphan may live on with another parent; its group gives it away.
pub(super) fn none_without_children(server: Pid, adopts: bool) -> bool {
    if process::is_pid_1() {
        // Those that `docker exec` started are not our children.
        !send::anybody() || descendants::everybody_else() == Some(0)
    } else {
        adopts || test_kill_process_group(server).is_err()
    }
}

/// Sends to everything that is left; returns how many there were if that is known.
pub(super) fn signal(server: Pid, adopts: bool, signal: Signal) -> Option<usize> {
    if process::is_pid_1() {
        let count = descendants::everybody_else();
        drop(send::to_everybody(signal));
        return count;
    }
    let ours = descendants::signal(signal);
    if ours.is_none() || !adopts {
        // Its number is not given to anybody else while a member lives (setpgid(2)).
        drop(send::to_group(server, signal));
    }
    ours
}
