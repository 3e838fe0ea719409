//! Starting a child, and replacing ourselves.
//!
//! `posix_spawn(3)` sets mask, dispositions and process group in the child before exec and returns
//! after exec, so no signal can arrive between fork and exec and be lost. It resets the C library's
//! own signals 32 and 33 to ignored; the library takes them back when it needs them.

use std::{
    convert::Infallible,
    ffi::{CString, OsStr, OsString},
    os::{fd::RawFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags},
    sys::{
        signal::{SigSet, Signal as Named},
        stat::Mode,
    },
};
use rustix::process::Pid;

use super::{
    mask::{Inherited, block_signals},
    unrunnable::{Reason, explain},
};

/// How a child begins.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a> {
    /// The file to run; found by `program::find`.
    pub(crate) program: &'a Path,
    /// The words it sees; never empty.
    pub(crate) argv: &'a [OsString],
    pub(crate) stdin: Stdin,
    pub(crate) signals: Signals<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdin {
    Inherit,
    Null,
}

/// The signal state a child begins with.
#[derive(Clone, Copy)]
pub(crate) enum Signals<'a> {
    /// Nothing ignored, nothing blocked.
    Default,
    /// As we found it, but SIGCHLD, which we must not ignore; `launch` does in the child.
    Inherited(&'a Inherited),
}

/// What a child has of our descriptors besides the standard ones.
#[derive(Clone, Copy)]
pub(super) enum Descriptors {
    Standard,
    /// Keeps this close-on-exec one, under its number.
    Shared(RawFd),
    /// Writes to this one instead of to our standard output, and nothing to our standard error.
    Answer(RawFd),
}

/// Starts a child in a process group of its own and returns once it runs the program.
/// # Errors
/// The true reason why the program cannot be run.
pub(crate) fn spawn<'e>(
    start: Start<'_>,
    environment: impl Iterator<Item = (&'e OsStr, &'e OsStr)>,
) -> Result<Pid, Reason> {
    spawn_with(start, Descriptors::Standard, environment)
}

/// As `spawn`, with these descriptors.
#[expect(clippy::disallowed_methods, reason = "the one place that starts a process")]
pub(super) fn spawn_with<'e>(
    start: Start<'_>,
    descriptors: Descriptors,
    environment: impl Iterator<Item = (&'e OsStr, &'e OsStr)>,
) -> Result<Pid, Reason> {
    let argv = words(start.argv)?;
    let environment = variables(environment)?;
    let spawned = actions(start.stdin, descriptors).and_then(|actions| {
        let attributes = attributes(start.signals)?;
        nix::spawn::posix_spawn(start.program, &actions, &attributes, &argv, &environment)
    });
    let pid = spawned.map_err(|errno| explain(start.program, errno))?;
    // A spawned process has a pid above 0.
    Pid::from_raw(pid.as_raw()).ok_or(Reason::Other("the kernel gave no pid"))
}

fn actions(stdin: Stdin, descriptors: Descriptors) -> nix::Result<PosixSpawnFileActions> {
    let mut actions = PosixSpawnFileActions::init()?;
    if stdin == Stdin::Null {
        actions.add_open(0, "/dev/null", OFlag::O_RDONLY, Mode::empty())?;
    }
    match descriptors {
        Descriptors::Standard => {}
        // Onto itself: that takes close-on-exec away (POSIX, posix_spawn_file_actions_adddup2).
        Descriptors::Shared(descriptor) => actions.add_dup2(descriptor, descriptor)?,
        Descriptors::Answer(descriptor) => {
            actions.add_dup2(descriptor, 1)?;
            actions.add_open(2, "/dev/null", OFlag::O_WRONLY, Mode::empty())?;
        }
    }
    Ok(actions)
}

fn attributes(signals: Signals<'_>) -> nix::Result<PosixSpawnAttr> {
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK,
    )?;
    attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
    let (mask, default) = match signals {
        Signals::Default => (SigSet::empty(), SigSet::all()),
        Signals::Inherited(inherited) if inherited.ignored.pipe => {
            (inherited.mask, SigSet::empty())
        }
        // Rust's runtime ignores it in us.
        Signals::Inherited(inherited) => (inherited.mask, SigSet::from(Named::SIGPIPE)),
    };
    attributes.set_sigmask(&mask)?;
    attributes.set_sigdefault(&default)?;
    Ok(attributes)
}

/// Replaces us with the program: mask, dispositions and standard descriptors as we inherited them.
/// # Errors
/// It only returns if the program cannot be run; all signals are blocked again then.
pub(crate) fn replace<'e>(
    program: &Path,
    argv: &[OsString],
    environment: impl Iterator<Item = (&'e OsStr, &'e OsStr)>,
    inherited: &Inherited,
) -> Result<Infallible, Reason> {
    become_program(program, argv, environment, inherited).map_err(|errno| explain(program, errno))
}

/// As `replace`, with the bare error number; EINVAL for a NUL byte.
#[expect(clippy::disallowed_methods, reason = "the one place that replaces the program")]
pub(super) fn become_program<'e>(
    program: &Path,
    argv: &[OsString],
    environment: impl Iterator<Item = (&'e OsStr, &'e OsStr)>,
    inherited: &Inherited,
) -> Result<Infallible, Errno> {
    let path = word(program.as_os_str()).map_err(|_| Errno::EINVAL)?;
    let argv = words(argv).map_err(|_| Errno::EINVAL)?;
    let environment = variables(environment).map_err(|_| Errno::EINVAL)?;
    inherited.restore();
    let failed = nix::unistd::execve(&path, &argv, &environment);
    block_signals();
    failed
}

/// Replaces us with another run of our own binary: these words, no environment, signals blocked.
/// # Errors
/// It only returns if that is impossible: no `/proc`, and no path to us in `argv[0]`.
#[expect(clippy::disallowed_methods, reason = "the one place that replaces the program")]
pub(crate) fn replace_self(argv: &[OsString]) -> Result<Infallible, Reason> {
    let argv = words(argv)?;
    let nothing: [CString; 0] = [];
    let mut failed = Reason::NoSuchFile;
    for path in own_paths() {
        match nix::unistd::execve(&word(path.as_os_str())?, &argv, &nothing) {
            Ok(never) => match never {},
            Err(errno) => failed = Reason::Other(errno.desc()),
        }
    }
    Err(failed)
}

/// Where our own binary can be found: even if it was deleted, or there is no `/proc`.
pub(super) fn own_paths() -> impl Iterator<Item = PathBuf> {
    let named = std::env::args_os().next().filter(|path| path.as_bytes().contains(&b'/'));
    [Some(PathBuf::from("/proc/self/exe")), named.map(PathBuf::from)].into_iter().flatten()
}

fn words(argv: &[OsString]) -> Result<Vec<CString>, Reason> {
    argv.iter().map(|text| word(text)).collect()
}

fn word(text: &OsStr) -> Result<CString, Reason> {
    CString::new(text.as_bytes()).map_err(|_| Reason::Nul)
}

fn variables<'e>(
    environment: impl Iterator<Item = (&'e OsStr, &'e OsStr)>,
) -> Result<Vec<CString>, Reason> {
    environment.map(|(name, value)| word(&[name, value].join(OsStr::new("=")))).collect()
}
