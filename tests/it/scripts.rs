//! Files as PostgreSQL reads them: where a statement, a string, a comment and a transaction end.

use crate::{
    migrate::{ask, folder, history, migrate, migrated},
    support::{CANARY, Postgres},
};

/// Statement by statement, so that it matters where they are cut.
#[test]
fn line_ends_and_strings_over_lines_are_those_of_the_server() {
    let url = Postgres::shared().database();
    let text = "-- app-init: no-transaction\r-- it's\rcreate table t (n serial, s text);\ninsert into t (s) values (E'a' -- it's\n  'b\\';c');\rinsert into t (s) values ('d')";
    migrated(&url, folder(&[("V1__x.sql", text)]).path());
    assert_eq!(ask(&url, "select string_agg(s, ' ' order by n) from t"), "ab';c d");
}

/// The server would read on into what stands behind the file, and quote that.
#[test]
fn what_nothing_ends_is_named_with_its_line_before_anything_is_sent() {
    let url = Postgres::shared().database();
    for (text, part) in [
        (
            "create table t ();\n\n/* note",
            "V1__x.sql:3: nothing ends the comment that begins here with `/*`",
        ),
        (
            "create table t ();\nselect 'it's';\n",
            "V1__x.sql:2: nothing ends the string that begins here with `'`",
        ),
        (
            "-- app-init: no-transaction\ncreate table t ();\nselect \"t;",
            "V1__x.sql:3: nothing ends the quoted name",
        ),
        (
            "create table t ();\ndo $do$ begin end $$;",
            "V1__x.sql:2: nothing ends the string that begins here with `$do$`",
        ),
    ] {
        let folder = folder(&[("V1__x.sql", text)]);
        let finished = migrate(&url, folder.path()).run();
        assert_eq!(finished.code, 80, "{text}: {}", finished.stderr);
        for part in [part, "hint: "] {
            assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
        }
        assert!(!finished.stderr.contains("RESET"), "{}", finished.stderr);
    }
    assert_eq!(ask(&url, "select to_regclass('t')"), "");
}

#[test]
fn strings_are_read_as_the_database_is_set_to_read_them() {
    let url = Postgres::shared().database();
    if ask(&url, "select current_setting('server_version_num')::int >= 190000") == "t" {
        return; // It knows one way only.
    }
    ask(
        &url,
        "do $$ begin execute format('alter database %I set standard_conforming_strings = off', current_database()); end $$",
    );
    let text = "create table t (s text);\ninsert into t values ('it\\'s;');\n";
    let marked = "-- app-init: no-transaction\ninsert into t select 'a\\';b';\n";
    migrated(&url, folder(&[("V1__x.sql", text), ("V2__y.sql", marked)]).path());
    assert_eq!(ask(&url, "select string_agg(s, ' ' order by s desc) from t"), "it's; a';b");
}

