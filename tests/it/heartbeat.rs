//! The lock while the app's own tool runs: what shows that it is lost, and what does not.

use std::{thread::sleep, time::Duration};

use nix::{sys::signal::Signal, unistd::Pid};

use crate::{
    migrate::{ask, free},
    support::{
        Init, Postgres, Stopped,
        init::{shell, state},
        until,
    },
};

/// A start whose migrate step is this shell script.
fn commanded(url: &str, script: &str) -> Init {
    Init::server("echo serving")
        .env("DATABASE_URL", url)
        .env("APP_INIT_MIGRATE_COMMAND", shell(script))
}

#[test]
fn a_lost_lock_stops_the_command_and_the_start() {
    let url = Postgres::shared().database();
    let script = "trap 'echo told; exit 0' TERM; echo running; while :; do sleep 0.1; done";
    let init = commanded(&url, script).start();
    init.expect_line("running");
    ask(
        &url,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'app-init lock%' and datname = current_database()",
    );
    let finished = init.finish();
    assert_eq!(finished.code, 75, "{}", finished.stderr);
    assert_eq!(finished.stdout, "running\ntold\n");
    for part in ["the lock was lost while `", "hint: the next start runs it again"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

#[test]
fn a_stop_reaches_the_whole_group_of_the_command_and_then_frees_the_lock() {
    let url = Postgres::shared().database();
    let script = "trap 'echo parent' TERM; (trap 'echo child; exit 0' TERM; echo running; while :; do sleep 0.1; done) & wait; wait; echo waited";
    let init = commanded(&url, script).start();
    init.expect_line("running");
    init.signal(Signal::SIGTERM);
    let finished = init.finish();
    assert_eq!(finished.code, 143, "{}", finished.stderr);
    for part in ["parent", "child", "waited"] {
        assert!(finished.stdout.contains(part), "{part} in {}", finished.stdout);
    }
    assert!(!finished.stdout.contains("serving"), "{}", finished.stdout);
    until("the lock is free", || free(&url));
}

/// The server's process of the lock's session.
fn backend(url: &str) -> Pid {
    let query = "select pid from pg_stat_activity where application_name like 'app-init lock%' and datname = current_database()";
    Pid::from_raw(ask(url, query).parse().unwrap())
}

/// A server that hangs, or a way to it that swallows everything, ends no connection.
#[test]
fn a_lock_of_which_nothing_is_heard_is_lost() {
    let url = Postgres::shared().database();
    let script = "trap 'echo told; exit 0' TERM; echo running; while :; do sleep 0.1; done";
    let init = commanded(&url, script).start();
    init.expect_line("running");
    let silent = Stopped::new(backend(&url));
    init.expect_line("told");
    drop(silent);
    let finished = init.finish();
    assert_eq!(finished.code, 75, "{}", finished.stderr);
    assert_eq!(finished.stdout, "running\ntold\n");
    assert!(finished.stderr.contains("no answer within 4s"), "{}", finished.stderr);
}

/// A machine that is paused again and again, or has no processor to give, finds its questions overdue
/// each time; what it did not hear was not the lock's end.
#[test]
fn a_holder_that_stood_still_keeps_the_lock() {
    let url = Postgres::shared().database();
    let place = tempfile::tempdir().unwrap();
    let go_on = place.path().join("go-on");
    let script = format!("echo running; until [ -e '{}' ]; do sleep 0.1; done", go_on.display());
    let init = commanded(&url, &script).start();
    init.expect_line("running");
    let silent = Stopped::new(backend(&url));
    sleep(Duration::from_millis(1500)); // a question a second: one is on its way
    // More often than questions may stay without an answer.
    for _ in 0..5 {
        init.signal(Signal::SIGSTOP);
        sleep(Duration::from_millis(2500)); // past the time in which a second is over
        init.signal(Signal::SIGCONT);
        until("it has looked at its clock", || (state(init.pid()) == 'S').then_some(()));
    }
    drop(silent);
    std::fs::write(&go_on, "").unwrap();
    let finished = init.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(finished.stdout, "running\nserving\n");
}

/// What the wait has logged in with would lie idle for as long as the command runs.
#[test]
fn while_a_command_runs_only_the_lock_is_connected() {
    let url = Postgres::shared().database();
    let init = commanded(&url, "echo running; while :; do sleep 0.1; done").start();
    init.expect_line("running");
    let others = "select count(*) from pg_stat_activity where application_name like 'app-init%' and application_name not like 'app-init lock%' and datname = current_database()";
    until("no other session of ours is left", || (ask(&url, others) == "0").then_some(()));
    init.signal(Signal::SIGTERM);
    assert_eq!(init.exit_code(), 143);
}
