//! Signals on their way to the server: none lost, none twice, in every mode.

use std::{ffi::OsString, fs::OpenOptions, os::unix::fs::FileExt, time::Duration};

use nix::unistd::Pid;
use rustix::process::kill_process;
use rustix_libc_wrappers::process::SignalExt;

use crate::support::{
    Init, Running,
    init::{Finished, binary},
    pid1::{child, children, pid1, probing, status, wrapped},
    spin, unproved, until,
};

const TERM: i32 = 15;
const USR1: i32 = 10;

/// Sends a signal by number, real-time signals included.
fn send(pid: Pid, number: i32) {
    let pid = rustix::process::Pid::from_raw(pid.as_raw()).unwrap();
    kill_process(pid, rustix::process::Signal::from_raw(number).unwrap()).unwrap();
}

/// A server that prints each signal it gets and ends at SIGTERM; ready.
fn counting(start: fn(Vec<OsString>) -> Init, change: impl FnOnce(Init) -> Init) -> (Running, Pid) {
    let running = change(start(probing(["count"]))).start();
    running.expect_line("ready");
    let pid = running.init_pid();
    (running, pid)
}

const STARTS: [fn(Vec<OsString>) -> Init; 2] = [child, pid1];

fn got(finished: &Finished) -> Vec<i32> {
    let lines = finished.stdout.lines().filter_map(|line| line.strip_prefix("got "));
    lines.map(|number| number.parse().unwrap()).collect()
}

#[test]
fn every_signal_that_can_be_forwarded_reaches_the_server_once_and_in_order() {
    for start in STARTS {
        let (running, pid) = counting(start, |init| init);
        // KILL and STOP cannot be caught, CHLD is ours, 32 and 33 are the C library's.
        let numbers = (1..=64).filter(|number| ![9, 15, 17, 19, 32, 33].contains(number));
        let mut sent: Vec<i32> = numbers.collect();
        for number in &sent {
            send(pid, *number);
            running.expect_line(&format!("got {number}"));
        }
        send(pid, TERM);
        sent.push(TERM);
        let finished = running.finish();
        assert_eq!((got(&finished), finished.code), (sent, 0));
    }
}

#[test]
fn a_thousand_queued_real_time_signals_arrive_as_a_thousand() {
    for start in STARTS {
        let (running, pid) = counting(start, |init| init);
        for _ in 0..1000 {
            send(pid, 40);
        }
        // SIGTERM has a lower number and would overtake those that are still queued.
        until("all have arrived", || {
            let arrived = running.output().lines().filter(|line| *line == "got 40").count();
            (arrived == 1000).then_some(())
        });
        send(pid, TERM);
        assert_eq!(got(&running.finish()).len(), 1001);
    }
}

/// Zeros over what it will execute next. On x86-64 they write through a pointer that leads nowhere,
/// elsewhere they are no instruction.
#[test]
fn a_real_fault_of_ours_kills_us_with_its_own_signal() {
    for start in STARTS {
        let (running, pid) = counting(start, |init| init);
        let at = until("it waits", || {
            let call = std::fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
            let counter = call.split_whitespace().last()?.strip_prefix("0x")?;
            u64::from_str_radix(counter, 16).ok()
        });
        let memory = OpenOptions::new().write(true).open(format!("/proc/{pid}/mem"));
        if memory.and_then(|memory| memory.write_all_at(&[0; 16], at)).is_err() {
            return unproved("the memory of another process cannot be written");
        }
        send(pid, USR1);
        let code = running.exit_code();
        assert!([128 + 4, 128 + 7, 128 + 11].contains(&code), "{code}");
    }
}

