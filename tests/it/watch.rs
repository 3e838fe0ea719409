//! `APP_INIT_MIGRATE_WATCH`: the app's own tool runs when it has something to do, and not otherwise.

mod tables;
mod waiting;

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
