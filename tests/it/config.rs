//! Settings on the real binary: where each comes from, and what is said to the wrong ones.

use std::fs;

use crate::support::{CANARY, Init};

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn config_shows_value_and_origin() {
    let folder = folder(&[
        ("url", &format!("postgres://app:{CANARY}@db:5432/app\n")),
        (
            "app.env",
            r"# deployment
SEED_ON_START=once
",
        ),
        (
            "init.toml",
            r#"wait_timeout = "3m"

[steps.etl]
run = ["python", "-m", "etl", "${?GEO:--geo}"]

[modes.api]
exec = "uvicorn app:app"
"#,
        ),
        ("migrations/V1__a.sql", "create table a (id int);"),
    ]);
    let end = Init::new(["config", "--stop-delay", "3s"])
        .env("DATABASE_URL_FILE", "url")
        .env("APP_INIT_ENV_FILE", "app.env")
        .env("AUTORUN_MIGRATIONS", "wait")
        .env("APP_INIT_WAIT_FOR", format!("database redis://:{CANARY}@cache"))
        .current_dir(folder.path())
        .run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stderr, "");
    insta::assert_snapshot!(end.stdout, @r##"
    DATABASE_URL                        url          db:5432/app as app
    AUTORUN_MIGRATIONS                  environment  wait
    SEED_ON_START                       app.env:2    once
    APP_INIT_API_COMMAND                init.toml:7  uvicorn app:app
    APP_INIT_MIGRATIONS                 found        migrations
    APP_INIT_ETL_COMMAND                init.toml:4  python -m etl ${?GEO:--geo}
    APP_INIT_WAIT_FOR                   environment  database redis://:***@cache
    APP_INIT_WAIT_TIMEOUT               init.toml:1  3m
    APP_INIT_CONFIG                     found        init.toml
    APP_INIT_ENV_FILE                   environment  app.env
    APP_INIT_STOP_DELAY                 flag         3s
    DATABASE_USER                       default      -
    DATABASE_PASSWORD                   default      -
    MIGRATE_DATABASE_URL                default      -
    RUN_ETL_ON_STARTUP                  default      false
    APP_INIT_MODE                       default      api
    APP_INIT_SKIP                       default      -
    APP_INIT_MIGRATE_COMMAND            default      -
    APP_INIT_MIGRATE_WATCH              default      -
    APP_INIT_MIGRATE_TABLE              default      -
    APP_INIT_MIGRATE_STRICT             default      false
    APP_INIT_SEEDS                      default      -
    APP_INIT_SEED_COMMAND               default      -
    APP_INIT_SEED_ID                    default      1
    APP_INIT_SEED_WAIT_FOR              default      -
    APP_INIT_ETL_WAIT_FOR               default      -
    APP_INIT_WAIT_FATAL_GRACE           default      10s
    APP_INIT_LOCK_TIMEOUT               default      15m
    APP_INIT_LOCK_NAME                  default      -
    APP_INIT_SCHEMA                     default      app_init
    APP_INIT_MIGRATE_TIMEOUT            default      forever
    APP_INIT_MIGRATE_LOCK_TIMEOUT       default      3s
    APP_INIT_MIGRATE_LOCK_RETRY         default      5m
    APP_INIT_MIGRATE_STATEMENT_TIMEOUT  default      -
    APP_INIT_SEED_TIMEOUT               default      forever
    APP_INIT_ETL_TIMEOUT                default      forever
    APP_INIT_SEED_ON_FAILURE            default      abort
    APP_INIT_ETL_ON_FAILURE             default      abort
    APP_INIT_REQUIRE                    default      -
    APP_INIT_DIRS                       default      -
    APP_INIT_USER                       default      -
    APP_INIT_HANDOFF                    default      auto
    APP_INIT_STOP_GRACE                 default      forever
    APP_INIT_LEFTOVER_GRACE             default      5s
    APP_INIT_SIGNAL_TARGET              default      child
    APP_INIT_SIGNAL_MAP                 default      -
    APP_INIT_SUCCESS_CODES              default      -
    APP_INIT_SIGNALS_INHERIT            default      false
    APP_INIT_HEALTHCHECK_URL            default      http://127.0.0.1:${PORT:-8000}/health
    APP_INIT_LOG_FORMAT                 default      text
    APP_INIT_LOG_LEVEL                  default      info
    APP_INIT_HEARTBEAT                  default      15s
    APP_INIT_TERMINATION_LOG            default      /dev/termination-log
    "##);
}

