//! A stored search path that leads away from the history, and tenants that share a database.

use std::{fs, path::Path};

use crate::{
    migrate::{ask, folder, migrate, migrated},
    support::{CANARY, Init, Postgres, init::Finished, postgres::psql},
};

const ONE: (&str, &str) = ("V1__app.sql", "create table log (n int); insert into log values (1);");

/// Where a role or database is told which schema it lives in.
fn stores(url: &str, whom: &str, path: &str) {
    let name = url.rsplit('/').next().unwrap();
    ask(url, &format!("alter {} set search_path = {path}", whom.replace("DATABASE", name)));
}

/// The database's URL for another role, made for this test with a name of its own.
fn role(url: &str, name: &str, rights: &str) -> (String, String) {
    let role = format!("{name}_{}", url.rsplit('/').next().unwrap());
    ask(url, &format!("create role {role} login {rights} password '{CANARY}'"));
    (url.replace("//postgres:", &format!("//{role}:")), role)
}

fn refuses(finished: &Finished) {
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in [
        "V1__app is applied in schema `public`",
        "leads to schema `app`, where no `refinery_schema_history` says so",
        "hint: ",
        "ALTER TABLE \"public\".refinery_schema_history SET SCHEMA \"app\"",
        "options=-csearch_path=public",
    ] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

fn histories(url: &str) -> String {
    ask(
        url,
        "select string_agg(relnamespace::regnamespace::text, ',' order by relnamespace::regnamespace::text) from pg_class where relname = 'refinery_schema_history'",
    )
}

/// `init` in a mode that ends by itself.
fn start(mode: &str, url: &str, folder: &Path) -> Init {
    Init::new([mode]).env("DATABASE_URL", url).env("APP_INIT_MIGRATIONS", folder)
}

#[test]
fn a_search_path_that_a_file_moves_does_not_begin_the_history_anew() {
    for whom in ["database DATABASE", "role in database", "role"] {
        let url = Postgres::shared().database();
        let database = url.rsplit('/').next().unwrap().to_owned();
        let (url, role) = role(&url, "mover", "superuser");
        let whom = match whom {
            "role" => format!("role {role}"),
            "role in database" => format!("role {role} in database {database}"),
            _ => format!("database {database}"),
        };
        let moves = format!("create schema app; alter {whom} set search_path = app;");
        let folder = folder(&[ONE, ("V2__move.sql", &moves)]);
        let first = migrated(&url, folder.path());
        for part in ["the next start will stop: V1__app", "SET SCHEMA \"app\""] {
            assert!(first.stderr.contains(part), "{whom}: {part} in {}", first.stderr);
        }
        refuses(&migrate(&url, folder.path()).run());
        refuses(&start("api", &url, folder.path()).env("APP_INIT_API_COMMAND", "true").run());
        let waits = start("api", &url, folder.path()).env("APP_INIT_API_COMMAND", "true");
        refuses(&waits.env("AUTORUN_MIGRATIONS", "wait").run());
        assert_eq!(histories(&url), "public", "{whom}");

        let named = format!("{url}?options=-csearch_path%3Dpublic");
        let unmoved = migrated(&named, folder.path());
        assert!(unmoved.stderr.contains("nothing pending, 2 applied"), "{}", unmoved.stderr);
        ask(&url, "alter table public.refinery_schema_history set schema app");
        let moved = migrated(&url, folder.path());
        assert!(moved.stderr.contains("nothing pending, 2 applied"), "{}", moved.stderr);
        assert_eq!(ask(&url, "select count(*) from public.log"), "1");
    }
}

/// What a start of an earlier version left, whose first file could not be applied a second time.
#[test]
fn an_empty_history_that_was_begun_anew_does_not_count() {
    let url = Postgres::shared().database();
    let folder = folder(&[ONE]);
    migrated(&url, folder.path());
    ask(
        &url,
        "create schema app; create table app.refinery_schema_history (like refinery_schema_history)",
    );
    stores(&url, "database DATABASE", "app");
    let refused = migrate(&url, folder.path()).run();
    refuses(&refused);
    let repair = "DROP TABLE \"app\".refinery_schema_history; ALTER TABLE \"public\".refinery_schema_history SET SCHEMA \"app\"";
    assert!(refused.stderr.contains(repair), "{}", refused.stderr);
    ask(&url, repair);
    migrated(&url, folder.path());
}

#[test]
fn status_and_doctor_tell_of_a_history_that_was_left_behind() {
    let url = Postgres::shared().database();
    let folder = folder(&[ONE]);
    migrated(&url, folder.path());
    ask(&url, "create schema app");
    stores(&url, "database DATABASE", "app");
    let status = start("status", &url, folder.path()).arg("--exit-code").run();
    assert_eq!(status.code, 80, "{}", status.stderr);
    for part in ["elsewhere V1__app is applied in schema `public`", "a start stops here: 1 problem"]
    {
        assert!(status.stdout.contains(part), "{part} in {}", status.stdout);
    }
    let json = start("status", &url, folder.path()).arg("--json").run().stdout;
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["problems"][0]["kind"], "elsewhere", "{json}");
    let doctor = start("doctor", &url, folder.path()).arg("migrate").run();
    let told = doctor.stdout + &doctor.stderr;
    assert!(told.contains("V1__app is applied in schema `public`"), "{told}");
}

