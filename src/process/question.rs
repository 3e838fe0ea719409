//! A program that is asked something: what it prints is the answer.

use std::{
    ffi::{OsStr, OsString},
    os::fd::AsRawFd,
    path::Path,
    time::Duration,
};

use nix::{fcntl::OFlag, unistd};
use rustix::process::Pid;
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver, time::timeout};

use super::{
    Signal, send,
    spawn::{self, Descriptors, Signals, Start, Stdin},
};

/// What the program prints, until it closes its output; standard input is empty, standard error is
/// thrown away. `None` if it cannot be run or takes longer than `limit`; it is killed then, and also
/// when nobody waits for the answer any more. `Events` collects it.
pub(crate) async fn ask<'e>(
    program: &Path,
    argv: &[OsString],
    environment: impl Iterator<Item = (&'e OsStr, &'e OsStr)>,
    limit: Duration,
) -> Option<Vec<u8>> {
    let (answer, sink) = unistd::pipe2(OFlag::O_CLOEXEC).ok()?;
    let mut answer = Receiver::from_owned_fd(answer).ok()?;
    let start = Start { program, argv, stdin: Stdin::Null, signals: Signals::Default };
    let pid = spawn::spawn_with(start, Descriptors::Answer(sink.as_raw_fd()), environment).ok()?;
    drop(sink);
    let asked = Asked(pid);
    let mut text = Vec::new();
    timeout(limit, answer.read_to_end(&mut text)).await.ok()?.ok()?;
    // It has closed its output and is about to end.
    std::mem::forget(asked);
    Some(text)
}

/// Kills the program and what it has started, unless it has answered.
struct Asked(Pid);

impl Drop for Asked {
    fn drop(&mut self) {
        drop(send::to_group(self.0, Signal::KILL));
    }
}
