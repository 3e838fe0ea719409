//! Files outside a transaction that somebody stands in the way of, or that are cut off: what the next try finds.

use std::fs;

use nix::sys::signal::Signal;

use crate::{
    migrate::{ask, folder, free, history, migrate, migrated},
    outside::Holding,
    support::{Postgres, until},
};

pub(crate) fn marked(text: &str) -> String {
    format!("-- app-init: no-transaction\n{text}")
}

#[test]
fn a_file_may_take_a_role_that_cannot_write_our_markers() {
    for take in ["role", "session authorization"] {
        let url = Postgres::shared().database();
        let role = format!("r_{}", url.rsplit_once('/').unwrap().1);
        ask(&url, &format!("create role {role}; create schema s authorization {role}"));
        let text = marked(&format!(
            "set {take} {role};\ncreate table s.t (n int);\ncreate index concurrently i on s.t (n);\n"
        ));
        let folder = folder(&[("V1__x.sql", &text)]);
        migrated(&url, folder.path());
        let owners = "select string_agg(relowner::regrole::text, ',') from pg_class where relnamespace = 's'::regnamespace";
        assert_eq!(ask(&url, owners), format!("{role},{role}"), "{take}");
    }
}

/// A restored backup: the schema is as it was before the file was begun, what is noted of that is not.
#[test]
fn a_history_that_was_put_in_the_place_of_another_begins_files_anew() {
    let url = Postgres::shared().database();
    let begin = "create table t as select 1 as n from generate_series(1, 2);";
    let folder = folder(&[("V1__t.sql", begin)]);
    migrated(&url, folder.path());
    ask(&url, "create table kept as table refinery_schema_history");
    let steps = "create table u ();\ncreate unique index concurrently i on t (n);";
    fs::write(folder.path().join("V2__x.sql"), marked(steps)).unwrap();
    assert_eq!(migrate(&url, folder.path()).run().code, 80);
    let restore = "drop table u, t, refinery_schema_history; create table t as select 1 as n; \
                   alter table kept rename to refinery_schema_history";
    ask(&url, restore);
    let finished = migrate(&url, folder.path()).run();
    assert!(finished.stderr.contains("V2__x begins anew"), "{}", finished.stderr);
    assert_eq!(ask(&url, "select to_regclass('u')"), "u");
    assert_eq!(history(&url), "1,2");
}

#[test]
fn a_routine_that_has_committed_a_part_is_not_tried_again_by_itself() {
    let url = Postgres::shared().database();
    ask(&url, "create table t (n int); create table log (n int)");
    let body = "insert into log values (1); commit; lock table t;";
    ask(&url, &format!("create procedure p() language plpgsql as $$ begin {body} end $$"));
    let text = "-- app-init: no-transaction lock_timeout=200ms\ncall p();";
    let folder = folder(&[("V1__x.sql", text)]);
    let holder = Holding::begin(&url, "lock table t");
    let failed = migrate(&url, folder.path()).run();
    assert_eq!(failed.code, 80, "{}", failed.stderr);
    assert!(failed.stderr.contains("what it had committed by then stays"), "{}", failed.stderr);
    assert_eq!(ask(&url, "select count(*) from log"), "1");
    holder.end();
    migrated(&url, folder.path());
}

#[test]
fn a_half_built_index_that_cannot_be_dropped_in_time_is_tried_again_too() {
    let url = Postgres::shared().database();
    let table = ("V1__t.sql", "create table t (n int);");
    let index = "-- app-init: lock_timeout=200ms\ncreate index concurrently i on t (n);";
    let folder = folder(&[table]);
    migrated(&url, folder.path());
    fs::write(folder.path().join("V2__i.sql"), index).unwrap();
    let writer = Holding::begin(&url, "insert into t values (0)");
    let patient = migrate(&url, folder.path()).start();
    patient.expect_line("V2__i could not lock a table within 200ms");
    until("what that left could not be dropped either", || {
        let tries = patient.output().matches("dropping the half-built index public.i").count();
        (tries > 1).then_some(())
    });
    writer.end();
    assert_eq!(patient.exit_code(), 0);
    assert_eq!(history(&url), "1,2");
}

