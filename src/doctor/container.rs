//! What the container gives us: process number, CPUs, memory, `/proc`.

use std::{fs, path::Path};

use super::finding::{Finding, Section};
use crate::{config::Config, plan::Handoff, process};

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let ok = |subject: &str, message: String| Finding::ok(Section::Container, subject, message);
    vec![
        position(config.handoff),
        ok("CPUs", format!("{} (APP_INIT_NPROC, what `auto` stands for)", config.nproc)),
        ok("memory", memory().map_or_else(|| "no limit seen".to_owned(), megabytes)),
        proc(),
    ]
}

fn position(handoff: Handoff) -> Finding {
    let first = process::is_pid_1();
    let what = if first { "PID 1" } else { "not PID 1" };
    let then = match handoff {
        Handoff::Supervise => "a server is supervised",
        Handoff::Auto if first => "a server is supervised",
        Handoff::Auto | Handoff::Exec => "a server takes its place",
    };
    Finding::ok(Section::Container, "process", format!("{what}: {then}"))
}

fn proc() -> Finding {
    if Path::new("/proc/self/exe").exists() {
        return Finding::ok(Section::Container, "/proc", "is mounted");
    }
    Finding::warning(Section::Container, "/proc", "is not mounted")
        .hint("supervising and `init healthcheck` work better with it: mount proc there")
}

/// The limit of our control group in bytes (cgroup v2, `memory.max`; v1, `limit_in_bytes`).
fn memory() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let files = [
        Path::new("/sys/fs/cgroup").join(own).join("memory.max"),
        "/sys/fs/cgroup/memory.max".into(),
        "/sys/fs/cgroup/memory/memory.limit_in_bytes".into(),
    ];
    files.iter().find_map(|file| limit(&fs::read_to_string(file).ok()?))
}

/// `None` for `max`, and for what version 1 says instead: nearly 2^63.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < 1 << 60)
}

fn megabytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_none() {
        for (text, found) in
            [("max\n", None), ("536870912\n", Some(536_870_912)), ("9223372036854771712\n", None)]
        {
            assert_eq!(limit(text), found, "{text:?}");
        }
        assert_eq!(megabytes(536_870_912), "512 MiB");
    }
}
