//! Through pgbouncer: the lock holds in every pool mode, and what cannot work says so.

use std::{
    fs,
    io::Write,
    process::{Child, Command, Stdio},
};

use crate::{
    migrate::{ask, folder, history, migrate},
    support::{
        CANARY, Init, Postgres, free_port,
        postgres::{psql, tool},
        until,
    },
    watch,
};

/// A pgbouncer of its own in front of the shared server.
struct Pooler {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Pooler {
    /// `None` where pgbouncer is not installed: it is no part of what a user needs.
    fn start(mode: &str) -> Option<Self> {
        Self::sized(mode, 20)
    }

    /// With at most so many sessions for each database.
    fn sized(mode: &str, size: u8) -> Option<Self> {
        Self::with(mode, size, "")
    }

    /// With further settings.
    fn with(mode: &str, size: u8, settings: &str) -> Option<Self> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
            .into_iter()
            .find(|path| fs::exists(path).unwrap())?;
        let directory = tempfile::Builder::new().prefix("app-init-pool").tempdir().unwrap();
        fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let (port, server) = (free_port(), Postgres::shared().port);
        let users = directory.path().join("users");
        fs::write(&users, format!("\"postgres\" \"{CANARY}\"\n")).unwrap();
        let file = directory.path().join("pgbouncer.ini");
        let user = if nix::unistd::Uid::effective().is_root() { "user = nobody\n" } else { "" };
        fs::write(
            &file,
            format!(
                "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = {size}\n{settings}\n{user}",
                users.display()
            ),
        )
        .unwrap();
        let child = Command::new(program)
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pooler = Self { child, port, _directory: directory };
        until("pgbouncer answers", || {
            psql(&pooler.past(&Postgres::shared().url("postgres")), "select 1").ok()
        });
        Some(pooler)
    }

    /// Makes it open so many sessions to the database.
    fn fill(&self, url: &str, sessions: usize) {
        ask(url, "create table go_on ()");
        let busy = "do $$ begin while not exists (select from go_on) loop perform pg_sleep(0.01); end loop; end $$";
        let one = || {
            let mut psql = Command::new(tool("psql"));
            psql.args(["-Xq", "-d", &self.past(url), "-c", busy]).stdin(Stdio::null());
            psql.spawn().unwrap()
        };
        let clients: Vec<Child> = (0..sessions).map(|_| one()).collect();
        let sleeping = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
        until("all are busy", || (ask(url, sleeping) == sessions.to_string()).then_some(()));
        ask(url, "insert into go_on default values");
        for mut client in clients {
            client.wait().unwrap();
        }
    }

