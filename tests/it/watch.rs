//! `APP_INIT_MIGRATE_WATCH`: the app's own tool runs when it has something to do, and not otherwise.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use nix::sys::signal::Signal;

use crate::{
    migrate::ask,
    support::{CANARY, Init, Postgres, init::Finished, postgres::tool, until},
};

/// A tool like Alembic: its version table is at what `versions/head` says after each run.
const TOOL: &str = r#"
head=$(cat versions/head)
exec "$PSQL" -XAtq -v ON_ERROR_STOP=1 -d "${DATABASE_URL%%\?*}" <<END
set client_min_messages = warning;
create table if not exists ran (n serial, head text);
insert into ran (head) values ('$head');
create table if not exists alembic_version (version_num text primary key);
begin;
delete from alembic_version;
insert into alembic_version values ('$head');
commit;
END
"#;

/// An image with that tool, whose newest migration is `head`, with a file for each.
pub(crate) fn image(head: &str) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    fs::create_dir(image.path().join("versions")).unwrap();
    fs::write(image.path().join("versions/head"), head).unwrap();
    for version in 1..=head.parse().unwrap() {
        fs::write(image.path().join(format!("versions/{version}.sql")), "").unwrap();
    }
    fs::write(image.path().join("tool.sh"), TOOL).unwrap();
    image
}

pub(crate) fn init(mode: &str, image: &Path, url: &str) -> Init {
    Init::new([mode])
        .current_dir(image)
        .env("DATABASE_URL", url)
        .env("PSQL", tool("psql"))
        .env("APP_INIT_MIGRATE_COMMAND", "sh tool.sh")
        .env("APP_INIT_MIGRATE_WATCH", "versions, tool.sh")
        .env("APP_INIT_API_COMMAND", "echo server-is-up")
        .env("APP_INIT_HANDOFF", "exec")
}

pub(crate) fn succeeded(init: Init) -> Finished {
    let finished = init.run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    finished
}

/// What the tool was run with, in order.
pub(crate) fn ran(url: &str) -> String {
    ask(url, "select coalesce(string_agg(head, ',' order by n), '') from ran")
}

fn says(finished: &Finished, parts: &[&str]) {
    for part in parts {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

/// A psql that has run this SQL and keeps its session until it is dropped.
pub(crate) struct Held(Child, Option<ChildStdin>);

impl Held {
    pub(crate) fn new(url: &str, sql: &str) -> Self {
        let mut child = Command::new(tool("psql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "set application_name = 'held'; {sql}; select 'held';").unwrap();
        until("the session stands", || {
            let idle = "select 1 from pg_stat_activity where application_name = 'held' and state like 'idle%' \
                        and query like '%held%' and datname = current_database()";
            (ask(url, idle) == "1").then_some(())
        });
        Self(child, Some(input))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.1.take());
        drop(self.0.wait());
    }
}

/// The leader lock of the namespace `app`, as src/migrate/key.rs pins it.
pub(crate) const LOCK: &str = "select pg_advisory_lock(7481062682510524004)";

#[test]
fn a_second_start_runs_nothing_and_needs_no_lock() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let init = || init("api", image.path(), &url).env("APP_INIT_LOCK_NAME", "app");
    succeeded(init());
    let held = Held::new(&url, LOCK);
    let again = succeeded(init());
    says(&again, &["migrate    skipped", "unchanged since 20", " by "]);
    assert!(again.stdout.contains("server-is-up"), "{}", again.stdout);
    assert_eq!(ran(&url), "1");
    // The same lock does hold up a start that has something to do.
    fs::write(image.path().join("versions/head"), "2").unwrap();
    let queueing = init().start();
    queueing.expect_line("waiting for the lock `app`");
    drop(held);
    assert_eq!(queueing.exit_code(), 0);
    assert_eq!(ran(&url), "1,2");
}

#[test]
fn a_changed_file_or_command_or_version_table_runs_it_again() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let start = || succeeded(init("migrate", image.path(), &url));
    let runs = |count: usize, why: &str| {
        start();
        assert_eq!(ran(&url).split(',').count(), count, "{why}");
        start();
        assert_eq!(ran(&url).split(',').count(), count, "{why}, and then it is unchanged");
    };
    runs(1, "first start");
    fs::write(image.path().join("versions/2.py"), "").unwrap();
    runs(2, "new file");
    fs::write(image.path().join("versions/head"), "2").unwrap();
    runs(3, "changed file");
    ask(&url, "update alembic_version set version_num = '1'");
    runs(4, "downgrade by hand");
    ask(&url, "delete from alembic_version");
    runs(5, "emptied version table");
    ask(&url, "drop table alembic_version");
    runs(6, "dropped version table");
    ask(&url, "drop schema app_init cascade");
    runs(7, "forgotten record");
    let other =
        || init("migrate", image.path(), &url).env("APP_INIT_MIGRATE_COMMAND", "sh ./tool.sh");
    succeeded(other());
    succeeded(other());
    assert_eq!(ran(&url).split(',').count(), 8, "another command");
}

#[test]
fn a_variable_of_the_command_counts_and_a_password_does_not() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let start = |revision: &str, password: &str| {
        let command = "sh tool.sh ${REVISION:-head} ${DB_PASSWORD:-none}";
        let init = init("migrate", image.path(), &url).env("APP_INIT_MIGRATE_COMMAND", command);
        succeeded(init.env("REVISION", revision).env("DB_PASSWORD", password));
        ran(&url).split(',').count()
    };
    assert_eq!(start("a", "old"), 1);
    assert_eq!(start("a", "new"), 1, "a rotated password is no other command");
    assert_eq!(start("b", "new"), 2, "another revision is");
}

