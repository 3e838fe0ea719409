//! Files outside a transaction that free the fence, which is a lock of the session they run in.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::{
    migrate::{ask, folder, history, migrate, migrated},
    support::{Postgres, Running, until},
    watch::Held,
};

/// The fence of `APP_INIT_LOCK_NAME=app`.
const FENCE: &str = "select pg_advisory_lock(-1195359754405170023)";
/// Frees the fence and goes on when the test says so.
const FREES: &str = "-- app-init: no-transaction
create table log (n int);
do $$ begin
  perform pg_advisory_unlock_all();
  while not exists (select from go_on) loop perform pg_sleep(0.01); end loop;
  insert into log values (1);
end $$;";

/// How many replicas are in the step that frees the fence.
fn inside(url: &str) -> usize {
    let query = "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
    ask(url, query).parse().unwrap()
}

fn freeing() -> (String, tempfile::TempDir) {
    let url = Postgres::shared().database();
    ask(&url, "create table go_on ()");
    (url, folder(&[("V1__x.sql", FREES)]))
}

#[test]
fn a_fence_that_a_file_frees_is_taken_again() {
    for frees in [
        "discard all",
        "select pg_advisory_unlock_all()",
        "begin; select pg_advisory_unlock_all(); commit",
    ] {
        let url = Postgres::shared().database();
        let text = format!(
            "-- app-init: no-transaction\nselect 1;\n{frees};\ncreate table seen as select count(*) from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database());\ncreate role {0}; set role {0};\nselect 1;\n{frees};\nreset role;\ndrop role {0};",
            url.rsplit('/').next().unwrap()
        );
        let folder = folder(&[("V1__x.sql", &text)]);
        migrated(&url, folder.path());
        assert_eq!(ask(&url, "select * from seen"), "2", "leader and fence: {frees}");
    }
}

#[test]
fn a_file_that_frees_the_fence_stops_if_another_session_takes_it() {
    let (url, folder) = freeing();
    let named = || migrate(&url, folder.path()).env("APP_INIT_LOCK_NAME", "app");
    let init = named().start();
    until("the fence is free", || (inside(&url) == 1).then_some(()));
    let held = Held::new(&url, FENCE);
    ask(&url, "insert into go_on default values");
    let finished = init.finish();
    assert_eq!(finished.code, 75, "{}", finished.stderr);
    let why = "V1__x frees the session's locks, and another session took it";
    assert!(finished.stderr.contains(why), "{}", finished.stderr);
    assert_eq!(ask(&url, "select count(*) from log"), "0");
    drop(held);
    assert_eq!(named().run().code, 0);
    assert_eq!((history(&url), ask(&url, "select count(*) from log")), ("1".into(), "1".into()));
}

/// Without the leader lock both get as far as the step, and both do it; one of them is undone.
#[test]
fn of_two_in_a_step_that_frees_the_fence_one_is_noted() {
    let (url, folder) = freeing();
    let start = || migrate(&url, folder.path()).env("APP_INIT_SKIP", "lock").start();
    let first = start();
    until("the first frees the fence", || (inside(&url) == 1).then_some(()));
    let second = start();
    until("the second does, too", || (inside(&url) == 2).then_some(()));
    ask(&url, "insert into go_on default values");
    let mut finished = [first.finish(), second.finish()];
    finished.sort_by_key(|init| init.code);
    let [done, lost] = finished;
    assert_eq!((done.code, lost.code), (0, 75), "{}\n{}", done.stderr, lost.stderr);
    assert!(lost.stderr.contains("V1__x frees the session's locks"), "{}", lost.stderr);
    assert_eq!((history(&url), ask(&url, "select count(*) from log")), ("1".into(), "1".into()));
}

/// What frees a session's locks does not free a transaction's.
#[test]
fn a_file_in_a_transaction_keeps_its_fence() {
    let url = Postgres::shared().database();
    ask(&url, "create table go_on ()");
    let text = "select pg_advisory_unlock_all(); select pg_sleep(300) where not exists (select from go_on);";
    let folder = folder(&[("V1__x.sql", text)]);
    let init = migrate(&url, folder.path()).env("APP_INIT_LOCK_NAME", "app").start();
    until("it is in the file", || (inside(&url) == 1).then_some(()));
    let tried = FENCE.replace("pg_advisory_lock", "pg_try_advisory_lock");
    assert_eq!(ask(&url, &tried), "f");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.exit_code(), 143);
}