/// The same image, a schema for each: by address, by role, and by a path that all of them share.
#[test]
fn tenants_of_one_database_have_a_history_each() {
    let url = Postgres::shared().database();
    let folder = folder(&[ONE]);
    let quiet = |url: &str| {
        let finished = migrated(url, folder.path());
        assert!(!finished.stderr.contains("warn"), "{}", finished.stderr);
        assert!(finished.stderr.contains("1 applied: V1__app"), "{}", finished.stderr);
    };
    ask(&url, "create schema tenant1; create schema tenant2");
    quiet(&format!("{url}?schema=tenant1"));
    quiet(&format!("{url}?schema=tenant2"));
    quiet(&url);
    // What is stored is no longer what counts where the address names a schema.
    ask(&url, "create schema tenant3; create schema tenant4");
    stores(&url, "database DATABASE", "tenant3");
    quiet(&format!("{url}?schema=tenant4"));

    let url = Postgres::shared().database();
    for name in ["a", "b"] {
        let (own, role) = role(&url, name, "");
        ask(&url, &format!("create schema {name} authorization {role}"));
        stores(&url, &format!("role {role}"), name);
        quiet(&own);
    }
    // Each takes the role that owns everything.
    let (_, owner) = role(&url, "owner", "");
    for name in ["c", "d"] {
        let (own, role) = role(&url, name, &format!("in role {owner}"));
        ask(&url, &format!("create schema {name} authorization {owner}"));
        ask(&url, &format!("alter role {role} set role = {owner}"));
        stores(&url, &format!("role {role}"), name);
        quiet(&own);
    }
    assert_eq!(histories(&url), "a,b,c,d");
}

/// Another app's files, or a table of that name that is none of refinery's, stand in nobody's way.
#[test]
fn a_strangers_history_in_another_schema_means_nothing() {
    let url = Postgres::shared().database();
    ask(
        &url,
        "create schema app; create schema odd; create table odd.refinery_schema_history (version int)",
    );
    migrated(&url, folder(&[("V1__other.sql", "select 1")]).path());
    stores(&url, "database DATABASE", "app");
    let folder = folder(&[ONE]);
    migrated(&url, folder.path());
    fs::write(folder.path().join("V2__more.sql"), "create table more ()").unwrap();
    migrated(&url, folder.path());
    assert_eq!(histories(&url), "app,odd,public");
    assert!(psql(&url, "select from app.more").is_ok());
}