/// In libpq's order: the address, its service, variables, the password file, defaults.
#[test]
fn config_tells_where_each_field_of_a_connection_came_from() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[
        (".pgpass", &format!("db.example:7000:shop:app:{CANARY}\n")),
        (".pg_service.conf", "[mine]\nhost=db.example\nuser=app\nconnect_timeout=3\n"),
    ]);
    let file = folder.path().join(".pgpass");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let shown = |settings: &[(&str, &str)]| {
        let init = Init::new(["config"]).env("HOME", folder.path());
        let init = settings.iter().fold(init, |init, (name, value)| init.env(name, value));
        let end = init.run();
        assert_eq!(end.code, 0, "{}", end.stderr);
        let lines = end.stdout.lines().take_while(|line| !line.starts_with("AUTORUN"));
        let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let lines = lines.filter(|line| !line.ends_with(" default -"));
        lines.collect::<Vec<_>>().join("\n").replace(folder.path().to_str().unwrap(), "~")
    };
    let elsewhere = [
        ("DATABASE_URL", "postgres:///?service=mine"),
        ("PGPORT", "7000"),
        ("PGDATABASE", "shop"),
        ("PGUSER", "not-me"),
        ("PGSSLMODE", "disable"),
    ];
    insta::assert_snapshot!(shown(&elsewhere), @r"
    DATABASE_URL environment db.example:7000/shop as app
    connect_timeout ~/.pg_service.conf [mine] 3
    dbname PGDATABASE shop
    host ~/.pg_service.conf [mine] db.example
    password ~/.pgpass ***
    port PGPORT 7000
    sslmode PGSSLMODE disable
    user ~/.pg_service.conf [mine] app
    ");
    fs::write(folder.path().join("secret"), CANARY).unwrap();
    let file = folder.path().join("secret").display().to_string();
    let in_file = [("PGHOST", "db"), ("PGUSER", "app"), ("PGPASSWORD_FILE", &file)];
    let told = shown(&in_file);
    assert!(told.contains("password PGPASSWORD (~/secret) ***"), "{told}");
    let parts = [
        ("POSTGRES_HOST", "db"),
        ("POSTGRES_USER", "app"),
        ("POSTGRES_PASSWORD", CANARY),
        ("PGHOST", "other"),
    ];
    insta::assert_snapshot!(shown(&parts), @r"
    DATABASE_URL composed db:5432/app as app
    dbname the user name, as no database is named app
    host POSTGRES_HOST db
    password POSTGRES_PASSWORD ***
    user POSTGRES_USER app
    ");
}

#[test]
fn a_mistyped_boolean_is_78() {
    let end = Init::new(["api"])
        .env("AUTORUN_MIGRATIONS", "flase")
        .env("APP_INIT_API_COMMAND", "true")
        .run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: AUTORUN_MIGRATIONS: `flase` is not true, false or wait
    hint: did you mean `false`?
    "##);
}

#[test]
fn both_a_value_and_its_file_are_78() {
    let end = Init::new(["api"])
        .env("DATABASE_URL", format!("postgres://app:{CANARY}@db:5432/app"))
        .env("DATABASE_URL_FILE", "/run/secrets/url")
        .env("APP_INIT_API_COMMAND", "true")
        .run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: DATABASE_URL and DATABASE_URL_FILE are both set
    hint: keep one of them
    "##);
}

#[test]
fn a_missing_secret_file_is_66() {
    let end = Init::new(["api"])
        .env("JWT_SECRET_FILE", "/run/secrets/app-init-no-such-secret")
        .env("APP_INIT_API_COMMAND", "true")
        .run();
    assert_eq!(end.code, 66, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: JWT_SECRET_FILE: cannot read `/run/secrets/app-init-no-such-secret`: there is no such file
    hint: mount the secret there, or set JWT_SECRET itself
    "##);
}

#[test]
fn a_missing_file_of_settings_says_where_it_was_looked_for() {
    let empty = folder(&[]);
    let end = Init::new(["api"])
        .current_dir(empty.path())
        .env("APP_INIT_CONFIG", "/nowhere/init.toml")
        .env("APP_INIT_ENV_FILE", "conf/app.env")
        .env("APP_INIT_API_COMMAND", "true")
        .run();
    assert_eq!(end.code, 66, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    let here = empty.path().display().to_string();
    insta::assert_snapshot!(end.stderr.replace(&here, "/app"), @r##"
    error: APP_INIT_ENV_FILE: cannot read `conf/app.env`: there is no such file
    hint: looked for from the working directory `/app`: copy the file into the image or mount it there, or leave APP_INIT_ENV_FILE out
    error: APP_INIT_CONFIG: cannot read `/nowhere/init.toml`: there is no such file
    hint: copy the file into the image or mount it there, or leave APP_INIT_CONFIG out
    "##);
}

#[test]
fn a_directory_in_place_of_a_file_of_settings_says_how_it_came_there() {
    let start = Init::new(["api"]).env("APP_INIT_API_COMMAND", "true");
    let end = start.env("APP_INIT_ENV_FILE", "/etc").run();
    assert_eq!(end.code, 66, "{}", end.stderr);
    assert!(end.stderr.contains("hint: docker makes a directory"), "{}", end.stderr);
}

#[test]
fn a_url_of_another_database_is_78() {
    let end = Init::new(["api"])
        .env("DATABASE_URL", format!("mysql://u:{CANARY}@db/app"))
        .env("APP_INIT_API_COMMAND", "true")
        .run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: DATABASE_URL: `mysql` is not the scheme of a Postgres URL [url-foreign]
    hint: app-init speaks to Postgres: postgres://user:password@host:5432/database [url-foreign]
    "##);
}

#[test]
fn an_unknown_key_of_the_file_is_78() {
    let folder = folder(&[(
        "init.toml",
        r#"dirs = ["/app/logs"]

[steps.etl]
run = "etl"
whait = ["tcp://x:1"]
"#,
    )]);
    let end = Init::new(["config", "--check"]).current_dir(folder.path()).run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: init.toml:5: unknown key `whait` in `steps.etl`
    hint: did you mean `wait`?
    "##);
}

#[test]
fn a_shell_in_a_command_is_78() {
    let end = Init::new(["api"])
        .env("APP_INIT_API_COMMAND", format!("psql postgres://app:{CANARY}@db:5432/app && serve"))
        .run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: APP_INIT_API_COMMAND: `&&` needs a shell, and commands run without one
    hint: quote it, or write sh -c '…'
    "##);
}

#[test]
fn an_unknown_mode_of_the_environment_is_78() {
    let end = Init::new([] as [&str; 0]).env("APP_INIT_MODE", "frobnicate").run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: APP_INIT_MODE: unknown mode `frobnicate`
    hint: modes are api, all, etl, migrate, seed
    "##);
}

#[test]
fn a_required_name_that_is_missing_is_78() {
    let end = Init::new(["api"])
        .env("APP_INIT_REQUIRE", "NOMINATIM_URL SECRET_KEY")
        .env("NOMINatIM_URL", "http://nominatim")
        .env("APP_INIT_API_COMMAND", "true")
        .run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: NOMINATIM_URL: required and not set
    hint: `NOMINatIM_URL` is set: did you mean NOMINATIM_URL?
    error: SECRET_KEY: required and not set
    hint: set SECRET_KEY, or SECRET_KEY_FILE if it is a secret
    "##);
}

#[test]
fn several_mistakes_come_at_once() {
    let end = Init::new(["api", "--heartbeat", "soon"])
        .env("SEED_ON_START", "twice")
        .env("APP_INIT_SKIP", "evrything")
        .run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert_eq!(end.stdout, "");
    insta::assert_snapshot!(end.stderr, @r##"
    error: SEED_ON_START: `twice` is not true, false or once
    error: APP_INIT_SKIP: `evrything` cannot be skipped
    hint: known are wait, lock, migrate, seed, etl, dirs
    error: --heartbeat: `soon` is not a duration such as 500ms, 30s, 5m or 1h
    error: mode api has no server: APP_INIT_API_COMMAND is unset
    hint: set it, or give the command: init api -- CMD
    "##);
}

#[test]
fn the_check_of_an_image_needs_no_deployment() {
    let folder = folder(&[("init.toml", "require = [\"DATABASE_URL\"]\n")]);
    let end = Init::new(["config", "--check"]).current_dir(folder.path()).run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stdout, "");
}

#[test]
fn a_database_without_a_host_is_warned_of_wherever_settings_are_looked_at() {
    for words in [&["config", "--check"][..], &["doctor"], &["--", "true"]] {
        let end = Init::new(words.iter().copied())
            .env("POSTGRES_USER", "app")
            .env("POSTGRES_PASSWORD", CANARY)
            .run();
        let told = "POSTGRES_USER, POSTGRES_PASSWORD are set, but no host";
        let said = format!("{}{}", end.stdout, end.stderr);
        assert_eq!(said.matches(told).count(), 1, "{words:?}\n{said}");
    }
}
