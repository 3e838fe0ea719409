//! `init status` of the app's own tool: whether a start would run it, and why.

use std::path::Path;

use crate::{
    migrate::{ask, folder, history, migrate, migrated},
    support::{Init, Postgres, free_port},
    watch::{Held, LOCK, image, init, role, succeeded},
};

#[test]
fn status_tells_whether_a_start_would_run_it_and_why() {
    let (url, old) = (Postgres::shared().database(), image("1"));
    let status = |image: &Path, words: &[&str]| {
        let finished = words.iter().fold(init("status", image, &url), Init::arg).run();
        (finished.code, finished.stdout)
    };
    let tells = |image: &Path, parts: &[&str]| {
        let (code, text) = status(image, &[]);
        assert_eq!(code, 0, "{text}");
        for part in parts {
            assert!(text.contains(part), "{part} in {text}");
        }
    };
    let never = "no run of a migrate command is recorded in this database";
    tells(
        old.path(),
        &["command   sh tool.sh\nwatched   versions, tool.sh\nlock      free\n", never],
    );
    assert_eq!(status(old.path(), &["--exit-code"]).0, 80);
    assert_eq!(ask(&url, "select count(*) from pg_namespace where nspname = 'app_init'"), "0");

    succeeded(init("migrate", old.path(), &url));
    tells(
        old.path(),
        &["version   public.alembic_version\n", "last run  20", "up to date: unchanged since 20"],
    );
    assert_eq!(status(old.path(), &["--exit-code"]).0, 0);
    let (_, json) = status(old.path(), &["--json"]);
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["command"]["state"], "unchanged", "{json}");
    assert_eq!((&told["current"], &told["lock"]), (&true.into(), &serde_json::Value::Null));

    let new = image("2");
    tells(
        new.path(),
        &[
            "changed   versions\n",
            "not up to date, a start runs the command: no run of this image's",
        ],
    );
    succeeded(init("migrate", new.path(), &url));
    tells(
        old.path(),
        &["ahead of this image, a start does not run the command: migrated further on 20"],
    );
    let strict = init("status", old.path(), &url).env("APP_INIT_MIGRATE_STRICT", "true");
    assert_eq!(strict.arg("--exit-code").run().code, 80);

    ask(&url, "delete from alembic_version");
    let held = Held::new(&url, LOCK);
    let named = init("status", new.path(), &url).env("APP_INIT_LOCK_NAME", "app").run();
    assert!(named.stdout.contains("lock      held by pid"), "{}", named.stdout);
    let json =
        init("status", new.path(), &url).env("APP_INIT_LOCK_NAME", "app").arg("--json").run();
    let told: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(told["lock"]["pid"].is_i64(), "{}", json.stdout);
    drop(held);
    tells(
        new.path(),
        &["the version table `public.alembic_version` is not as the run recorded on 20"],
    );
}

#[test]
fn status_of_a_command_that_is_not_watched_is_unknown() {
    let (url, old) = (Postgres::shared().database(), image("1"));
    let status = || init("status", old.path(), &url).env("APP_INIT_MIGRATE_WATCH", "");
    let text = status().run();
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(text.stdout.contains("\nunknown: APP_INIT_MIGRATE_WATCH is unset"), "{}", text.stdout);
    let coded = status().arg("--exit-code").arg("--json").run();
    assert_eq!(coded.code, 80, "{}", coded.stderr);
    let told: serde_json::Value = serde_json::from_str(&coded.stdout).unwrap();
    assert_eq!(
        (&told["current"], &told["command"]["state"]),
        (&serde_json::Value::Null, &"unknown".into())
    );
}

#[test]
fn status_of_a_server_that_is_down_is_told_at_once() {
    let (url, image) = (format!("postgres://u@127.0.0.1:{}/d", free_port()), image("1"));
    let told = init("status", image.path(), &url).env("APP_INIT_LOG_LEVEL", "debug").run();
    assert_eq!(told.code, 69, "{}", told.stderr);
    assert!(told.stderr.contains("connection refused"), "{}", told.stderr);
    assert!(!told.stderr.contains("trying again"), "{}", told.stderr);
}

