//! A pass-through supervises in the process that was started, and executes itself anew once the
//! server has lived a second.

use std::{fs, thread, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{
    CANARY,
    pid1::{child, children, pid1, probing, status},
    until,
};

/// The words of the process that supervises.
fn words(pid: Pid) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

fn is_renewed(pid: Pid) -> bool {
    words(pid).starts_with(b"init:serve\0")
}

fn expect_renewed(pid: Pid) {
    until("it has executed itself anew", || is_renewed(pid).then_some(()));
}

#[test]
fn a_short_command_does_not_pay_for_a_second_execution() {
    let look = ["sh", "-c", "tr '\\0' ' ' </proc/$PPID/cmdline; exit 3"];
    for start in [child, pid1] {
        // On a machine that stands still for a second it may be renewed before the command looks.
        until("a command that ran under the first execution", || {
            let ended = start(look).run();
            assert_eq!(ended.code, 3, "{}", ended.stderr);
            (!ended.stdout.starts_with("init:serve")).then_some(())
        });
    }
}

#[test]
fn a_longer_command_finds_all_in_order_after_it() {
    for start in [child, pid1] {
        let running = start(probing(["orphans", "20"])).env("DATABASE_URL", CANARY).start();
        running.expect_line("ready");
        let pid = running.init_pid();
        expect_renewed(pid);
        assert_eq!(fs::read(format!("/proc/{pid}/environ")).unwrap(), b"");
        assert!(!String::from_utf8_lossy(&words(pid)).contains(CANARY));
        until("it is in its directory", || {
            (fs::read_link(format!("/proc/{pid}/cwd")).ok()?.to_str() == Some("/")).then_some(())
        });
        assert_eq!(
            (status(pid, "Name"), status(pid, "Threads")),
            ("init:serve".into(), "1".into())
        );
        until("only the server is left", || (children(pid).len() == 1).then_some(()));
        for (signal, line) in [(Signal::SIGHUP, "got 1"), (Signal::SIGUSR1, "got 10")] {
            kill(pid, signal).unwrap();
            running.expect_line(line);
        }
        kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(running.exit_code(), 0);
    }
}

#[test]
fn the_exit_code_is_right_after_it() {
    for start in [child, pid1] {
        for (end, code) in [("exit 9", 9), ("kill -9 $$", 137)] {
            let server = format!("trap '{end}' TERM; while :; do sleep 0.01; done");
            let running = start(["sh".to_owned(), "-c".to_owned(), server]).start();
            let pid = running.init_pid();
            expect_renewed(pid);
            kill(pid, Signal::SIGTERM).unwrap();
            assert_eq!(running.exit_code(), code, "{end}");
        }
    }
}

/// A stop that is under way keeps it from happening; the server ends as it wants.
#[test]
fn a_stop_comes_first() {
    let server = "trap 'sleep 1.5; tr \"\\0\" \" \" </proc/$PPID/cmdline; exit 4' TERM; echo up; while :; do sleep 0.01; done";
    until("a stop within the first second", || {
        let running = child(["sh", "-c", server]).env("APP_INIT_STOP_GRACE", "30s").start();
        running.expect_line("up");
        running.signal(Signal::SIGTERM);
        let ended = running.finish();
        assert_eq!(ended.code, 4, "{}", ended.stderr);
        (!ended.stdout.contains("init:serve")).then_some(())
    });
}

/// Many starts side by side, each with its signals at another instant around the execution.
#[test]
fn no_signal_is_lost_around_it() {
    let rounds: Vec<_> = (0..80_u64)
        .map(|round| {
            thread::spawn(
                move || if round % 2 == 0 { lose(round, child) } else { lose(round, pid1) },
            )
        })
        .collect();
    for round in rounds {
        round.join().unwrap();
    }
}

fn lose(round: u64, start: fn(Vec<std::ffi::OsString>) -> crate::support::Init) {
    let running = start(probing(["count"])).start();
    running.expect_line("ready");
    let pid = running.init_pid();
    if round % 8 < 4 {
        // Spread over the 80 ms around it.
        thread::sleep(Duration::from_millis(950 + round));
    } else {
        // As soon as it can be seen.
        while !is_renewed(pid) {
            thread::sleep(Duration::from_micros(100));
        }
    }
    for signal in [Signal::SIGUSR1, Signal::SIGHUP, Signal::SIGTERM] {
        kill(pid, signal).unwrap();
    }
    let ended = running.finish();
    for line in ["got 10", "got 1", "got 15"] {
        let count = ended.stdout.lines().filter(|got| *got == line).count();
        assert_eq!(count, 1, "round {round}: {line}: {}", ended.stdout);
    }
    assert_eq!(ended.code, 0, "round {round}");
}
