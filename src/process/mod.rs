//! Processes: the only code that starts, signals or collects one.
//!
//! `origin` and `mask` what we were started with, `program` and `unrunnable` from a name to a file or the true
//! reason why not, `spawn` and `launch` starting, `question` a program that is asked something, `reap` and `events` collecting, `send` signalling,
//! `descendants` who is there, `filesystem` where nobody may write, `terminal` and `descriptors` what they share, `identity` and
//! `privileges` whose they are.

pub(crate) mod descendants;
pub(crate) mod descriptors;
mod elf;
pub(crate) mod events;
pub(crate) mod filesystem;
pub(crate) mod identity;
pub(crate) mod launch;
pub(crate) mod mask;
mod origin;
pub(crate) mod privileges;
pub(crate) mod program;
pub(crate) mod question;
pub(crate) mod reap;
pub(crate) mod send;
pub(crate) mod signal;
pub(crate) mod spawn;
pub(crate) mod terminal;
pub(crate) mod unrunnable;

pub(crate) use events::{Event, Events};
pub(crate) use mask::{Adoption, Inherited, adopt_children, inherited};
pub(crate) use reap::Ended;
pub(crate) use rustix::process::Pid;
pub(crate) use signal::Signal;
pub(crate) use unrunnable::Unrunnable;

/// Shows a phase as our process name, `init:migrate`: `init healthcheck --live` reads it.
///
/// The kernel keeps 15 bytes (`PR_SET_NAME`, prctl(2)); a longer name is cut.
pub(crate) fn name(text: &str) {
    let kept: Vec<u8> = text.bytes().filter(|byte| *byte != 0).take(15).collect();
    if let Ok(name) = std::ffi::CString::new(kept) {
        // It cannot fail, and nothing depends on it but a report.
        let _ = rustix::thread::set_name(&name);
    }
}

/// Whether the kernel made us the init of a PID namespace.
pub(crate) fn is_pid_1() -> bool {
    rustix::process::getpid() == Pid::INIT
}
