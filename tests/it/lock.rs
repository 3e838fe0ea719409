//! The leader lock: who queues, who is named, and what frees it.

use nix::sys::signal::Signal;

use crate::{
    migrate::{ask, folder, free, history, migrate, migrated, sleeping},
    outside::Holding,
    support::{Postgres, until},
};

const SLOW: &str = "create table once (); select pg_sleep(case when current_setting('app.fast', true) = 'yes' then 0 else 300 end);";

#[test]
fn a_replica_that_queues_names_the_holder_and_gives_up_in_time() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__slow.sql", SLOW)]);
    let holder = migrate(&url, folder.path()).start();
    until("the holder migrates", || sleeping(&url));
    let waiting = migrate(&url, folder.path()).env("APP_INIT_LOCK_TIMEOUT", "1s").run();
    assert_eq!(waiting.code, 75, "{}", waiting.stderr);
    let pid = ask(
        &url,
        "select pid from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory' and application_name like 'app-init lock%' and datname = current_database()",
    );
    for part in
        [&format!("held by pid {pid}"), "app-init lock", "from 127.0.0.1", "since 20", "hint: "]
    {
        assert!(waiting.stderr.contains(part), "{part} in {}", waiting.stderr);
    }
    holder.signal(Signal::SIGTERM);
    assert_eq!(holder.exit_code(), 143);
}

#[test]
fn a_killed_holder_frees_the_lock_for_the_next() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__slow.sql", SLOW)]);
    let holder = migrate(&url, folder.path()).start();
    until("the holder migrates", || sleeping(&url));
    let next = migrate(&url, folder.path()).start();
    next.expect_line("held by pid");
    // For whoever comes later; the holder's session has the old value.
    ask(&url, &format!("alter database {} set app.fast = 'yes'", url.rsplit('/').next().unwrap()));
    holder.signal(Signal::SIGKILL);
    drop(holder);
    let finished = next.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(history(&url), "1");
    until("nothing is left", || free(&url));
}

#[test]
fn a_lost_lock_stops_the_migration_and_the_start() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__slow.sql", SLOW)]);
    let init = migrate(&url, folder.path()).start();
    until("the migration runs", || sleeping(&url));
    ask(
        &url,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'app-init lock%' and datname = current_database()",
    );
    let finished = init.finish();
    assert_eq!(finished.code, 75, "{}", finished.stderr);
    assert!(finished.stderr.contains("the lock was lost"), "{}", finished.stderr);
    assert_eq!(ask(&url, "select count(*) from refinery_schema_history"), "0");
    assert_eq!(ask(&url, "select count(*) from pg_class where relname = 'once'"), "0");
    until("nothing is left", || free(&url));
}

/// A reader of the table blocks the ALTER; the ALTER must not block the readers behind it.
#[test]
fn a_migration_that_cannot_lock_a_table_steps_aside_and_comes_back() {
    let url = Postgres::shared().database();
    ask(&url, "create table busy (n int)");
    let folder = folder(&[(
        "V1__alter.sql",
        "-- app-init: lock_timeout=500ms\nalter table busy add m int;",
    )]);
    let reader = Holding::begin(&url, "select * from busy");
    let init = migrate(&url, folder.path()).start();
    let line = init.expect_line("V1__alter could not lock a table within 500ms, held by pid");
    assert!(line.contains("holding"), "{line}");
    reader.end();
    let finished = init.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(history(&url), "1");
    migrated(&url, folder.path());
}
