//! The *launch* personality: what `posix_spawn` cannot do in a child, done by a run of our own binary
//! that then becomes the program. The pid stays the same.
//!
//! Only used where one of `Needs` is needed, so that PID 1 without a terminal pays nothing for it.

use std::{
    convert::Infallible,
    ffi::{OsStr, OsString},
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use nix::{errno::Errno, fcntl::OFlag, unistd};
use rustix::process::{Pid, getpid, getppid, set_parent_process_death_signal};

use super::{
    Inherited,
    spawn::{self, Descriptors, Start},
    terminal::Terminal,
    unrunnable::{Reason, explain},
};

/// `argv[0]` of this personality. Nobody types it.
pub(crate) const NAME: &str = "init:launch";

/// What is to be done in the child before the program runs.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent of one another; a letter each in `encode`"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// The child dies with its parent, whatever kills that.
    pub(crate) die_with_parent: bool,
    /// It does not want the exit codes of its children (SIGCHLD ignored, wait(2)).
    pub(crate) ignore_child: bool,
    /// Its group is in front of the terminal before the program looks.
    pub(crate) foreground: bool,
    /// `LISTEN_PID` is to be its pid (`sd_listen_fds(3)`).
    pub(crate) listen_pid: bool,
}

/// Starts a child, through a launch if something is needed; as `spawn::spawn` otherwise.
///
/// Where our own binary cannot be run again the child starts without what it needed.
/// # Errors
/// The true reason why the program cannot be run.
pub(crate) fn start<'e>(
    start: Start<'_>,
    needs: Needs,
    environment: impl Iterator<Item = (&'e OsStr, &'e OsStr)>,
) -> Result<Pid, Reason> {
    if needs == Needs::default() {
        return spawn::spawn(start, environment);
    }
    let (report, sink) =
        unistd::pipe2(OFlag::O_CLOEXEC).map_err(|errno| Reason::Other(errno.desc()))?;
    let argv = encode(start, needs, sink.as_raw_fd());
    let environment: Vec<_> = environment.collect();
    for path in spawn::own_paths() {
        let launch = Start { program: &path, argv: &argv, ..start };
        let shared = Descriptors::Shared(sink.as_raw_fd());
        let started = spawn::spawn_with(launch, shared, environment.iter().copied());
        if let Ok(pid) = started {
            drop(sink);
            return outcome(pid, start.program, File::from(report));
        }
    }
    spawn::spawn(start, environment.into_iter())
}

/// Nothing in the pipe: the program runs. Otherwise four bytes, the error number of exec.
fn outcome(pid: Pid, program: &Path, mut report: File) -> Result<Pid, Reason> {
    let mut raw = [0; 4];
    match report.read_exact(&mut raw) {
        Ok(()) => Err(explain(program, Errno::from_raw(i32::from_ne_bytes(raw)))),
        Err(_) => Ok(pid),
    }
}

fn encode(start: Start<'_>, needs: Needs, sink: RawFd) -> Vec<OsString> {
    let flag = |needed: bool, letter: &'static str| if needed { letter } else { "" };
    let flags = [
        flag(needs.die_with_parent, "p"),
        flag(needs.foreground, "f"),
        flag(needs.listen_pid, "l"),
        flag(needs.ignore_child, "c"),
    ];
    let parent = getpid().as_raw_pid().to_string();
    let fixed = [NAME.to_owned(), parent, sink.to_string(), flags.concat()];
    let mut argv: Vec<OsString> = fixed.into_iter().map(OsString::from).collect();
    argv.push(start.program.into());
    argv.extend_from_slice(start.argv);
    argv
}

/// The words of a launch: parent, report pipe, flags, program, its words.
struct Orders<'a> {
    parent: i32,
    sink: RawFd,
    needs: Needs,
    program: &'a Path,
    argv: &'a [OsString],
}

fn decode(argv: &[OsString]) -> Option<Orders<'_>> {
    let (fixed, rest) = argv.split_at_checked(4)?;
    let (program, argv) = rest.split_first()?;
    let has = |letter: u8| fixed[3].as_bytes().contains(&letter);
    let needs = Needs {
        die_with_parent: has(b'p'),
        ignore_child: has(b'c'),
        foreground: has(b'f'),
        listen_pid: has(b'l'),
    };
    let number = |text: &OsString| text.to_str()?.parse().ok();
    (!argv.is_empty()).then_some(Orders {
        parent: number(&fixed[1])?,
        sink: number(&fixed[2])?,
        needs,
        program: Path::new(program),
        argv,
    })
}

/// Carries out the orders in `argv` and becomes the program. Returns only if it cannot.
pub(crate) fn run(
    argv: &[OsString],
    environment: impl Iterator<Item = (OsString, OsString)>,
    inherited: &Inherited,
) -> Option<Reason> {
    let orders = decode(argv)?;
    let mut report = take_over(orders.sink);
    if orders.needs.die_with_parent && !die_with(orders.parent) {
        return None;
    }
    if let Some(terminal) = Terminal::open().filter(|_| orders.needs.foreground) {
        // Our group is named after us.
        terminal.give_to(getpid());
    }
    let environment = with_listen_pid(environment, orders.needs.listen_pid);
    let pairs = environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()));
    let inherited = inherited.with_ignored_child(orders.needs.ignore_child);
    let failed: Result<Infallible, Errno> =
        spawn::become_program(orders.program, orders.argv, pairs, &inherited);
    let Err(errno) = failed;
    if let Some(report) = &mut report {
        drop(report.write_all(&(errno as i32).to_ne_bytes()));
    }
    Some(explain(orders.program, errno))
}

/// Opens the report pipe anew, close-on-exec, and closes the descriptor we were given.
fn take_over(sink: RawFd) -> Option<File> {
    let ours = OpenOptions::new().write(true).open(format!("/proc/self/fd/{sink}")).ok();
    let _ = unistd::close(sink);
    ours
}

/// Asks the kernel to kill us when our parent ends. False if it has ended already.
fn die_with(parent: i32) -> bool {
    let asked = set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let still_there = getppid().is_some_and(|now| now.as_raw_pid() == parent);
    asked.is_err() || still_there
}

fn with_listen_pid(
    environment: impl Iterator<Item = (OsString, OsString)>,
    rewrite: bool,
) -> Vec<(OsString, OsString)> {
    let mut all: Vec<_> = environment.collect();
    if rewrite {
        // The pidfd of another process would contradict the new pid.
        all.retain(|(name, _)| name != "LISTEN_PIDFDID");
        for (_, value) in all.iter_mut().filter(|(name, _)| name == "LISTEN_PID") {
            *value = getpid().as_raw_pid().to_string().into();
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::spawn::{Signals, Stdin};

    #[test]
    fn orders_survive_the_command_line() {
        let argv = [OsString::from("sh"), OsString::from("-c")];
        let start = Start {
            program: Path::new("/bin/sh"),
            argv: &argv,
            stdin: Stdin::Inherit,
            signals: Signals::Default,
        };
        let needs = Needs { die_with_parent: true, listen_pid: true, ..Needs::default() };
        let words = encode(start, needs, 9);
        let orders = decode(&words).unwrap();
        assert_eq!((orders.needs, orders.sink), (needs, 9));
        assert_eq!(orders.parent, getpid().as_raw_pid());
        assert_eq!((orders.program, orders.argv), (Path::new("/bin/sh"), &argv[..]));
        assert!(decode(&words[..5]).is_none());
    }
}
