//! Files that somebody stands in the way of: which are tried again, and which must not be.

use std::process::Command;

use crate::{
    migrate::{ask, folder, history, migrate, sleeping},
    outside::Holding,
    resumed::marked,
    support::{Postgres, postgres::tool, until},
};

/// What it has committed would be done twice.
#[test]
fn a_file_that_commits_by_itself_is_not_tried_again() {
    let url = Postgres::shared().database();
    ask(&url, "create table busy (n int); create table log (n int)");
    let reader = Holding::begin(&url, "select * from busy");
    let text = "set lock_timeout = 200;\ninsert into log values (1);\ncommit;\nalter table busy add m int;";
    let finished = migrate(&url, folder(&[("V1__x.sql", text)]).path()).run();
    reader.end();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in ["55P03", "it ends its transaction by itself, so look at what it left behind"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    assert_eq!((history(&url), ask(&url, "select count(*) from log")), (String::new(), "1".into()));
}

/// The step had a transaction, a role and a search path when it was refused: the next try begins with
/// none of them, and sets the last two again.
#[test]
fn a_blocked_step_of_a_file_outside_a_transaction_is_tried_again() {
    let url = Postgres::shared().database();
    let role = format!("r_{}", url.rsplit('/').next().unwrap());
    ask(&url, &format!("create role {role}; create schema s authorization {role}"));
    ask(&url, &format!("create table s.busy (n int); alter table s.busy owner to {role}"));
    let reader = Holding::begin(&url, "select * from s.busy");
    let text = marked(&format!(
        "-- app-init: lock_timeout=200ms\nset role {role};\nset search_path to s;\nalter table busy add m int;"
    ));
    let folder = folder(&[("V1__x.sql", &text)]);
    let init = migrate(&url, folder.path()).start();
    init.expect_line("V1__x could not lock a table within 200ms");
    reader.end();
    let finished = init.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!((history(&url), ask(&url, "select count(m) from s.busy")), ("1".into(), "0".into()));
}

/// Only the migration looks for a deadlock, so that it is the one that the server ends.
#[test]
fn a_file_that_was_in_a_deadlock_is_tried_again() {
    let url = Postgres::shared().database();
    ask(&url, "create table a (); create table b ()");
    let other = "set deadlock_timeout = '1h'; do $$ begin lock table a; \
        while not exists (select from pg_locks where relation = 'a'::regclass and not granted) \
        loop perform pg_sleep(0.01); end loop; lock table b; end $$";
    let mut other = Command::new(tool("psql")).args(["-XAtqd", &url, "-c", other]).spawn().unwrap();
    until("it waits with its first table locked", || sleeping(&url));
    let text = "-- app-init: lock_timeout=1m\nset local deadlock_timeout = '3s';\nlock table b;\nlock table a;";
    let folder = folder(&[("V1__x.sql", text)]);
    let init = migrate(&url, folder.path()).start();
    init.expect_line("V1__x was in a deadlock");
    assert!(other.wait().unwrap().success());
    let finished = init.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(history(&url), "1");
}
