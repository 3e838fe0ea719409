//! Which phases a start has, in every mode and with every switch.

mod mistakes;

use super::{Action, End, Plan, Work, plan};
use crate::{
    config::{problem::Problems, tests::Image},
    exit::Exit,
};

/// An image in which everything is configured.
fn full() -> Image {
    bare()
        .file("/migrations/V1__a.sql", "")
        .file("/seeds/a.sql", "")
        .env("APP_INIT_ETL_COMMAND", "etl")
}

/// An image with a database and a server only.
fn bare() -> Image {
    Image::new().env("DATABASE_URL", "postgres://u@db/app").env("APP_INIT_API_COMMAND", "serve me")
}

fn made(image: Image, words: &str) -> Result<Plan, Problems> {
    plan(&image.start(words))
}

/// One line a phase.
fn lines(image: Image, words: &str) -> Vec<String> {
    let text = made(image, words).unwrap().text(&[], None);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().skip(2).map(words).collect()
}

const WAIT: &str = "wait for database db:5432/app (writable), at most 1m";
const NO_SEED: &str = "seed skip: SEED_ON_START is false";
const NO_ETL: &str = "etl skip: RUN_ETL_ON_STARTUP is false";
const MIGRATE: &str = "migrate folder /migrations";
const ONCE: &str = "seed folder /seeds, once per database";

#[test]
fn a_long_command_keeps_its_column_on_a_terminal() {
    let image = bare().env("APP_INIT_API_COMMAND", "serve --host 0.0.0.0 --port 8000");
    let text = made(image, "").unwrap().text(&[], Some(36));
    assert!(
        text.ends_with("\n  server   serve --host 0.0.0.0\n           --port 8000\n"),
        "{text}"
    );
}

#[test]
fn each_mode_has_its_phases() {
    for (words, phases) in [
        ("", vec![WAIT, MIGRATE, NO_SEED, NO_ETL, "server serve me"]),
        ("api", vec![WAIT, MIGRATE, NO_SEED, NO_ETL, "server serve me"]),
        ("all", vec![WAIT, MIGRATE, NO_SEED, "etl etl", "server serve me"]),
        ("etl", vec![WAIT, MIGRATE, "etl etl", "exit"]),
        ("migrate", vec![WAIT, MIGRATE, "exit"]),
        ("seed", vec![WAIT, ONCE, "exit"]),
        ("seed --force", vec![WAIT, "seed folder /seeds, even if it was seeded before", "exit"]),
        ("wait", vec!["wait for database db:5432/app, at most 1m", "exit"]),
        (
            "wait tcp://a:1 --timeout 5s -- run it",
            vec!["wait for tcp a:1, at most 5s", "server run it"],
        ),
        ("migrate -- run it", vec![WAIT, MIGRATE, "server run it"]),
        ("api -- --reload", vec![WAIT, MIGRATE, NO_SEED, NO_ETL, "server serve me --reload"]),
        ("-- run it", vec![WAIT, MIGRATE, NO_SEED, NO_ETL, "server run it"]),
    ] {
        assert_eq!(lines(full(), words), phases, "init {words}");
    }
}

#[test]
fn switches_decide_what_a_mode_does_not_demand() {
    let no_migrate = "migrate skip: AUTORUN_MIGRATIONS is false";
    let by_others = "migrate until folder /migrations is applied by others";
    for (words, name, value, line) in [
        ("api", "AUTORUN_MIGRATIONS", "false", no_migrate),
        ("all", "AUTORUN_MIGRATIONS", "Off", no_migrate),
        ("migrate", "AUTORUN_MIGRATIONS", "false", MIGRATE),
        ("api", "AUTORUN_MIGRATIONS", "wait", by_others),
        ("migrate", "AUTORUN_MIGRATIONS", "wait", MIGRATE),
        ("api", "SEED_ON_START", "1", "seed folder /seeds"),
        ("api", "SEED_ON_START", "once", ONCE),
        ("seed", "SEED_ON_START", "true", "seed folder /seeds"),
        ("seed", "SEED_ON_START", "false", ONCE),
        ("api", "RUN_ETL_ON_STARTUP", "yes", "etl etl"),
        ("etl", "RUN_ETL_ON_STARTUP", "no", "etl etl"),
        ("api", "APP_INIT_SKIP", "migrate,wait", "wait skip: APP_INIT_SKIP names wait"),
        ("migrate", "APP_INIT_SKIP", "migrate", "migrate skip: APP_INIT_SKIP names migrate"),
        ("api", "APP_INIT_MODE", "all", NO_ETL),
        ("", "APP_INIT_MODE", "all", "etl etl"),
        ("api", "APP_INIT_DIRS", "/a /b", "dirs /a, /b"),
    ] {
        let phases = lines(full().env(name, value), words);
        assert!(
            phases.iter().any(|phase| phase == line),
            "init {words}, {name}={value}: {phases:?}"
        );
    }
}

