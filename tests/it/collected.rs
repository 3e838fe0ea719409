//! No pid is signalled once it was collected: from then on the kernel may give it to anybody. Read off
//! the system calls of the real binary.

use std::{collections::HashSet, fs, path::PathBuf};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{
    Init, Running,
    init::{binary, shell},
    pid1::{can_trace, child, children, pid1, probing, status},
    unproved, until,
};

/// A run whose calls are written down; `go` in its directory lets what waits for that go on.
struct Traced {
    running: Running,
    init: Pid,
    directory: tempfile::TempDir,
}

impl Traced {
    fn start(init: Init) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let calls = directory.path().join("calls");
        let trace = "trace=kill,wait4,?pidfd_open";
        let before = ["strace", "-f", "-qq", "-o", calls.to_str().unwrap(), "-e", trace];
        let running = init.current_dir(directory.path()).below(&before).start();
        Self { init: running.init_pid(), running, directory }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.file("calls")).unwrap()
    }

    fn send(&self, signals: &[Signal]) {
        for signal in signals {
            kill(self.init, *signal).unwrap();
        }
    }

    /// Sends what is passed on to a server that lives, and waits until it was read.
    fn send_all(&self) {
        use Signal::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGUSR1};
        self.send(&[SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGCONT]);
        until("they were read", || {
            status(self.init, "ShdPnd").bytes().all(|digit| digit == b'0').then_some(())
        });
    }

    fn go(&self) {
        fs::write(self.file("go"), "").unwrap();
    }

    /// Waits for the end and goes through the calls.
    fn check(self, code: i32) {
        let Self { running, init, directory } = self;
        let ended = running.finish();
        assert_eq!(ended.code, code, "{}", ended.stderr);
        check(&fs::read_to_string(directory.path().join("calls")).unwrap(), init);
    }
}

/// Fails if `init` sent a signal to a process, or to the group named after one, that it had collected.
fn check(calls: &str, init: Pid) {
    let (mut collected, mut sent) = (HashSet::new(), 0);
    let own = format!("{init} ");
    for call in calls.lines().filter_map(|line| line.strip_prefix(&own)).map(str::trim_start) {
        collected.extend(waited(call));
        if let Some(pid) = signalled(call) {
            assert!(!collected.contains(&pid), "{call} of {init}, of a collected pid:\n{calls}");
            sent += 1;
        }
    }
    assert!(!collected.is_empty() && sent > 0, "nothing was seen of {init}:\n{calls}");
}

/// Whose end a call told: `wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], …) = 17`.
fn waited(call: &str) -> Option<i32> {
    let wait = ["wait4(", "<... wait4 resumed>"].iter().any(|start| call.starts_with(start));
    let ended = ["WIFEXITED", "WIFSIGNALED"].iter().any(|how| call.contains(how));
    call.rsplit(" = ").next().filter(|_| wait && ended)?.parse().ok()
}

/// Whom a call names: `kill(-17, SIGTERM) = 0`.
fn signalled(call: &str) -> Option<i32> {
    let words = ["kill(", "pidfd_open("].iter().find_map(|start| call.strip_prefix(start))?;
    words.split(',').next()?.parse().ok().map(i32::abs)
}

/// A server that ends with 3 and leaves somebody who goes only when told to.
const LEAVING: &str = "trap 'exit 3' TERM; \
                       (trap '' TERM; echo up; until [ -e go ]; do sleep 0.01; done) & \
                       while :; do sleep 0.01; done";

const STARTS: [fn([&'static str; 3]) -> Init; 2] = [child, pid1];

fn leaving(round: usize) -> Traced {
    let init = STARTS[round % 2](["sh", "-c", LEAVING]).env("APP_INIT_LEFTOVER_GRACE", "1h");
    let target = ["child", "group"][round / 2 % 2];
    let init = init.env("APP_INIT_SIGNAL_TARGET", target).env("APP_INIT_LOG_LEVEL", "info");
    let traced = Traced::start(init);
    traced.running.expect_line("up");
    traced
}

#[test]
fn a_server_that_has_ended_gets_no_signal() {
    if !can_trace() {
        return unproved("strace is missing or may not trace");
    }
    for round in 0..16 {
        let traced = leaving(round);
        if round / 4 % 2 == 0 {
            traced.send(&[Signal::SIGTERM]);
            traced.running.expect_line("to finish");
            traced.send_all();
            // The second: what is left is killed.
            traced.send(&[Signal::SIGTERM]);
            traced.check(3);
        } else {
            // Killed by somebody else, in the middle of a stop.
            kill(children(traced.init)[0], Signal::SIGKILL).unwrap();
            traced.send(&[Signal::SIGTERM]);
            traced.send_all();
            traced.go();
            traced.check(137);
        }
    }
}

/// Killed while it is stopped, and we with it; a shell's `fg` comes afterwards.
#[test]
fn a_server_that_ended_while_it_was_stopped_is_not_continued() {
    if !can_trace() {
        return unproved("strace is missing or may not trace");
    }
    for _ in 0..4 {
        let binary = binary();
        let words = probing(["group", binary.to_str().unwrap(), "sh", "-c", LEAVING]);
        let init = Init::wrapped(words).env("APP_INIT_HANDOFF", "supervise");
        let traced = Traced::start(init.env("APP_INIT_LEFTOVER_GRACE", "1h"));
        traced.running.expect_line("up");
        let server = children(traced.init)[0];
        kill(server, Signal::SIGTSTP).unwrap();
        // The stop itself, not the call for it: a SIGCONT in between would come too early.
        until("it stops too", || traced.calls().contains("stopped by SIGSTOP").then_some(()));
        kill(server, Signal::SIGKILL).unwrap();
        traced.send_all();
        traced.go();
        traced.check(137);
    }
}

#[test]
fn a_step_and_what_it_leaves_get_no_signal_once_they_have_ended() {
    if !can_trace() {
        return unproved("strace is missing or may not trace");
    }
    let orphans = "setsid sh -c 'trap \"echo asked; exit\" TERM; echo one; while :; do sleep 0.01; done' & \
                   setsid sh -c 'trap \"\" TERM; echo two; while :; do sleep 0.01; done' & ";
    let starts: [fn([&'static str; 1]) -> Init; 2] = [child, pid1];
    for round in 0..8 {
        let waiting = "until [ -e go ]; do sleep 0.01; done";
        let stubborn = "trap '' TERM; while :; do sleep 0.01; done";
        let (end, grace) = [(waiting, "1h"), (stubborn, "100ms")][round / 2 % 2];
        let traced = Traced::start(
            starts[round % 2](["all"])
                .env("APP_INIT_ETL_COMMAND", shell(&format!("{orphans}{end}")))
                .env("APP_INIT_API_COMMAND", shell("echo server-is-up"))
                .env("APP_INIT_STOP_GRACE", grace),
        );
        for line in ["one", "two"] {
            traced.running.expect_line(line);
        }
        if end == waiting {
            // It ends by itself, and the stop comes while its orphans are being ended.
            traced.go();
            traced.running.expect_line("asked");
        }
        traced.send(&[Signal::SIGTERM, Signal::SIGUSR1]);
        traced.check(143);
    }
}
