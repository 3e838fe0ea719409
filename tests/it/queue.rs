//! Who queues for the leader lock: what ends the queue, and what it leaves in the server's log.

use crate::{
    migrate::{folder, history, migrate, migrated},
    support::Postgres,
    watch::{Held, LOCK},
};

const ONE: (&str, &str) = ("V1__a.sql", "create table a ()");

/// The last of hundreds need not hold the lock one after the other to find out that all is done.
#[test]
fn who_queues_goes_on_when_another_has_applied_everything_though_the_lock_is_held() {
    let url = Postgres::shared().database();
    let folder = folder(&[ONE]);
    let held = Held::new(&url, LOCK);
    let queueing = migrate(&url, folder.path()).env("APP_INIT_LOCK_NAME", "app").start();
    queueing.expect_line("waiting for the lock `app`, held by pid");
    migrated(&url, folder.path());
    let finished = queueing.finish();
    drop(held);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let said = "nothing pending any more: another replica was faster";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
}

/// A client that vanishes in a transaction is what operators look for in that log.
#[test]
fn neither_who_leads_nor_who_queues_vanishes_in_a_transaction() {
    let server = Postgres::start();
    let url = server.database();
    let folder = folder(&[ONE]);
    let held = Held::new(&url, LOCK);
    let named = || migrate(&url, folder.path()).env("APP_INIT_LOCK_NAME", "app").start();
    let queueing = named();
    queueing.expect_line("waiting for the lock `app`, held by pid");
    drop(held);
    assert_eq!(queueing.exit_code(), 0);
    assert_eq!(history(&url), "1");
    let log = server.log();
    assert!(!log.contains("unexpected EOF on client connection"), "{log}");
}
