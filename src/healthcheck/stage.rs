//! How far the start of this container has come, read from `/proc`: app-init shows its phase as its
//! process name (`process::name`), and the minimal supervisor bears its own.
//!
//! Usually that is PID 1. Under `docker run --init` it is a child of it, and in a PID namespace that
//! the containers of a pod share, PID 1 belongs to another container; so what counts is the oldest
//! process of our control group, which is what the container was started with, and its descendants.

use std::fs;

/// How far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The phase: `wait`, `migrate`, the name of a step.
    Preparing(String),
    /// The server runs, supervised.
    Serving,
    /// No app-init is left: the server took its place. Or `/proc` does not tell.
    Over,
}

/// What every name of ours starts with.
const PREFIX: &str = "init:";

/// The stage of the container that this process runs in.
pub(crate) fn current() -> Stage {
    stage(&processes())
}

/// What is known of one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    /// In clock ticks since the machine's start.
    began: u64,
    /// Its control groups, as text; empty where the kernel has none.
    group: String,
    /// `comm`, 15 bytes at most.
    name: String,
    /// `argv[0]`.
    word: String,
}

impl Process {
    /// Its phase, if it is an app-init that says so.
    fn phase(&self) -> Option<&str> {
        // Right after it was executed the supervisor has its `argv[0]` but not its name yet.
        self.name.strip_prefix(PREFIX).or(self.word.strip_prefix(PREFIX))
    }
}

fn stage(processes: &[Process]) -> Stage {
    let oldest = processes.iter().min_by_key(|process| (process.began, process.pid));
    let Some(first) = oldest else { return Stage::Over };
    let mut speaking: Vec<(&Process, &str)> = below(processes, first)
        .into_iter()
        // A launch is a child on its way to becoming a step or the server; its parent speaks.
        .filter_map(|process| Some((process, process.phase().filter(|phase| *phase != "launch")?)))
        .collect();
    speaking.sort_by_key(|(process, _)| (process.began, process.pid));
    match speaking.first() {
        None => Stage::Over,
        Some((_, "serve")) => Stage::Serving,
        Some((_, phase)) => Stage::Preparing((*phase).to_owned()),
    }
}

/// The process and its descendants.
fn below<'a>(all: &'a [Process], first: &'a Process) -> Vec<&'a Process> {
    let mut found = vec![first];
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.pid) {
        found.extend(all.iter().filter(|process| process.parent == parent));
        next += 1;
    }
    found
}

/// Those of our control group; PID 1 alone where it is an app-init, which is the usual case.
fn processes() -> Vec<Process> {
    let own = group("self");
    let first = process(1, &own);
    if first.as_ref().is_some_and(|first| first.phase().is_some()) {
        return first.into_iter().collect();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| process(pid, &own)).collect()
}

/// `None` for one of another container, or one that is gone.
fn process(pid: i32, own_group: &str) -> Option<Process> {
    let pid_text = pid.to_string();
    let group = group(&pid_text);
    if group != own_group {
        return None;
    }
    let (name, parent, began) = parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let word = words.split(|byte| *byte == 0).next().unwrap_or_default();
    let word = String::from_utf8_lossy(word).into_owned();
    Some(Process { pid, parent, began, group, name, word })
}

fn group(pid: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default()
}

/// Name, parent and start time of `/proc/PID/stat`: fields 2, 4 and 22 (proc(5)).
fn parse(stat: &str) -> Option<(String, i32, u64)> {
    let (front, rest) = stat.rsplit_once(')')?;
    let name = front.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some((name, fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, began: u64, name: &str) -> Process {
        Process { pid, parent, began, name: name.into(), ..Process::default() }
    }

    fn preparing(phase: &str) -> Stage {
        Stage::Preparing(phase.into())
    }

    #[test]
    fn the_container_s_first_process_counts() {
        let exec = process(40, 0, 9, "init");
        for (what, all, wanted) in [
            ("PID 1", vec![process(1, 0, 1, "init:migrate")], preparing("migrate")),
            ("the supervisor", vec![process(1, 0, 1, "init:serve")], Stage::Serving),
            ("exec hand-off", vec![process(1, 0, 1, "uvicorn")], Stage::Over),
            (
                "docker run --init",
                vec![process(1, 0, 1, "docker-init"), process(7, 1, 1, "init:wait"), exec.clone()],
                preparing("wait"),
            ),
            (
                "docker run --init, then exec",
                vec![process(1, 0, 1, "docker-init"), process(7, 1, 1, "node")],
                Stage::Over,
            ),
            (
                "docker exec of a second app-init",
                vec![process(1, 0, 1, "node"), process(30, 0, 8, "init:migrate")],
                Stage::Over,
            ),
            (
                "a pod's shared namespace",
                vec![process(12, 0, 5, "init:seed"), process(20, 12, 6, "psql")],
                preparing("seed"),
            ),
            (
                "a step of an outer app-init",
                vec![process(1, 0, 1, "init:etl"), process(9, 1, 2, "init:wait")],
                preparing("etl"),
            ),
            ("no /proc", vec![], Stage::Over),
        ] {
            assert_eq!(stage(&all), wanted, "{what}");
        }
    }

    #[test]
    fn a_supervisor_that_has_no_name_yet_is_known_by_its_words() {
        let fresh = Process { word: "init:serve".into(), ..process(1, 0, 1, "exe") };
        assert_eq!(stage(&[fresh]), Stage::Serving);
        let child = Process { word: "init:launch".into(), ..process(2, 1, 2, "exe") };
        assert_eq!(stage(&[process(1, 0, 1, "init:etl"), child]), preparing("etl"));
    }

    #[test]
    fn names_with_parentheses_and_blanks() {
        let stat = "7 (a) S 1 (b) S 3 7 7 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
        assert_eq!(parse(stat), Some(("a) S 1 (b".into(), 3, 4711)));
        assert_eq!(parse("7 (sh) S 3"), None);
    }
}
