//! Who is there: processes and their parents, read from `/proc`.

use std::{fs, io};

use rustix::process::{Pid, getpid};

use super::{send, signal::Signal};

/// One process as `/proc/PID/stat` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    pid: Pid,
    parent: i32,
    zombie: bool,
    /// When it was started, in ticks since the machine was.
    started: u64,
}

/// How many of our descendants are alive. `None` if `/proc` is missing or shows another PID namespace.
pub(crate) fn ours() -> Option<usize> {
    Some(alive(below(&snapshot()?, getpid())).count())
}

/// How many processes but us are alive in the PID namespace. `None` as for `ours`.
pub(crate) fn everybody_else() -> Option<usize> {
    let others = snapshot()?.into_iter().filter(|entry| entry.pid != getpid());
    Some(alive(others).count())
}

/// Sends to our living descendants; how many they were. `None` as for `ours`.
pub(crate) fn signal(signal: Signal) -> Option<usize> {
    let mut count = 0;
    for one in alive(below(&snapshot()?, getpid())) {
        // Who is gone by now needs no signal.
        drop(send_to(one, signal));
        count += 1;
    }
    Some(count)
}

/// Sends to the process that was seen, never to another that was given its number since: its own
/// parent may have collected it.
fn send_to(seen: Entry, signal: Signal) -> io::Result<()> {
    let is_it = || entry(seen.pid).is_some_and(|now| now.started == seen.started);
    send::to_process_if(seen.pid, signal, is_it)
}

fn alive(entries: impl IntoIterator<Item = Entry>) -> impl Iterator<Item = Entry> {
    entries.into_iter().filter(|entry| !entry.zombie)
}

/// The descendants of `root`, zombies included: a zombie's children still belong to its tree.
fn below(entries: &[Entry], root: Pid) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let children = entries.iter().filter(|entry| entry.parent == parent.as_raw_pid());
        for child in children {
            parents.push(child.pid);
            found.push(*child);
        }
    }
    found
}

fn snapshot() -> Option<Vec<Entry>> {
    let me = fs::read_link("/proc/self").ok()?;
    if me.to_str()?.parse::<i32>() != Ok(getpid().as_raw_pid()) {
        return None;
    }
    let directories = fs::read_dir("/proc").ok()?.flatten();
    let pids = directories.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    Some(pids.filter_map(Pid::from_raw).filter_map(entry).collect())
}

fn entry(pid: Pid) -> Option<Entry> {
    parse(pid, &fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?)
}

/// The name stands in parentheses and may contain any of them and blanks. The fields behind it are
/// the 3rd, the 4th and so on; the 22nd is the start (proc(5)).
fn parse(pid: Pid, stat: &str) -> Option<Entry> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some(Entry { pid, parent, zombie, started })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid(number: i32) -> Pid {
        Pid::from_raw(number).unwrap()
    }

    #[test]
    fn names_with_parentheses_do_not_confuse() {
        let rest = "7 7 0 -1 5 6 7 8 9 10 11 12 13 20 0 1 0 4711 23 24";
        let expected = Entry { pid: pid(7), parent: 3, zombie: true, started: 4711 };
        assert_eq!(parse(pid(7), &format!("7 (a) S 1 (b) Z 3 {rest}")), Some(expected));
        let running = Entry { zombie: false, ..expected };
        assert_eq!(parse(pid(7), &format!("7 (sh) S 3 {rest}")), Some(running));
        assert_eq!(parse(pid(7), ""), None);
    }

    #[test]
    fn the_tree_below_a_zombie_is_found() {
        let entry = |number, parent, zombie| Entry { pid: pid(number), parent, zombie, started: 0 };
        let all = [entry(9, 1, false), entry(5, 4, false), entry(4, 2, true), entry(2, 1, false)];
        let found = below(&all, pid(2));
        assert_eq!(found.iter().map(|entry| entry.pid).collect::<Vec<_>>(), [pid(4), pid(5)]);
        assert_eq!(alive(below(&all, pid(2))).collect::<Vec<_>>(), [entry(5, 4, false)]);
    }

    /// Seen on ourselves, with the one signal that means nothing to a process that does not ask for it.
    #[test]
    fn another_process_of_the_same_number_gets_nothing() {
        let harmless = Signal::from_raw(23).unwrap();
        let us = entry(getpid()).unwrap();
        assert!(send_to(us, harmless).is_ok());
        let before_us = Entry { started: us.started - 1, ..us };
        assert!(send_to(before_us, harmless).is_err());
    }
}
