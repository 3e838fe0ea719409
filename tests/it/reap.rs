//! Orphans, zombies, and what is left when the server has ended.

use std::{ffi::OsString, process::Command};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::support::{
    Init,
    init::binary,
    pid1::{Namespace, child, children, is_gone, pid1, probing, status},
    until,
};

const STARTS: [fn(Vec<OsString>) -> Init; 2] = [child, pid1];

fn shell(script: &str) -> Vec<OsString> {
    ["sh", "-c", script].map(OsString::from).to_vec()
}

#[test]
fn ten_thousand_orphans_are_reaped() {
    for (start, orphans) in [(STARTS[0], "1000"), (STARTS[1], "10000")] {
        let running = start(probing(["orphans", orphans])).start();
        running.expect_line("made");
        let pid = running.init_pid();
        until("only the server is left", || (children(pid).len() == 1).then_some(()));
        kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(running.exit_code(), 0);
    }
}

/// SIGCHLD merges: forty children and the server end at the same instant.
#[test]
fn deaths_at_once_do_not_hide_the_servers() {
    // All forty have said that they are there before the last writer goes, and they with it.
    let script = "mkfifo fifo ready && exec 4<>fifo 5<>ready; \
                  each() { i=0; while [ $i -lt 40 ]; do eval \"$1\"; i=$((i+1)); done; }; \
                  each '(echo >&5; read x) <fifo 4>&- &'; each 'read x <&5'; exec 4>&-; exit 7";
    for start in STARTS {
        for _ in 0..5 {
            let directory = tempfile::tempdir().unwrap();
            let init = start(shell(script)).current_dir(directory.path());
            assert_eq!(init.run().code, 7);
        }
    }
}

/// No peer waits for what the main process leaves behind. Without a setting there are 5 s for it.
#[test]
fn a_worker_gets_the_time_to_save_its_work() {
    let started = STARTS.into_iter().flat_map(|start| {
        ["10", "300", "3000"].map(|millis| {
            let running = start(probing(["worker", millis, "saved"])).start();
            running.expect_line("worker");
            kill(running.init_pid(), Signal::SIGTERM).unwrap();
            (millis, running)
        })
    });
    // All at once: three seconds are enough for a test.
    for (millis, running) in started.collect::<Vec<_>>() {
        let finished = running.finish();
        assert!(finished.stdout.contains("saved"), "{millis}: {}", finished.stdout);
        assert!(!finished.stderr.contains("SIGKILL"), "{millis}: {}", finished.stderr);
        assert_eq!(finished.code, 5);
    }
}

#[test]
fn a_worker_that_does_not_end_is_killed_at_the_limit() {
    let script = "trap '' TERM; (while :; do sleep 0.1; done) & exit 3";
    for start in STARTS {
        for grace in ["0", "100ms"] {
            let ended = start(shell(script)).env("APP_INIT_LEFTOVER_GRACE", grace).run();
            // That the run ended proves that nobody holds its output any more.
            assert_eq!(ended.code, 3);
            assert!(ended.stderr.contains("SIGKILL"), "{}", ended.stderr);
        }
    }
}

/// SIGTERM alone would only be pending.
#[test]
fn a_stopped_worker_is_continued_to_end() {
    let script = "(trap 'echo ended; exit' TERM; kill -STOP $(sh -c 'echo $PPID'); while :; do sleep 0.01; done) & \
                  until grep -q 'State:.T' /proc/$!/status; do sleep 0.01; done; exit 3";
    for start in STARTS {
        let ended = start(shell(script)).env("APP_INIT_LEFTOVER_GRACE", "1h").run();
        assert_eq!((ended.code, ended.stdout.as_str()), (3, "ended\n"));
    }
}

#[test]
fn with_nothing_left_there_is_no_grace() {
    for start in STARTS {
        let init = start(shell("exit 3")).env("APP_INIT_LEFTOVER_GRACE", "1h");
        let ended = init.env("APP_INIT_LOG_LEVEL", "debug").run();
        assert_eq!(ended.code, 3);
        assert!(!ended.stderr.contains("left"), "{}", ended.stderr);
        assert!(ended.stderr.contains("the server ended"), "{}", ended.stderr);
    }
}

