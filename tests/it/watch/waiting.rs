//! Replicas that must not migrate: `AUTORUN_MIGRATIONS=wait`.

use super::*;

#[test]
fn a_waiting_replica_starts_when_the_job_is_done_and_needs_only_to_read() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let (reader, role) = role(&url);
    let waiting = || init("api", image.path(), &reader).env("AUTORUN_MIGRATIONS", "wait");
    let early = waiting().start();
    early.expect_line("waiting for the schema: no run of a migrate command is recorded");
    ask(&url, &format!("create schema app_init; grant usage on schema app_init to {role}"));
    ask(&url, &format!("alter default privileges grant select on tables to {role}"));
    succeeded(init("migrate", image.path(), &url));
    let early = early.finish();
    assert_eq!((early.code, early.stdout.as_str()), (0, "server-is-up\n"), "{}", early.stderr);
    says(&early, &["migrate    ok", "run on 20"]);

    fs::write(image.path().join("versions/head"), "2").unwrap();
    let newer = waiting().start();
    newer.expect_line(
        "waiting for the schema: no run of this image's command and files is recorded",
    );
    succeeded(init("migrate", image.path(), &url));
    assert_eq!(newer.exit_code(), 0);

    ask(&url, "update alembic_version set version_num = '1'");
    let downgraded = waiting().start();
    downgraded
        .expect_line("the version table `public.alembic_version` is not as the run recorded on 20");
    downgraded.signal(Signal::SIGTERM);
    assert_eq!(downgraded.exit_code(), 143);
    assert_eq!(ran(&url), "1,2");
}

#[test]
fn a_waiting_replica_gives_up_in_time() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let wait = || init("api", image.path(), &url).env("AUTORUN_MIGRATIONS", "wait");
    let finished = wait().env("APP_INIT_LOCK_TIMEOUT", "1s").run();
    assert_eq!(finished.code, 69, "{}", finished.stderr);
    says(
        &finished,
        &["within 1s: no run of a migrate command is recorded", "hint: run `init migrate`"],
    );
    let finished = wait().env("APP_INIT_MIGRATE_WATCH", "").run();
    assert_eq!(finished.code, 78, "{}", finished.stderr);
    says(&finished, &["AUTORUN_MIGRATIONS is `wait`", "hint: set APP_INIT_MIGRATE_WATCH"]);
    assert_eq!(ask(&url, "select count(*) from pg_class where relname = 'ran'"), "0");
}

#[test]
fn a_replica_that_waits_for_a_folder_needs_only_to_read_its_history() {
    let url = Postgres::shared().database();
    let folder = crate::migrate::folder(&[("V1__a.sql", "create table a ()")]);
    let (reader, role) = role(&url);
    let api = || {
        Init::new(["api", "--", "echo", "server-is-up"])
            .env("DATABASE_URL", &reader)
            .env("APP_INIT_MIGRATIONS", folder.path())
            .env("AUTORUN_MIGRATIONS", "wait")
    };
    let early = api().start();
    early.expect_line("waiting for the schema: missing V1__a");
    ask(&url, &format!("alter default privileges grant select on tables to {role}"));
    crate::migrate::migrated(&url, folder.path());
    let early = early.finish();
    assert_eq!((early.code, early.stdout.as_str()), (0, "server-is-up\n"), "{}", early.stderr);
    ask(&url, &format!("revoke all on refinery_schema_history from {role}"));
    let refused = api().run();
    assert_eq!(refused.code, 77, "{}", refused.stderr);
    says(
        &refused,
        &[&format!("GRANT SELECT ON \"public\".\"refinery_schema_history\" TO \"{role}\"")],
    );
    ask(&url, "revoke usage on schema public from public");
    let hidden = api().run();
    assert_eq!(hidden.code, 77, "{}", hidden.stderr);
    says(&hidden, &[&format!("GRANT USAGE ON SCHEMA \"public\" TO \"{role}\"")]);
}
