//! Time limits of files, and what is said while a long one runs.

use std::{fs::File, io::Read, process::Stdio};

use nix::pty::openpty;

use crate::{
    migrate::{ask, folder, free, history, migrate, migrated, sleeping},
    outside::Holding,
    support::{Init, Postgres, until},
};

const SLEEPER: [(&str, &str); 2] = [
    ("V1__quick.sql", "create table quick ();"),
    ("V2__slow.sql", "create table half_done ();\nselect pg_sleep(300);"),
];

fn half_done(url: &str) -> String {
    ask(url, "select count(*) from pg_class where relname = 'half_done'")
}

#[test]
fn a_run_past_its_timeout_is_cancelled_rolled_back_and_ends_with_84() {
    let url = Postgres::shared().database();
    let folder = folder(&SLEEPER);
    let finished = migrate(&url, folder.path()).env("APP_INIT_MIGRATE_TIMEOUT", "1s").run();
    assert_eq!(finished.code, 84, "{}", finished.stderr);
    for part in [
        "migrate ran past its timeout of 1s, during V2__slow, which was rolled back",
        "applied before: V1__quick",
        "hint: raise APP_INIT_MIGRATE_TIMEOUT",
    ] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    assert_eq!((history(&url).as_str(), half_done(&url).as_str()), ("1", "0"));
    until("statement and lock are gone", || free(&url));
}

#[test]
fn seeds_have_a_timeout_of_their_own() {
    let url = Postgres::shared().database();
    let seeds = folder(&[("1_slow.sql", SLEEPER[1].1)]);
    let finished = Init::new(["seed"])
        .env("DATABASE_URL", &url)
        .env("APP_INIT_SEEDS", seeds.path())
        .env("APP_INIT_SEED_TIMEOUT", "1s")
        .run();
    assert_eq!(finished.code, 84, "{}", finished.stderr);
    assert!(finished.stderr.contains("hint: raise APP_INIT_SEED_TIMEOUT"), "{}", finished.stderr);
    assert_eq!(half_done(&url), "0");
    until("statement and lock are gone", || free(&url));
}

#[test]
fn a_statement_past_its_limit_fails_and_a_file_may_have_another() {
    let url = Postgres::shared().database();
    let limited = |folder: &tempfile::TempDir| {
        migrate(&url, folder.path()).env("APP_INIT_MIGRATE_STATEMENT_TIMEOUT", "200ms").run()
    };
    for mode in ["create table half_done ();", "-- app-init: no-transaction"] {
        let file = ("V2__slow.sql", &*format!("{mode}\nselect pg_sleep(300);"));
        let finished = limited(&folder(&[SLEEPER[0], file]));
        assert_eq!(finished.code, 80, "{}", finished.stderr);
        for part in [
            "V2__slow.sql:2",
            "57014",
            "statement: `select pg_sleep(300)`",
            "hint: the limit is APP_INIT_MIGRATE_STATEMENT_TIMEOUT=200ms: raise it",
        ] {
            assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
        }
    }
    let own = "-- app-init: statement_timeout=100ms\nselect pg_sleep(300);";
    let told = limited(&folder(&[SLEEPER[0], ("V2__slow.sql", own)])).stderr;
    assert!(told.contains("the file's own limit is statement_timeout=100ms: raise it"), "{told}");
    let patient = "-- app-init: statement_timeout=off\nselect pg_sleep(0.5);";
    let finished = limited(&folder(&[SLEEPER[0], ("V2__slow.sql", patient)]));
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(history(&url), "1,2");
}

#[test]
fn an_option_that_does_not_count_is_told() {
    let url = Postgres::shared().database();
    let text = "create table a ();\n-- app-init: lock_timeout=1s\ncreate table b ();";
    let folder = folder(&[("V1__a.sql", text)]);
    let finished = migrated(&url, folder.path());
    assert!(finished.stderr.contains("V1__a.sql:2: an `app-init:` option"), "{}", finished.stderr);
}

#[test]
fn a_table_that_is_never_free_fails_the_file_and_names_who_has_it() {
    let url = Postgres::shared().database();
    ask(&url, "create table busy (n int)");
    let reader = Holding::begin(&url, "select * from busy");
    let folder = folder(&[("V1__alter.sql", "alter table busy add m int;")]);
    let finished = migrate(&url, folder.path())
        .env("APP_INIT_MIGRATE_LOCK_TIMEOUT", "500ms")
        .env("APP_INIT_MIGRATE_LOCK_RETRY", "4s")
        .run();
    assert_eq!(finished.code, 80, "{}", finished.stderr);
    for part in [
        "V1__alter could not lock a table within 500ms",
        "V1__alter: the same after ",
        "55P03",
        "blocked by pid",
        "holding",
        "it was rolled back; tried again and again for ",
        "hint: end who has the table, or raise APP_INIT_MIGRATE_LOCK_RETRY (4s)",
    ] {
        assert!(finished.stderr.contains(part), "{part} in {}", finished.stderr);
    }
    reader.end();
    migrated(&url, folder.path());
}

