//! Native migrations on the real binary and a real Postgres: applied once, whole or not at all.

use std::{fs, path::Path};

use nix::sys::signal::Signal;

use crate::support::{Init, Postgres, init::Finished, postgres::psql, until};

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// `init migrate` on a database and a folder.
pub(crate) fn migrate(url: &str, folder: &Path) -> Init {
    Init::new(["migrate"]).env("DATABASE_URL", url).env("APP_INIT_MIGRATIONS", folder)
}

/// Runs it and expects success.
pub(crate) fn migrated(url: &str, folder: &Path) -> Finished {
    let finished = migrate(url, folder).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished
}

pub(crate) fn ask(url: &str, sql: &str) -> String {
    psql(url, sql).unwrap()
}

/// Versions in the history, in order.
pub(crate) fn history(url: &str) -> String {
    ask(url, "select string_agg(version::text, ',' order by version) from refinery_schema_history")
}

const TWO: [(&str, &str); 2] = [
    ("V1__create_users.sql", "create table users (id int primary key);"),
    ("V2__add_name.sql", "alter table users add name text;"),
];

#[test]
fn five_at_once_on_an_empty_database_apply_each_migration_once() {
    let url = Postgres::shared().database();
    let files: Vec<(String, String)> = (1..=5)
        .map(|n| (format!("V{n}__t.sql"), format!("create table t{n}(); select pg_sleep(0.05); create table if not exists log(n int); insert into log values ({n});")))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let folder = folder(&files);
    let started: Vec<_> = (0..5).map(|_| migrate(&url, folder.path()).start()).collect();
    for init in started {
        let finished = init.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
    assert_eq!(history(&url), "1,2,3,4,5");
    assert_eq!(ask(&url, "select string_agg(n::text, ',' order by n) from log"), "1,2,3,4,5");
}

#[test]
fn a_broken_migration_is_named_by_file_line_and_state_and_rolled_back() {
    let url = Postgres::shared().database();
    let folder = folder(&[
        TWO[0],
        (
            "V2__broken.sql",
            "create table half_done (id int);\n-- ünïcode\nselect\n  no_such_function();\n",
        ),
    ]);
    let finished = migrate(&url, folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in [
        "V2__broken",
        "V2__broken.sql:4",
        "function no_such_function() does not exist",
        "42883",
        "statement: `select no_such_function()`",
        "it was rolled back; applied before: V1__create_users",
        "hint: No function matches",
    ] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    assert_eq!(history(&url), "1");
    assert_eq!(ask(&url, "select count(*) from pg_class where relname = 'half_done'"), "0");
}

#[test]
fn an_error_without_a_position_still_finds_its_line() {
    let url = Postgres::shared().database();
    let folder = folder(&[(
        "V1__twice.sql",
        "create table t (id int primary key);\n\ninsert into t values (1);\ninsert into t values (1);\nselect 1;\n",
    )]);
    let finished = migrate(&url, folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in ["V1__twice.sql:4", "23505", "detail: Key (id)=(1) already exists; statement"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

#[test]
fn every_problem_is_named_before_anything_runs() {
    let url = Postgres::shared().database();
    let folder = folder(&TWO);
    migrated(&url, folder.path());
    fs::write(folder.path().join("V1__create_users.sql"), "create table users (id bigint);")
        .unwrap();
    fs::remove_file(folder.path().join("V2__add_name.sql")).unwrap();
    fs::write(folder.path().join("V3__more.sql"), "create table more ();").unwrap();
    let finished = migrate(&url, folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in [
        "V1__create_users was changed after it was applied",
        "V2__add_name is applied and its file is missing",
        "hint: restore the file as it was applied and put the change into a new migration; restore the file, or",
    ] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    assert_eq!(history(&url), "1,2");
}

#[test]
fn files_that_come_late_or_twice_stop_the_start() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V2__b.sql", "select 1")]);
    migrated(&url, folder.path());
    for (name, part) in [
        ("V1__late.sql", "V1__late is not applied although 2 is"),
        ("V2__again.sql", "version 2 is used by"),
        ("V3_typo.sql", "V3_typo.sql` is not a migration's name"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, "select 1").unwrap();
        let finished = migrate(&url, folder.path()).run();
        assert_eq!(finished.code, 80, "{name}: {}", finished.stderr);
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
        fs::remove_file(path).unwrap();
    }
    assert_eq!(history(&url), "2");
}

#[test]
fn a_database_that_is_ahead_of_the_image_starts_and_is_named() {
    let url = Postgres::shared().database();
    let folder = folder(&TWO);
    migrated(&url, folder.path());
    fs::remove_file(folder.path().join("V2__add_name.sql")).unwrap();
    let finished = migrated(&url, folder.path());
    assert!(finished.stderr.contains("ahead of this image: V2__add_name"), "{}", finished.stderr);
    for (mode, autorun) in [("migrate", "true"), ("api", "wait")] {
        let strict = Init::new([mode])
            .env("DATABASE_URL", &url)
            .env("APP_INIT_API_COMMAND", "true")
            .env("APP_INIT_MIGRATIONS", folder.path())
            .env("AUTORUN_MIGRATIONS", autorun)
            .env("APP_INIT_MIGRATE_STRICT", "true")
            .run();
        assert_eq!(strict.code, 80, "{mode} {}", strict.stderr);
        assert!(strict.stderr.contains("hint: start a newer image"), "{}", strict.stderr);
    }
}

#[test]
fn missing_rights_are_told_from_a_broken_file() {
    let url = Postgres::shared().database();
    ask(&url, "create schema app; create table app.t (); create table keep (n int)");
    let folder =
        folder(&[("V1__secret.sql", "set role pg_monitor;\ninsert into keep values (1);")]);
    let finished = migrate(&url, folder.path()).run();
    assert_eq!(finished.code, 77, "{}", finished.stderr);
    for part in ["V1__secret.sql:2", "42501", "hint: grant the right"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

#[test]
fn sigterm_in_a_long_migration_cancels_it_and_leaves_nothing() {
    let url = Postgres::shared().database();
    let folder =
        folder(&[TWO[0], ("V2__slow.sql", "create table half_done ();\nselect pg_sleep(300);")]);
    let init = migrate(&url, folder.path()).start();
    until("the migration runs", || sleeping(&url));
    init.signal(Signal::SIGTERM);
    let finished = init.finish();
    assert_eq!(finished.code, 143, "{}", finished.stderr);
    assert_eq!(history(&url), "1");
    assert_eq!(ask(&url, "select count(*) from pg_class where relname = 'half_done'"), "0");
    until("statement and lock are gone", || free(&url));
}

/// `Some` while a session of the database sleeps.
pub(crate) fn sleeping(url: &str) -> Option<()> {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
    (ask(url, sql) == "1").then_some(())
}

/// `Some` when no advisory lock is left in the database and nothing sleeps.
pub(crate) fn free(url: &str) -> Option<()> {
    let sql = "select (select count(*) from pg_locks join pg_database d on d.oid = database where locktype = 'advisory' and datname = current_database()) + (select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep')";
    (ask(url, sql) == "0").then_some(())
}

#[test]
fn what_a_script_does_to_its_session_ends_with_it() {
    let url = Postgres::shared().database();
    let folder = folder(&[
        (
            "V1__dirty.sql",
            "create schema other; set search_path to other; set role pg_monitor; set datestyle to german; create temp table scrap (n int); prepare p as select 1; listen c; declare k cursor with hold for select 1;",
        ),
        (
            "V2__clean.sql",
            "create table here as select current_user::text as who, current_setting('search_path') as path, current_setting('datestyle') as style, to_regclass('scrap') as scrap, (select count(*) from pg_prepared_statements) + (select count(*) from pg_cursors) as left_over;",
        ),
    ]);
    ask(&url, "grant temporary on database postgres to pg_monitor");
    let finished = migrate(&url, folder.path()).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(
        ask(&url, "select who, path, style, scrap, left_over from public.here"),
        "postgres|\"$user\", public|ISO, MDY||0"
    );
    assert_eq!(history(&url), "1,2");
}

#[test]
fn a_script_with_its_own_transaction_is_recorded_with_it() {
    let url = Postgres::shared().database();
    let folder = folder(&[
        ("V1__framed.sql", "begin;\ncreate table a ();\ncommit;\n"),
        ("V2__inner.sql", "create table b ();\ncommit;\ncreate table c ();\n"),
    ]);
    let finished = migrated(&url, folder.path());
    assert!(
        finished.stderr.contains("V2__inner ends its transaction by itself"),
        "{}",
        finished.stderr
    );
    assert!(!finished.stderr.contains("V1__framed ends"), "{}", finished.stderr);
    assert_eq!(history(&url), "1,2");
    assert_eq!(ask(&url, "select count(*) from pg_class where relname in ('a', 'b', 'c')"), "3");
}

#[test]
fn a_pg_dump_works_as_the_first_migration() {
    let server = Postgres::shared();
    let source = server.database();
    ask(
        &source,
        "create table people (id serial primary key, name text); insert into people (name) values ('a;b'), (E'tab\\there'), (null); create view v as select name from people",
    );
    // `BEGIN ATOMIC` came with 14.
    let modern = ask(&source, "select current_setting('server_version_num')::int >= 140000") == "t";
    let body = if modern {
        "begin atomic select case when true then 1 end; select 2; end"
    } else {
        "as $$ select 1; select 2; $$"
    };
    ask(&source, &format!("create function f() returns int language sql {body}"));
    let dump = std::process::Command::new(crate::support::postgres::tool("pg_dump"))
        .args(["-d", &source])
        .output()
        .unwrap();
    let text = String::from_utf8(dump.stdout).unwrap();
    assert!(text.contains("COPY public.people"), "{text}");
    let folder =
        folder(&[("V1__dump.sql", &text), ("V2__after.sql", "alter table people add age int;")]);
    let url = server.database();
    migrated(&url, folder.path());
    let rows = "select id, name from people order by id";
    assert_eq!(ask(&url, rows), ask(&source, rows));
    assert_eq!(ask(&url, "select nextval('people_id_seq'), f()"), "4|2");
    assert_eq!(history(&url), "1,2");
}

#[test]
fn status_tells_what_is_applied_pending_and_wrong() {
    let url = Postgres::shared().database();
    let both = folder(&TWO);
    let status = |folder: &Path, arguments: &[&str]| {
        let init = Init::new(["status"]).env("DATABASE_URL", &url);
        arguments.iter().fold(init, Init::arg).env("APP_INIT_MIGRATIONS", folder).run()
    };
    let fresh = status(both.path(), &[]);
    assert_eq!((fresh.code, fresh.stdout.matches("pending").count()), (0, 2), "{fresh:?}");
    assert_eq!(
        ask(&url, "select count(*) from pg_class where relname = 'refinery_schema_history'"),
        "0"
    );
    assert!(
        fresh.stdout.ends_with("\nnot up to date: `init migrate` will apply 2 migrations\n"),
        "{fresh:?}"
    );
    assert_ne!(status(both.path(), &["--exit-code"]).code, 0);
    migrated(&url, both.path());
    let done = status(both.path(), &["--exit-code", "--json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        (&report["current"], &report["applied"][1]["name"], &report["lock"]),
        (&true.into(), &"add_name".into(), &serde_json::Value::Null)
    );
    let edited =
        folder(&[("V1__create_users.sql", "-- edited"), TWO[1], ("V3__c.sql", "select 1")]);
    let wrong = status(edited.path(), &[]).stdout;
    for part in [
        "divergent V1__create_users",
        "pending   V3__c",
        "hint      ",
        "lock      free",
        "\na start stops here: 1 problem, nothing will be applied\n",
    ] {
        assert!(wrong.contains(part), "{part} in {wrong}");
    }
}

#[test]
fn of_many_missing_files_a_few_are_named() {
    let url = Postgres::shared().database();
    let files: Vec<String> = (1..=40).map(|n| format!("V{n}__number_{n}.sql")).collect();
    let folder = folder(&files.iter().map(|name| (&**name, "select 1")).collect::<Vec<_>>());
    let log = folder.path().join("termination");
    let waiting = Init::new(["api", "--", "echo", "serving"])
        .env("DATABASE_URL", &url)
        .env("APP_INIT_MIGRATIONS", folder.path())
        .env("AUTORUN_MIGRATIONS", "wait")
        .env("APP_INIT_LOCK_TIMEOUT", "1s")
        .env("APP_INIT_TERMINATION_LOG", &log)
        .run();
    let few = "missing V1__number_1, V2__number_2, V3__number_3 and 37 more";
    assert!(waiting.stderr.contains(few), "{}", waiting.stderr);
    let left = fs::read_to_string(log).unwrap();
    assert!(left.contains(few) && left.contains("\nhint: run `init migrate`"), "{left}");
}

#[test]
fn a_replica_that_must_not_migrate_waits_until_somebody_has() {
    let url = Postgres::shared().database();
    let folder = folder(&TWO);
    let server = Init::server("echo serving")
        .env("DATABASE_URL", &url)
        .env("APP_INIT_MIGRATIONS", folder.path())
        .env("AUTORUN_MIGRATIONS", "wait")
        .start();
    server.expect_line("missing V1__create_users, V2__add_name");
    assert_eq!(ask(&url, "select to_regclass('refinery_schema_history')"), "");
    migrated(&url, folder.path());
    server.expect_line("serving");
    assert_eq!(server.exit_code(), 0);
}

#[test]
fn a_record_that_is_swallowed_rolls_the_file_back() {
    let trigger = "create function no() returns trigger language plpgsql as 'begin return null; end'; \
                   create trigger no before insert on refinery_schema_history for each row execute function no()";
    let rule = "create rule no as on insert to refinery_schema_history do instead nothing";
    let data = ("V2__b.sql", "create table b (n int);\ncopy b from stdin;\n1\n\\.\n");
    let outside = ("V2__b.sql", "-- app-init: no-transaction\nvacuum users");
    for (sql, file, left) in [
        (trigger, ("V2__b.sql", "create table b ()"), "it was rolled back"),
        (rule, data, "it was rolled back"),
        (rule, outside, "its statements are done"),
    ] {
        let url = Postgres::shared().database();
        migrated(&url, folder(&[TWO[0]]).path());
        ask(&url, sql);
        let finished = migrate(&url, folder(&[TWO[0], file]).path()).run();
        assert_eq!(finished.code, 80, "{}", finished.stderr);
        let said = format!(
            "error: cannot record V2__b: what is written to the history table is not there afterwards; {left}"
        );
        for part in [&*said, "hint: a trigger or a rule of that table"] {
            assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
        }
        assert_eq!(ask(&url, "select count(*) from pg_class where relname = 'b'"), "0");
        assert_eq!(history(&url), "1");
    }
}
