//! The first instructions of the process: all signals are blocked, and noted is what nobody could know
//! later. Rust's runtime ignores SIGPIPE and opens `/dev/null` on closed standard descriptors before
//! `main` runs.
//!
//! The only file with `unsafe` code. Neither std nor a safe wrapper says what a disposition was or
//! sets one to ignored, and stable Rust has no entry point before the runtime's.
#![expect(
    unsafe_code,
    reason = "a function that runs before `main`, and signal(2), which is unsafe because of handlers"
)]

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use rustix::{
    fd::BorrowedFd,
    io::{FdFlags, fcntl_getfd, fcntl_setfd},
    stdio,
};

use super::mask::block_signals;

/// Signals that were ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ignored {
    pub(super) pipe: bool,
    pub(super) child: bool,
}

static MASK: OnceLock<SigSet> = OnceLock::new();
static PIPE_IGNORED: AtomicBool = AtomicBool::new(false);
static CHILD_IGNORED: AtomicBool = AtomicBool::new(false);
static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

// SAFETY: the C library calls what `.init_array` names once, before `main`, with arguments that a
// C function may leave unread (ELF gABI, Initialization and Termination Functions).
#[used]
#[unsafe(link_section = ".init_array")]
static FIRST: extern "C" fn() = record;

/// Notes what is about to be lost. Touches nothing of std that needs its runtime, and no heap.
extern "C" fn record() {
    // First: what arrives earlier is dropped if we are PID 1 (pid_namespaces(7)).
    mask();
    // The runtime does the same in a moment.
    PIPE_IGNORED.store(set(Signal::SIGPIPE, SigHandler::SigIgn), Relaxed);
    // While it is ignored the kernel keeps the exit codes of children from us (wait(2), NOTES).
    CHILD_IGNORED.store(set(Signal::SIGCHLD, SigHandler::SigDfl), Relaxed);
    for (closed, descriptor) in CLOSED.iter().zip(standard()) {
        closed.store(fcntl_getfd(descriptor).is_err(), Relaxed);
    }
}

/// The signal mask we were started with; everything is blocked once it is known.
pub(super) fn mask() -> SigSet {
    *MASK.get_or_init(block_signals)
}

/// What was ignored when we were started, of the signals whose disposition changes here.
pub(super) fn ignored() -> Ignored {
    Ignored { pipe: PIPE_IGNORED.load(Relaxed), child: CHILD_IGNORED.load(Relaxed) }
}

/// Sets them for a program that is executed in our place.
pub(super) fn restore_signals(ignored: Ignored) {
    for (number, ignored) in [(Signal::SIGPIPE, ignored.pipe), (Signal::SIGCHLD, ignored.child)] {
        set(number, if ignored { SigHandler::SigIgn } else { SigHandler::SigDfl });
    }
}

/// Lets the next exec close those of the standard descriptors that were closed when we were started.
pub(super) fn restore_descriptors() {
    for (closed, descriptor) in CLOSED.iter().zip(standard()) {
        if closed.load(Relaxed) {
            // It fails only if it is closed again already.
            let _ = fcntl_setfd(descriptor, FdFlags::CLOEXEC);
        }
    }
}

fn standard() -> [BorrowedFd<'static>; 3] {
    [stdio::stdin(), stdio::stdout(), stdio::stderr()]
}

/// Changes a disposition; whether the signal was ignored until now.
fn set(number: Signal, disposition: SigHandler) -> bool {
    // SAFETY: no caller passes a handler, so no code runs at an unexpected moment; the C library lets
    // any thread change a disposition.
    let before = unsafe { signal(number, disposition) };
    matches!(before, Ok(SigHandler::SigIgn))
}
