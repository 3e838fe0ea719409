//! The signal state we were started with, and ours: everything blocked, nothing handled.
//!
//! Blocking before anything else is what makes a stop at any instant safe. As PID 1 an unblocked
//! signal without a handler is dropped (`pid_namespaces(7)`); a blocked one stays pending, also over
//! exec (execve(2)), even if it was inherited as ignored.

use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::process::{Pid, set_child_subreaper};

use super::origin::{self, Ignored};

/// What has to be handed on if the user asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inherited {
    pub(super) mask: SigSet,
    pub(super) ignored: Ignored,
}

/// What we were started with. All signals are blocked by then, since before `main`.
pub(crate) fn inherited() -> Inherited {
    Inherited { mask: origin::mask(), ignored: origin::ignored() }
}

/// Blocks every signal that can be blocked; returns the mask until now.
///
/// A real fault still kills us: the kernel does not honour the mask then (signal(7)).
pub(super) fn block_signals() -> SigSet {
    // The call can only fail for a wrong `how`.
    let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    mask.unwrap_or_else(|_| SigSet::empty())
}

/// Whether orphans of our descendants become our children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adoption {
    Adopts,
    /// Neither PID 1 nor allowed to be a subreaper: orphans go to somebody else.
    Refused,
}

/// Makes the children of our descendants ours when their parents end.
pub(crate) fn adopt_children() -> Adoption {
    let adopts = super::is_pid_1() || set_child_subreaper(Some(Pid::INIT)).is_ok();
    if adopts { Adoption::Adopts } else { Adoption::Refused }
}

impl Inherited {
    /// Whether the exit codes of children were to go to nobody.
    pub(crate) fn ignores_child(&self) -> bool {
        self.ignored.child
    }

    /// The same, but for SIGCHLD: a launch is told what its parent was started with.
    pub(super) fn with_ignored_child(&self, child: bool) -> Self {
        Self { ignored: Ignored { child, ..self.ignored }, ..*self }
    }

    /// Brings back what we were started with, for an exec. All other dispositions we never touch.
    pub(super) fn restore(&self) {
        origin::restore_signals(self.ignored);
        origin::restore_descriptors();
        if !super::is_pid_1() {
            // It would survive the exec (PR_SET_CHILD_SUBREAPER, prctl(2)).
            let _ = set_child_subreaper(None);
        }
        let _ = self.mask.thread_set_mask();
    }
}