/// A server that is stopped while others shower it: its own code counts, whatever else arrives.
#[test]
fn a_shower_of_signals_changes_nothing() {
    for round in 0..40_u32 {
        let start = STARTS[round as usize % 2];
        let (running, pid) = counting(start, |init| init);
        for number in [USR1, 12, 1, 2, 34, 64, 34, 28, 23, 13] {
            send(pid, number);
            spin(Duration::from_micros(u64::from(round) * 3));
        }
        send(pid, TERM);
        let finished = running.finish();
        assert_eq!(finished.code, 0);
        assert_eq!(got(&finished).last(), Some(&TERM), "round {round}");
    }
}

/// Writing to a closed stderr raises SIGPIPE in us; that one is ours alone.
#[test]
fn our_own_sigpipe_is_not_forwarded() {
    // The reader of stderr leaves first; the server says so by its own output.
    let script = "mkfifo pipe; (read -r x <pipe) & exec 2>pipe; echo go >&2; wait; exec \"$@\"";
    let before = ["sh", "-c", script, "sh"].map(std::ffi::OsStr::new);
    let directory = tempfile::tempdir().unwrap();
    let init = wrapped(&before, probing(["count"])).current_dir(directory.path());
    let running = init.env("APP_INIT_LOG_LEVEL", "debug").start();
    running.expect_line("ready");
    let pid = running.init_pid();
    for number in [USR1, 12, USR1] {
        send(pid, number);
        running.expect_line(&format!("got {number}"));
    }
    send(pid, TERM);
    assert_eq!(got(&running.finish()), [USR1, 12, USR1, TERM]);
}

#[test]
fn the_exit_code_of_a_death_by_signal() {
    for start in STARTS {
        for number in [1, 2, 6, 9, 11, 13, 15, 31, 34, 40, 64] {
            let ended = start(probing(["die", &number.to_string()])).run();
            assert_eq!(ended.code, 128 + number);
        }
    }
}

#[test]
fn success_codes_become_0() {
    for (codes, number, code) in [("143,130", 15, 0), ("143,130", 2, 0), ("143", 2, 130)] {
        let ended =
            pid1(probing(["die", &number.to_string()])).env("APP_INIT_SUCCESS_CODES", codes).run();
        assert_eq!(ended.code, code, "{codes} {number}");
    }
}

#[test]
fn the_map_rewrites_and_drops_each_signal_once() {
    for start in STARTS {
        let map = "TERM=USR1,INT=TERM,HUP=,RTMIN+1=USR2,TSTP=QUIT";
        let (running, pid) = counting(start, |init| init.env("APP_INIT_SIGNAL_MAP", map));
        for (sent, arrives) in
            [(1, None), (35, Some(12)), (20, Some(3)), (TERM, Some(USR1)), (2, Some(TERM))]
        {
            send(pid, sent);
            if let Some(number) = arrives {
                running.expect_line(&format!("got {number}"));
            }
        }
        assert_eq!(got(&running.finish()), [12, 3, USR1, TERM]);
    }
}

/// dumb-init's and tini's group mode deliver twice to workers of servers that pass signals on.
#[test]
fn the_group_gets_signals_only_if_asked() {
    for (target, worker_gets) in [("child", false), ("group", true)] {
        let script = "trap 'echo server' USR1; \"$@\" & while :; do wait; done";
        let mut words: Vec<OsString> = ["sh", "-c", script, "sh"].map(OsString::from).to_vec();
        words.extend(probing(["count"]));
        for start in STARTS {
            let init = start(words.clone()).env("APP_INIT_SIGNAL_TARGET", target);
            let running = init.start();
            running.expect_line("ready");
            let pid = running.init_pid();
            send(pid, USR1);
            running.expect_line("server");
            if worker_gets {
                running.expect_line("got 10");
            }
            drop(running);
        }
        // What a worker must not get cannot be waited for: it would be there before the second.
        let running = child(words).env("APP_INIT_SIGNAL_TARGET", target).start();
        running.expect_line("ready");
        for _ in 0..3 {
            let before = running.output().matches("server").count();
            send(running.pid(), USR1);
            until("the server got it", || {
                (running.output().matches("server").count() > before).then_some(())
            });
        }
        assert_eq!(running.output().contains("got 10"), worker_gets, "{target}");
        send(running.pid(), TERM);
        assert_eq!(running.exit_code(), 128 + TERM);
    }
}

