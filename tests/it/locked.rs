//! Tables of ours that somebody keeps locked: nothing waits longer for them than for the lock.

use std::path::Path;

use crate::{
    migrate::{ask, folder, history, migrate, migrated},
    outside::Holding,
    support::{Init, Postgres, init::Finished},
};

const ONE: (&str, &str) = ("V1__a.sql", "create table a ()");
const TWO: (&str, &str) = ("V2__b.sql", "create table b ()");
const OUTSIDE: (&str, &str) = ("V2__b.sql", "-- app-init: no-transaction\nvacuum a");

fn is_locked(finished: &Finished, what: &str) {
    assert_eq!(finished.code, 75, "{}", finished.stderr);
    for part in [what, " is locked by pid ", ", holding", "hint: end that transaction"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

/// A database with markers, and whoever has locked them.
fn held(mode: &str) -> (String, Holding) {
    let url = Postgres::shared().database();
    let files = folder(&[ONE, OUTSIDE]);
    migrated(&url, files.path());
    let holding = Holding::begin(&url, &format!("lock table app_init.marker in {mode} mode"));
    (url, holding)
}

fn limited(init: Init) -> Init {
    init.env("APP_INIT_LOCK_TIMEOUT", "2s").env("APP_INIT_HEARTBEAT", "500ms")
}

fn seed(url: &str, name: &str, value: &str) -> Init {
    Init::new(["seed"]).env("DATABASE_URL", url).env("SEED_ON_START", "once").env(name, value)
}

fn watched(url: &str, folder: &Path) -> Init {
    Init::new(["migrate"])
        .env("DATABASE_URL", url)
        .env("APP_INIT_MIGRATE_COMMAND", "echo tool")
        .env("APP_INIT_MIGRATE_WATCH", folder)
}

#[test]
fn a_file_that_cannot_be_recorded_is_rolled_back_in_time() {
    let url = Postgres::shared().database();
    let data = ("V2__b.sql", "create table b (n int);\ncopy b from stdin;\n1\n\\.\n");
    migrated(&url, folder(&[ONE]).path());
    let holding = Holding::begin(&url, "lock table refinery_schema_history in share mode");
    for file in [TWO, data, OUTSIDE] {
        let files = folder(&[ONE, file]);
        let finished = limited(migrate(&url, files.path())).run();
        is_locked(&finished, "cannot record V2__b: the table for it");
        assert!(finished.stderr.contains("still runs after"), "{}", finished.stderr);
    }
    assert_eq!(ask(&url, "select count(*) from pg_class where relname = 'b'"), "0");
    holding.end();
    migrated(&url, folder(&[ONE, TWO]).path());
    assert_eq!(history(&url), "1,2");
}

/// The server waits for the end of whoever makes a table of the same name (`CREATE TABLE IF NOT EXISTS`
/// does not see it yet).
#[test]
fn a_history_that_somebody_else_is_creating_does_not_outlast_the_lock_s_limit() {
    let url = Postgres::shared().database();
    let files = folder(&[ONE]);
    let columns = "version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255)";
    let create = format!("create table refinery_schema_history ({columns})");
    let holding = Holding::begin(&url, &create);
    let finished = limited(migrate(&url, files.path())).run();
    assert_eq!(finished.code, 75, "{}", finished.stderr);
    for part in [
        "cannot create the migration history `\"public\".\"refinery_schema_history\"`: its name is locked by pid ",
        ", holding",
        "hint: end that transaction",
    ] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    let init = migrate(&url, files.path()).start();
    init.expect_line("waiting: cannot create");
    holding.commit();
    let finished = init.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(history(&url), "1");
}

/// One wait, whatever it is for by turns: a second one would have the limit all to itself again.
#[test]
fn who_waits_for_a_history_and_then_for_markers_waits_once() {
    let (url, markers) = held("share");
    markers.end();
    ask(&url, "drop table refinery_schema_history, a");
    let files = folder(&[ONE]);
    let making = Holding::begin(&url, "create table refinery_schema_history ()");
    let init = migrate(&url, files.path())
        .env("APP_INIT_LOG_FORMAT", "json")
        .env("APP_INIT_HEARTBEAT", "500ms")
        .start();
    let lasted = |part| {
        let line = init.expect_line(part);
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        told["duration_ms"].as_u64().unwrap()
    };
    let before = lasted("still waiting after ");
    let markers = Holding::begin(&url, "lock table app_init.marker in share mode");
    assert!(lasted("waiting: cannot write app-init's markers") > before);
    markers.end();
    making.end();
    let finished = init.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

#[test]
fn locked_markers_do_not_outlast_the_lock_s_limit() {
    let (files, seeds) =
        (folder(&[ONE, OUTSIDE, ("V3__c.sql", OUTSIDE.1)]), folder(&[("1.sql", "select 1")]));
    for (mode, verb, recorded) in [
        ("access exclusive", "cannot read app-init's markers", "cannot read app-init's markers"),
        ("share", "cannot write app-init's markers", "cannot record "),
    ] {
        let (url, holding) = held(mode);
        let folder_of_seeds = seeds.path().to_str().unwrap();
        for (init, what) in [
            (migrate(&url, files.path()), recorded),
            (seed(&url, "APP_INIT_SEEDS", folder_of_seeds), recorded),
            (seed(&url, "APP_INIT_SEED_COMMAND", "echo tool"), verb),
            (watched(&url, seeds.path()), verb),
        ] {
            is_locked(&limited(init).run(), what);
        }
        holding.end();
    }
}

#[test]
fn who_finds_the_markers_locked_goes_on_when_they_are_not() {
    let seeds = folder(&[("1.sql", "select 1")]);
    for mode in ["access exclusive", "share"] {
        let (url, holding) = held(mode);
        let started = [
            seed(&url, "APP_INIT_SEED_COMMAND", "echo tool").start(),
            watched(&url, seeds.path()).env("APP_INIT_LOCK_NAME", "other").start(),
        ];
        for init in &started {
            init.expect_line("waiting: cannot ");
        }
        holding.end();
        for init in started {
            let finished = init.finish();
            assert_eq!(finished.code, 0, "{}", finished.stderr);
            assert_eq!(finished.stdout, "tool\n", "{mode}");
        }
    }
}

/// The tool has run, and nobody may take that for noted while another may already run it again.
#[test]
fn a_lock_that_is_lost_before_the_success_is_noted_ends_the_start() {
    let (url, holding) = held("share");
    let init = seed(&url, "APP_INIT_SEED_COMMAND", "echo tool").start();
    init.expect_line("waiting: cannot write app-init's markers");
    ask(
        &url,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'app-init lock%' and datname = current_database()",
    );
    let finished = init.finish();
    holding.end();
    assert_eq!(finished.code, 75, "{}", finished.stderr);
    assert!(
        finished.stderr.contains("the lock was lost while it was needed"),
        "{}",
        finished.stderr
    );
}
