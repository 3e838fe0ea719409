//! Files that cannot run in a transaction: resumed where they stopped, no broken index recorded.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
};

use nix::sys::signal::Signal;

use crate::{
    migrate::{ask, folder, free, history, migrate, migrated},
    support::{Postgres, postgres::tool, until},
};

/// A psql that has begun a transaction with this statement and keeps it open.
pub(crate) struct Holding {
    child: Child,
    input: ChildStdin,
}

impl Holding {
    pub(crate) fn begin(url: &str, statement: &str) -> Self {
        let mut child = Command::new(tool("psql"))
            .args(["-XAtq", "-d", url])
            .env("PGAPPNAME", "holding")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "begin; {statement};").unwrap();
        let idle = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'holding' and state = 'idle in transaction' and query like '%;'";
        until("the transaction is open", || (ask(url, idle) != "0").then_some(()));
        Self { child, input }
    }

    /// Commits, and ends the session.
    pub(crate) fn commit(mut self) {
        writeln!(self.input, "commit;").unwrap();
        self.end();
    }

    /// Ends the session, and with it the transaction.
    pub(crate) fn end(mut self) {
        drop(self.input);
        self.child.wait().unwrap();
    }
}

const TABLE: (&str, &str) =
    ("V1__t.sql", "create table t (n int); insert into t select generate_series(1, 100);");

fn valid(url: &str, index: &str) -> String {
    ask(
        url,
        &format!(
            "select string_agg(indisvalid::text, ',') from pg_index where indexrelid::regclass::text = '{index}'"
        ),
    )
}

pub(crate) fn building(url: &str) -> Option<()> {
    let sql = "select count(*) from pg_stat_progress_create_index where datname = current_database() and phase like 'waiting%'";
    (ask(url, sql) == "1").then_some(())
}

/// Its words are those of one that can have a transaction.
#[test]
fn what_the_server_refuses_in_a_transaction_is_done_without() {
    let url = Postgres::shared().database();
    if ask(&url, "select current_setting('server_version_num')::int < 140000") == "t" {
        return;
    }
    let steps = "create table p (n int) partition by range (n);\n\
                 create table p1 partition of p for values from (0) to (9);\n\
                 create index i on p (n);\nreindex table p;\n";
    let text = format!("-- app-init: no-transaction\n{steps}");
    migrated(&url, folder(&[("V1__p.sql", &text)]).path());
    assert_eq!(history(&url), "1");
}