#[test]
fn a_failed_command_is_not_remembered() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    fs::write(image.path().join("tool.sh"), format!("({TOOL}); exit 3")).unwrap();
    for runs in ["1", "1,1"] {
        let finished = init("migrate", image.path(), &url).run();
        assert_eq!(finished.code, 80, "{}", finished.stderr);
        assert_eq!(ran(&url), runs);
    }
}

#[test]
fn of_eight_at_once_one_runs_it() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let started: Vec<_> = (0..8).map(|_| init("api", image.path(), &url).start()).collect();
    for init in started {
        let finished = init.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert!(finished.stdout.contains("server-is-up"), "{}", finished.stdout);
    }
    assert_eq!(ran(&url), "1");
}

#[test]
fn without_a_watch_each_start_runs_it() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    for _ in 0..2 {
        succeeded(init("migrate", image.path(), &url).env("APP_INIT_MIGRATE_WATCH", ""));
    }
    assert_eq!(ran(&url), "1,1");
    assert_eq!(ask(&url, "select count(*) from pg_namespace where nspname = 'app_init'"), "0");
}

#[test]
fn an_older_image_starts_on_a_newer_database_and_says_so() {
    let (url, old, new) = (Postgres::shared().database(), image("1"), image("2"));
    succeeded(init("migrate", old.path(), &url));
    succeeded(init("migrate", new.path(), &url));
    let rolled_back = succeeded(init("api", old.path(), &url));
    says(&rolled_back, &["the database is ahead of this image: migrated further on 20"]);
    let waiting = succeeded(init("api", old.path(), &url).env("AUTORUN_MIGRATIONS", "wait"));
    says(&waiting, &["migrate    ok", "ahead of this image: migrated further on 20"]);
    for autorun in ["true", "wait"] {
        let strict = init("api", old.path(), &url).env("AUTORUN_MIGRATIONS", autorun);
        let strict = strict.env("APP_INIT_MIGRATE_STRICT", "true").run();
        assert_eq!(strict.code, 80, "{autorun}: {}", strict.stderr);
        says(&strict, &["the database is ahead of this image"]);
    }
    assert_eq!(ran(&url), "1,2");
}