#[test]
fn a_detaching_that_was_cut_off_is_finished() {
    let url = Postgres::shared().database();
    if ask(&url, "select current_setting('server_version_num')::int < 140000") == "t" {
        return;
    }
    let table = "create table p (n int) partition by range (n); create table p1 partition of p for values from (0) to (9);";
    let folder = folder(&[("V1__p.sql", table)]);
    migrated(&url, folder.path());
    let detach = "alter table p detach partition p1 concurrently;";
    fs::write(folder.path().join("V2__d.sql"), detach).unwrap();
    let reader = Holding::begin(&url, "select * from p");
    let killed = migrate(&url, folder.path()).start();
    until("the detaching is pending", || {
        (ask(&url, "select inhdetachpending from pg_inherits") == "t").then_some(())
    });
    killed.signal(Signal::SIGKILL);
    drop(killed);
    until("the server noticed", || free(&url));
    reader.end();
    migrated(&url, folder.path());
    assert_eq!(
        (history(&url), ask(&url, "select * from pg_inherits")),
        ("1,2".into(), String::new())
    );
}

#[test]
fn a_block_of_code_may_commit_by_itself() {
    let url = Postgres::shared().database();
    let block = "create table log (n int);\ndo $$ begin insert into log values (1); commit; insert into log values (2); end $$;";
    let folder = folder(&[("V1__x.sql", &marked(block))]);
    migrated(&url, folder.path());
    assert_eq!(ask(&url, "select string_agg(n::text, ',') from log"), "1,2");
}

#[test]
fn a_search_path_that_a_function_sets_is_set_again() {
    let url = Postgres::shared().database();
    let text = marked(
        "create schema s;\nselect pg_catalog.set_config('search_path', 's', false);\nselect 1 / n from public.divisor;\ncreate table here ();",
    );
    let folder = folder(&[("V1__x.sql", &text)]);
    ask(&url, "create table divisor as select 0 as n");
    assert_eq!(migrate(&url, folder.path()).run().code, 80);
    ask(&url, "update divisor set n = 1");
    migrated(&url, folder.path());
    assert_eq!(ask(&url, "select to_regclass('s.here')"), "s.here");
}

/// Whoever drops the schema to begin anew keeps app-init's own.
#[test]
fn what_was_half_done_in_a_schema_that_was_dropped_is_done_again() {
    let url = Postgres::shared().database();
    let steps = "create table u (n int);\ncreate index concurrently i on u (n);\nselect 1 / count(*) from ready;\n";
    let folder =
        folder(&[("V1__r.sql", "create table ready (n int);"), ("V2__u.sql", &marked(steps))]);
    let stops_half_done = || {
        let failed = migrate(&url, folder.path()).run();
        assert_eq!(failed.code, 80, "{}", failed.stderr);
        assert!(failed.stderr.contains("the 2 steps before it are done"), "{}", failed.stderr);
    };
    stops_half_done();
    ask(&url, "drop schema public cascade; create schema public");
    stops_half_done();
    ask(&url, "insert into ready values (1)");
    migrated(&url, folder.path());
    assert_eq!(ask(&url, "select to_regclass('i') is not null"), "t");
}

/// Only a try shows that such a block cannot have a transaction, and the next one knows.
#[test]
fn a_block_of_code_that_commits_by_itself_and_failed_may_do_so_again() {
    let url = Postgres::shared().database();
    ask(&url, "create table log (n int); create table divisor as select 0 as n");
    let block =
        "do $$ begin insert into log values (1); commit; perform 1 / n from divisor; end $$;";
    let folder = folder(&[("V1__x.sql", &marked(block))]);
    let failed = migrate(&url, folder.path()).run();
    assert_eq!(failed.code, 80, "{}", failed.stderr);
    assert!(failed.stderr.contains("22012"), "{}", failed.stderr);
    ask(&url, "update divisor set n = 1");
    migrated(&url, folder.path());
    assert_eq!((history(&url), ask(&url, "select count(*) from log")), ("1".into(), "2".into()));
}

/// Whatever made it so: the server uses no such index, and for a unique one nothing is unique.
#[test]
fn a_file_is_not_recorded_while_an_index_it_built_is_invalid() {
    let url = Postgres::shared().database();
    ask(&url, "create table t (n int)");
    let spoils = "update pg_index set indisvalid = false where indexrelid = 'i'::regclass;";
    let text = marked(&format!("create unique index concurrently i on t (n);\n{spoils}"));
    let folder = folder(&[("V1__x.sql", &text)]);
    let refused = migrate(&url, folder.path()).run();
    assert_eq!((refused.code, history(&url)), (80, String::new()), "{}", refused.stderr);
    for part in ["V1__x.sql:2", "the index public.i it built is invalid", "hint: rebuild it"] {
        assert!(refused.stderr.contains(part), "{part} in {}", refused.stderr);
    }
    ask(&url, "reindex index concurrently i");
    migrated(&url, folder.path());
    assert_eq!(history(&url), "1");
}
