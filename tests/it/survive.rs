//! Runs that are killed, stopped, frozen or crowded at random end where an undisturbed run ends.
//!
//! `APP_INIT_TEST_ROUNDS` is how often; scripts/torture-native sets it.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{
    migrate::{ask, folder, free, history, migrate, migrated, sleeping},
    support::{Postgres, postgres::tool, until},
};

/// Rounds of a test: few, unless told otherwise.
fn rounds() -> u32 {
    std::env::var("APP_INIT_TEST_ROUNDS").map_or(2, |rounds| rounds.parse().unwrap())
}

/// A moment in an interval, another one at each call.
fn random(interval: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1000;
    interval.mul_f64(f64::from(u32::try_from(random).unwrap()) / 1000.0)
}

/// Twenty migrations of all kinds; each leaves a row that shows if it was applied twice.
fn twenty() -> tempfile::TempDir {
    let mut files = vec![
        ("V1__log.sql".to_owned(), "create table log (n int, at int generated always as identity);".to_owned()),
        ("V5__data.sql".to_owned(), "create table words (id int, word text);\ncopy words from stdin;\n1\tone\n2\ttwo\n\\.\ninsert into log (n) values (5);".to_owned()),
        ("V9__index.sql".to_owned(), "create index concurrently words_word on words (word);\ncreate unique index concurrently words_id on words (id);".to_owned()),
        ("V13__steps.sql".to_owned(), "-- app-init: no-transaction\ninsert into log (n) values (13);\nalter table words add length int;\ncreate index concurrently words_length on words (length);".to_owned()),
        ("V17__function.sql".to_owned(), "create function double(n int) returns int language sql as $$ select n * 2 $$;\ninsert into log (n) values (17);".to_owned()),
    ];
    for n in (1..=20).filter(|n| ![1, 5, 9, 13, 17].contains(n)) {
        files.push((
            format!("V{n}__table.sql"),
            format!("create table t{n} (id int primary key, name text default 'x');\ninsert into t{n} select generate_series(1, 50);\ninsert into log (n) values ({n});"),
        ));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    folder(&files)
}

/// Schema and data, without what differs between two undisturbed runs: times, and the numbers that
/// a sequence gave to what was rolled back.
fn dump(url: &str) -> String {
    let dump = Command::new(tool("pg_dump"))
        .args([
            "--exclude-table-data=refinery_schema_history",
            "--exclude-table-data=app_init.marker",
        ])
        .args(["--exclude-table-data=log", "--exclude-table-data=log_at_seq", "-d", url])
        .output()
        .unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let text = String::from_utf8(dump.stdout).unwrap();
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        .filter(|line| !line.starts_with("SELECT pg_catalog.setval("))
        .collect();
    let rows = "select string_agg(concat_ws(' ', version, name, checksum), ',' order by version) from refinery_schema_history";
    let log = "select string_agg(n::text, ',' order by at) from log";
    let markers = "select count(*) from app_init.marker";
    [kept.join("\n"), ask(url, rows), ask(url, log), ask(url, markers)].join("\n")
}

/// What an undisturbed run leaves, and how long it takes.
fn undisturbed(server: &Postgres, folder: &Path) -> (String, Duration) {
    let url = server.database();
    let started = Instant::now();
    migrated(&url, folder);
    (dump(&url), started.elapsed())
}

/// Disturbs a run at a random moment, lets the next one finish, and compares.
#[expect(clippy::print_stderr, reason = "the figures of a long run")]
fn disturbed(signal: Signal, check: impl Fn(&str, i32)) {
    let server = Postgres::shared();
    let folder = twenty();
    let (expected, mut length) = undisturbed(server, folder.path());
    let (mut hit, mut round) = (0, 0);
    // A round counts if the start was still running.
    while hit < rounds() && round < 20 * rounds() {
        round += 1;
        let url = server.database();
        let init = migrate(&url, folder.path()).start();
        let moment = random(length);
        sleep(moment);
        init.signal(signal);
        let code = init.finish().code;
        if code == 0 {
            // It was faster than the undisturbed one, which had a busier machine.
            length = length.mul_f64(0.95);
        } else {
            hit += 1;
        }
        check(&url, code);
        migrated(&url, folder.path());
        assert_eq!(dump(&url), expected, "round {round}, {signal} after {moment:?}");
        ask(&server.url("postgres"), &format!("drop database {}", url.rsplit('/').next().unwrap()));
    }
    eprintln!("survive: {hit} starts hit by {signal} in {round} rounds, no difference");
}

#[test]
fn killed_anywhere_the_next_run_ends_as_an_undisturbed_one() {
    disturbed(Signal::SIGKILL, |_, code| assert!([0, 137].contains(&code), "{code}"));
}

#[test]
fn stopped_anywhere_it_leaves_no_lock_and_the_next_run_ends_as_an_undisturbed_one() {
    disturbed(Signal::SIGTERM, |url, code| {
        assert!([0, 143].contains(&code), "{code}");
        until("statement and lock are gone", || free(url));
    });
}

/// More replicas than the server takes connections.
#[test]
fn a_crowd_gets_through_a_small_server() {
    let crowd = if rounds() > 2 { 200 } else { 20 };
    let mut server = Postgres::prepared();
    server.configure(if rounds() > 2 { "max_connections = 30" } else { "max_connections = 10" });
    server.up();
    let url = server.database();
    let folder = twenty();
    let started: Vec<_> = (0..crowd).map(|_| migrate(&url, folder.path()).start()).collect();
    for init in started {
        let finished = init.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
    let applied = ask(&url, "select count(*), count(distinct n) from log where n <> 1");
    assert_eq!(applied, "18|18");
    eprintln!("survive: {crowd} replicas, all started, each migration once");
}

/// The server still sees the connection of a frozen holder: it is waited for, and named.
#[test]
fn a_frozen_holder_is_waited_for_and_goes_on() {
    let url = Postgres::shared().database();
    ask(&url, "create table go_on ()");
    let folder = folder(&[
        (
            "V1__slow.sql",
            "create table once ();\nselect pg_sleep(300) where not exists (select from go_on);\ncreate table done ();",
        ),
        ("V2__next.sql", "create table next ();"),
    ]);
    let holder = migrate(&url, folder.path()).start();
    until("the migration runs", || sleeping(&url));
    holder.signal(Signal::SIGSTOP);
    let next = migrate(&url, folder.path()).start();
    next.expect_line("held by pid");
    ask(&url, "insert into go_on default values");
    // What it waits for ends while it is frozen; the file after it is nobody's yet.
    ask(
        &url,
        "select pg_cancel_backend(pid) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
    );
    assert_eq!(history(&url), "");
    holder.signal(Signal::SIGCONT);
    let holder = holder.finish();
    assert_eq!(holder.code, 80, "{}", holder.stderr);
    let next = next.finish();
    assert_eq!(next.code, 0, "{}", next.stderr);
    assert_eq!(history(&url), "1,2");
}

/// Its locks on tables must not outlast that for ever; a limit of the file's own is quicker than ours.
#[test]
fn a_process_frozen_between_two_statements_is_rolled_back() {
    let url = Postgres::shared().database();
    let folder = folder(&[(
        "V1__x.sql",
        "set local idle_in_transaction_session_timeout = '100ms';\ncreate table once ();\nselect pg_sleep(0.5);\nselect 1;",
    )]);
    let init = migrate(&url, folder.path()).start();
    until("the migration runs", || sleeping(&url));
    init.signal(Signal::SIGSTOP);
    until("its session has ended", || {
        let sessions = "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'app-init migrate%'";
        (ask(&url, sessions) == "0").then_some(())
    });
    init.signal(Signal::SIGCONT);
    let finished = init.finish();
    assert_eq!(finished.code, 75, "{}", finished.stderr);
    // What the server said between the two statements.
    let told =
        "/V1__x.sql:4: terminating connection due to idle-in-transaction timeout (SQLSTATE 25P03)";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    assert!(finished.stderr.contains("stood still between two statements"), "{}", finished.stderr);
    assert_eq!(ask(&url, "select to_regclass('once') is null"), "t");
    migrated(&url, folder.path());
}