#[test]
fn the_file_makes_steps_and_modes() {
    let toml = r#"
[steps.assets]
run  = ["compile", "it all"]
when = { env = "ASSETS", default = false }
wait = ["tcp://${CACHE:-cache}:6379"]

[steps.backup]
run = "backup"
on_failure = "continue"

[modes.worker]
steps = ["wait"]
exec  = ["celery", "worker"]

[modes.nightly]
steps  = ["backup", "wait", "etl"]
always = ["assets"]
"#;
    let image = || full().file("init.toml", toml);
    assert_eq!(
        lines(image(), "worker"),
        ["wait for database db:5432/app, at most 1m", "server celery worker"]
    );
    assert_eq!(
        lines(image(), "nightly"),
        [
            "wait for database db:5432/app, tcp cache:6379, at most 1m",
            "backup backup",
            NO_ETL,
            "assets compile 'it all'",
            "exit",
        ]
    );
    let off = lines(image(), "api");
    assert_eq!(off[4], "assets skip: ASSETS is false");
    assert_eq!(off[0], WAIT, "a step that is skipped adds no target");
    let on = lines(image().env("ASSETS", "on").env("CACHE", "redis"), "api");
    assert_eq!(on[4], "assets compile 'it all'");
    assert!(on[0].contains("tcp redis:6379"), "{on:?}");
    assert!(
        !on.iter().any(|phase| phase.starts_with("backup")),
        "a step without a switch joins no mode by itself"
    );
}

#[test]
fn children_see_what_is_theirs() {
    let image = bare()
        .env("APP_INIT_ETL_COMMAND", "etl")
        .env("MIGRATE_DATABASE_URL", "postgres://owner@direct/app")
        .env("APP_INIT_MIGRATE_COMMAND", "migrate ${APP_INIT_STEP} ${DATABASE_URL}")
        .env("APP_INIT_STEP", "outer");
    let plan = made(image, "all").unwrap();
    let End::Server(server) = &plan.end else { panic!("no server") };
    let see = |environment: &crate::config::environment::Environment, name: &str| {
        environment.text(name).map(str::to_owned)
    };
    assert_eq!(see(&server.environment, "MIGRATE_DATABASE_URL"), None);
    assert_eq!(see(&server.environment, "DATABASE_URL").as_deref(), Some("postgres://u@db/app"));
    assert_eq!(see(&server.environment, "APP_INIT_MODE").as_deref(), Some("all"));
    assert_eq!(see(&server.environment, "APP_INIT_NPROC").as_deref(), Some("6"));
    assert_eq!(see(&server.environment, "APP_INIT_STEP"), None);
    let migrate = plan.phases.iter().find(|phase| phase.name == "migrate").unwrap();
    let Action::Do(Work::Migrate(migrate)) = &migrate.action else { panic!("no migrate") };
    let super::Source::Command(step) = &migrate.source else { panic!("no command") };
    assert_eq!(step.command.argv, ["migrate", "migrate", "postgres://owner@direct/app"]);
    assert_eq!(step.exit, Exit::Migrate);
    assert_eq!(migrate.connection.as_ref().unwrap().user, "owner");
    let wait = plan.phases.iter().find(|phase| phase.name == "wait").unwrap();
    let Action::Do(Work::Wait(wait)) = &wait.action else { panic!("no wait") };
    assert_eq!(wait.targets.len(), 2, "both databases");
}

#[test]
fn only_commands_that_will_run_are_expanded() {
    let image = || full().env("APP_INIT_ETL_COMMAND", "etl ${KEY:?is needed by the etl}");
    assert!(made(image(), "api").is_ok());
    let problems = made(image(), "all").unwrap_err();
    assert_eq!(problems.to_string(), "APP_INIT_ETL_COMMAND: KEY: is needed by the etl");
}

#[test]
fn json_says_the_same() {
    let json = made(full(), "api").unwrap().json(&[]);
    assert_eq!(json["mode"], "api");
    assert_eq!(json["phases"][0]["name"], "wait");
    assert_eq!(json["phases"][2]["action"], "skip");
    assert_eq!(json["phases"][2]["reason"], "SEED_ON_START is false");
    assert_eq!(json["server"], "serve me");
}

#[test]
fn a_lone_database_for_migrations_is_what_is_waited_for() {
    let lone = Image::new().env("MIGRATE_DATABASE_URL", "postgres://u@direct/app");
    assert_eq!(lines(lone, "wait"), ["wait for database direct:5432/app, at most 1m", "exit"]);
    let both = bare().env("MIGRATE_DATABASE_URL", "postgres://u@direct/app");
    assert_eq!(lines(both, "wait"), ["wait for database db:5432/app, at most 1m", "exit"]);
}
