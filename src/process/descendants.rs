//! Who is there: processes and their parents, read from `/proc`.

use std::fs;

use rustix::process::{Pid, getpid};

/// One process as `/proc/PID/stat` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    pid: i32,
    parent: i32,
    zombie: bool,
}

/// Our living descendants. `None` if `/proc` is missing or shows another PID namespace.
pub(crate) fn ours() -> Option<Vec<Pid>> {
    let me = getpid().as_raw_pid();
    Some(alive(below(&snapshot()?, me)))
}

/// Everything alive in the PID namespace but us. `None` as for `ours`.
pub(crate) fn everybody_else() -> Option<Vec<Pid>> {
    let me = getpid().as_raw_pid();
    Some(alive(snapshot()?.into_iter().filter(|entry| entry.pid != me).collect()))
}

fn alive(entries: Vec<Entry>) -> Vec<Pid> {
    entries
        .into_iter()
        .filter(|entry| !entry.zombie)
        .filter_map(|entry| Pid::from_raw(entry.pid))
        .collect()
}

/// The descendants of `root`, zombies included: a zombie's children still belong to its tree.
fn below(entries: &[Entry], root: i32) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let children = entries.iter().filter(|entry| entry.parent == parent);
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
    Some(pids.filter_map(entry).collect())
}

fn entry(pid: i32) -> Option<Entry> {
    parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name stands in parentheses and may contain any of them and blanks (proc(5)).
fn parse(pid: i32, stat: &str) -> Option<Entry> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    Some(Entry { pid, parent, zombie })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_parentheses_do_not_confuse() {
        let expected = Entry { pid: 7, parent: 3, zombie: true };
        assert_eq!(parse(7, "7 (a) S 1 (b) Z 3 7 7 0 -1"), Some(expected));
        assert_eq!(parse(7, "7 (sh) S 3 7"), Some(Entry { zombie: false, ..expected }));
        assert_eq!(parse(7, ""), None);
    }

    #[test]
    fn the_tree_below_a_zombie_is_found() {
        let entry = |pid, parent, zombie| Entry { pid, parent, zombie };
        let all = [entry(9, 1, false), entry(5, 4, false), entry(4, 2, true), entry(2, 1, false)];
        let mut pids: Vec<i32> = below(&all, 2).iter().map(|entry| entry.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [4, 5]);
        assert_eq!(alive(below(&all, 2)), [Pid::from_raw(5).unwrap()]);
    }
}
