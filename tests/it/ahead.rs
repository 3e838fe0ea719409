//! A database that is ahead of the image, and one that only looks like it: what is needed is run.

use std::{fs, path::Path};

use crate::{
    migrate::ask,
    support::{Init, Postgres, init::Finished, postgres::tool},
};

/// Like Alembic: `up` applies what is not in the version table and stumbles over what it does not
/// know; `down` takes back the newest.
const TOOL: &str = r#"
sql() { "$PSQL" -XAtq -v ON_ERROR_STOP=1 -d "${DATABASE_URL%%\?*}" -c 'set client_min_messages = warning' -c "$1"; }
sql "create table if not exists ${TABLE:=schema_migrations} (version text primary key)" || exit 1
if [ "$1" = down ]; then
    sql "delete from $TABLE where version = (select max(version) from $TABLE)"
    exit
fi
for version in $(sql "select version from $TABLE"); do
    [ -e "mig/$version" ] || { echo "cannot locate $version" >&2; exit 1; }
done
for file in mig/[0-9]*; do
    sql "insert into $TABLE values ('${file#mig/}') on conflict do nothing" || exit 1
done
"#;

/// An image with these files in `mig`, by name and content.
fn image(files: &[(&str, &str)]) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    fs::create_dir(image.path().join("mig")).unwrap();
    for (name, content) in files {
        fs::write(image.path().join("mig").join(name), content).unwrap();
    }
    fs::write(image.path().join("tool.sh"), TOOL).unwrap();
    image
}

const A: &[(&str, &str)] = &[("1", "one")];
const B: &[(&str, &str)] = &[("1", "one"), ("2", "two")];

fn init(mode: &str, image: &Path, url: &str) -> Init {
    Init::new([mode])
        .current_dir(image)
        .env("DATABASE_URL", url)
        .env("PSQL", tool("psql"))
        .env("APP_INIT_MIGRATE_COMMAND", "sh tool.sh up")
        .env("APP_INIT_MIGRATE_WATCH", "mig")
        .env("APP_INIT_API_COMMAND", "echo server-is-up")
        .env("APP_INIT_LOCK_TIMEOUT", "1s")
}

fn migrated(files: &[(&str, &str)], url: &str) -> Finished {
    let finished = init("migrate", image(files).path(), url).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished
}

fn versions(url: &str) -> String {
    ask(
        url,
        "select coalesce(string_agg(version, ',' order by version), '') from schema_migrations",
    )
}

/// After B, something has taken its migration back: an image that only waits for it waits, and one
/// that may migrate does, once.
fn b_is_run_again(url: &str) {
    let waiting = init("api", image(B).path(), url).env("AUTORUN_MIGRATIONS", "wait").run();
    assert_eq!(waiting.code, 69, "{}", waiting.stderr);
    let again = migrated(B, url);
    assert!(!again.stderr.contains("ahead"), "{}", again.stderr);
    let known = migrated(B, url);
    assert!(known.stderr.contains("unchanged since"), "{}", known.stderr);
    assert_eq!(versions(url), "1,2");
}

/// The server's clock was an hour fast, and is right again.
#[test]
fn the_last_run_is_the_last_also_where_the_clock_has_gone_back() {
    let url = Postgres::shared().database();
    migrated(A, &url);
    ask(&url, "update app_init.marker set recorded_at = recorded_at + interval '1 hour'");
    migrated(B, &url);
    let again = migrated(B, &url);
    assert!(again.stderr.contains("unchanged since"), "{}", again.stderr);
    let older = migrated(A, &url);
    assert!(older.stderr.contains("ahead of this image"), "{}", older.stderr);
}

#[test]
fn an_older_image_is_not_run_on_a_newer_database() {
    let url = Postgres::shared().database();
    migrated(A, &url);
    migrated(B, &url);
    let third: &[_] = &[("1", "one"), ("2", "two"), ("3", "three"), ("env.py", "changed")];
    migrated(third, &url);
    for older in [A, B] {
        let started = migrated(older, &url);
        let said = "the database is ahead of this image: migrated further on 20";
        assert!(started.stderr.contains(said), "{}", started.stderr);
        let image = image(older);
        let waiting = init("api", image.path(), &url).env("AUTORUN_MIGRATIONS", "wait").run();
        assert_eq!((waiting.code, &*waiting.stdout), (0, "server-is-up\n"), "{}", waiting.stderr);
    }
    assert_eq!(versions(&url), "1,2,3");
}