/// A role of this database that may do nothing but log in; its URL.
pub(crate) fn role(url: &str) -> (String, String) {
    let (rest, database) = url.rsplit_once('/').unwrap();
    let role = format!("r_{database}");
    ask(url, &format!("create role {role} login password '{CANARY}'"));
    let url = format!("{rest}/{database}").replace("postgres:cAn", &format!("{role}:cAn"));
    (url, role)
}

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
fn missing_rights_are_named_before_anything_runs() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let (poor, role) = role(&url);
    ask(&url, &format!("grant create on schema public to {role}"));
    let refused = |grant: &str| {
        let finished = init("migrate", image.path(), &poor).run();
        assert_eq!(finished.code, 77, "{}", finished.stderr);
        says(&finished, &[grant]);
        assert_eq!(ask(&url, "select count(*) from pg_class where relname = 'ran'"), "0");
    };
    let database = url.rsplit('/').next().unwrap();
    refused(&format!("GRANT CREATE ON DATABASE \"{database}\" TO \"{role}\""));
    ask(&url, "create schema app_init");
    refused(&format!("GRANT CREATE ON SCHEMA \"app_init\" TO \"{role}\""));
    ask(&url, &format!("grant usage, create on schema app_init to {role}"));
    succeeded(init("migrate", image.path(), &poor));

    let mut text = init("api", image.path(), &poor).env("AUTORUN_MIGRATIONS", "wait").run();
    assert_eq!(text.code, 0, "{}", text.stderr);
    ask(
        &url,
        &format!(
            "alter table alembic_version owner to postgres; revoke all on alembic_version from {role}"
        ),
    );
    text = init("api", image.path(), &poor).env("AUTORUN_MIGRATIONS", "wait").run();
    assert_eq!(text.code, 77, "{}", text.stderr);
    says(&text, &[&format!("GRANT SELECT ON \"public\".\"alembic_version\" TO \"{role}\"")]);
    ask(
        &url,
        &format!(
            "alter table app_init.marker owner to postgres; revoke all on app_init.marker from {role}"
        ),
    );
    text = init("api", image.path(), &poor).env("AUTORUN_MIGRATIONS", "wait").run();
    assert_eq!(text.code, 77, "{}", text.stderr);
    says(&text, &[&format!("GRANT SELECT ON \"app_init\".marker TO \"{role}\"")]);
}

#[test]
fn a_watched_path_that_is_missing_is_named() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let finished =
        init("migrate", image.path(), &url).env("APP_INIT_MIGRATE_WATCH", "no/such").run();
    assert_eq!(finished.code, 66, "{}", finished.stderr);
    says(&finished, &["cannot read the watched path `no/such`", "looked for in `/"]);
    let patterns = init("migrate", image.path(), &url).env("APP_INIT_MIGRATE_WATCH", "versions/*");
    says(&patterns.run(), &["cannot read the watched path `versions/*`", "has no patterns"]);
}

#[test]
fn a_watched_path_may_have_blanks_in_quotes() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    fs::create_dir(image.path().join("my dir")).unwrap();
    fs::write(image.path().join("a,b"), "").unwrap();
    for (runs, watch) in [
        ("1", "\"my dir\", versions"),
        ("1", "'my dir' versions"),
        ("1", r#"["my dir", "versions"]"#),
        ("1", "\"my dir\",\"versions\""),
        ("1,1", r"my\ dir 'a,b'"),
    ] {
        succeeded(init("migrate", image.path(), &url).env("APP_INIT_MIGRATE_WATCH", watch));
        assert_eq!(ran(&url), runs, "{watch}");
    }
    let open = init("migrate", image.path(), &url).env("APP_INIT_MIGRATE_WATCH", "'my dir").run();
    assert_eq!(open.code, 78, "{}", open.stderr);
    says(&open, &["APP_INIT_MIGRATE_WATCH: a quote is not closed"]);
}

