//! A history that cannot be seen is no empty history: row-level security, and no schema at all.

use std::fs;

use crate::{
    migrate::{ask, folder, migrate, migrated},
    support::{CANARY, Init, Postgres},
    watch::{image, init, succeeded},
};

const ONE: (&str, &str) = ("V1__t.sql", "create table log (n int);");

/// A role of this test's own, and the database's URL for it.
fn role(url: &str) -> (String, String) {
    let role = format!("h_{}", url.rsplit('/').next().unwrap());
    ask(url, &format!("create role {role} login password '{CANARY}'"));
    (url.replace("//postgres:", &format!("//{role}:")), role)
}

#[test]
fn who_waits_is_told_that_the_rows_are_hidden() {
    let url = Postgres::shared().database();
    let folder = folder(&[ONE]);
    migrated(&url, folder.path());
    let (web, role) = role(&url);
    ask(&url, &format!("grant select on refinery_schema_history to {role}"));
    let start = || {
        let init = Init::server("echo serving").env("DATABASE_URL", &web);
        init.env("APP_INIT_MIGRATIONS", folder.path()).env("AUTORUN_MIGRATIONS", "wait").run()
    };
    assert_eq!(start().stdout, "serving\n");
    ask(&url, "alter table refinery_schema_history enable row level security");
    let finished = start();
    assert_eq!(finished.code, 77, "{}", finished.stderr);
    let policy = format!(
        "CREATE POLICY app_init ON \"public\".refinery_schema_history TO \"{role}\" USING (true)"
    );
    for part in
        ["whose rows are hidden by row-level security", "DISABLE ROW LEVEL SECURITY", &policy]
    {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    ask(&url, &policy);
    assert_eq!(start().stdout, "serving\n");
}

/// What runs outside a transaction would be done a second time before its record could fail.
#[test]
fn who_migrates_runs_nothing_again_where_the_rows_are_hidden() {
    let url = Postgres::shared().database();
    let (own, role) = role(&url);
    let name = url.rsplit('/').next().unwrap();
    ask(
        &url,
        &format!("grant all on schema public to {role}; grant create on database {name} to {role}"),
    );
    let text = "-- app-init: no-transaction\ncreate table if not exists log (n int);\ninsert into log values (1);";
    let folder = folder(&[("V1__t.sql", text)]);
    migrated(&own, folder.path());
    ask(
        &url,
        "alter table refinery_schema_history enable row level security; alter table refinery_schema_history force row level security",
    );
    let refused = migrate(&own, folder.path()).run();
    assert_eq!(refused.code, 77, "{}", refused.stderr);
    assert_eq!(ask(&url, "select count(*) from log"), "1");
    // Row-level security is nothing to a superuser.
    fs::write(folder.path().join("V2__more.sql"), "create table more ()").unwrap();
    migrated(&url, folder.path());
}

#[test]
fn a_search_path_without_a_schema_is_a_mistake_and_no_lost_lock() {
    let url = Postgres::shared().database();
    let folder = folder(&[ONE]);
    let nowhere = format!("{url}?schema=nowhere");
    let finished = migrate(&nowhere, folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in ["the search_path names no schema that exists", "hint: create the schema"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    let waiting = Init::server("echo serving").env("DATABASE_URL", &nowhere);
    let waiting = waiting.env("APP_INIT_MIGRATIONS", folder.path());
    let waiting = waiting.env("AUTORUN_MIGRATIONS", "wait").start();
    waiting
        .expect_line("waiting for the schema: cannot find a place for `refinery_schema_history`");
    ask(&url, "create schema nowhere");
    migrated(&nowhere, folder.path());
    assert_eq!(waiting.finish().stdout, "serving\n");
}

/// It would look empty, which is no state that any run left.
#[test]
fn a_version_table_whose_rows_are_hidden_is_not_compared() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    succeeded(init("migrate", image.path(), &url));
    let (web, role) = role(&url);
    let may_read = "grant usage on schema app_init to WEB; grant select on alembic_version, app_init.marker to WEB";
    ask(&url, &may_read.replace("WEB", &role));
    let waits = || init("api", image.path(), &web).env("AUTORUN_MIGRATIONS", "wait").run();
    assert_eq!(waits().code, 0);
    ask(&url, "alter table alembic_version enable row level security");
    let hidden = waits();
    assert_eq!(hidden.code, 77, "{}", hidden.stderr);
    let policy = "CREATE POLICY app_init ON \"public\".\"alembic_version\" FOR SELECT";
    assert!(hidden.stderr.contains(policy), "{}", hidden.stderr);
    ask(&url, &format!("create policy p on alembic_version for select to {role} using (true)"));
    assert_eq!(waits().code, 0);
    ask(&url, &format!("drop policy p on alembic_version; grant all on app_init.marker to {role}"));
    let runs = init("migrate", image.path(), &web).env("APP_INIT_MIGRATE_COMMAND", "true").run();
    let said = "no version table of a known tool can be read";
    assert!(runs.code == 0 && runs.stderr.contains(said), "{}", runs.stderr);
}