    /// The same database by way of the pooler.
    fn past(&self, url: &str) -> String {
        url.replace(&format!(":{}/", Postgres::shared().port), &format!(":{}/", self.port))
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn five_at_once_through_a_pooler_apply_each_migration_once() {
    for mode in ["transaction", "session"] {
        let Some(pooler) = Pooler::start(mode) else { return };
        five_at_once(&pooler, mode == "session");
    }
}

/// One leads and four queue, if it can be also while an index is built concurrently.
fn five_at_once(pooler: &Pooler, has_index: bool) {
    let url = Postgres::shared().database();
    let mut files: Vec<(String, String)> = (1..=5)
        .map(|n| (format!("V{n}__t.sql"), format!("create table if not exists log (n int); insert into log values ({n}); select pg_sleep(0.02); set search_path to nowhere;")))
        .collect();
    if has_index {
        files.push(("V6__i.sql".into(), "create index concurrently i on log (n);".into()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let folder = folder(&files);
    let started: Vec<_> =
        (0..5).map(|_| migrate(&pooler.past(&url), folder.path()).start()).collect();
    for init in started {
        let finished = init.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
    assert_eq!(history(&url), if has_index { "1,2,3,4,5,6" } else { "1,2,3,4,5" });
    assert_eq!(ask(&url, "select string_agg(n::text, ',' order by n) from log"), "1,2,3,4,5");
    let left = "select current_setting('search_path'), current_setting('tcp_user_timeout'), current_setting('lock_timeout')";
    assert_eq!(ask(&pooler.past(&url), left), ask(&url, left));
}

#[test]
fn a_transaction_pooler_is_noticed_where_it_cannot_work_and_a_session_pooler_can() {
    let Some(pooler) = Pooler::start("transaction") else { return };
    let url = Postgres::shared().database();
    let folder = folder(&[
        ("V1__t.sql", "create table t (n int)"),
        ("V2__i.sql", "create index concurrently i on t (n);"),
    ]);
    let finished = migrate(&pooler.past(&url), folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in ["V2__i.sql", "a pooler in transaction mode", "hint: set MIGRATE_DATABASE_URL"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    assert_eq!(history(&url), "1");
    let Some(pooler) = Pooler::sized("transaction", 2) else { return };
    let finished =
        migrate(&pooler.past(&url), folder.path()).env("APP_INIT_MIGRATE_TIMEOUT", "10s").run();
    assert_eq!(finished.code, 80, "noticed in a small pool: {}", finished.stderr);
    let Some(pooler) = Pooler::start("session") else { return };
    let finished = migrate(&pooler.past(&url), folder.path()).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(history(&url), "1,2");
}

/// Which of its idle sessions a pooler gives is its own choice: the last one used, or one after the
/// other. `idle` is how many there are.
#[test]
fn a_transaction_pooler_is_noticed_whichever_session_it_gives() {
    for settings in ["server_round_robin = 0", "server_round_robin = 1"] {
        for (size, idle) in [(1, 1), (2, 2), (3, 3), (20, 1), (20, 3), (20, 9)] {
            let Some(pooler) = Pooler::with("transaction", size, settings) else { return };
            let url = Postgres::shared().database();
            let folder = folder(&[("V1__i.sql", "vacuum;")]);
            pooler.fill(&url, idle);
            let once = || migrate(&pooler.past(&url), folder.path());
            for round in 0..2 {
                // With one session there is none left beside the lock's.
                let init = if size == 1 { once().env("APP_INIT_SKIP", "lock") } else { once() };
                let finished = init.env("APP_INIT_MIGRATE_TIMEOUT", "10s").run();
                let case = format!("{settings}, {idle} of {size}, round {round}");
                assert_eq!(finished.code, 80, "{case}: {}", finished.stderr);
                assert!(finished.stderr.contains("a pooler in transaction mode"), "{case}");
            }
        }
    }
}

#[test]
fn what_a_failed_script_set_stays_in_no_session_of_the_pool() {
    let Some(pooler) = Pooler::sized("transaction", 2) else { return };
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__x.sql", "set work_mem to '77MB'; commit; select 1 / 0;")]);
    let finished = migrate(&pooler.past(&url), folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    let setting = "select current_setting('work_mem')";
    let usual = ask(&url, setting);
    assert_eq!(ask(&pooler.past(&url), setting), usual);
    // While one session of the pool is held, the next question gets the other.
    let _held = watch::Held::new(&pooler.past(&url), "begin; select 1");
    assert_eq!(ask(&pooler.past(&url), setting), usual);
}

/// Nobody can hold a lock through it, however long one queues.
#[test]
fn a_statement_pooler_is_refused_at_once() {
    let Some(pooler) = Pooler::start("statement") else { return };
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__x.sql", "create table t ();")]);
    let refused = migrate(&pooler.past(&url), folder.path()).run();
    assert_eq!(refused.code, 78, "{}", refused.stderr);
    for part in ["statement pooling mode", "hint: set MIGRATE_DATABASE_URL"] {
        assert!(refused.stderr.contains(part), "{part} in {}", refused.stderr);
    }
    assert_eq!(ask(&url, "select to_regclass('t')"), "");
}

/// A lock that stays in the pool is held by nobody who could free it.
#[test]
fn what_a_script_locks_for_its_session_is_free_when_it_has_ended() {
    let Some(pooler) = Pooler::sized("transaction", 2) else { return };
    let url = Postgres::shared().database();
    let locks = "select pg_advisory_lock(42);";
    let folder = folder(&[
        ("V1__x.sql", locks),
        ("V2__x.sql", &format!("{locks} create table t ();")),
        ("V3__x.sql", &format!("{locks} commit; select 1 / 0;")),
    ]);
    let finished = migrate(&pooler.past(&url), folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    assert_eq!(history(&url), "1,2");
    let held = "select count(*) from pg_locks where locktype = 'advisory' and objid = 42 and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(ask(&url, held), "0");
}

#[test]
fn a_pool_that_is_used_up_is_told_what_a_start_needs() {
    let Some(pooler) = Pooler::sized("session", 1) else { return };
    let (url, folder) = (Postgres::shared().database(), folder(&[("V1__a.sql", "select 1;")]));
    let mut psql = Command::new(tool("psql"));
    psql.args(["-Xq", "-d", &pooler.past(&url)]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut other = psql.spawn().unwrap();
    writeln!(other.stdin.as_mut().unwrap(), "select 1;").unwrap();
    let taken = "select count(*) from pg_stat_activity where datname = current_database() and query = 'select 1;'";
    until("another client has the session", || (ask(&url, taken) == "1").then_some(()));
    let status = Init::new(["status"]).env("DATABASE_URL", pooler.past(&url));
    let finished = status.env("APP_INIT_MIGRATIONS", folder.path()).run();
    assert_eq!(finished.code, 69, "{}", finished.stderr);
    for part in ["a pooler is silent while all its sessions are taken", "needs two at once"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    drop(other.stdin.take());
    other.wait().unwrap();
}

#[test]
fn a_watched_command_runs_once_through_a_transaction_pooler() {
    let Some(pooler) = Pooler::start("transaction") else { return };
    let (url, image) = (Postgres::shared().database(), watch::image("1"));
    let start = || watch::init("api", image.path(), &pooler.past(&url)).start();
    let started: Vec<_> = (0..5).map(|_| start()).collect();
    for init in started.into_iter().chain([start()]) {
        let finished = init.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
    assert_eq!(watch::ran(&url), "1");
    ask(&url, "delete from alembic_version");
    assert_eq!(start().exit_code(), 0);
    assert_eq!(watch::ran(&url), "1,1");
    let settings = "select current_setting('timezone'), current_setting('lock_timeout')";
    assert_eq!(ask(&pooler.past(&url), settings), ask(&url, settings), "nothing stays behind");
}