#[test]
fn a_delay_holds_the_stop_back_and_a_second_stop_hurries_it() {
    for start in STARTS {
        let (running, pid) = counting(start, |init| {
            init.env("APP_INIT_STOP_DELAY", "1h").env("APP_INIT_LOG_LEVEL", "info")
        });
        send(pid, TERM);
        running.expect_line("forwarding it in 3600s");
        // Other signals are not held back.
        send(pid, USR1);
        running.expect_line("got 10");
        send(pid, TERM);
        assert_eq!(got(&running.finish()), [USR1, TERM]);
        let (running, pid) = counting(start, |init| init.env("APP_INIT_STOP_DELAY", "50ms"));
        send(pid, TERM);
        assert_eq!(got(&running.finish()), [TERM]);
    }
}

/// Who is outside of our PID namespace, as `docker stop` is, has no pid in it.
#[test]
fn the_sender_is_named_if_it_has_a_pid_here() {
    for start in STARTS {
        let (running, pid) = counting(start, |init| init.env("APP_INIT_LOG_LEVEL", "debug"));
        let outside = status(pid, "NSpid").split_whitespace().count() > 1;
        let ours = |word| {
            if outside { String::new() } else { format!(" {word} pid {}", std::process::id()) }
        };
        send(pid, USR1);
        running.expect_line(&format!("init: serve: SIGUSR1{} forwarded", ours("from")));
        send(pid, TERM);
        let said = running.finish().stderr;
        let stop = format!("init: serve: stop requested{}: SIGTERM to the server\n", ours("by"));
        assert!(said.contains(&stop), "{stop:?} is missing in:\n{said}");
    }
    let script = "trap 'exit 0' TERM; echo me $$; kill -TERM $PPID; while :; do sleep 0.01; done";
    for start in STARTS {
        let words = ["sh", "-c", script].map(OsString::from).to_vec();
        let ended = start(words).env("APP_INIT_LOG_LEVEL", "info").run();
        let server = ended.stdout.strip_prefix("me ").unwrap().trim();
        let stop = format!("stop requested by pid {server}: SIGTERM");
        assert!(ended.stderr.contains(&stop), "{stop:?} is missing in:\n{}", ended.stderr);
    }
}

/// There is nobody in the server's own group any more: ESRCH.
#[test]
fn a_server_that_has_left_its_group_is_stopped_all_the_same() {
    let words = |server: &[&str]| probing(["parents-group"].iter().chain(server));
    let count = probing(["count"]);
    let running = child(words(&[count[0].to_str().unwrap(), "count"]))
        .env("APP_INIT_SIGNAL_TARGET", "group")
        .start();
    running.expect_line("ready");
    send(running.pid(), USR1);
    running.expect_line("got 10");
    send(running.pid(), TERM);
    let ended = running.finish();
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let running = child(words(&["sh", "-c", STUBBORN])).env("APP_INIT_STOP_GRACE", "1h").start();
    running.expect_line("up");
    send(running.pid(), TERM);
    running.expect_line("term");
    send(running.pid(), TERM);
    assert_eq!(running.exit_code(), 137);
}

/// A server that does not end at SIGTERM, with a child of its own.
const STUBBORN: &str = "trap 'echo term' TERM; echo up; while :; do sleep 0.01; done";

#[test]
fn a_grace_ends_in_sigkill_to_the_group() {
    for start in STARTS {
        let words = ["sh", "-c", STUBBORN].map(OsString::from).to_vec();
        let running = start(words).env("APP_INIT_STOP_GRACE", "100ms").start();
        running.expect_line("up");
        send(running.init_pid(), TERM);
        let finished = running.finish();
        assert_eq!(finished.code, 137);
        assert!(finished.stderr.contains("SIGKILL to its group"), "{}", finished.stderr);
    }
}

