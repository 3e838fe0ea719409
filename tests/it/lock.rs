//! The leader lock: who queues, who is named, and what frees it.

use nix::sys::signal::Signal;

use crate::{
    migrate::{ask, folder, free, history, migrate, migrated, sleeping},
    outside::Holding,
    support::{Postgres, until},
    watch::{Held, LOCK},
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
    let told = "the lock was lost while it was needed: terminating connection due to administrator command (SQLSTATE 57P01)";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
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

/// Killed again and again at moments between the first line and the last, the run ends where one
/// that nobody interrupts ends.
#[test]
fn a_run_killed_in_many_places_applies_each_migration_once() {
    let url = Postgres::shared().database();
    let mut files: Vec<(String, String)> = (1..=12)
        .map(|n| (format!("V{n}__t.sql"), format!("create table t{n} (); create table if not exists log (n int); insert into log values ({n}); select pg_sleep(0.01);")))
        .collect();
    files.push((
        "V13__i.sql".into(),
        "create unique index concurrently i on log (n);\ncreate index concurrently j on log (n);"
            .into(),
    ));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let folder = folder(&files);
    for (signal, line) in [
        (Signal::SIGKILL, "init: wait"),
        (Signal::SIGTERM, "applied V1__"),
        (Signal::SIGKILL, "applied V4__"),
        (Signal::SIGTERM, "applied V7__"),
        (Signal::SIGKILL, "applied V10__"),
        (Signal::SIGKILL, "applied V12__"),
    ] {
        let init = migrate(&url, folder.path()).start();
        // A run that was faster than its signal has applied that file already, or all.
        until(line, || {
            let output = init.output();
            (output.contains(line) || output.contains("init: total")).then_some(())
        });
        init.signal(signal);
        drop(init);
    }
    migrated(&url, folder.path());
    assert_eq!(history(&url), "1,2,3,4,5,6,7,8,9,10,11,12,13");
    assert_eq!(
        ask(&url, "select string_agg(n::text, ',' order by n) from log"),
        "1,2,3,4,5,6,7,8,9,10,11,12"
    );
    assert_eq!(
        ask(
            &url,
            "select string_agg(indexrelid::regclass::text, ',' order by indexrelid::regclass::text) from pg_index where indisvalid and indrelid = 'log'::regclass"
        ),
        "i,j"
    );
}

/// A frozen leader whose lock the server has taken away cannot notice it. Its migration still runs,
/// and the fence keeps the next leader from running it a second time beside it.
#[test]
fn a_leader_that_cannot_notice_its_loss_is_fenced_off() {
    let url = Postgres::shared().database();
    ask(&url, "create table go_on ()");
    let folder = folder(&[(
        "V1__slow.sql",
        "create table once ();\nselect pg_sleep(300) where not exists (select from go_on);",
    )]);
    let frozen = migrate(&url, folder.path()).start();
    until("the migration runs", || sleeping(&url));
    frozen.signal(Signal::SIGSTOP);
    ask(
        &url,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'app-init lock%' and datname = current_database()",
    );
    let next = migrate(&url, folder.path()).start();
    next.expect_line("V1__slow waits: another session is applying a migration");
    ask(&url, "insert into go_on default values");
    frozen.signal(Signal::SIGCONT);
    let frozen = frozen.finish();
    assert_eq!(frozen.code, 75, "{}", frozen.stderr);
    let next = next.finish();
    assert_eq!(next.code, 0, "{}", next.stderr);
    assert_eq!(history(&url), "1");
    until("nothing is left", || free(&url));
}

/// If its client is dead or frozen for good, nobody would end what it runs but the next leader.
#[test]
fn a_session_left_inside_the_fence_is_ended_by_the_next_leader() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__slow.sql", SLOW)]);
    let frozen = migrate(&url, folder.path()).start();
    until("the migration runs", || sleeping(&url));
    frozen.signal(Signal::SIGSTOP);
    ask(&url, &format!("alter database {} set app.fast = 'yes'", url.rsplit('/').next().unwrap()));
    ask(
        &url,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'app-init lock%' and datname = current_database()",
    );
    let next = migrate(&url, folder.path()).run();
    assert_eq!(next.code, 0, "{}", next.stderr);
    assert!(
        next.stderr.contains("which still applied a migration without the lock"),
        "{}",
        next.stderr
    );
    frozen.signal(Signal::SIGCONT);
    assert_eq!(frozen.exit_code(), 75);
    assert_eq!(history(&url), "1");
}