#[test]
fn a_second_stop_hurries_the_leftovers() {
    let script = "trap 'exit 3' TERM; (trap '' TERM; echo up; while :; do sleep 0.1; done) & \
                  while :; do sleep 0.01; done";
    for start in STARTS {
        let init = start(shell(script)).env("APP_INIT_LEFTOVER_GRACE", "1h");
        let running = init.env("APP_INIT_LOG_LEVEL", "info").start();
        running.expect_line("up");
        let pid = running.init_pid();
        kill(pid, Signal::SIGTERM).unwrap();
        running.expect_line("to finish");
        kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(running.exit_code(), 3);
    }
}

/// Neither PID 1 nor allowed to be a subreaper: said with the remedy. What stayed in the server's group
/// is still waited for, though it is nobody's we could name.
#[test]
fn without_adoption_it_says_so_and_still_ends_the_group() {
    let words = [vec![binary().into_os_string()], probing(["worker", "100", "saved"])].concat();
    let init = Init::wrapped(probing(["unadopting"]).into_iter().chain(words));
    let running = init.env("APP_INIT_HANDOFF", "supervise").start();
    let said = running.expect_line("orphans of the server will not be collected");
    assert!(said.contains("run app-init as PID 1 (docker run without --init"), "{said}");
    running.expect_line("worker");
    kill(running.pid(), Signal::SIGTERM).unwrap();
    let finished = running.finish();
    assert!(finished.stdout.contains("saved"), "{}", finished.stdout);
    assert_eq!(finished.code, 5);
}

/// In a PID namespace that is not ours alone, only our descendants are ended, and all of them.
#[test]
fn strangers_are_left_alone_and_runaways_are_found() {
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let script = "(setsid sh -c 'echo runaway $$; exec sleep 1000' &) ; until [ -e done ]; do sleep 0.01; done; exit 3";
    let directory = tempfile::tempdir().unwrap();
    let running = child(shell(script)).current_dir(directory.path()).start();
    let line = running.expect_line("runaway");
    let runaway = Pid::from_raw(line.rsplit(' ').next().unwrap().parse().unwrap());
    std::fs::write(directory.path().join("done"), "").unwrap();
    assert_eq!(running.exit_code(), 3);
    assert!(is_gone(runaway));
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

/// What `docker exec` starts is no child of ours, and as PID 1 we answer for it too.
#[test]
fn an_exec_session_is_asked_to_end_as_well() {
    let script = "until [ -e done ]; do sleep 0.01; done; exit 3";
    let directory = tempfile::tempdir().unwrap();
    let running = pid1(shell(script)).current_dir(directory.path()).start();
    let pid = running.init_pid();
    until("the supervisor is there", || (status(pid, "Name") == "init:serve").then_some(()));
    let enter: &[&str] = match Namespace::best() {
        Namespace::Plain => &["-p", "-m"],
        Namespace::User => &["-U", "--preserve-credentials", "-p", "-m"],
        Namespace::None => {
            // Without a namespace of our own every such process is a stranger; see above.
            std::fs::write(directory.path().join("done"), "").unwrap();
            assert_eq!(running.exit_code(), 3);
            return;
        }
    };
    let mark = directory.path().join("saved");
    let session = format!(
        "trap 'sleep 0.2; echo >{0}; exit' TERM; echo >{1}; while :; do sleep 0.01; done",
        mark.display(),
        directory.path().join("done").display()
    );
    let mut entered = Command::new("nsenter");
    entered.args(["-t", &pid.to_string()]).args(enter).args(["--", "sh", "-c", &session]);
    let mut entered = entered.spawn().unwrap();
    assert_eq!(running.exit_code(), 3);
    assert!(mark.exists());
    entered.wait().unwrap();
}
