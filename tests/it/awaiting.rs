//! Waiting for others: for the schema, and for a history that somebody keeps locked.

use std::path::Path;

use crate::{
    migrate::{ask, folder, migrate, migrated},
    outside::Holding,
    support::{
        Init, Postgres,
        fake::Fake,
        init::{Finished, shell},
        postgres::tool as tool_path,
    },
    watch::{Held, LOCK},
};

const ONE: (&str, &str) = ("V1__a.sql", "create table a ()");
const TWO: (&str, &str) = ("V2__b.sql", "create table b ()");
const LOCKED: &str = "lock table refinery_schema_history";

/// A start that must not migrate.
fn waiting(url: &str, folder: &Path) -> Init {
    Init::new(["api", "--", "echo", "serving"])
        .env("DATABASE_URL", url)
        .env("APP_INIT_MIGRATIONS", folder)
        .env("AUTORUN_MIGRATIONS", "wait")
}

fn status(url: &str, folder: &Path) -> Finished {
    Init::new(["status"]).env("DATABASE_URL", url).env("APP_INIT_MIGRATIONS", folder).run()
}

fn says(finished: &Finished, parts: &[&str]) {
    for part in parts {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

#[test]
fn an_image_that_lost_its_files_does_not_start_as_if_it_had_waited() {
    let url = Postgres::shared().database();
    let empty = tempfile::tempdir().unwrap();
    let finished = waiting(&url, empty.path()).run();
    assert_eq!(finished.code, 78, "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    says(&finished, &["nothing to wait for: `", "holds no migration", "hint: copy the migrations"]);
    let status = |words: &[&str]| {
        let init =
            Init::new(["status"]).env("DATABASE_URL", &url).env("AUTORUN_MIGRATIONS", "wait");
        words.iter().fold(init.env("APP_INIT_MIGRATIONS", empty.path()), Init::arg).run()
    };
    let told = status(&["--exit-code"]);
    assert_eq!(told.code, 80, "{}", told.stdout);
    let same = finished.stderr.lines().find_map(|line| line.split_once("error: ")).unwrap().1;
    for part in [&format!("a start stops here: {same}"), "copy the migrations"] {
        assert!(told.stdout.contains(part), "{part} in {}", told.stdout);
    }
    let json: serde_json::Value = serde_json::from_str(&status(&["--json"]).stdout).unwrap();
    assert_eq!(json["current"], false, "{json}");
    assert!(json["reason"].as_str().unwrap().contains("nothing to wait for"), "{json}");
    let migrating = migrated(&url, empty.path());
    says(&migrating, &["holds no migration: files are named V1__name.sql; was the folder copied"]);
}

#[test]
fn a_locked_history_does_not_outlast_the_wait() {
    let url = Postgres::shared().database();
    migrated(&url, folder(&[ONE]).path());
    let folder = folder(&[ONE, TWO]);
    let holding = Holding::begin(&url, LOCKED);
    let finished = waiting(&url, folder.path()).env("APP_INIT_LOCK_TIMEOUT", "3s").run();
    holding.end();
    assert_eq!(finished.code, 69, "{}", finished.stderr);
    says(
        &finished,
        &[
            "waiting for the schema: cannot read the migration history",
            "it is locked by pid",
            "holding",
            "within 3s: cannot read",
            "hint: end that transaction",
        ],
    );
}

#[test]
fn a_server_that_goes_away_is_said_and_does_not_outlast_the_wait() {
    let mut server = Postgres::start();
    let url = server.database();
    let folder = folder(&[ONE]);
    let waiting = waiting(&url, folder.path()).env("APP_INIT_LOCK_TIMEOUT", "4s").start();
    waiting.expect_line("waiting for the schema: missing V1__a");
    server.down();
    waiting.expect_line("connection refused");
    let finished = waiting.finish();
    assert_eq!(finished.code, 69, "{}", finished.stderr);
    says(&finished, &["not brought up to date within 4s", "hint: "]);
    assert!(!finished.stderr.contains("run `init migrate`"), "{}", finished.stderr);
}

#[test]
fn a_server_that_stands_still_does_not_outlast_the_wait() {
    let server = Postgres::start();
    let url = server.database();
    let folder = folder(&[ONE]);
    let waiting = waiting(&url, folder.path()).env("APP_INIT_LOCK_TIMEOUT", "3s").start();
    waiting.expect_line("waiting for the schema: missing V1__a");
    let paused = server.pause();
    let finished = waiting.finish();
    drop(paused);
    assert_eq!(finished.code, 69, "{}", finished.stderr);
    says(&finished, &["not brought up to date within 3s"]);
}

#[test]
fn a_server_that_falls_silent_does_not_hold_up_a_start_for_ever() {
    let server = Postgres::shared();
    let url = server.database();
    let folder = folder(&[ONE]);
    let seeds = crate::migrate::folder(&[("1.sql", "select 1")]);
    for (mute, code, parts) in [
        (
            "FROM pg_catalog.pg_class c",
            69,
            ["cannot see what the migrate command has done: 127.0.0.1:", "[pg-silent]"],
        ),
        (
            "to_regclass('refinery_schema_history')",
            69,
            ["cannot read the migration history: 127.0.0.1:", " does not answer [pg-silent]"],
        ),
        (
            "pg_try_advisory_xact_lock",
            75,
            ["within 1s: cannot take the migration lock: 127.0.0.1:", "[pg-silent]"],
        ),
        (
            "c.relname = 'marker'",
            69,
            ["cannot see whether it was seeded: 127.0.0.1:", "[pg-silent]"],
        ),
    ] {
        let fake = Fake::falling_silent(server.port, mute);
        let silent = url.replace(&server.port.to_string(), &fake.port.to_string());
        let start = Init::new(["api", "--", "echo", "serving"])
            .env("DATABASE_URL", &silent)
            .env("APP_INIT_LOCK_TIMEOUT", "1s");
        let start = if mute.starts_with("FROM") {
            start
                .env("APP_INIT_MIGRATE_COMMAND", "echo tool")
                .env("APP_INIT_MIGRATE_WATCH", folder.path())
        } else {
            start.env("APP_INIT_MIGRATIONS", folder.path())
        };
        let start = start.env("APP_INIT_SEEDS", seeds.path()).env("SEED_ON_START", "once");
        let migrates = if mute.contains("marker") { "false" } else { "true" };
        let finished = start.env("AUTORUN_MIGRATIONS", migrates).run();
        assert_eq!(finished.code, code, "{mute}: {}", finished.stderr);
        says(&finished, &parts);
        says(&finished, &["hint: look whether the server is up"]);
        assert_eq!(finished.stdout, "", "{mute}");
    }
}

#[test]
fn a_wait_that_lasts_says_what_is_missing_and_who_migrates() {
    let url = Postgres::shared().database();
    let folder = folder(&[ONE]);
    let held = Held::new(&url, LOCK);
    let waiting = waiting(&url, folder.path())
        .env("APP_INIT_LOCK_NAME", "app")
        .env("APP_INIT_HEARTBEAT", "500ms")
        .start();
    let line = waiting.expect_line("still waiting for the schema after ");
    for part in ["missing V1__a; pid ", ", held, ", " is migrating"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    drop(held);
    migrated(&url, folder.path());
    assert_eq!(waiting.exit_code(), 0);
}

#[test]
fn a_start_says_that_the_history_is_locked_and_goes_on_when_it_is_not() {
    let url = Postgres::shared().database();
    migrated(&url, folder(&[ONE]).path());
    let folder = folder(&[ONE, TWO]);
    let holding = Holding::begin(&url, LOCKED);
    let start = migrate(&url, folder.path()).env("APP_INIT_HEARTBEAT", "500ms").start();
    let line = start.expect_line("waiting: cannot read the migration history");
    assert!(line.contains("locked by pid") && line.contains("holding"), "{line}");
    start.expect_line("still waiting after ");
    let limited = migrate(&url, folder.path()).env("APP_INIT_LOCK_TIMEOUT", "1s").run();
    assert_eq!(limited.code, 75, "{}", limited.stderr);
    let asked = status(&url, folder.path());
    assert_eq!(asked.code, 75, "{}", asked.stderr);
    says(&asked, &["it is locked by pid", "holding", "hint: end that transaction"]);
    holding.end();
    let finished = start.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    says(&finished, &["1 applied: V2__b"]);
}

#[test]
fn a_prepared_transaction_that_stands_in_the_way_is_named() {
    let mut server = Postgres::prepared();
    server.configure("max_prepared_transactions = 2");
    server.up();
    let url = server.database();
    migrated(&url, folder(&[ONE]).path());
    let folder = folder(&[ONE, ("V2__b.sql", "alter table a add b int")]);
    ask(&url, "begin; lock table a; prepare transaction 'it''s mine'");
    let blocked = migrate(&url, folder.path())
        .env("APP_INIT_MIGRATE_LOCK_TIMEOUT", "2s")
        .env("APP_INIT_MIGRATE_LOCK_RETRY", "1s")
        .run();
    assert_eq!(blocked.code, 80, "{}", blocked.stderr);
    says(&blocked, &["blocked by the prepared transaction 'it''s mine' of postgres"]);
    ask(&url, &format!("begin; {LOCKED}; prepare transaction 'other'"));
    let asked = status(&url, folder.path());
    assert_eq!(asked.code, 75, "{}", asked.stderr);
    says(&asked, &["it is locked by the prepared transaction 'other' of postgres"]);
}

#[test]
fn who_is_in_the_way_of_a_command_is_said() {
    let url = Postgres::shared().database();
    ask(&url, "create table busy (n int)");
    let holding = Holding::begin(&url, "select * from busy");
    let tool = shell("exec \"$PSQL\" -XAtq -d \"$DATABASE_URL\" -c 'alter table busy add m int'");
    let start = Init::new(["migrate"])
        .env("DATABASE_URL", &url)
        .env("PSQL", tool_path("psql"))
        .env("PGAPPNAME", "tool")
        .env("APP_INIT_MIGRATE_COMMAND", tool)
        .env("APP_INIT_HEARTBEAT", "500ms")
        .start();
    let line = start.expect_line(", of the command by all signs, is blocked by pid ");
    for part in ["init: migrate: pid ", ", tool, ", "holding"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    holding.end();
    assert_eq!(start.exit_code(), 0);
}

/// Only what is migrated or seeded has to take writes.
#[test]
fn who_writes_nothing_there_may_wait_for_a_database_that_is_read_only() {
    let (url, other) = (Postgres::shared().database(), Postgres::shared().database());
    let folder = folder(&[("V1__t.sql", "create table t ();")]);
    for url in [&url, &other] {
        migrated(url, folder.path());
    }
    let name = other.rsplit('/').next().unwrap();
    ask(&url, &format!("alter database {name} set default_transaction_read_only = on"));
    let waits = Init::new(["api"])
        .env("DATABASE_URL", &other)
        .env("AUTORUN_MIGRATIONS", "wait")
        .env("APP_INIT_MIGRATIONS", folder.path())
        .env("APP_INIT_API_COMMAND", "true");
    let beside = migrate(&url, folder.path()).env("APP_INIT_WAIT_FOR", format!("database {other}"));
    let past = migrate(&other, folder.path()).env("MIGRATE_DATABASE_URL", &url);
    for init in [waits, beside, past] {
        let finished = init.env("APP_INIT_WAIT_TIMEOUT", "20s").run();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
}
