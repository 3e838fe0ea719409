//! A stop that comes while a file commits: what is said of the file is what became of it.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    migrate::{ask, folder, history, migrate, sleeping},
    support::{Postgres, Stopped, init::Running, pid1::status, postgres::tool, until},
};

/// Waits until the test lets it commit.
const PATIENT: &str = "create table once ();
do $$ begin while not exists (select from go_on) loop perform pg_sleep(0.01); end loop; end $$;";

/// A server whose every commit waits for a standby that never comes, and a migration in the middle
/// of its own. The psql waits, too, and has shown that it does.
fn committing(server: &Postgres, folder: &Path) -> (String, Running, Child) {
    let url = server.database();
    ask(&url, "create table go_on (); create table probe ()");
    let init = migrate(&url, folder).start();
    until("it waits in its file", || sleeping(&url));
    let local = "set synchronous_commit = local";
    ask(&url, "alter system set synchronous_standby_names = 'nobody'");
    ask(&url, "select pg_reload_conf()");
    let probe = Command::new(tool("psql"))
        .args(["-Xq", "-d", &url, "-c", "insert into probe default values"])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let waiting = |who: &str| {
        let query = format!(
            "select count(*) from pg_stat_activity where wait_event = 'SyncRep' and application_name like '{who}%'"
        );
        (ask(&url, &query) == "1").then_some(())
    };
    until("a commit waits for a standby", || waiting("psql"));
    ask(&url, &format!("{local}; insert into go_on default values"));
    until("the migration commits", || waiting("app-init migrate"));
    (url, init, probe)
}

fn ended(mut probe: Child) {
    probe.kill().unwrap();
    probe.wait().unwrap();
}

#[test]
fn a_stop_that_ends_only_the_wait_for_a_standby_leaves_the_file_applied() {
    let files = [("V1__x.sql", PATIENT), ("V2__y.sql", "select 1")];
    for (files, place) in [(&files[..], "before V2__y"), (&files[..1], "after the last file")] {
        let server = Postgres::start();
        let folder = folder(files);
        let (url, init, probe) = committing(&server, folder.path());
        init.signal(Signal::SIGTERM);
        let finished = init.finish();
        assert_eq!(finished.code, 143, "{}", finished.stderr);
        for part in ["applied V1__x in", &format!("stopped {place}; applied before: V1__x")] {
            assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
        }
        assert!(!finished.stderr.contains("rolled back"), "{}", finished.stderr);
        assert_eq!(history(&url), "1");
        ended(probe);
    }
}

#[test]
fn a_stop_that_the_server_does_not_hear_says_that_nobody_knows() {
    let server = Postgres::start();
    let folder = folder(&[("V1__x.sql", PATIENT)]);
    let (url, init, probe) = committing(&server, folder.path());
    let backend = ask(
        &url,
        "select pid from pg_stat_activity where application_name like 'app-init migrate%'",
    );
    let backend = Pid::from_raw(backend.parse().unwrap());
    kill(backend, Signal::SIGSTOP).unwrap();
    init.signal(Signal::SIGTERM);
    let finished = init.finish();
    kill(backend, Signal::SIGCONT).unwrap();
    assert_eq!(finished.code, 143, "{}", finished.stderr);
    let known = "stopped during V1__x, and the next start will see whether it was applied";
    assert!(finished.stderr.contains(known), "{}", finished.stderr);
    ended(probe);
}

/// The file is committed on this server, and the session ends before it can say so.
#[test]
fn a_stop_whose_answer_is_lost_says_that_nobody_knows() {
    let server = Postgres::start();
    let folder = folder(&[("V1__x.sql", PATIENT)]);
    let (url, init, probe) = committing(&server, folder.path());
    let migrates = "from pg_stat_activity where application_name like 'app-init migrate%'";
    let backend = Pid::from_raw(ask(&url, &format!("select pid {migrates}")).parse().unwrap());
    let stopped = Stopped::new(backend);
    ask(&url, &format!("select pg_terminate_backend(pid) {migrates}"));
    init.signal(Signal::SIGTERM);
    until("the request to cancel is there", || {
        let pending = u64::from_str_radix(&status(backend, "ShdPnd"), 16).unwrap();
        (pending & 1 << (Signal::SIGINT as u32 - 1) != 0).then_some(())
    });
    drop(stopped);
    let finished = init.finish();
    assert_eq!(finished.code, 143, "{}", finished.stderr);
    let known = "stopped during V1__x, and the next start will see whether it was applied";
    assert!(finished.stderr.contains(known), "{}", finished.stderr);
    assert_eq!(history(&url), "1");
    ended(probe);
}

#[test]
fn a_stop_while_a_deferred_trigger_runs_rolls_back() {
    let url = Postgres::shared().database();
    let text = "create table once ();
        create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(300); return null; end';
        create constraint trigger slow after insert on once deferrable initially deferred for each row execute function slow();
        insert into once default values;";
    let folder = folder(&[("V1__x.sql", text)]);
    let init = migrate(&url, folder.path()).start();
    until("it commits", || sleeping(&url));
    init.signal(Signal::SIGTERM);
    let finished = init.finish();
    assert_eq!(finished.code, 143, "{}", finished.stderr);
    let back = "stopped during V1__x, which was rolled back";
    assert!(finished.stderr.contains(back), "{}", finished.stderr);
    assert_eq!(
        (history(&url), ask(&url, "select to_regclass('once')")),
        (String::new(), String::new())
    );
}

#[test]
fn a_file_that_commits_by_itself_is_not_said_to_be_rolled_back() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__x.sql", "create table kept (); commit; select pg_sleep(300);")]);
    let limited = migrate(&url, folder.path()).env("APP_INIT_MIGRATE_TIMEOUT", "1s").run();
    assert_eq!(limited.code, 84, "{}", limited.stderr);
    let left = "during V1__x, which ends its transaction by itself: look at what it left behind";
    assert!(limited.stderr.contains(left), "{}", limited.stderr);
    assert_eq!(ask(&url, "select to_regclass('kept')"), "kept");
}
