//! Tenants: the same image several times in one database, each with a schema that its address names.

use std::path::Path;

use crate::{
    migrate::{ask, folder, history, migrate, migrated},
    resumed::marked,
    support::{Init, Postgres, init::Finished, postgres::tool},
    watch::{image, succeeded},
};

/// A database with two schemas, and the addresses that name them.
fn tenants() -> (String, [String; 2]) {
    let url = Postgres::shared().database();
    ask(&url, "create schema t1; create schema t2");
    let named = ["t1", "t2"].map(|schema| format!("{url}?options=-csearch_path%3D{schema}"));
    (url, named)
}

fn says(finished: &Finished, code: i32, parts: &[&str]) {
    assert_eq!(finished.code, code, "{}", finished.stderr);
    for part in parts {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

#[test]
fn how_far_a_file_is_in_one_schema_says_nothing_of_another() {
    let (url, [first, second]) = tenants();
    ask(
        &url,
        "create table t1.t as select 1 as n from generate_series(1, 2); create table t2.t (n int)",
    );
    let steps = "create table u ();\ncreate unique index concurrently i on t (n);";
    let folder = folder(&[("V1__x.sql", &marked(steps))]);
    says(&migrate(&first, folder.path()).run(), 80, &["the step before it is done"]);
    migrated(&second, folder.path());
    assert_eq!(ask(&url, "select to_regclass('t2.u')"), "t2.u");
    ask(&url, "truncate t1.t");
    says(&migrate(&first, folder.path()).run(), 0, &["V1__x goes on after 1 of 2 steps"]);
    assert_eq!((history(&first), history(&second)), ("1".into(), "1".into()));
}

fn seed(url: &str, folder: &Path, lock: &str) -> Init {
    Init::new(["seed"])
        .env("DATABASE_URL", url)
        .env("APP_INIT_SEEDS", folder)
        .env("SEED_ON_START", "once")
        .env("APP_INIT_LOCK_NAME", lock)
}

#[test]
fn a_seed_of_one_schema_does_not_count_for_another() {
    let (url, [first, second]) = tenants();
    ask(&url, "create table t1.log (n int); create table t2.log (n int)");
    let folder = folder(&[("1.sql", "insert into log values (1)")]);
    says(&seed(&first, folder.path(), "app").run(), 0, &["1 file"]);
    says(&seed(&first, folder.path(), "app").run(), 0, &["seeded since"]);
    let parts = ["is schema `t1`, and the address names `t2`", "APP_INIT_LOCK_NAME each"];
    says(&seed(&second, folder.path(), "app").run(), 78, &parts);
    says(&seed(&second, folder.path(), "other").run(), 0, &["1 file"]);
    says(&seed(&url, folder.path(), "app").run(), 0, &["seeded since"]);
    let logs = "select (select count(*) from t1.log) || ',' || (select count(*) from t2.log)";
    assert_eq!(ask(&url, logs), "1,1");
}

#[test]
fn a_seed_that_failed_in_one_schema_is_begun_in_another() {
    let (url, [first, second]) = tenants();
    ask(&url, "create table t1.log (n int); create table t2.log (n int); create table t2.late ()");
    let folder = folder(&[("1.sql", "insert into log values (1)"), ("2.sql", "table late")]);
    says(&seed(&first, folder.path(), "app").run(), 81, &["2.sql:1"]);
    says(&seed(&second, folder.path(), "app").run(), 0, &["2 files"]);
    assert_eq!(ask(&url, "select count(*) from t2.log"), "1");
}

/// A tool that keeps its version in the schema that the address names.
const TOOL: &str = r#"
exec "$PSQL" -XAtq -v ON_ERROR_STOP=1 -d "$DATABASE_URL" <<END
set client_min_messages = warning;
create table if not exists ran (n serial);
insert into ran default values;
create table if not exists alembic_version (version_num text primary key);
insert into alembic_version values ('1') on conflict do nothing;
END
"#;

fn watching(url: &str, image: &Path, lock: &str) -> Init {
    Init::new(["api"])
        .current_dir(image)
        .env("DATABASE_URL", url)
        .env("PSQL", tool("psql"))
        .env("APP_INIT_LOCK_NAME", lock)
        .env("APP_INIT_LOCK_TIMEOUT", "1s")
        .env("APP_INIT_MIGRATE_COMMAND", "sh tool.sh")
        .env("APP_INIT_MIGRATE_WATCH", "versions, tool.sh")
        .env("APP_INIT_API_COMMAND", "echo server-is-up")
        .env("APP_INIT_HANDOFF", "exec")
}

#[test]
fn a_command_that_ran_for_one_schema_runs_for_another() {
    let (url, [first, second]) = tenants();
    let image = image("1");
    std::fs::write(image.path().join("tool.sh"), TOOL).unwrap();
    succeeded(watching(&first, image.path(), "app"));
    says(&watching(&first, image.path(), "app").run(), 0, &["unchanged since"]);
    let waits = watching(&second, image.path(), "app").env("AUTORUN_MIGRATIONS", "wait");
    let parts = ["was for another schema", "`t1.alembic_version`", "APP_INIT_LOCK_NAME each"];
    let waited = waits.run();
    says(&waited, 69, &parts);
    says(&waited, 69, &["hint: give this tenant an APP_INIT_LOCK_NAME of its own"]);
    says(&watching(&second, image.path(), "app").run(), 0, &parts);
    let runs = "select (select count(*) from t1.ran) || ',' || (select count(*) from t2.ran)";
    assert_eq!(ask(&url, runs), "1,1");
    for _ in 0..2 {
        for (url, lock) in [(&first, "one"), (&second, "two")] {
            succeeded(watching(url, image.path(), lock));
        }
    }
    assert_eq!(ask(&url, runs), "2,2");
}
