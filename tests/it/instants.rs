//! A stop at every instant of a start: swept in small steps, and with the instants stretched.

use std::time::Duration;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{
    Init,
    init::binary,
    pid1::{can_trace, child, children, pid1},
    spin, unproved, until,
};

const STARTS: [fn([&'static str; 2]) -> Init; 2] = [child, pid1];

/// A server that ends at a stop, which goes to it, or in the odd rounds to its group.
fn aimed(start: fn([&'static str; 2]) -> Init, round: u32) -> Init {
    let target = ["child", "group"][round as usize % 2];
    start(["sleep", "1000"]).env("APP_INIT_SIGNAL_TARGET", target)
}

/// From the first instant on, in steps of a few microseconds: before `main`, while the server is
/// being started, between its fork and its exec, while we become the supervisor.
#[test]
fn a_stop_at_any_instant_of_the_start_ends_it() {
    for round in 0..300_u32 {
        let running = aimed(child, round).start();
        spin(Duration::from_micros(u64::from(round) * 20));
        kill(running.pid(), Signal::SIGTERM).unwrap();
        assert_eq!(running.exit_code(), 143, "round {round}");
    }
}

/// As PID 1 a signal before the mask is up is dropped by the kernel, so the sweep begins there.
#[test]
fn a_stop_at_any_instant_ends_pid_1() {
    for round in 0..150_u32 {
        let running = aimed(pid1, round).start();
        let pid = running.init_pid();
        running.expect_mask();
        spin(Duration::from_micros(u64::from(round) * 20));
        kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(running.exit_code(), 143, "round {round}");
    }
}

/// What comes earlier is the loader's and the C library's. Without the mask a stop would be dropped.
#[test]
fn signals_are_blocked_by_the_first_call_of_ours() {
    if !can_trace() {
        return unproved("strace is missing or may not trace");
    }
    // Among them is all that Rust's runtime does before `main`. Not every architecture has poll(2).
    let calls = "trace=rt_sigprocmask,rt_sigaction,signalfd4,?poll,ppoll,fcntl,sigaltstack";
    let ended = child(["true"]).below(&["strace", "-qq", "-e", calls]).run();
    let first = ended.stderr.lines().next().unwrap();
    assert!(first.starts_with("rt_sigprocmask(SIG_SETMASK, ~["), "{}", ended.stderr);
}

/// The instants between the fork of the server, its process group and its exec, each stretched to
/// 30 ms by a delayed system call.
#[test]
fn no_stop_is_lost_while_the_server_is_being_started_slowly() {
    if !can_trace() {
        return unproved("strace is missing or may not trace");
    }
    for (round, start) in (0..24_u32).zip(STARTS.iter().cycle()) {
        let running = aimed(*start, round / 2).below(&SLOWLY).start();
        let pid = until("init has a child", || {
            let below = descendants(running.pid());
            below.into_iter().find(|pid| is_init(*pid) && !children(*pid).is_empty())
        });
        std::thread::sleep(Duration::from_millis(u64::from(round) * 4));
        kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(running.exit_code(), 143, "round {round}");
    }
}

const SLOWLY: [&str; 9] = [
    "strace",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    "trace=execve,setpgid",
    "-e",
    "inject=execve,setpgid:delay_enter=30000",
];

/// Whether it runs our binary under its own name: a launch and the server have another.
fn is_init(pid: Pid) -> bool {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words.starts_with(binary().as_os_str().as_encoded_bytes())
}

/// Everything below a process, parents before children.
fn descendants(root: Pid) -> Vec<Pid> {
    let mut found = children(root);
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(children(parent));
        next += 1;
    }
    found
}