/// The server's own children got the SIGKILL as well; some are not collected yet when it has ended.
#[test]
fn what_a_grace_has_killed_is_not_counted_as_left() {
    const FAMILY: &str = "trap '' TERM; for i in 1 2 3 4; do sleep 1000 & done; echo up; wait";
    for _ in 0..10 {
        let server = child(["sh", "-c", FAMILY].map(OsString::from).to_vec());
        let server = server.env("APP_INIT_LOG_LEVEL", "info");
        let running = server.env("APP_INIT_STOP_GRACE", "50ms").start();
        running.expect_line("up");
        send(running.pid(), TERM);
        let finished = running.finish();
        assert!(!finished.stderr.contains("0 processes"), "{}", finished.stderr);
    }
}

#[test]
fn a_second_stop_hurries_a_grace() {
    for start in STARTS {
        let words = ["sh", "-c", STUBBORN].map(OsString::from).to_vec();
        let running = start(words).env("APP_INIT_STOP_GRACE", "1h").start();
        running.expect_line("up");
        let pid = running.init_pid();
        send(pid, TERM);
        running.expect_line("term");
        send(pid, TERM);
        assert_eq!(running.exit_code(), 137);
    }
}

#[test]
fn a_stop_works_though_sigterm_was_inherited_blocked_and_ignored() {
    let before = probing(["with", "i15", "b15", "--"]);
    let words: Vec<_> = before.iter().map(OsString::as_os_str).collect();
    for (script, grace, code) in [("echo up; exec sleep 1000", "1h", 143), (STUBBORN, "100ms", 137)]
    {
        let binary = binary().into_os_string();
        let ours = before.iter().chain([&binary]).cloned();
        let server = ["sh", "-c", script].map(OsString::from);
        for init in [Init::wrapped(ours.chain(server.clone())), wrapped(&words, server)] {
            let init = init.current_dir(env!("CARGO_TARGET_TMPDIR"));
            let init = init.env("APP_INIT_HANDOFF", "supervise").env("APP_INIT_STOP_GRACE", grace);
            let running = init.start();
            running.expect_line("up");
            send(running.init_pid(), TERM);
            assert_eq!(running.exit_code(), code, "{script}");
        }
    }
}

/// Root without the right to signal other users, and a server that became another user. An
/// ordinary user has no second user to become: what is left to show then is that a forward works.
#[test]
fn a_refused_forward_is_said_once_and_ends_nothing() {
    let root = nix::unistd::Uid::effective().is_root();
    let before: &[&str] = if root { &["setpriv", "--bounding-set=-kill", "--"] } else { &["env"] };
    let mut words = probing(["count"]);
    if root {
        words.splice(0..0, probing(["nobody"]));
    }
    let before: Vec<_> = before.iter().map(std::ffi::OsStr::new).collect();
    let running = wrapped(&before, words).env("APP_INIT_LOG_LEVEL", "info").start();
    let line = running.expect_line("ready");
    let pid = running.init_pid();
    send(pid, USR1);
    if root {
        let said = running.expect_line("cannot send SIGUSR1 to the server (pid ");
        assert!(said.contains("permitted"), "{said}");
        send(pid, 12);
        send(pid, 1);
        // The server ends by itself, by our hand, and its code still arrives.
        until("the signals were taken", || status(pid, "ShdPnd").ends_with("0000").then_some(()));
        drop(line);
        let server = children(pid)[0];
        send(server, TERM);
        let finished = running.finish();
        assert_eq!(finished.stderr.matches("cannot send").count(), 1, "{}", finished.stderr);
        assert_eq!(finished.code, 0);
    } else {
        running.expect_line("got 10");
        send(pid, TERM);
        assert_eq!(running.exit_code(), 0);
    }
}
