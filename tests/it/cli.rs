//! The command line as a user meets it: what is said to words that make no sense.

use crate::support::{CANARY, Init};

#[test]
fn a_near_miss_of_a_mode_is_64() {
    let end = Init::new(["mirgate"]).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: unknown mode `mirgate`: there is no such mode, subcommand or program
    hint: did you mean `migrate`?
    "##);
}

#[test]
fn an_unknown_option_is_64() {
    let end = Init::new(["all", "--wait-timeot", "3s"])
        .env("APP_INIT_ETL_COMMAND", "echo a step")
        .env("APP_INIT_API_COMMAND", "echo a server")
        .run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: unknown option `--wait-timeot`
    hint: did you mean `--wait-timeout`?
    "##);
}

#[test]
fn a_flag_without_its_value_is_64() {
    let end = Init::new(["api", "--wait-timeout"]).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: `--wait-timeout` needs a value
    hint: `init help env` says what it may look like
    "##);
}

#[test]
fn a_word_too_many_is_64() {
    let end = Init::new(["api", "python"]).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: unexpected word `python`
    hint: another server command goes after `--`: init api -- CMD
    "##);
}

#[test]
fn an_option_given_twice_is_64() {
    let end = Init::new(["wait", "--timeout", "3", "--wait-timeout", "4"]).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: `--timeout` is given twice
    hint: keep one of them
    "##);
}

#[test]
fn words_for_no_server_are_64() {
    let end = Init::new(["etl", "--", "--reload"])
        .env("APP_INIT_ETL_COMMAND", "etl")
        .env("DATABASE_URL", format!("postgres://app:{CANARY}@db:5432/app"))
        .run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: mode etl has no server to add words to
    hint: give the whole command: init MODE -- CMD
    "##);
}

#[test]
fn usage_errors_of_a_url_hide_its_password() {
    let end = Init::new(["api", &format!("postgres://u:{CANARY}@db/app")]).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: unexpected word `postgres://u:***@db/app`
    hint: another server command goes after `--`: init api -- CMD
    "##);
}

#[test]
fn version_names_the_program() {
    for words in [["version"], ["--version"], ["-V"]] {
        let end = Init::new(words).run();
        assert_eq!(end.stdout, format!("app-init {}\n", env!("CARGO_PKG_VERSION")), "{words:?}");
        assert_eq!(end.code, 0);
    }
}

#[test]
fn completions_are_scripts_of_that_shell() {
    let end = Init::new(["completions", "bash"]).run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert!(end.stdout.contains("complete -F") && end.stdout.contains("migrate"), "{}", end.stdout);
    let end = Init::new(["completions"]).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert!(end.stderr.contains("needs the name of a shell"), "{}", end.stderr);
    let end = Init::new(["completions", "tcsh"]).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    assert!(end.stderr.contains("no completions for a shell `tcsh`"), "{}", end.stderr);
}
