//! Seeds: in name order, each file whole or not at all, once where once is asked for.

use std::{fs, path::Path};

use nix::sys::signal::Signal;

use crate::{
    migrate::{ask, folder, sleeping},
    support::{
        Init, Postgres,
        fake::Fake,
        init::{Finished, shell},
        until,
    },
    watch::{Held, LOCK},
};

fn seed(url: &str, folder: &Path, once: &str) -> Init {
    Init::new(["seed"])
        .env("DATABASE_URL", url)
        .env("APP_INIT_SEEDS", folder)
        .env("SEED_ON_START", once)
}

fn seeded(init: Init) -> Finished {
    let finished = init.run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished
}

const LOG: &str = "create table log (n serial, name text)";

#[test]
fn each_start_seeds_in_name_order_and_leaves_no_marker() {
    let url = Postgres::shared().database();
    ask(&url, LOG);
    let folder = folder(&[
        ("2.sql", "insert into log (name) values ('b')"),
        ("10.sql", "insert into log (name) values ('a')"),
        ("note.txt", "no sql"),
    ]);
    for _ in 0..2 {
        seeded(seed(&url, folder.path(), "true"));
    }
    assert_eq!(ask(&url, "select string_agg(name, '' order by n) from log"), "abab");
    assert_eq!(ask(&url, "select count(*) from pg_namespace where nspname = 'app_init'"), "0");
}

