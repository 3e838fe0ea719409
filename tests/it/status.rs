//! `init status` of the app's own tool: whether a start would run it, and why.

use std::path::Path;

use crate::{
    migrate::ask,
    support::{Init, Postgres, free_port},
    watch::{Held, LOCK, image, init, succeeded},
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
