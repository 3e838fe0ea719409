//! Why a program cannot be run: the true reason behind exec's few error numbers.
//!
//! execve(2) says ENOENT of a script whose interpreter is missing and EACCES of seven different
//! things; this module looks at the file and says which it was.

mod foresee;

use std::{ffi::OsString, fs, io::Read, os::unix::fs::PermissionsExt, path::Path};

use nix::errno::Errno;
use rustix::fs::{Access, AtFlags, CWD, StatVfsMountFlags, accessat, statvfs};
use thiserror::Error;

pub(crate) use foresee::foresee;

use super::elf;

/// A program and the reason it cannot be run.
#[derive(Debug, Error)]
#[error("cannot run `{program}`: {reason}")]
pub(crate) struct Unrunnable {
    /// As the user wrote it.
    pub(crate) program: String,
    pub(crate) reason: Reason,
}

impl Unrunnable {
    /// Names the program as the user wrote it: an expanded `${DATABASE_URL}` would show a password.
    pub(crate) fn new(source: &str, argv: &[OsString], reason: Reason) -> Self {
        let expanded = argv.first().map(|word| word.to_string_lossy()).unwrap_or_default();
        let written = source.split_whitespace().next().unwrap_or(source);
        let program = if source.contains(&*expanded) { &*expanded } else { written };
        Self { program: program.to_owned(), reason }
    }
}

/// Which of the many things it was.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum Reason {
    #[error("no program of that name in PATH ({0})")]
    NotInPath(String),
    #[error("there is no such file")]
    NoSuchFile,
    #[error("`{0}` is a link to a file that does not exist")]
    DanglingLink(String),
    #[error("a part of the path is not a directory")]
    NotADirectory,
    #[error("the path is a loop of symbolic links")]
    LinkLoop,
    #[error("it is a directory")]
    Directory,
    #[error("it is not a regular file")]
    Special,
    #[error("`{path}` has no execute permission for us (mode {mode:04o})")]
    Mode { path: String, mode: u32 },
    #[error("we may not look into one of the directories of the path")]
    Unsearchable,
    #[error("`{0}` lies on a file system that is mounted noexec")]
    Noexec(String),
    #[error("its interpreter `{0}` does not exist")]
    Interpreter(String),
    #[error("its interpreter `{0}` cannot be executed")]
    InterpreterRefused(String),
    #[error("its first line ends in a carriage return, so its interpreter is not found")]
    CarriageReturn,
    #[error("its dynamic loader `{0}` does not exist")]
    Loader(String),
    #[error("it is built for {0}, and this machine is {1}")]
    Architecture(&'static str, &'static str),
    #[error("it is neither a binary nor a script with a `#!` line")]
    NoInterpreterLine,
    #[error("the file is empty")]
    Empty,
    #[error("its arguments and environment are too long")]
    TooLong,
    #[error("the file is open for writing")]
    Busy,
    #[error("an argument or variable contains a NUL byte")]
    Nul,
    #[error("{0}")]
    Other(&'static str),
}

impl Reason {
    /// Whether nothing is there at all, which is 127; all else is 126.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::NotInPath(_) | Self::NoSuchFile | Self::DanglingLink(_) | Self::NotADirectory
        )
    }

    /// What to try.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotInPath(_) => "install it in the image, or write its full path",
            Self::NoSuchFile | Self::NotADirectory => {
                "check the path inside the image and the working directory"
            }
            Self::DanglingLink(_) => "copy the file that the link points to into the image",
            Self::LinkLoop => "replace the link by the file it should point to",
            Self::Directory | Self::Special => "name the program inside it",
            Self::Mode { .. } => "run `chmod +x` on it, or COPY it with --chmod=755",
            Self::Unsearchable => "give the user app-init runs as the right to enter the directory",
            Self::Noexec(_) => "move it elsewhere, or mount the volume with exec",
            Self::Interpreter(_) | Self::InterpreterRefused(_) => {
                "install the interpreter, or correct the `#!` line"
            }
            Self::CarriageReturn => "save the script with LF line ends, not CRLF",
            Self::Loader(_) => {
                "the binary was built for another C library (musl, glibc): rebuild it, or install that"
            }
            Self::Architecture(..) => "build the image for this platform (docker build --platform)",
            Self::NoInterpreterLine | Self::Empty => {
                "begin the script with a line such as `#!/bin/sh`"
            }
            Self::TooLong => "pass less: the kernel limits arguments and environment together",
            Self::Busy => "wait until whatever writes the file has closed it",
            Self::Nul | Self::Other(_) => return None,
        })
    }
}

