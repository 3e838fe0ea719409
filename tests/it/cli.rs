//! The command line as a user meets it: what is said to words that make no sense.

use serde_json::Value;

use crate::{
    config::folder,
    support::{CANARY, Init},
};

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

/// Flags, the variable as people write it, a file of variables, a secret, `init.toml`.
#[test]
fn a_usage_error_is_json_however_that_was_asked_for() {
    let files = [("app.env", "APP_INIT_LOG_FORMAT=json"), ("format", "json\n")];
    let toml = [("init.toml", "log_format = \"json\"")];
    let variable = "APP_INIT_LOG_FORMAT";
    for (words, variables, files) in [
        ("--log-format json api --bogus", &[][..], &[][..]),
        ("--log-format=JSON bogus", &[], &[]),
        ("api --bogus --log-format=json", &[], &[]),
        ("-qv --log-format Json --bogus", &[], &[]),
        ("mirgate -qv --log-format json", &[], &[]),
        ("api --log-format=json --wait-timeout", &[], &[]),
        ("help --log-format=json nothing", &[], &[]),
        ("--bogus", &[(variable, "json")], &[]),
        ("mirgate", &[(variable, "JSON")], &[]),
        ("api bogus", &[(variable, " json ")], &[]),
        ("-vv api bogus", &[(variable, "\"json\"")], &[]),
        ("--bogus", &[("APP_INIT_ENV_FILE", "app.env")], &files),
        ("mirgate", &[("APP_INIT_LOG_FORMAT_FILE", "format")], &files),
        ("--bogus --config=init.toml", &[], &toml),
        ("mirgate", &[], &toml),
    ] {
        let folder = folder(files);
        let init = Init::new(words.split(' ')).current_dir(folder.path());
        let end = variables.iter().fold(init, |init, (name, value)| init.env(name, value)).run();
        assert_eq!(end.code, 64, "{words} {variables:?}:\n{}", end.stderr);
        let failed: Vec<Value> = end.stderr.lines().map(|line| json(line, words)).collect();
        assert_eq!(failed.len(), 1, "{words} {variables:?}:\n{}", end.stderr);
        assert_eq!(failed[0]["reason"], "usage", "{}", end.stderr);
    }
}

/// The words of a program that is handed over to are not ours.
#[test]
fn a_flag_of_the_program_says_nothing_about_our_log() {
    let end = Init::new(["no-such-program", "--log-format=json"]).run();
    assert_eq!(end.code, 127, "{}", end.stderr);
    assert!(end.stderr.starts_with("error: "), "{}", end.stderr);
}

fn json(line: &str, words: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("{words}: not JSON: {line}"))
}

/// In /proc/PID/cmdline, which every user may read (proc(5)).
#[test]
fn a_secret_is_no_option_and_the_variable_is_named() {
    let url = format!("postgres://u:{CANARY}@db/app");
    let end = Init::new(["api", "--database-url", &url]).run();
    assert_eq!(end.code, 64, "{}", end.stderr);
    insta::assert_snapshot!(end.stderr, @r##"
    error: `--database-url` is no option: it holds a secret, and /proc shows every user the options of a process
    hint: set the variable `DATABASE_URL`, or `DATABASE_URL_FILE` to a file that holds it
    "##);
    for (words, variable) in [
        (vec![format!("--database-url={url}")], "`DATABASE_URL_FILE`"),
        (vec!["-q".into(), "--direct-url".into(), url.clone()], "`DIRECT_URL_FILE`"),
        (vec!["wait".into(), format!("--MIGRATE_DATABASE_URL={url}")], "`MIGRATE_DATABASE_URL`"),
        (vec!["status".into(), "--database-password".into(), CANARY.into()], "`DATABASE_PASSWORD`"),
        (vec!["plan".into(), format!("--password={CANARY}")], "`DATABASE_PASSWORD_FILE`"),
    ] {
        let end = Init::new(&words).env("APP_INIT_LOG_LEVEL", "debug").run();
        assert_eq!(end.code, 64, "{words:?}:\n{}", end.stderr);
        assert!(end.stderr.contains(variable), "{words:?}:\n{}", end.stderr);
    }
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
    let report = Init::new(["status", "everything"]).run();
    assert_eq!(report.code, 64, "{}", report.stderr);
    insta::assert_snapshot!(report.stderr, @r##"
    error: unexpected word `everything`
    hint: `init help status` says what it takes
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
    hint: give the whole command: init etl -- CMD
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