#[test]
fn after_a_downgrade_by_hand_and_a_fix_of_the_older_image_the_newer_one_is_run() {
    let fixed: &[(&str, &str)] = &[("1", "one, with a comment")];
    let with_a_note: &[(&str, &str)] = &[("1", "one"), ("note", "of the fix")];
    for older in [fixed, with_a_note] {
        let url = Postgres::shared().database();
        migrated(A, &url);
        migrated(B, &url);
        ask(&url, "delete from schema_migrations where version = '2'");
        migrated(older, &url);
        b_is_run_again(&url);
    }
}

#[test]
fn after_a_downgrade_by_hand_too_far_and_the_older_image_the_newer_one_is_run() {
    let url = Postgres::shared().database();
    migrated(A, &url);
    migrated(B, &url);
    ask(&url, "delete from schema_migrations");
    migrated(A, &url);
    b_is_run_again(&url);
}

#[test]
fn after_a_downgrade_by_a_job_the_same_image_is_run() {
    let (url, image) = (Postgres::shared().database(), image(B));
    migrated(B, &url);
    let down = init("migrate", image.path(), &url);
    let down = down.env("APP_INIT_MIGRATE_COMMAND", "sh tool.sh down").run();
    assert_eq!((down.code, &*versions(&url)), (0, "1"), "{}", down.stderr);
    b_is_run_again(&url);
}

#[test]
fn two_apps_in_one_database_are_never_ahead_of_one_another() {
    let (url, app) = (Postgres::shared().database(), image(B));
    let other = image(&[]);
    fs::create_dir(other.path().join("db")).unwrap();
    let other_runs = |version: &str| {
        fs::write(other.path().join("mig/1"), "").unwrap();
        fs::write(other.path().join("db").join(version), "").unwrap();
        let init = init("migrate", other.path(), &url).env("TABLE", "django_migrations");
        init.env("APP_INIT_MIGRATE_WATCH", "db, mig")
            .env("APP_INIT_MIGRATE_COMMAND", "sh tool.sh up")
    };
    migrated(A, &url);
    assert_eq!(other_runs("1").run().code, 0);
    let strict = || init("migrate", app.path(), &url).env("APP_INIT_MIGRATE_STRICT", "true");
    for version in ["2", "3"] {
        let mine = strict().run();
        assert_eq!(mine.code, 0, "{}", mine.stderr);
        let theirs = other_runs(version).run();
        assert_eq!(theirs.code, 0, "{}", theirs.stderr);
        assert!(!format!("{}{}", mine.stderr, theirs.stderr).contains("ahead"));
    }
    ask(&url, "delete from schema_migrations where version = '2'");
    assert_eq!(other_runs("4").run().code, 0);
    b_is_run_again(&url);
}

#[test]
fn a_waiting_replica_does_not_care_for_the_version_table_of_another_app() {
    let (url, app) = (Postgres::shared().database(), image(A));
    let waiting = || {
        let init = init("api", app.path(), &url).env("AUTORUN_MIGRATIONS", "wait");
        init.env("APP_INIT_LOCK_NAME", "mine").run()
    };
    ask(&url, "create table django_migrations (version text)");
    ask(&url, "create table migrations (of_birds text)");
    assert_eq!(init("migrate", app.path(), &url).env("APP_INIT_LOCK_NAME", "mine").run().code, 0);
    ask(
        &url,
        "insert into django_migrations values ('2'); insert into migrations values ('stork')",
    );
    let restarted = waiting();
    assert_eq!((restarted.code, &*restarted.stdout), (0, "server-is-up\n"), "{}", restarted.stderr);
    ask(&url, "delete from schema_migrations");
    let downgraded = waiting();
    assert_eq!(downgraded.code, 69, "{}", downgraded.stderr);
    assert!(downgraded.stderr.contains("`public.schema_migrations`"), "{}", downgraded.stderr);
    assert!(downgraded.stderr.contains("let APP_INIT_MIGRATE_TABLE name"), "{}", downgraded.stderr);
}
