//! What is odd or wrong: each with its place, all at once.

use super::*;
use crate::exit::Exit;

#[test]
fn unknown_names_of_ours_are_warned_of() {
    let config = Image::new()
        .env("APP_INIT_WAIT_TIMEUOT", "3s")
        .env("APP_INIT_BANANA", "1")
        .env("APP_INIT_STEP", "etl")
        .env("APP_INIT_STOP_GRCE_FILE", "/grace")
        .env("AUTORUN_MIGRATION", "no")
        .start("api");
    assert_eq!(
        config.warnings,
        [
            "APP_INIT_WAIT_TIMEUOT is not a setting of app-init: did you mean APP_INIT_WAIT_TIMEOUT?",
            "APP_INIT_BANANA is not a setting of app-init",
            "APP_INIT_STOP_GRCE_FILE is not a setting of app-init: did you mean APP_INIT_STOP_GRACE_FILE?",
            "AUTORUN_MIGRATION is not a setting of app-init: did you mean AUTORUN_MIGRATIONS?",
        ]
    );
}

#[test]
fn a_secret_file_that_cannot_be_had_is_told_once() {
    for image in [
        Image::new().env("APP_INIT_SCHEMA_FILE", "/nowhere"),
        Image::new().env("APP_INIT_SCHEMA_FILE", "/x").env("APP_INIT_SCHEMA", "y").file("/x", "z"),
    ] {
        let config = image.start("api");
        assert_eq!(config.problems.iter().count(), 1, "{}", config.problems);
        assert_eq!(config.warnings, Vec::<String>::new());
    }
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let toml = "wait_timeuot = 3\nlog_format = \"xml\"\nheartbeat = \"soon\"\n\n[steps.etl]\nrum = [\"a\"]\n\n\
                [steps.own]\nrun = \"a && b\"\nwhen = { env = \"OWN\" }\n\n[modes.worker]\nsteps = [\"wiat\"]\n";
    let config = Image::new()
        .file("init.toml", toml)
        .env("OWN", "perhaps")
        .env("AUTORUN_MIGRATIONS", "flase")
        .env("APP_INIT_SKIP", "wait,everything")
        .env("APP_INIT_SEED_COMMAND", "a")
        .env("APP_INIT_SEEDS", "nowhere")
        .env("APP_INIT_STOP_DELAY", "forever")
        .env("APP_INIT_REQUIRE", "NOMINATIM_URL")
        .env("NOMINatIM_URL", "x")
        .start("api");
    let all = messages(&config).join("\n");
    for text in [
        "init.toml:1: unknown key `wait_timeuot` at the top level; did you mean `wait_timeout`?",
        "log_format (init.toml:2): `xml` is not text or json",
        "heartbeat (init.toml:3): `soon` is not a duration",
        "init.toml:6: unknown key `rum` in `steps.etl`; did you mean `run`?",
        "init.toml:8: steps.own.run: `&&` needs a shell",
        "OWN: `perhaps` is not true or false",
        "init.toml:12: mode `worker` names an unknown step `wiat`; did you mean `wait`?",
        "AUTORUN_MIGRATIONS: `flase` is not true, false or wait; did you mean `false`?",
        "APP_INIT_SKIP: `everything` cannot be skipped",
        "APP_INIT_SEEDS and APP_INIT_SEED_COMMAND are both set",
        "APP_INIT_SEEDS: there is no folder `nowhere`",
        "APP_INIT_STOP_DELAY: `forever` is not possible here",
        "NOMINATIM_URL: required and not set; `NOMINatIM_URL` is set",
    ] {
        assert!(all.contains(text), "{text:?} is missing in\n{all}");
    }
    assert_eq!(config.problems.exit(), Exit::Config);
}

#[test]
fn a_mistake_in_a_table_of_the_file_is_told_by_its_key() {
    for (toml, said) in [
        ("[modes.api]\nexec = \"a && b\"", "modes.api.exec (init.toml:2): `&&` needs a shell"),
        ("[steps.etl]\nrun = \"a | b\"", "steps.etl.run (init.toml:2): `|` needs a shell"),
        ("[steps.seed]\ntimeout = \"1x\"", "steps.seed.timeout (init.toml:2): `1x` is not a"),
        ("[modes.api]\nexec = {}", "init.toml:2: `modes.api.exec` is a table"),
        ("[modes.own]\nexec = \"a;\"", "init.toml:1: modes.own.exec: `;` needs a shell"),
    ] {
        let problems = Image::new().file("init.toml", toml).start("api").problems.to_string();
        assert!(problems.starts_with(said), "{toml:?} gives {problems}");
    }
}