#[test]
fn an_index_is_built_concurrently_while_four_replicas_wait() {
    let url = Postgres::shared().database();
    let folder = folder(&[TABLE, ("V2__i.sql", "create index concurrently i on t (n);")]);
    let first = folder.path().join("V2__i.sql");
    let aside = folder.path().join("aside");
    fs::rename(&first, &aside).unwrap();
    migrated(&url, folder.path());
    fs::rename(&aside, &first).unwrap();
    let writer = Holding::begin(&url, "insert into t values (0)");
    let builder = migrate(&url, folder.path()).start();
    until("the index waits for the writer", || building(&url));
    let waiting: Vec<_> = (0..4).map(|_| migrate(&url, folder.path()).start()).collect();
    for init in &waiting {
        init.expect_line("waiting for the lock");
    }
    writer.end();
    for init in waiting.into_iter().chain([builder]) {
        let finished = init.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
    assert_eq!((history(&url), valid(&url, "i")), ("1,2".into(), "true".into()));
}

#[test]
fn a_failed_step_is_the_first_of_the_next_start_and_its_broken_index_is_rebuilt() {
    let url = Postgres::shared().database();
    let text = "-- app-init: no-transaction\nset search_path to s;\ncreate table log (n int);\ninsert into log values (1);\ncreate unique index concurrently i on t (n);\ninsert into log values (2);\n";
    let folder = folder(&[
        (
            "V1__t.sql",
            "create schema s; create table s.t (n int); insert into s.t values (1), (1);",
        ),
        ("V2__i.sql", text),
    ]);
    let finished = migrate(&url, folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in ["V2__i.sql:5", "23505", "the 3 steps before it are done"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    assert_eq!((history(&url), valid(&url, "s.i")), ("1".into(), "false".into()));
    ask(&url, "delete from s.t where ctid = (select max(ctid) from s.t)");
    let finished = migrated(&url, folder.path());
    assert!(finished.stderr.contains("goes on after 3 of 5 steps"), "{}", finished.stderr);
    assert_eq!((history(&url), valid(&url, "s.i")), ("1,2".into(), "true".into()));
    assert_eq!(ask(&url, "select string_agg(n::text, ',' order by n) from s.log"), "1,2");
    assert_eq!(ask(&url, "select count(*) from app_init.marker"), "0");
}

#[test]
fn what_is_done_of_a_file_must_stay_as_it_was() {
    let url = Postgres::shared().database();
    let put = |folder: &Path, first: &str| {
        let text =
            format!("-- app-init: no-transaction\ncreate table {first} ();\nselect 1 / 0;\n");
        fs::write(folder.join("V1__x.sql"), text).unwrap();
    };
    let folder = folder(&[]);
    put(folder.path(), "a");
    assert_eq!(migrate(&url, folder.path()).run().code, 80);
    put(folder.path(), "b");
    let finished = migrate(&url, folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    assert!(
        finished.stderr.contains("1 step done already, and changed since"),
        "{}",
        finished.stderr
    );
    assert_eq!(ask(&url, "select to_regclass('a'), to_regclass('b')"), "a|");
}

#[test]
fn a_replica_killed_while_it_builds_an_index_leaves_none_broken() {
    let url = Postgres::shared().database();
    let folder = folder(&[TABLE]);
    migrated(&url, folder.path());
    fs::write(folder.path().join("V2__i.sql"), "create index concurrently i on t (n);").unwrap();
    let writer = Holding::begin(&url, "insert into t values (0)");
    let killed = migrate(&url, folder.path()).start();
    until("the index waits for the writer", || building(&url));
    killed.signal(Signal::SIGKILL);
    drop(killed);
    // Before 14 a server does not look while it runs a statement.
    ask(
        &url,
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'app-init migrate%' and datname = current_database() and current_setting('server_version_num')::int < 140000",
    );
    until("the server noticed", || free(&url));
    assert_eq!(valid(&url, "i"), "false");
    writer.end();
    let finished = migrated(&url, folder.path());
    assert!(
        finished.stderr.contains("dropping the half-built index public.i"),
        "{}",
        finished.stderr
    );
    assert_eq!((history(&url), valid(&url, "i")), ("1,2".into(), "true".into()));
}

#[test]
fn a_stop_ends_the_build_and_the_next_start_goes_on() {
    let url = Postgres::shared().database();
    let folder = folder(&[TABLE]);
    migrated(&url, folder.path());
    fs::write(folder.path().join("V2__i.sql"), "create index concurrently i on t (n);").unwrap();
    let writer = Holding::begin(&url, "insert into t values (0)");
    let stopped = migrate(&url, folder.path()).start();
    until("the index waits for the writer", || building(&url));
    stopped.signal(Signal::SIGTERM);
    let stopped = stopped.finish();
    assert_eq!(stopped.code, 143, "{}", stopped.stderr);
    let said = "stopped during V2__i, which goes on at the same statement next time";
    assert!(stopped.stderr.contains(said), "{}", stopped.stderr);
    until("nothing is left", || free(&url));
    writer.end();
    migrated(&url, folder.path());
    assert_eq!((history(&url), valid(&url, "i")), ("1,2".into(), "true".into()));
}

#[test]
fn files_that_can_run_neither_way_are_refused_before_anything_runs() {
    let url = Postgres::shared().database();
    for (text, part) in [
        (
            "create table t (n int);\nvacuum;",
            "V1__x.sql:2: `VACUUM` cannot run in a transaction and `CREATE TABLE T` in line 1 should",
        ),
        ("create table t ();\nrollback;", "V1__x.sql:2: `ROLLBACK` would undo it"),
        (
            "create table t ();\nprepare transaction 'x';",
            "V1__x.sql:2: `PREPARE TRANSACTION` would leave",
        ),
        ("-- app-init: no-transaction\nbegin;\nprepare transaction 'x';", "V1__x.sql:3: `PREPARE"),
        ("-- app-init: quickly\nselect 1", "V1__x.sql:1: `quickly` is no option"),
        (
            "-- app-init: no-transaction\nbegin;\nselect 1;",
            "V1__x.sql:2: a transaction in it is not whole",
        ),
        ("create index concurrently on pg_class (oid);", "an index without a name"),
    ] {
        let folder = folder(&[("V1__x.sql", text)]);
        let finished = migrate(&url, folder.path()).run();
        assert_eq!(finished.code, 80, "{text}: {}", finished.stderr);
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
        assert!(finished.stderr.contains("hint: "), "{}", finished.stderr);
    }
    assert_eq!(ask(&url, "select to_regclass('t')"), "");
}

/// The server leaves the half-built copy behind, and every write goes on maintaining it.
#[test]
fn what_a_stopped_rebuilding_left_is_dropped_before_the_next() {
    let url = Postgres::shared().database();
    let folder = folder(&[TABLE, ("V2__i.sql", "create index i on t (n);")]);
    migrated(&url, folder.path());
    fs::write(folder.path().join("V3__again.sql"), "reindex table concurrently t;").unwrap();
    let writer = Holding::begin(&url, "insert into t values (0)");
    let stopped = migrate(&url, folder.path()).start();
    until("the rebuilding waits for the writer", || building(&url));
    stopped.signal(Signal::SIGTERM);
    assert_eq!(stopped.exit_code(), 143);
    assert_eq!((valid(&url, "i"), valid(&url, "i_ccnew")), ("true".into(), "false".into()));
    writer.end();
    let finished = migrated(&url, folder.path());
    let dropped = "dropping the half-built index public.i_ccnew";
    assert!(finished.stderr.contains(dropped), "{}", finished.stderr);
    let indexes = "select string_agg(indexrelid::regclass || ' ' || indisvalid, ',') from pg_index where indrelid = 't'::regclass";
    assert_eq!((history(&url), ask(&url, indexes)), ("1,2,3".into(), "i true".into()));
}

/// The server builds none concurrently on a partitioned table; this is how the manual does it.
#[test]
fn an_index_on_partitions_is_built_one_by_one_and_attached() {
    let url = Postgres::shared().database();
    let table = "create table p (n int) partition by range (n); create table p1 partition of p for values from (0) to (9); insert into p values (1);";
    let at_once = "-- app-init: no-transaction\ncreate index concurrently i on p (n);";
    let folder = folder(&[("V1__p.sql", table), ("V2__i.sql", at_once)]);
    let refused = migrate(&url, folder.path()).run();
    assert_eq!(refused.code, 80, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("V2__i.sql:2: cannot create index on partitioned table"),
        "{}",
        refused.stderr
    );
    let one_by_one = "-- app-init: no-transaction\ncreate index i on only p (n);\ncreate index concurrently i1 on p1 (n);\nalter index i attach partition i1;\n";
    fs::write(folder.path().join("V2__i.sql"), one_by_one).unwrap();
    migrated(&url, folder.path());
    assert_eq!((valid(&url, "i"), valid(&url, "i1")), ("true".into(), "true".into()));
}

#[test]
fn what_only_the_server_knows_to_refuse_a_transaction_gets_a_hint() {
    let url = Postgres::shared().database();
    let marker =
        "hint: put it into a file of its own that begins with `-- app-init: no-transaction`";
    let cases = [
        ("do $$ begin commit; end $$;", marker),
        ("select 1;\n\\connect other\n", "V1__x.sql:2: syntax error"),
        ("select 1;\n\\connect other\n", "hint: only psql knows commands that begin with `\\`"),
    ];
    for (text, part) in cases {
        let folder = folder(&[("V1__x.sql", text)]);
        let finished = migrate(&url, folder.path()).run();
        assert_eq!(finished.code, 80, "{text}: {}", finished.stderr);
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}
