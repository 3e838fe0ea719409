//! The signal state we were started with, and ours: everything blocked, nothing handled.
//!
//! Blocking before anything else is what makes a stop at any instant safe. As PID 1 an unblocked
//! signal without a handler is dropped (`pid_namespaces(7)`); a blocked one stays pending, also over
//! exec (execve(2)), even if it was inherited as ignored.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use nix::sys::signal::{SigSet, SigmaskHow};

use rustix::process::{Pid, set_child_subreaper};

use super::Signal;

/// What has to be handed on if the user asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inherited {
    pub(super) mask: SigSet,
}

/// Blocks every signal that can be blocked; the first thing `main` does.
///
/// A real fault still kills us: the kernel does not honour the mask then (signal(7)).
pub(crate) fn block_signals() -> Inherited {
    // The call can only fail for a wrong `how`.
    let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    Inherited { mask: mask.unwrap_or_else(|_| SigSet::empty()) }
}

/// Whether orphans of our descendants become our children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adoption {
    Adopts,
    /// Neither PID 1 nor allowed to be a subreaper: orphans go to somebody else.
    Refused,
}

/// Makes sure that the exit codes of children reach us, and the children of our descendants too.
///
/// Where SIGCHLD is inherited as ignored the kernel reaps in our place (wait(2), NOTES). A handler
/// ends that. It never runs, because the signal stays blocked, and exec makes it the default again.
/// # Errors
/// If the kernel refuses the handler.
pub(crate) fn adopt_children() -> io::Result<Adoption> {
    handle(Signal::CHLD)?;
    let adopts = super::is_pid_1() || set_child_subreaper(Some(Pid::INIT)).is_ok();
    Ok(if adopts { Adoption::Adopts } else { Adoption::Refused })
}

impl Inherited {
    /// Brings the mask back for an exec, and SIGPIPE to its default: Rust's runtime ignores it
    /// before `main`, and what it was before that nobody can know.
    pub(super) fn restore(&self) {
        // They can only fail for arguments that no system call takes.
        drop(handle(Signal::PIPE));
        if !super::is_pid_1() {
            // It would survive the exec (PR_SET_CHILD_SUBREAPER, prctl(2)).
            let _ = set_child_subreaper(None);
        }
        let _ = self.mask.thread_set_mask();
    }
}

/// Gives a signal a handler that does nothing, which exec turns into the default (execve(2)).
fn handle(signal: Signal) -> io::Result<()> {
    signal_hook::flag::register(signal.number(), Arc::new(AtomicBool::new(false)))?;
    Ok(())
}