/// The server would send the rows, go on and commit.
#[test]
fn a_copy_to_the_client_is_a_faulty_file_and_one_from_it_takes_the_files_data() {
    let url = Postgres::shared().database();
    for (text, part) in [
        (
            "create table t (n int);\ncopy t to stdout;",
            "V1__x.sql:2: nobody is there to take the rows",
        ),
        ("-- app-init: no-transaction\ncopy (select 1) to stdin;", "V1__x.sql:2: nobody is there"),
        (
            "create table t (n int);\ncopy t from stdin; select 1;\n7\n\\.\n",
            "V1__x.sql:2: the data of",
        ),
        (
            "create table t (n int);\ncopy t from stdin;\nselect 1;\n",
            "V1__x.sql:2: invalid input syntax",
        ),
    ] {
        let folder = folder(&[("V1__x.sql", text)]);
        let finished = migrate(&url, folder.path()).run();
        assert_eq!(finished.code, 80, "{text}: {}", finished.stderr);
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    assert_eq!(ask(&url, "select to_regclass('t')"), "");
    let folder = folder(&[
        ("V1__none.sql", "create table t (n int);\ncopy t from stdin;"),
        ("V2__empty.sql", "copy t from stdin; -- none\n\\.\nselect 1;"),
        ("V3__to_the_end.sql", "copy t (n) from stdout;\n7\n8"),
    ]);
    migrated(&url, folder.path());
    assert_eq!((history(&url), ask(&url, "select sum(n) from t")), ("1,2,3".into(), "15".into()));
}

/// Under another level the look at the history would be as old as the file's first statement.
#[test]
fn a_transaction_of_another_kind_is_refused_unless_the_file_runs_outside_ours() {
    let url = Postgres::shared().database();
    let level = "create table level as select current_setting('transaction_isolation') as name;";
    let begin = "begin isolation level repeatable read;";
    for text in [
        format!("{begin}\n{level}\ncommit;"),
        format!("begin;\nset transaction isolation level serializable;\n{level}\ncommit;"),
    ] {
        let folder = folder(&[("V1__x.sql", &text)]);
        let finished = migrate(&url, folder.path()).run();
        assert_eq!(finished.code, 80, "{text}: {}", finished.stderr);
        for part in [
            "ISOLATION LEVEL",
            "comes too late",
            "hint: begin the file with `-- app-init: no-transaction`",
        ] {
            assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
        }
    }
    let marked = format!("-- app-init: no-transaction\n{begin}\n{level}\ncommit;\n");
    let set = "-- app-init: no-transaction\nbegin;\nset transaction isolation level serializable;\ninsert into level select current_setting('transaction_isolation');\ncommit;\n";
    let ours = "start transaction isolation level read committed, read write;\ninsert into level select current_setting('transaction_isolation');\ncommit;\n";
    migrated(
        &url,
        folder(&[("V1__a.sql", &marked), ("V2__b.sql", set), ("V3__c.sql", ours)]).path(),
    );
    assert_eq!(
        ask(&url, "select string_agg(name, ', ' order by name desc) from level"),
        "serializable, repeatable read, read committed"
    );
    assert_eq!(history(&url), "1,2,3");
}

#[test]
fn the_dump_of_a_newer_server_is_applied_or_told_from_a_broken_file() {
    let url = Postgres::shared().database();
    let old = ask(&url, "select current_setting('server_version_num')::int < 170000") == "t";
    let dump = "SET statement_timeout = 0;\nSET transaction_timeout = 0;\ncreate table t ();\n";
    let files = folder(&[("V1__dump.sql", dump)]);
    let said = migrated(&url, files.path()).stderr;
    let warning =
        "V1__dump: left out `SET transaction_timeout = 0` in line 2: this server is older";
    assert_eq!(said.contains(warning), old, "{said}");
    let future = folder(&[("V1__dump.sql", dump), ("V2__x.sql", "SET no_such_setting = 0;")]);
    let finished = migrate(&url, future.path()).run();
    assert_eq!((finished.code, history(&url)), (80, "1".into()), "{}", finished.stderr);
    for part in ["V2__x.sql:1", "42704", "hint: a newer server knows this setting"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

/// A statement may speak to another server, which is gone: that is nobody's lost lock.
#[test]
fn a_lost_connection_of_a_statement_s_own_is_a_failed_file() {
    let gone = "do $$ begin raise exception 'gone' using errcode = '08006'; end $$;";
    for text in [gone.to_owned(), format!("-- app-init: no-transaction\n{gone}")] {
        let url = Postgres::shared().database();
        let failed = migrate(&url, folder(&[("V1__x.sql", &text)]).path()).run();
        assert_eq!(failed.code, 80, "{}", failed.stderr);
        assert!(failed.stderr.contains("(SQLSTATE 08006)"), "{}", failed.stderr);
    }
}

#[test]
fn a_file_s_passwords_are_not_shown() {
    let url = Postgres::shared().database();
    for text in [
        format!("select no_dblink('postgres://u:{CANARY}@h/d');"),
        format!("do $$ begin execute 'alter role nobody password ''{CANARY}'''; end $$;"),
        format!("do $$ begin raise exception 'cannot reach %', 'postgres://u:{CANARY}@h'; end $$;"),
        format!("do $$ begin raise 'x' using detail = 'see postgres://u:{CANARY}@h'; end $$;"),
        format!("do $$ begin raise 'x' using hint = 'see postgres://u:{CANARY}@h'; end $$;"),
    ] {
        let failed = migrate(&url, folder(&[("V1__x.sql", &text)]).path()).run();
        assert_eq!(failed.code, 80, "{}", failed.stderr);
        assert!(!failed.stderr.contains(CANARY), "{}", failed.stderr);
    }
}

/// Files of tools that keep both directions in one: the second half would undo the first, and count.
#[test]
fn a_file_that_takes_itself_back_is_refused() {
    let url = Postgres::shared().database();
    for (up, down) in [
        ("-- +goose Up", "-- +goose Down"),
        ("-- +migrate Up", "--  +migrate down"),
        ("-- migrate:up", "-- migrate:down"),
        ("-- Up Migration", "-- Down Migration"),
        ("-- rambler up", "-- rambler down"),
        ("-- !Ups", "-- !Downs"),
        ("-- +micrate Up", "-- +micrate Down"),
        ("-- // first", "-- //@UNDO"),
        ("-- Down migration: drop table t", "---- create above / drop below ----"),
    ] {
        let text = format!("{up}\ncreate table t ();\n{down}\ndrop table t;\n");
        let refused = migrate(&url, folder(&[("V1__x.sql", &text)]).path()).run();
        assert_eq!(refused.code, 80, "{}", refused.stderr);
        for part in ["V1__x.sql:3: what stands below takes it back", "hint: "] {
            assert!(refused.stderr.contains(part), "{part} in {}", refused.stderr);
        }
    }
}

#[test]
fn files_that_are_no_migrations_by_their_names_are_told() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__x.sql", ""), ("R__v.sql", ""), ("3__y.SQL", ""), ("a.md", "")]);
    let finished = migrate(&url, folder.path()).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stderr.contains("left out: 3__y.SQL, R__v.sql;"), "{}", finished.stderr);
}

/// The driver names what it prepares for a COPY `s0`, `s1` and so on.
#[test]
fn a_prepared_statement_of_the_drivers_name_in_front_of_a_copy_is_told() {
    let url = Postgres::shared().database();
    let folder = folder(&[(
        "V1__a.sql",
        "create table t (n int);\nprepare s0 as select 1;\ncopy t from stdin;\n7\n\\.\n",
    )]);
    let finished = migrate(&url, folder.path()).run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in ["V1__a.sql:3", "hint: app-init prepares a COPY under such a name"] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
}

/// What stands behind a file in one query must not become a part of its last line: nothing would be
/// recorded or committed, and nothing would fail.
#[test]
fn a_comment_in_a_last_line_without_an_end_takes_nothing_with_it() {
    for text in ["create table t () -- the end", "create table t (); -- the end"] {
        let url = Postgres::shared().database();
        migrated(&url, folder(&[("V1__x.sql", text)]).path());
        assert_eq!(
            (history(&url), ask(&url, "select to_regclass('t')")),
            ("1".into(), "t".into()),
            "{text}"
        );
    }
}

/// With another level the lock's transaction would keep a snapshot, for whose end a concurrent build
/// waits for ever; and a file would see the history as it was before the fence.
#[test]
fn the_isolation_level_that_a_database_is_set_to_does_not_count() {
    let url = Postgres::shared().database();
    let name = url.rsplit('/').next().unwrap();
    ask(&url, &format!("alter database {name} set default_transaction_isolation = serializable"));
    let folder = folder(&[
        (
            "V1__x.sql",
            "create table seen as select current_setting('transaction_isolation') as level",
        ),
        ("V2__i.sql", "create index concurrently i on seen (level)"),
    ]);
    let finished = migrate(&url, folder.path()).env("APP_INIT_MIGRATE_TIMEOUT", "60s").run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(ask(&url, "select level from seen"), "read committed");
}