#[test]
fn once_is_once_even_for_five_at_the_same_time() {
    let url = Postgres::shared().database();
    ask(&url, LOG);
    let folder = folder(&[("1.sql", "insert into log (name) values ('x')")]);
    let started: Vec<_> = (0..5).map(|_| seed(&url, folder.path(), "once").start()).collect();
    for init in started {
        let finished = init.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
    assert_eq!(ask(&url, "select count(*) from log"), "1");
    let again = seeded(seed(&url, folder.path(), "once"));
    assert!(again.stderr.contains("since 20"), "{}", again.stderr);
    let forced = seeded(seed(&url, folder.path(), "once").arg("--force"));
    assert!(forced.stderr.contains(" 1 file\n"), "{}", forced.stderr);
    assert_eq!(ask(&url, "select count(*) from log"), "2");
}

#[test]
fn a_folder_without_seeds_does_not_count_as_seeded() {
    let url = Postgres::shared().database();
    ask(&url, LOG);
    let empty = seeded(seed(&url, folder(&[("note.txt", "no sql")]).path(), "once"));
    assert!(empty.stderr.contains("holds no .sql file"), "{}", empty.stderr);
    let folder = folder(&[("1.sql", "insert into log (name) values ('x')")]);
    seeded(seed(&url, folder.path(), "once"));
    assert_eq!(ask(&url, "select count(*) from log"), "1");
}

#[test]
fn files_that_are_no_seeds_are_told() {
    let url = Postgres::shared().database();
    let folder = folder(&[("1.sql", ""), ("2.SQL", "")]);
    fs::create_dir(folder.path().join("dev")).unwrap();
    for name in ["dev/3.sql", "dev/4.csv"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let said = seeded(seed(&url, folder.path(), "once")).stderr;
    assert!(said.contains("left out: 2.SQL, dev/3.sql;"), "{said}");
}

#[test]
fn a_failed_seed_is_retried_where_it_stopped() {
    let url = Postgres::shared().database();
    ask(&url, LOG);
    let folder = folder(&[
        ("1.sql", "insert into log (name) values ('x')"),
        ("2.sql", "insert into log (name) values ('y');\nselect 1 / 0;"),
    ]);
    let finished = seed(&url, folder.path(), "once").run();
    assert_eq!(finished.code, 81, "{}", finished.stderr);
    let place = folder.path().join("2.sql:2");
    let said =
        format!("error: cannot apply {}: division by zero (SQLSTATE 22012)", place.display());
    assert!(finished.stderr.contains(&said), "{said} in {}", finished.stderr);
    assert_eq!(ask(&url, "select string_agg(name, '' order by n) from log"), "x");
    fs::write(folder.path().join("2.sql"), "insert into log (name) values ('z')").unwrap();
    let resumed = seeded(seed(&url, folder.path(), "once"));
    assert!(resumed.stderr.contains("seed: 1.sql is done since 20"), "{}", resumed.stderr);
    assert!(!resumed.stderr.contains("another replica"), "{}", resumed.stderr);
    assert_eq!(ask(&url, "select string_agg(name, '' order by n) from log"), "xz");
}

#[test]
fn a_seed_that_cannot_be_run_is_no_failed_migration() {
    let url = Postgres::shared().database();
    let folder = folder(&[("1.sql", "select 1;\nrollback;")]);
    let finished = seed(&url, folder.path(), "true").run();
    assert_eq!(finished.code, 81, "{}", finished.stderr);
    for part in ["1.sql:2: `ROLLBACK` would undo it", "exit 81: seed_failed", "hint: take it out"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

#[test]
fn a_forced_seed_that_fails_leaves_the_database_seeded() {
    let url = Postgres::shared().database();
    ask(&url, LOG);
    let folder = folder(&[("1.sql", "insert into log (name) values ('x')"), ("2.sql", "select 1")]);
    let second = folder.path().join("2.sql");
    seeded(seed(&url, folder.path(), "once"));
    fs::write(&second, "select 1 / 0").unwrap();
    let forced = || seed(&url, folder.path(), "once").arg("--force");
    let failed = forced().run();
    assert_eq!(failed.code, 81, "{}", failed.stderr);
    let again = seeded(seed(&url, folder.path(), "once"));
    assert!(again.stderr.contains("since 20"), "{}", again.stderr);
    // Force begins from the start again, whatever the one before has done.
    fs::write(&second, "insert into log (name) values ('y')").unwrap();
    seeded(forced());
    assert_eq!(ask(&url, "select string_agg(name, '' order by n) from log"), "xxxy");
}

#[test]
fn a_seed_that_cannot_be_looked_for_is_no_failed_migration() {
    let server = Postgres::shared();
    let url = server.database();
    let folder = folder(&[("1.sql", "select 1")]);
    let fake = Fake::hanging_up(server.port, "c.relname = 'marker'");
    let cut = url.replace(&server.port.to_string(), &fake.port.to_string());
    let gone = seed(&cut, folder.path(), "once").env("APP_INIT_LOCK_TIMEOUT", "1s").run();
    assert_eq!(gone.code, 69, "{}", gone.stderr);
    let said = "cannot see whether it was seeded: 127.0.0.1:";
    assert!(gone.stderr.contains(said) && gone.stderr.contains("[pg-cut]"), "{}", gone.stderr);
    ask(&url, "create schema app_init; create table app_init.marker (name text)");
    let broken = seed(&url, folder.path(), "once").run();
    assert_eq!(broken.code, 81, "{}", broken.stderr);
    assert!(broken.stderr.contains("read app-init's markers"), "{}", broken.stderr);
}

/// Whoever queues looks for the marker again under the lock, and each later start before it.
#[test]
fn a_seed_command_runs_once_however_many_queue_for_it() {
    let url = Postgres::shared().database();
    let ran = tempfile::NamedTempFile::new().unwrap();
    let script = shell(&format!("echo ran >> '{}'", ran.path().display()));
    let start = || {
        let init = Init::new(["seed"]).env("DATABASE_URL", &url).env("SEED_ON_START", "once");
        init.env("APP_INIT_SEED_COMMAND", &script).env("APP_INIT_LOCK_NAME", "app").start()
    };
    let held = Held::new(&url, LOCK);
    let queueing = [start(), start(), start()];
    for init in &queueing {
        init.expect_line("waiting for the lock `app`");
    }
    drop(held);
    for init in queueing {
        assert_eq!(init.exit_code(), 0);
    }
    let again = start().finish();
    assert!(again.code == 0 && again.stderr.contains("seeded since 20"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(ran.path()).unwrap(), "ran\n");
}

/// Nobody may come in between: the lock is taken once.
#[test]
fn migrations_and_seeds_happen_under_one_lock() {
    let url = Postgres::shared().database();
    ask(&url, "create table seen (pid int)");
    let sees = "insert into seen select pid from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory' and application_name like 'app-init lock%' and datname = current_database()";
    let (migrations, seeds) = (folder(&[("V1__x.sql", sees)]), folder(&[("1.sql", sees)]));
    let init = Init::server("echo serving")
        .env("DATABASE_URL", &url)
        .env("APP_INIT_MIGRATIONS", migrations.path())
        .env("APP_INIT_SEEDS", seeds.path())
        .env("SEED_ON_START", "true");
    let finished = seeded(init);
    assert_eq!(finished.stdout, "serving\n");
    assert_eq!(ask(&url, "select count(*), count(distinct pid) from seen"), "2|1");
}

#[test]
fn a_stop_is_no_failure_that_may_be_ignored() {
    let url = Postgres::shared().database();
    let seeds = folder(&[("1.sql", "select pg_sleep(300)")]);
    let init = Init::server("echo serving")
        .env("DATABASE_URL", &url)
        .env("APP_INIT_SEEDS", seeds.path())
        .env("SEED_ON_START", "true")
        .env("APP_INIT_SEED_ON_FAILURE", "continue")
        .start();
    until("it seeds", || sleeping(&url));
    init.signal(Signal::SIGTERM);
    let finished = init.finish();
    assert_eq!((finished.code, &*finished.stdout), (143, ""), "{}", finished.stderr);
}