#[test]
fn a_version_table_of_another_name_or_schema_counts_when_it_is_named() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let script = fs::read_to_string(image.path().join("tool.sh")).unwrap();
    let script = script.replace("alembic_version", "app.version");
    fs::write(image.path().join("tool.sh"), script).unwrap();
    ask(&url, "create schema app; create schema other; create table other.alembic_version (n int)");
    let unnamed = succeeded(init("migrate", image.path(), &url));
    says(&unnamed, &["no version table of a known tool can be read", "APP_INIT_MIGRATE_TABLE"]);
    ask(&url, "insert into other.alembic_version values (1)");
    let named = || init("migrate", image.path(), &url).env("APP_INIT_MIGRATE_TABLE", "app.version");
    for (sql, runs) in [
        ("select 1", "1,1"), // nothing was recorded of the table
        ("select 1", "1,1"),
        ("delete from app.version", "1,1,1"),
    ] {
        ask(&url, sql);
        succeeded(named());
        assert_eq!(ran(&url), runs, "{sql}");
    }
}

#[test]
fn a_named_version_table_that_is_not_there_is_said_on_each_start_and_counts_once_it_is() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let named = |mode: &str| {
        init(mode, image.path(), &url).env("APP_INIT_MIGRATE_TABLE", "nope, \"My App\".\"v\"")
    };
    let missing =
        "APP_INIT_MIGRATE_TABLE: there is no table `nope`, `\"My App\".\"v\"` that can be read";
    for _ in 0..2 {
        says(&succeeded(named("migrate")), &[missing]);
    }
    says(&succeeded(named("api").env("AUTORUN_MIGRATIONS", "wait")), &[missing]);
    let status = succeeded(named("status"));
    assert!(status.stdout.contains("missing   nope, \"My App\".\"v\"\n"), "{}", status.stdout);
    let doctor = named("doctor").arg("migrate").run();
    assert!(doctor.stdout.contains(missing), "{}", doctor.stdout);
    assert_eq!(ran(&url), "1");

    ask(&url, "create schema \"My App\"; create table \"My App\".v (); create table nope ()");
    let found = succeeded(named("migrate"));
    assert!(!found.stderr.contains("there is no table"), "{}", found.stderr);
    assert!(succeeded(named("status")).stdout.contains("version   My App.v, public.nope\n"));
    assert_eq!(ran(&url), "1,1", "the record had nothing of them");
    succeeded(named("migrate"));
    assert_eq!(ran(&url), "1,1");
    let alone = named("status").env("APP_INIT_MIGRATE_TABLE", "\"My App\".\"v\"");
    assert!(succeeded(alone).stdout.contains("version   My App.v\n"));
}

#[test]
fn version_tables_of_more_tools_are_known() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    let tables = [
        "_fluent_migrations",
        "cake_migrations",
        "gopg_migrations",
        "micrate_db_version",
        "migration_versions",
        "schema_info",
        "schema_migration",
        "strapi_migrations",
        "strapi_migrations_internal",
    ];
    for table in tables {
        ask(&url, &format!("create table {table} ()"));
    }
    succeeded(init("migrate", image.path(), &url));
    let told = succeeded(init("status", image.path(), &url)).stdout;
    for table in tables {
        assert!(told.contains(&format!("public.{table}")), "{table} in {told}");
    }
}

#[test]
fn the_schema_of_the_connection_string_is_looked_at() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    ask(&url, "create schema app");
    let script = TOOL.replace("alembic_version", "app._prisma_migrations");
    fs::write(image.path().join("tool.sh"), script).unwrap();
    for (sql, runs) in
        [("select 1", "1"), ("select 1", "1"), ("delete from app._prisma_migrations", "1,1")]
    {
        ask(&url, sql);
        succeeded(init("migrate", image.path(), &format!("{url}?schema=app")));
        assert_eq!(ran(&url), runs, "{sql}");
    }
}

#[test]
fn a_tool_that_holds_its_version_table_holds_up_nobody() {
    let (url, image) = (Postgres::shared().database(), image("1"));
    succeeded(init("migrate", image.path(), &url));
    let held = Held::new(&url, "begin; lock table alembic_version");
    let waiting = init("api", image.path(), &url).env("AUTORUN_MIGRATIONS", "wait").start();
    waiting.expect_line("another session holds the version table: pid ");
    waiting.expect_line(", held, from 127.0.0.1, since 20");
    drop(held);
    assert_eq!(waiting.exit_code(), 0);
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
