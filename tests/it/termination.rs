//! The termination message: what a start that failed leaves for `kubectl describe pod`.

use std::fs;

use crate::support::{CANARY, Init, free_port};

/// The message that `init WORDS` leaves, where `before` stands when it begins.
fn message(words: &[&str], variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("termination");
    fs::write(&log, "before").unwrap();
    let init = Init::new(words).env("APP_INIT_TERMINATION_LOG", &log);
    let end = variables.iter().fold(init, |init, (name, value)| init.env(name, value)).run();
    assert_ne!(end.code, 0, "{words:?}: {}", end.stderr);
    let left = fs::read_to_string(&log).unwrap();
    assert!(!left.contains(CANARY), "{left}");
    left
}

#[test]
fn whatever_ends_a_start_is_its_last_message() {
    insta::assert_snapshot!(message(&["mirgate"], &[]), @r"
    usage: unknown mode `mirgate`: there is no such mode, subcommand or program
    hint: did you mean `migrate`?
    ");
    insta::assert_snapshot!(message(&["api", "--bogus"], &[]), @r"
    usage: unknown option `--bogus`
    hint: `init help` lists the commands, `init help env` the settings
    ");
    let url = format!("mysql://u:{CANARY}@db/app");
    let wrong = [("AUTORUN_MIGRATIONS", "flase"), ("DATABASE_URL", url.as_str())];
    insta::assert_snapshot!(message(&["migrate"], &wrong), @"config: DATABASE_URL: `mysql` is not the scheme of a Postgres URL [url-foreign]; AUTORUN_MIGRATIONS: `flase` is not true, false or wait; mode migrate has no migrations: APP_INIT_MIGRATE_COMMAND is unset, and neither /migrations nor ./migrations is there");
    insta::assert_snapshot!(message(&["no-such-program"], &[("PATH", "/nowhere")]), @r"
    not_found: cannot run `no-such-program`: no program of that name in PATH (/nowhere)
    hint: install it in the image, or write its full path
    ");
    insta::assert_snapshot!(message(&["true"], &[("APP_INIT_STOP_DELAY", "soon")]), @"config: APP_INIT_STOP_DELAY: `soon` is not a duration such as 500ms, 30s, 5m or 1h");
    let missing = [("APP_INIT_WAIT_TIMEOUT", "100ms")];
    let waited = message(&["wait", "file:///nowhere"], &missing);
    assert!(waited.starts_with("not_ready: not ready in time: file /nowhere"), "{waited}");
}

#[test]
fn a_flag_says_where_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let end = Init::new(["api", "--bogus", "--termination-log"]).arg(&log).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert!(fs::read_to_string(&log).unwrap().starts_with("usage: "), "{}", end.stderr);
}

/// `kubectl exec POD -- init status` runs beside the server, whose message it would be.
#[test]
fn a_report_leaves_no_message() {
    for words in [
        &["status", "--bogus"][..],
        &["-q", "healthcheck", "--bogus"],
        &["statsu"],
        &["help", "nothing"],
        &["status"],
    ] {
        assert_eq!(message(words, &[]), "before", "{words:?}");
    }
}

/// Host and database may be others than those that were meant; no output is without it.
#[test]
fn an_address_that_can_be_read_in_two_ways_is_doubted_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, "").unwrap();
    let doubt = "the address can be read in two ways, as its password contains `@`";
    let end = Init::new(["wait", "--log-format", "json"])
        .env("DATABASE_URL", format!("postgres://u:a@b@127.0.0.1:{}/d", free_port()))
        .env("APP_INIT_WAIT_TIMEOUT", "200ms")
        .env("APP_INIT_TERMINATION_LOG", &log)
        .run();
    let last = end.stderr.lines().last().unwrap_or_default();
    assert!(last.contains(doubt) && last.contains("encode it as %40"), "{}", end.stderr);
    assert!(fs::read_to_string(&log).unwrap().contains(doubt), "{}", end.stderr);
}
