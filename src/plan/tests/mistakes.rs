//! What a mode lacks, and how each mistake is named.

use super::{bare, full, lines, made};
use crate::{config::tests::Image, exit::Exit, failure::Failure};

#[test]
fn nothing_configured_is_a_reason_or_a_mistake() {
    let none = |what: &str, command: &str| {
        format!("{command} is unset, and neither /{what} nor ./{what} is there")
    };
    let migrations = none("migrations", "APP_INIT_MIGRATE_COMMAND");
    let seeds = none("seeds", "APP_INIT_SEED_COMMAND");
    let phases = lines(bare().env("SEED_ON_START", "true"), "api");
    assert!(phases.contains(&format!("migrate skip: {migrations}")), "{phases:?}");
    assert!(phases.contains(&format!("seed skip: {seeds}")), "{phases:?}");
    for (words, why) in [
        ("migrate", format!("mode migrate has no migrations: {migrations}")),
        ("seed", format!("mode seed has no seeds: {seeds}")),
        ("etl", "mode etl has no ETL job: APP_INIT_ETL_COMMAND is unset".into()),
        ("all", "mode all has no ETL job: APP_INIT_ETL_COMMAND is unset".into()),
    ] {
        let problems = made(bare(), words).unwrap_err();
        assert_eq!(problems.to_string(), why, "init {words}");
        assert_eq!(problems.exit(), Exit::Config);
    }
}

#[test]
fn a_command_that_lacks_a_value_is_named_as_it_was_written() {
    let need = "\"run ${NONE:?say who}\"";
    for (toml, words, subject) in [
        (format!("[modes.api]\nexec = {need}"), "api", "modes.api.exec (init.toml:2)"),
        (format!("[steps.etl]\nrun = {need}"), "etl", "steps.etl.run (init.toml:2)"),
        (format!("[modes.own]\nexec = {need}"), "own", "init.toml:1: modes.own.exec"),
        (format!("migrate_command = {need}"), "migrate", "migrate_command (init.toml:1)"),
    ] {
        let url = Image::new().env("DATABASE_URL", "postgres://u@db/app");
        let problems = made(url.file("init.toml", &toml), words).unwrap_err().to_string();
        assert_eq!(problems, format!("{subject}: NONE: say who"), "{toml}");
    }
    let image = bare().env("APP_INIT_API_COMMAND", "run ${NONE:?say who}");
    let problems = made(image, "api").unwrap_err().to_string();
    assert_eq!(problems, "APP_INIT_API_COMMAND: NONE: say who");
}

#[test]
fn a_target_of_the_file_is_named_as_it_was_written() {
    let wait = "run = \"a\"\nwait = [\"foo://x\"]";
    for (toml, subject) in [
        (format!("[steps.etl]\n{wait}"), "steps.etl.wait (init.toml:3)"),
        (
            format!("[steps.own]\n{wait}\nwhen = {{ env = \"X\", default = true }}"),
            "init.toml:1: steps.own.wait",
        ),
        ("wait_for = [\"foo://x\"]".to_owned(), "wait_for (init.toml:1)"),
    ] {
        let image = bare().file("init.toml", &toml).env("APP_INIT_ETL_COMMAND", "a");
        let problems = made(image, "all").unwrap_err().to_string();
        assert_eq!(problems, format!("{subject}: `foo://x`: not a target [target-unknown]"));
    }
}

/// What follows from a mistake is no second one.
#[test]
fn one_mistake_is_told_once() {
    for (words, problem) in [
        ("api -- --reload", "mode api has no server: APP_INIT_API_COMMAND is unset"),
        ("wait tcp://db", "init wait: `tcp://db`: a target without a port [target-unknown]"),
        ("wait a:1 foo://x", "init wait: `foo://x`: not a target [target-unknown]"),
        (
            "wait a:1 redis://u:p@h:x",
            "init wait, target 2 of 2: the port is not a number from 1 to 65535 [target-unknown]",
        ),
        ("wait", "init wait has nothing to wait for: no DATABASE_URL, no APP_INIT_WAIT_FOR"),
    ] {
        let problems = made(Image::new(), words).unwrap_err();
        assert_eq!(problems.to_string(), problem, "{words}");
    }
    let bad = Image::new().env("APP_INIT_API_COMMAND", "a && b");
    let problems = made(bad, "api -- --reload").unwrap_err();
    assert_eq!(problems.iter().count(), 1, "{problems}");
}

#[test]
fn a_database_that_cannot_be_read_is_not_told_to_be_unset() {
    let waits = |image: Image| {
        let image = image.env("APP_INIT_WAIT_FOR", "database").env("APP_INIT_API_COMMAND", "x");
        made(image, "api").unwrap_err().to_string()
    };
    let told = waits(Image::new().env("DATABASE_URL", "mysql://h/app"));
    assert_eq!(told, "DATABASE_URL: `mysql` is not the scheme of a Postgres URL [url-foreign]");
    let unset =
        "APP_INIT_WAIT_FOR: `database` is waited for, but no database is set [target-database]";
    assert_eq!(waits(Image::new()), unset);
    let other = Image::new().env("MIGRATE_DATABASE_URL", "postgres://u@h/app");
    assert_eq!(waits(other), unset);
}

#[test]
fn a_mistake_of_the_words_and_of_the_settings_come_together() {
    let image = Image::new().env("AUTORUN_MIGRATIONS", "flase").env("APP_INIT_REQUIRE", "KEY");
    let problems = made(image, "api").unwrap_err().to_string();
    for text in ["AUTORUN_MIGRATIONS", "KEY: required", "APP_INIT_API_COMMAND is unset"] {
        assert!(problems.contains(text), "{problems}");
    }
    let problems = made(full(), "migrate -- --reload").unwrap_err();
    assert_eq!(problems.exit(), Exit::Usage, "{problems}");
    assert_eq!(problems.to_string(), "mode migrate has no server to add words to");
    let problems = made(full().env("APP_INIT_MODE", "mirgate"), "").unwrap_err();
    assert_eq!(problems.to_string(), "APP_INIT_MODE: unknown mode `mirgate`");
    let problems = made(full().file("init.toml", "mode = \"mirgate\""), "").unwrap_err();
    assert_eq!(problems.to_string(), "mode (init.toml:1): unknown mode `mirgate`");
    let problems = made(full(), "plan mirgate").unwrap_err();
    assert_eq!(problems.to_string(), "unknown mode `mirgate`");
}
