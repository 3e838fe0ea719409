//! Steps of files outside a transaction that were tried before: done is what is there, not what is refused.

use std::{fs, path::Path, process::Command};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    migrate::{ask, folder, free, history, migrate, migrated, sleeping},
    outside::{Holding, building},
    resumed::marked,
    support::{Postgres, postgres::tool, until},
};

const TABLE: &str = "create table t (n int); create index old on t (n);";

/// A folder of two files, of which the first is applied.
fn begun(url: &str, first: &str, second: &str) -> TempDir {
    let folder = folder(&[("V1__x.sql", &marked(first))]);
    migrated(url, folder.path());
    put(folder.path(), second);
    folder
}

fn put(folder: &Path, second: &str) {
    fs::write(folder.join("V2__x.sql"), second).unwrap();
}

/// The same, the second cut off when its steps were done and the last was being noted as such:
/// nobody knows whether that came through.
fn cut_off(url: &str, second: &str, steps: usize) -> TempDir {
    let folder = begun(url, TABLE, second);
    ask(
        url,
        &format!(
            "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(300); return new; end'; \
             create trigger slow before insert or update on app_init.marker for each row \
             when (new.value like '{steps} done%') execute function slow()"
        ),
    );
    let killed = migrate(url, folder.path()).start();
    until("the steps are done and their note is not", || sleeping(url));
    killed.signal(Signal::SIGKILL);
    drop(killed);
    ask(
        url,
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()",
    );
    until("the server noticed", || free(url));
    ask(url, "drop trigger slow on app_init.marker");
    folder
}

#[test]
fn a_step_that_was_done_and_not_noted_is_done_once() {
    let block = "create table log (n int);\ndo $$ begin insert into log values (1); end $$;";
    for (text, steps, fact) in [
        (
            "create index concurrently i on t (n);",
            1,
            "select indisvalid from pg_index where indexrelid = 'i'::regclass",
        ),
        ("drop index concurrently old;", 1, "select to_regclass('old') is null"),
        (&marked(block), 2, "select count(*) = 1 from log"),
    ] {
        let url = Postgres::shared().database();
        let folder = cut_off(&url, text, steps);
        migrated(&url, folder.path());
        assert_eq!((history(&url), ask(&url, fact)), ("1,2".into(), "t".into()), "{text}");
    }
}

/// What is there was made by another text of the file.
#[test]
fn a_step_that_was_changed_since_it_was_cut_off_is_not_taken_for_done() {
    let url = Postgres::shared().database();
    let folder = cut_off(&url, "create index concurrently i on t (n);", 1);
    put(folder.path(), "create index concurrently i on t ((n + 1));");
    let finished = migrate(&url, folder.path()).run();
    assert_eq!((finished.code, history(&url)), (80, "1".into()), "{}", finished.stderr);
    assert!(finished.stderr.contains("42P07"), "{}", finished.stderr);
}

/// These errors are also what a step says that was done: here they are the reason why it was not.
#[test]
fn a_step_that_failed_fails_until_its_reason_is_gone() {
    for (text, state, remedy) in [
        (
            "create index concurrently i on t (n nothing_ops);",
            "42704",
            "create operator class nothing_ops for type int using btree as function 1 btint4cmp(int, int)",
        ),
        ("create index concurrently i on missing (n);", "42P01", "create table missing (n int)"),
        ("create index concurrently old on t ((n + 1));", "42P07", "drop index old"),
        ("drop index concurrently missing;", "42704", "create index missing on t (n)"),
        ("call missing();", "42883", "create procedure missing() language sql as ''"),
    ] {
        let url = Postgres::shared().database();
        let text = if text.starts_with("call") { marked(text) } else { text.to_owned() };
        let folder = begun(&url, TABLE, &text);
        for _ in 0..2 {
            let finished = migrate(&url, folder.path()).run();
            assert_eq!((finished.code, history(&url)), (80, "1".into()), "{}", finished.stderr);
            assert!(finished.stderr.contains(state), "{state} in {}", finished.stderr);
        }
        ask(&url, remedy);
        migrated(&url, folder.path());
        assert_eq!(history(&url), "1,2", "{text}");
    }
}

#[test]
fn a_partition_that_was_never_attached_does_not_count_as_detached() {
    let url = Postgres::shared().database();
    if ask(&url, "select current_setting('server_version_num')::int < 140000") == "t" {
        return;
    }
    let tables = "create table p (n int) partition by range (n); create table p1 (n int);";
    let folder = begun(&url, tables, "alter table p detach partition p1 concurrently;");
    for _ in 0..2 {
        let finished = migrate(&url, folder.path()).run();
        assert_eq!((finished.code, history(&url)), (80, "1".into()), "{}", finished.stderr);
        assert!(finished.stderr.contains("42P01"), "{}", finished.stderr);
    }
}

/// Its index is invalid until it is done, like one that was left half-built; and two who build for one
/// table end in a deadlock.
#[test]
fn who_builds_an_index_of_the_same_table_is_waited_for() {
    for (text, code, says) in [
        ("create index concurrently if not exists i on t (n);", 0, "nothing pending"),
        ("create index concurrently i on t (n);", 80, "42P07"),
        ("create index concurrently another on t (n);", 0, "nothing pending"),
        ("reindex index concurrently old;", 0, "nothing pending"),
        ("drop index concurrently if exists old;", 0, "nothing pending"),
    ] {
        let url = Postgres::shared().database();
        let folder = begun(&url, TABLE, text);
        let writer = Holding::begin(&url, "insert into t values (0)");
        let mut other = Command::new(tool("psql"))
            .args(["-XAtqd", &url, "-c", "create index concurrently i on t (n)"])
            .spawn()
            .unwrap();
        until("the other session waits for the writer", || building(&url));
        let built = ask(&url, "select 'i'::regclass::oid");
        let init = migrate(&url, folder.path()).start();
        init.expect_line("V2__x waits for pid");
        writer.end();
        assert!(other.wait().unwrap().success());
        let finished = init.finish();
        assert_eq!(finished.code, code, "{}", finished.stderr);
        let again = migrate(&url, folder.path()).run();
        assert!(again.code == code && again.stderr.contains(says), "{}", again.stderr);
        let is_same = format!("select indisvalid from pg_index where indexrelid = {built}");
        assert_eq!(ask(&url, &is_same), "t", "{text}");
    }
}

/// It had committed its first half: that this is there says nothing of the second.
#[test]
fn half_a_block_of_code_does_not_count_as_done() {
    let url = Postgres::shared().database();
    let block = marked(
        "do $$ begin create table a (); commit; perform pg_sleep(300); create table b (); end $$;",
    );
    let folder = begun(&url, TABLE, &block);
    let killed = migrate(&url, folder.path()).start();
    until("the first half is committed", || sleeping(&url));
    killed.signal(Signal::SIGKILL);
    drop(killed);
    ask(
        &url,
        "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()",
    );
    until("the server noticed", || free(&url));
    for _ in 0..2 {
        let finished = migrate(&url, folder.path()).run();
        assert_eq!((finished.code, history(&url)), (80, "1".into()), "{}", finished.stderr);
        assert!(finished.stderr.contains("42P07"), "{}", finished.stderr);
    }
    assert_eq!(ask(&url, "select to_regclass('b')"), "");
}