/// Waits until the test lets the start of that name go on.
const NAMED: &str =
    "do $$ begin while not exists (select from go_on where who = current_setting('app.who'))
  loop perform pg_sleep(0.01); end loop; insert into log values (1); end $$;";

/// A start of that name without the leader lock, as in two that both believe they have it.
fn alone(url: &str, who: &str, folder: &Path) -> Running {
    let url = format!("{url}?options=-capp.who%3D{who}");
    migrate(&url, folder).env("APP_INIT_SKIP", "lock").start()
}

fn named() -> String {
    let url = Postgres::shared().database();
    ask(&url, "create table go_on (who text); create table log (n int)");
    url
}

/// It has read before the fence that the file is not done, so it must look again behind it.
#[test]
fn who_comes_late_to_the_fence_finds_the_file_done_or_another_one() {
    for mode in ["-- in a transaction\n", "-- app-init: no-transaction\n"] {
        let url = named();
        let text = format!("{mode}{NAMED}");
        let (same, other) = (
            folder(&[("V1__x.sql", &text)]),
            folder(&[("V1__x.sql", &(text.clone() + "select 2;"))]),
        );
        let first = alone(&url, "first", same.path());
        until("it is in the file", || (inside(&url) == 1).then_some(()));
        let late = [&same, &other].map(|folder| alone(&url, "late", folder.path()));
        for init in &late {
            init.expect_line("V1__x waits: another session is applying a migration");
        }
        ask(&url, "insert into go_on values ('first')");
        assert_eq!(first.exit_code(), 0);
        let [same, other] = late.map(Running::finish);
        assert_eq!((same.code, other.code), (0, 80), "{}\n{}", same.stderr, other.stderr);
        let said = "V1__x was applied by another replica meanwhile";
        assert!(same.stderr.contains(said), "{}", same.stderr);
        let said = "V1__x was changed after it was applied: another replica applied another text";
        assert!(other.stderr.contains(said), "{}", other.stderr);
        assert_eq!(ask(&url, "select count(*) from log"), "1", "{mode}");
    }
}

/// Its fence was free while another session took it, did all that is left and ended.
#[test]
fn a_file_that_frees_the_fence_stops_if_another_session_has_gone_on_with_it() {
    let url = named();
    let text = format!(
        "-- app-init: no-transaction\n{}",
        NAMED.replace("begin while", "begin perform pg_advisory_unlock_all(); while")
    );
    let folder = folder(&[("V1__x.sql", &text)]);
    let first = alone(&url, "first", folder.path());
    until("it is in the file", || (inside(&url) == 1).then_some(()));
    let second = alone(&url, "second", folder.path());
    until("the second is, too", || (inside(&url) == 2).then_some(()));
    ask(&url, "insert into go_on values ('second')");
    assert_eq!(second.exit_code(), 0);
    ask(&url, "insert into go_on values ('first')");
    let first = first.finish();
    assert_eq!(first.code, 75, "{}", first.stderr);
    let why = "V1__x frees the session's locks, and another session went on with the file";
    assert!(first.stderr.contains(why), "{}", first.stderr);
    assert_eq!(ask(&url, "select count(*) from log"), "1");
}

/// Only who has the leader lock may take another one for lost.
#[test]
fn without_the_leader_lock_nobody_inside_the_fence_is_ended() {
    let url = named();
    let folder = folder(&[("V1__x.sql", NAMED)]);
    let first = alone(&url, "first", folder.path());
    until("it is in the file", || (inside(&url) == 1).then_some(()));
    let late = alone(&url, "late", folder.path());
    // Nine tries with their pauses take longer than a leader's patience of 10 s.
    until("it has waited for long", || {
        let tries = late.output().matches("V1__x waits: another session").count();
        (tries >= 9).then_some(())
    });
    ask(&url, "insert into go_on values ('first')");
    assert_eq!((first.exit_code(), late.exit_code()), (0, 0));
    assert_eq!(ask(&url, "select count(*) from log"), "1");
}