/// What ends the connection says nothing about the file: a retry helps, and that is what 75 says.
#[test]
fn a_server_that_goes_away_in_a_migration_leaves_nothing_and_the_next_start_applies_it() {
    let mut server = Postgres::start();
    let url = server.database();
    ask(&url, "create table go_on ()");
    let folder = folder(&[(
        "V1__slow.sql",
        "create table once ();\nselect pg_sleep(300) where not exists (select from go_on);",
    )]);
    let terminated = migrate(&url, folder.path()).start();
    until("the migration runs", || sleeping(&url));
    ask(
        &url,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'app-init migrate%'",
    );
    let terminated = terminated.finish();
    assert_eq!(terminated.code, 75, "{}", terminated.stderr);
    assert!(terminated.stderr.contains("57P01"), "{}", terminated.stderr);
    let cut_off = migrate(&url, folder.path()).start();
    until("the migration runs again", || sleeping(&url));
    server.down();
    let cut_off = cut_off.finish();
    assert_eq!(cut_off.code, 75, "{}", cut_off.stderr);
    server.up();
    assert_eq!(ask(&url, "select to_regclass('once')"), "");
    ask(&url, "insert into go_on default values");
    migrated(&url, folder.path());
    assert_eq!(history(&url), "1");
}

/// Hundreds that wait must not use up the server's connections.
#[test]
fn a_replica_that_queues_holds_no_connection_between_its_tries() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__slow.sql", SLOW)]);
    let holder = migrate(&url, folder.path()).start();
    until("the holder migrates", || sleeping(&url));
    let queueing = migrate(&url, folder.path()).start();
    queueing.expect_line("held by pid");
    let sessions = "select string_agg(application_name, ' ') from pg_stat_activity where datname = current_database() and application_name like 'app-init%' and pid not in (select pid from pg_locks where locktype = 'advisory' and granted) and application_name not like 'app-init watch%'";
    until("only the holder is connected", || ask(&url, sessions).is_empty().then_some(()));
    queueing.signal(Signal::SIGTERM);
    assert_eq!(queueing.exit_code(), 143);
    holder.signal(Signal::SIGTERM);
    assert_eq!(holder.exit_code(), 143);
}

/// `CREATE TABLE IF NOT EXISTS` is a race of its own.
#[test]
fn nothing_is_created_before_the_lock_is_had() {
    let url = Postgres::shared().database();
    let held = Held::new(&url, LOCK);
    let folder = folder(&[("V1__t.sql", "create table t ()")]);
    let init = migrate(&url, folder.path()).env("APP_INIT_LOCK_NAME", "app").start();
    init.expect_line("waiting for the lock `app`, held by pid");
    let made = "select (select count(*) from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = 'public') + (select count(*) from pg_namespace where nspname = 'app_init')";
    assert_eq!(ask(&url, made), "0");
    drop(held);
    assert_eq!(init.exit_code(), 0);
    assert_eq!(history(&url), "1");
}

/// A server that ends idle transactions would end the lock; one with its own keepalives would see a
/// vanished holder after hours.
#[test]
fn the_sessions_bring_their_own_time_limits() {
    let url = Postgres::shared().database();
    let name = url.rsplit('/').next().unwrap();
    ask(&url, &format!("alter database {name} set idle_in_transaction_session_timeout = '200ms'"));
    let folder = folder(&[(
        "V1__seen.sql",
        "create table seen as select name, setting from pg_settings; select pg_sleep(1.5);",
    )]);
    migrated(&url, folder.path());
    let expected = "idle_in_transaction_session_timeout=300000 lock_timeout=3000 tcp_keepalives_count=3 tcp_keepalives_idle=2 tcp_keepalives_interval=1 tcp_user_timeout=5000";
    let seen = "select string_agg(name || '=' || setting, ' ' order by name) from seen where name like 'tcp%' or name in ('client_connection_check_interval', 'idle_in_transaction_session_timeout', 'lock_timeout')";
    let seen = ask(&url, seen);
    // That one came with 14.
    let seen = seen.trim_start_matches("client_connection_check_interval=2000 ");
    assert_eq!(seen, expected);
}