/// Finds out why exec of `path` failed with `errno`.
pub(crate) fn explain(path: &Path, errno: Errno) -> Reason {
    match errno {
        Errno::ENOENT => missing(path),
        Errno::ENOTDIR => Reason::NotADirectory,
        Errno::ELOOP => Reason::LinkLoop,
        Errno::EACCES => refused(path),
        Errno::ENOEXEC | Errno::EINVAL | Errno::ELIBBAD => unreadable_format(path),
        Errno::E2BIG => Reason::TooLong,
        Errno::ETXTBSY => Reason::Busy,
        other => Reason::Other(other.desc()),
    }
}

/// ENOENT: the file, the target of the link, the interpreter or the loader.
fn missing(path: &Path) -> Reason {
    let shown = || path.display().to_string();
    if !path.exists() {
        return if path.is_symlink() { Reason::DanglingLink(shown()) } else { Reason::NoSuchFile };
    }
    let head = head(path);
    match interpreter(&head) {
        Some(name) if name.ends_with('\r') => Reason::CarriageReturn,
        Some(name) => Reason::Interpreter(name),
        None => elf::loader(&head).map_or(Reason::Other(Errno::ENOENT.desc()), Reason::Loader),
    }
}

/// EACCES: a directory, the mode, a directory on the way, the mount, the interpreter.
fn refused(path: &Path) -> Reason {
    let Ok(about) = fs::metadata(path) else {
        return Reason::Unsearchable;
    };
    let shown = || path.display().to_string();
    if about.is_dir() {
        return Reason::Directory;
    }
    if !about.is_file() {
        return Reason::Special;
    }
    // Before the mode: access(2) says EACCES on a noexec mount whatever the mode is.
    if statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::NOEXEC)) {
        return Reason::Noexec(shown());
    }
    if accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_err() {
        return Reason::Mode { path: shown(), mode: about.permissions().mode() & 0o7777 };
    }
    match interpreter(&head(path)).or_else(|| elf::loader(&head(path))) {
        Some(name) => Reason::InterpreterRefused(name),
        None => Reason::Other(Errno::EACCES.desc()),
    }
}

/// ENOEXEC: another architecture, or a text without `#!`.
fn unreadable_format(path: &Path) -> Reason {
    let head = head(path);
    match elf::machine(&head) {
        Some(machine) if machine != elf::OURS => Reason::Architecture(machine, elf::OURS),
        Some(_) => Reason::Other("the binary is damaged"),
        None if head.is_empty() => Reason::Empty,
        None => Reason::NoInterpreterLine,
    }
}

/// The first page, which holds all that the kernel looks at; empty if unreadable.
fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    if let Ok(file) = fs::File::open(path) {
        drop(file.take(4096).read_to_end(&mut head));
    }
    head
}

/// The program of a `#!` line (execve(2), Interpreter scripts).
fn interpreter(head: &[u8]) -> Option<String> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let text = String::from_utf8_lossy(line);
    let name = text.trim_start_matches([' ', '\t']).split([' ', '\t']).next()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_of_a_script() {
        for (head, name) in [
            ("#!/bin/sh\necho", Some("/bin/sh")),
            ("#! /usr/bin/env python3\n", Some("/usr/bin/env")),
            ("#!/bin/sh\r\n", Some("/bin/sh\r")),
            ("#!/bin/sh", Some("/bin/sh")),
            ("echo", None),
            ("", None),
        ] {
            assert_eq!(interpreter(head.as_bytes()).as_deref(), name, "{head:?}");
        }
    }
}