#[test]
fn a_bad_switch_names_its_step() {
    for (when, problem) in [
        ("true", "`steps.own.when` is not `{ env = \"NAME\", default = false }`"),
        ("{}", "`steps.own.when` names no `env`"),
        ("{ env = 1 }", "`env` of `steps.own.when` is not a name"),
        ("{ env = \"\" }", "`env` of `steps.own.when` is not a name"),
        ("{ env = \"X\", default = 1 }", "`default` of `steps.own.when` is not true or false"),
        ("{ env = \"X\", x = 1 }", "unknown key `x` in `steps.own.when`"),
    ] {
        let toml = format!("[steps.own]\nrun = \"a\"\nwhen = {when}\n");
        let config = Image::new().file("init.toml", &toml).start("api");
        assert_eq!(config.problems.to_string(), format!("init.toml:3: {problem}"), "{when}");
    }
}

#[test]
fn a_named_file_that_is_missing_is_66() {
    for (name, said) in [
        (
            "DATABASE_PASSWORD_FILE",
            "DATABASE_PASSWORD_FILE: cannot read `/no`: there is no such file",
        ),
        ("APP_INIT_CONFIG", "APP_INIT_CONFIG: cannot read `/no`: there is no such file"),
        ("APP_INIT_ENV_FILE", "APP_INIT_ENV_FILE: cannot read `/no`: there is no such file"),
        ("APP_INIT_MIGRATIONS", "APP_INIT_MIGRATIONS: there is no folder `/no`"),
    ] {
        let config = Image::new().env(name, "/no").start("api");
        assert_eq!(config.problems.to_string(), said);
        assert_eq!(config.problems.exit(), Exit::NoInput, "{name}");
    }
}

#[test]
fn both_forms_of_one_setting_are_an_error() {
    let config = Image::new()
        .env("DATABASE_URL", "postgres://u@db/x")
        .env("DATABASE_URL_FILE", "/x")
        .start("api");
    assert_eq!(config.problems.to_string(), "DATABASE_URL and DATABASE_URL_FILE are both set");
    let toml = "migrate_command = \"a\"\n[steps.migrate]\nrun = \"b\"\n";
    let config = Image::new().file("init.toml", toml).start("api");
    assert_eq!(
        config.problems.to_string(),
        "init.toml:3: `steps.migrate.run` is the same as `migrate_command` in line 1: keep one"
    );
}

#[test]
fn the_file_and_the_environment_are_checked_apart() {
    let config = Image::new().env("APP_INIT_REQUIRE", "SECRET_KEY").start("config --check");
    assert!(config.check().is_ok(), "what only the deployment sets cannot fail an image's build");
    assert_eq!(config.missing.to_string(), "SECRET_KEY: required and not set");
}

#[test]
fn toml_that_is_none_has_its_line() {
    let config = Image::new().file("init.toml", "a = 1\nb = = 2\n").start("api");
    let message = config.problems.to_string();
    assert!(message.starts_with("init.toml:2: no TOML: "), "{message}");
}

#[test]
fn migrate_never_continues_after_a_failure() {
    let toml = "[steps.migrate]\nrun = \"a\"\non_failure = \"continue\"\n";
    let config = Image::new().file("init.toml", toml).start("api");
    let message = config.problems.to_string();
    assert_eq!(message, "init.toml:3: unknown key `on_failure` in `steps.migrate`");
}

#[test]
fn what_is_set_for_a_watched_command_is_warned_of_where_there_is_none() {
    let folder = || Image::new().file("/m/V1__a.sql", "").env("APP_INIT_MIGRATIONS", "/m");
    let command = || Image::new().env("APP_INIT_MIGRATE_COMMAND", "tool");
    let watched = || command().env("APP_INIT_MIGRATE_WATCH", "mig");
    let history = "APP_INIT_MIGRATE_WATCH has no effect: a folder has its history";
    let table = "APP_INIT_MIGRATE_TABLE has no effect: without APP_INIT_MIGRATE_WATCH the command runs on each start";
    let strict = table.replace("TABLE", "STRICT");
    let set = |image: Image, name: &str| image.env(&format!("APP_INIT_MIGRATE_{name}"), "true");
    for (image, warnings) in [
        (set(folder(), "WATCH"), vec![history]),
        (
            set(folder(), "TABLE"),
            vec!["APP_INIT_MIGRATE_TABLE has no effect: a folder has its history"],
        ),
        (set(folder(), "STRICT"), vec![]),
        (set(set(command(), "TABLE"), "STRICT"), vec![table, &strict]),
        (set(set(watched(), "TABLE"), "STRICT"), vec![]),
        (command().env("APP_INIT_MIGRATE_STRICT", "false"), vec![]),
        (set(Image::new(), "WATCH"), vec![]),
    ] {
        assert_eq!(image.start("config --check").warnings, warnings);
    }
}