/// Behind a statement that waits for a table, everyone else who wants the table queues.
#[test]
fn readers_get_through_while_a_migration_cannot() {
    let url = Postgres::shared().database();
    ask(&url, "create table busy (n int)");
    let long = Holding::begin(&url, "select * from busy");
    let folder = folder(&[("V1__alter.sql", "alter table busy add m int;")]);
    let init = migrate(&url, folder.path()).env("APP_INIT_MIGRATE_LOCK_TIMEOUT", "300ms").start();
    init.expect_line("could not lock a table within 300ms, held by pid");
    let waiting = "select count(*) from pg_locks where relation = 'busy'::regclass and not granted";
    for _ in 0..3 {
        until("the migration waits for the table", || (ask(&url, waiting) != "0").then_some(()));
        ask(&url, "select * from busy");
    }
    assert_eq!(history(&url), "", "the migration never had the table");
    long.end();
    let finished = init.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(history(&url), "1");
}

#[test]
fn a_heartbeat_names_file_statement_and_what_it_waits_for() {
    let url = Postgres::shared().database();
    ask(&url, "create table busy (n int)");
    let writer = Holding::begin(&url, "insert into busy values (1)");
    let folder = folder(&[
        ("V1__quick.sql", "create table quick ();"),
        (
            "V2__index.sql",
            "-- app-init: no-transaction\nselect 1;\ncreate index concurrently i on busy (n);",
        ),
    ]);
    let init = migrate(&url, folder.path()).env("APP_INIT_HEARTBEAT", "300ms").start();
    let line = init.expect_line(", blocked by pid");
    for part in [
        "init: migrate: V2__index (2 of 2) still runs after",
        "statement 2 of 2 in line 3",
        "holding",
        "(CREATE INDEX CONCURRENTLY on busy)",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    writer.end();
    let finished = init.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(!finished.stderr.contains('\r'), "a line is written over in a pipe");
    // A second and more, as nobody looks for who blocks it before that.
    let mut lines = finished.stderr.lines();
    let applied = lines.find(|line| line.contains("applied V2__index in ")).unwrap();
    assert!(applied.ends_with(" s"), "{applied}");
}

/// Of a file that ends its transaction by itself, which is one query, the server tells nobody.
#[test]
fn a_heartbeat_names_the_statement_of_a_transaction() {
    for (text, told) in [
        (
            "create table a ();\n-- b\nalter table busy add m int;",
            "statement 2 of 2 in line 3, blocked by pid",
        ),
        ("create table b ();\ncommit; alter table busy add m int;", "one of 3 statements"),
    ] {
        let url = Postgres::shared().database();
        ask(&url, "create table busy (n int)");
        let reader = Holding::begin(&url, "select * from busy");
        let folder = folder(&[("V1__a.sql", text)]);
        let init = migrate(&url, folder.path()).env("APP_INIT_HEARTBEAT", "100ms").start();
        let line = init.expect_line(told);
        assert!(line.contains("V1__a (1 of 1) still runs after "), "{line}");
        reader.end();
        assert_eq!(init.exit_code(), 0);
    }
}

#[test]
fn a_heartbeat_can_be_switched_off_and_does_not_stop_the_rest() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__t.sql", "create table t ();")]);
    let finished = migrate(&url, folder.path()).env("APP_INIT_HEARTBEAT", "off").run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

/// The screen of a terminal on which `init` runs, until it ends.
fn screen(init: Init, wanted: &str, then: impl FnOnce()) -> String {
    let pty = openpty(None, None).unwrap();
    let slave = File::from(pty.slave);
    let mut command = Some(slave);
    let init = init.env("TERM", "xterm").with(|it| {
        it.stderr(Stdio::from(command.take().unwrap()));
    });
    let (mut child, _directory) = init.spawn_as_is();
    let (mut master, mut seen, mut then) = (File::from(pty.master), Vec::new(), Some(then));
    let mut bytes = [0; 1024];
    // EIO is the end: nobody holds the other side any more.
    while let Ok(length @ 1..) = master.read(&mut bytes) {
        seen.extend_from_slice(&bytes[..length]);
        if String::from_utf8_lossy(&seen).contains(wanted) {
            then.take().into_iter().for_each(|then| then());
        }
    }
    assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&seen));
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
fn a_terminal_shows_one_line_that_is_written_over() {
    let url = Postgres::shared().database();
    ask(&url, "create table go_on ()");
    let script = "do $$ begin while not exists (select from go_on) loop perform pg_sleep(0.05); commit; end loop; end $$;";
    let folder = folder(&[
        ("V1__quick.sql", "create table quick ();"),
        ("V2__slow.sql", &format!("-- app-init: no-transaction\n{script}")),
    ]);
    let wanted = "migrate: 2 of 2, 1 s: V2__slow";
    let text = screen(migrate(&url, folder.path()), wanted, || {
        ask(&url, "insert into go_on default values");
    });
    assert!(text.contains(wanted), "{text}");
    assert!(text.contains("\r\u{1b}[K"), "{text}");
    let after = text.rsplit(wanted).next().unwrap();
    assert!(
        after.contains("\r\u{1b}[Kinit: ") || after.contains("\r\u{1b}[K\u{1b}[2minit: "),
        "the line is left behind: {after:?}"
    );
}

#[test]
fn json_on_a_terminal_has_no_such_line() {
    let url = Postgres::shared().database();
    let folder = folder(&[("V1__slow.sql", "select pg_sleep(1);")]);
    let init = migrate(&url, folder.path()).env("APP_INIT_LOG_FORMAT", "json");
    let text = screen(init, "nothing", || {});
    for line in text.lines() {
        assert!(line.starts_with('{'), "{line:?}");
    }
    until("the migration is done", || sleeping(&url).is_none().then_some(()));
}
