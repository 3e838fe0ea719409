//! Which descriptors a process keeps.

use std::os::fd::RawFd;

use nix::unistd::{close, dup2_stdin, dup2_stdout};

/// Closes every descriptor above 2, and puts `/dev/null` on 0 and 1.
///
/// A reader at the other end of one sees the end of file when the server closes its copy. For a
/// process that has no other use for any of them: owners of a closed one must not be used again.
pub(crate) fn keep_stderr_only() {
    if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = dup2_stdin(&null);
        let _ = dup2_stdout(&null);
    }
    for descriptor in open_above_stderr() {
        let _ = close(descriptor);
    }
}

/// Asks `/proc`, else tries as many numbers as a process usually may have.
fn open_above_stderr() -> Vec<RawFd> {
    let numbers = |entries: std::fs::ReadDir| {
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    };
    let mut all: Vec<RawFd> =
        std::fs::read_dir("/proc/self/fd").map_or_else(|_| (3..1024).collect(), numbers);
    all.retain(|descriptor| *descriptor > 2);
    all
}