/// As a start tells its mistakes: each by itself, with what to do.
#[test]
fn status_that_cannot_look_says_what_to_set() {
    let told = |variables: &[(&str, &str)]| {
        let init = Init::new(["status"]);
        let finished =
            variables.iter().fold(init, |init, (name, value)| init.env(name, value)).run();
        assert_eq!(finished.code, 78, "{}", finished.stderr);
        finished.stderr
    };
    insta::assert_snapshot!(told(&[("DATABASE_URL", "postgres://u@db/d")]), @r"
    error: status: nothing migrates the schema
    hint: set APP_INIT_MIGRATIONS or APP_INIT_MIGRATE_COMMAND
    ");
    let wrong = [("APP_INIT_HEARTBEAT", "soon"), ("APP_INIT_MIGRATE_COMMAND", "a && b")];
    insta::assert_snapshot!(told(&wrong), @r"
    error: APP_INIT_MIGRATE_COMMAND: `&&` needs a shell, and commands run without one
    hint: quote it, or write sh -c '…'
    error: APP_INIT_HEARTBEAT: `soon` is not a duration such as 500ms, 30s, 5m or 1h
    ");
}

#[test]
fn whoever_may_not_read_or_write_the_history_is_told_what_to_grant() {
    let url = Postgres::shared().database();
    let (poor, role) = role(&url);
    let folder = folder(&[("V1__a.sql", "create table a ()")]);
    let refused = |mode: &str, grant: &str| {
        let init = Init::new([mode]).env("DATABASE_URL", &poor);
        let finished = init.env("APP_INIT_MIGRATIONS", folder.path()).run();
        assert_eq!(finished.code, 77, "{mode}: {}", finished.stderr);
        let hint = format!("hint: let who owns it run: {grant} TO \"{role}\"");
        assert!(finished.stderr.contains(&hint), "{hint} in {}", finished.stderr);
        assert!(!finished.stderr.contains("the lock"), "{}", finished.stderr);
    };
    ask(&url, "revoke create on schema public from public");
    refused("migrate", "GRANT CREATE ON SCHEMA \"public\"");
    migrated(&url, folder.path());
    let table = "\"public\".\"refinery_schema_history\"";
    for mode in ["status", "migrate"] {
        refused(mode, &format!("GRANT SELECT ON {table}"));
    }
    ask(&url, &format!("grant select on refinery_schema_history to {role}"));
    succeeded(migrate(&poor, folder.path()));
    std::fs::write(folder.path().join("V2__b.sql"), "select 1").unwrap();
    refused("migrate", &format!("GRANT SELECT, INSERT ON {table}"));
    ask(&url, &format!("grant insert on refinery_schema_history to {role}"));
    succeeded(migrate(&poor, folder.path()));
    assert_eq!(history(&url), "1,2");
}

#[test]
fn a_folder_that_is_ahead_says_why_strict_refuses_it() {
    let url = Postgres::shared().database();
    migrated(&url, folder(&[("V1__a.sql", "select 1"), ("V2__b.sql", "select 1")]).path());
    let older = folder(&[("V1__a.sql", "select 1")]);
    for (strict, current, reason) in [
        ("false", true, "up to date: 2 applied, ahead of this image"),
        ("true", false, "a start stops here: the database is ahead of this image"),
    ] {
        let status = Init::new(["status", "--json"])
            .env("DATABASE_URL", &url)
            .env("APP_INIT_MIGRATIONS", older.path())
            .env("APP_INIT_MIGRATE_STRICT", strict)
            .run();
        let told: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        assert_eq!(told["current"], current, "{}", status.stdout);
        assert!(told["reason"].as_str().unwrap().starts_with(reason), "{}", status.stdout);
    }
}

#[test]
fn status_and_doctor_tell_of_files_that_a_start_refuses() {
    let url = Postgres::shared().database();
    let folder = folder(&[
        ("V1__a.sql", "select 1"),
        ("V2__b.sql", "-- app-init: lock_timeuot=1s\nselect 1"),
        ("V3__c.sql", "create table t (n int);\ncreate index concurrently i on t (n)"),
    ]);
    for words in [&["status"][..], &["doctor", "migrate"]] {
        let init = Init::new(words).env("DATABASE_URL", &url);
        let told = init.env("APP_INIT_MIGRATIONS", folder.path()).run();
        for part in [
            "V2__b.sql:1 cannot be applied: `lock_timeuot=1s` is no option of app-init",
            "V3__c.sql:2 cannot be applied: `CREATE INDEX CONCURRENTLY` cannot run in a transaction",
            "known are no-transaction",
        ] {
            assert!(told.stdout.contains(part), "{part} in {}{}", told.stdout, told.stderr);
        }
    }
    let mark = "-- app-init: no-transaction\n";
    std::fs::write(folder.path().join("V2__b.sql"), "select 1").unwrap();
    std::fs::write(folder.path().join("V3__c.sql"), format!("{mark}select 1")).unwrap();
    migrated(&url, folder.path());
}

/// It is more likely a forgotten COPY than a schema that nobody has.
#[test]
fn status_of_a_folder_without_migrations_does_not_call_it_up_to_date() {
    let (url, empty) = (Postgres::shared().database(), folder(&[("note.txt", "no migration")]));
    let status = Init::new(["status"])
        .env("DATABASE_URL", &url)
        .env("APP_INIT_MIGRATIONS", empty.path())
        .run();
    assert_eq!(status.code, 0, "{}", status.stderr);
    let told = "nothing to apply: the folder holds no migration; files are named V1__name.sql";
    assert!(status.stdout.contains(told), "{}", status.stdout);
}

#[test]
fn a_connection_limit_is_told_with_what_a_start_needs() {
    let (url, folder) = (Postgres::shared().database(), folder(&[("V1__a.sql", "select 1;")]));
    let (limited, role) = role(&url);
    ask(&url, &format!("alter role {role} connection limit 0"));
    let status = Init::new(["status"]).env("DATABASE_URL", limited);
    let finished = status.env("APP_INIT_MIGRATIONS", folder.path()).run();
    assert_eq!(finished.code, 69, "{}", finished.stderr);
    let hint = "a limit of 0 never clears; app-init needs two at once to migrate or seed";
    assert!(finished.stderr.contains(hint), "{}", finished.stderr);
}
