//! Steps before the server: their failure, their limits, a stop, and what they leave behind.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{
    Init,
    init::shell,
    pid1::{child, is_gone, pid1, probing, status, wrapped},
    spin, unproved, until,
};

const STARTS: [fn([&'static str; 1]) -> Init; 2] = [child, pid1];

/// `init all` with a shell script as the ETL step and a server that says it is up.
fn all(start: fn([&'static str; 1]) -> Init, step: &str) -> Init {
    start(["all"])
        .env("APP_INIT_ETL_COMMAND", shell(step))
        .env("APP_INIT_API_COMMAND", shell("echo server-is-up"))
}

fn last_number(line: &str) -> Pid {
    Pid::from_raw(line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[test]
fn a_step_that_succeeds_is_followed_by_the_server() {
    for start in STARTS {
        let ended = all(start, "echo step").run();
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "step\nserver-is-up\n"));
    }
}

/// s6 goes on by default, `my_init` reports success for a migration that was killed.
#[test]
fn a_step_that_fails_ends_the_start_with_its_own_code_in_the_log() {
    for start in STARTS {
        for (script, how) in [
            ("exit 3", "exit code 3\nhint: look at what it printed above\n"),
            ("kill -9 $$", "killed by SIGKILL"),
            ("kill -TERM $$", "killed by SIGTERM"),
        ] {
            let ended = all(start, script).run();
            assert_eq!((ended.code, ended.stdout.as_str()), (82, ""), "{script}");
            assert!(ended.stderr.contains(how), "{}", ended.stderr);
        }
    }
}

/// baseimage-docker reported success for it.
#[test]
fn a_step_that_the_kernel_kills_for_memory_ends_the_start() {
    let Some(group) = MemoryGroup::of_bytes(16 << 20) else {
        return unproved("no memory control group can be made here");
    };
    // Without the limit it would end by itself, with 1.
    let step = format!("ulimit -v 400000; echo 0 >{}; exec tail /dev/zero", group.members());
    let ended = all(STARTS[0], &step).run();
    assert_eq!((ended.code, ended.stdout.as_str()), (82, ""), "{}", ended.stderr);
    for words in ["killed by SIGKILL", "look at the memory limit"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}

/// A control group that is removed at the end.
struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// `None` without the right or the controller.
    fn of_bytes(limit: u32) -> Option<Self> {
        let name = format!("app-init-test-{}", std::process::id());
        let made = [("memory", "memory.limit_in_bytes"), ("", "memory.max")];
        made.into_iter().find_map(|(version, file)| {
            let group = Self(Path::new("/sys/fs/cgroup").join(version).join(&name));
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join(file), limit.to_string()).ok().map(|()| group)
        })
    }

    fn members(&self) -> String {
        self.0.join("cgroup.procs").display().to_string()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        drop(fs::remove_dir(&self.0));
    }
}

#[test]
fn a_step_that_cannot_be_run_says_why() {
    for (command, reason) in [
        ("no-such-program", "cannot run `no-such-program`: no program of that name in PATH"),
        ("/etc/passwd", "has no execute permission"),
        ("/etc", "it is a directory"),
    ] {
        let ended = all(child, "").env("APP_INIT_ETL_COMMAND", command).run();
        assert_eq!((ended.code, ended.stdout.as_str()), (82, ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
    }
}

#[test]
fn a_failure_that_may_be_ignored_is() {
    let ended = all(child, "exit 3").env("APP_INIT_ETL_ON_FAILURE", "continue").run();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "server-is-up\n"), "{}", ended.stderr);
}

#[test]
fn a_timeout_asks_the_step_to_end_and_waits_for_it() {
    let script = "trap 'sleep 0.1; echo saved; exit 0' TERM; while :; do sleep 0.01; done";
    for start in STARTS {
        let ended = all(start, script).env("APP_INIT_ETL_TIMEOUT", "100ms").run();
        assert_eq!((ended.code, ended.stdout.as_str()), (84, "saved\n"), "{}", ended.stderr);
        assert!(ended.stderr.contains("raise APP_INIT_ETL_TIMEOUT"), "{}", ended.stderr);
    }
}

/// The same signal, to the whole group; what it answers does not matter, and nothing follows.
#[test]
fn a_stop_reaches_the_step_and_no_later_one_starts() {
    for start in STARTS {
        for (name, signal) in [
            ("TERM", Signal::SIGTERM),
            ("INT", Signal::SIGINT),
            ("QUIT", Signal::SIGQUIT),
            ("HUP", Signal::SIGHUP),
        ] {
            // A foreground child: in the background a shell ignores INT and QUIT (XCU 2.11).
            let script = format!(
                "trap 'echo leader; exit 0' {name}; \
                 sh -c 'trap \"echo worker; exit\" {name}; echo up; while :; do sleep 0.01; done'"
            );
            let running = all(start, &script).start();
            running.expect_line("up");
            kill(running.init_pid(), signal).unwrap();
            let ended = running.finish();
            assert_eq!(ended.code, 128 + signal as i32, "{}", ended.stderr);
            for line in ["worker", "leader"] {
                assert!(ended.stdout.contains(line), "{name}: {}", ended.stdout);
            }
            assert!(!ended.stdout.contains("server-is-up"));
        }
    }
}

#[test]
fn a_step_is_killed_only_if_a_grace_is_set() {
    let script = "trap 'echo term' TERM; echo up; while :; do sleep 0.01; done";
    for start in STARTS {
        let running = all(start, script).env("APP_INIT_STOP_GRACE", "100ms").start();
        running.expect_line("up");
        kill(running.init_pid(), Signal::SIGTERM).unwrap();
        let ended = running.finish();
        assert_eq!(ended.code, 143);
        assert!(ended.stdout.contains("term"));
        let running = all(start, script).start();
        running.expect_line("up");
        let pid = running.init_pid();
        for times in 1..=3 {
            kill(pid, Signal::SIGTERM).unwrap();
            until("the step was told", || {
                (running.output().matches("term\n").count() >= times).then_some(())
            });
        }
    }
}

/// From before the first line to the running server, whatever is going on just then.
#[test]
fn a_stop_at_any_instant_of_the_preparation_ends_it() {
    for round in 0..200_u32 {
        let init = child(["all"])
            .env("APP_INIT_ETL_COMMAND", "true")
            .env("APP_INIT_API_COMMAND", "sleep 1000");
        let running = init.start();
        spin(Duration::from_micros(u64::from(round) * 100));
        running.signal(Signal::SIGTERM);
        assert_eq!(running.exit_code(), 143, "round {round}");
    }
}

#[test]
fn a_stop_at_any_instant_of_the_preparation_ends_pid_1() {
    for round in 0..100_u32 {
        let init = pid1(["all"])
            .env("APP_INIT_ETL_COMMAND", "true")
            .env("APP_INIT_API_COMMAND", "sleep 1000");
        let running = init.start();
        let pid = running.init_pid();
        running.expect_mask();
        spin(Duration::from_micros(u64::from(round) * 100));
        kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(running.exit_code(), 143, "round {round}");
    }
}

/// Ended and collected: a zombie would still have its number.
#[test]
fn what_a_step_leaves_behind_is_ended_before_the_next() {
    // One that ends when asked, in a session of its own, and one that has to be killed.
    let step = "setsid sh -c 'trap \"echo asked; exit\" TERM; echo $$ >one; while :; do sleep 0.01; done' & \
                setsid sh -c 'trap \"\" TERM; echo $$ >two; while :; do sleep 0.01; done' & \
                until [ -s one ] && [ -s two ]; do sleep 0.01; done";
    let server =
        "for one in $(cat one two); do kill -0 $one 2>&- && echo left; done; echo server-is-up";
    for start in STARTS {
        let directory = tempfile::tempdir().unwrap();
        let ended = all(start, step)
            .env("APP_INIT_API_COMMAND", shell(server))
            .current_dir(directory.path())
            .run();
        assert_eq!((ended.code, ended.stdout.as_str()), (0, "asked\nserver-is-up\n"));
    }
}

#[test]
fn a_step_begins_with_empty_input_fresh_signals_and_a_group_of_its_own() {
    let before = probing(["with", "i1", "i15", "i17", "b10", "--"]);
    let before: Vec<_> = before.iter().map(OsString::as_os_str).collect();
    let probe = probing(["state"])[0].to_str().unwrap().to_owned();
    let script = format!(
        "{probe} state; read -r line || echo empty; ps() {{ cut -d' ' -f5 /proc/$$/stat; }}; \
         [ $(ps) = $$ ] && echo leader; echo ${{NOTIFY_SOCKET-hidden}}; exit 5"
    );
    let ended = wrapped(&before, ["all"])
        .env("APP_INIT_ETL_COMMAND", shell(&script))
        .env("APP_INIT_API_COMMAND", shell("true"))
        .env("NOTIFY_SOCKET", "/run/notify")
        .run();
    assert_eq!(ended.stdout, "ignored:\nblocked:\nempty\nleader\nhidden\n", "{}", ended.stderr);
    assert_eq!(ended.code, 82);
}

#[test]
fn the_notify_socket_is_left_to_the_server() {
    let ended = child(["all"])
        .env("APP_INIT_ETL_COMMAND", shell("true"))
        .env("APP_INIT_API_COMMAND", shell("echo ${NOTIFY_SOCKET-hidden}"))
        .env("NOTIFY_SOCKET", "/run/notify")
        .run();
    assert_eq!(ended.stdout, "/run/notify\n");
}

#[test]
fn a_silent_step_gives_a_sign_of_life() {
    let running = all(child, "until [ -e go ]; do sleep 0.01; done")
        .env("APP_INIT_HEARTBEAT", "50ms")
        .start();
    let line = running.expect_line(" still runs after ");
    for part in ["init: etl: `", "go ]; do", " ms (pid "] {
        assert!(line.contains(part), "{part} in {line}");
    }
    running.signal(Signal::SIGTERM);
    assert_eq!(running.exit_code(), 143);
}

/// It would go on writing although the lock went with us.
#[test]
fn a_step_dies_with_us() {
    for _ in 0..10 {
        let running = all(child, "echo step $$; while :; do sleep 0.01; done").start();
        let step = last_number(&running.expect_line("step "));
        running.signal(Signal::SIGKILL);
        until("the step is gone", || is_gone(step).then_some(()));
    }
}

#[test]
fn the_process_name_shows_the_phase() {
    let running = all(pid1, "echo up; while :; do sleep 0.01; done").start();
    running.expect_line("up");
    let pid = running.init_pid();
    assert_eq!(status(pid, "Name"), "init:etl");
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(running.exit_code(), 143);
}
