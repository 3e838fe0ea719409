//! Settings from every source at once, without a disk.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Config, environment::Environment, files::Files, mode_names, resolve};
use crate::{cli::Cli, exit::Exit, failure::Failure};

/// An image: its files, its environment, the words it is started with.
#[derive(Default)]
pub(crate) struct Image {
    files: BTreeMap<PathBuf, String>,
    variables: Vec<(OsString, OsString)>,
}

impl Image {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.into()));
        self
    }

    /// What `init WORDS` makes of it on six CPUs.
    pub(crate) fn start(self, words: &str) -> Config {
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        let environment = Environment::new(self.variables.clone());
        let modes = mode_names(&words, &environment, &self);
        let cli = Cli::parse(words, &modes).unwrap();
        resolve(&cli, &environment, &self, 6)
    }
}

impl Files for Image {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.clone().into_bytes())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file.parent() == Some(path))
    }
}

/// Value and origin as `init config` shows them.
fn shown(config: &Config, name: &str) -> (String, String) {
    let line = config.shown.iter().find(|line| line.name == name).unwrap();
    (line.value.clone().unwrap_or_default(), line.origin.clone())
}

fn messages(config: &Config) -> Vec<String> {
    let told = config.problems.iter().chain(config.missing.iter());
    told.map(|problem| format!("{problem}; {}", problem.hint().unwrap_or_default())).collect()
}

fn child(config: &Config, name: &str) -> Option<String> {
    config.environment.text(name).map(str::to_owned)
}

#[test]
fn the_highest_source_wins_and_is_named() {
    let toml = "wait_timeout = \"1s\"\n";
    let lines = "# here\nAPP_INIT_WAIT_TIMEOUT=2s\n";
    let with_file = || Image::new().file("init.toml", toml);
    let with_lines = || with_file().file("app.env", lines).env("APP_INIT_ENV_FILE", "app.env");
    let with_variable = || with_lines().env("APP_INIT_WAIT_TIMEOUT", "3s");
    for (config, seconds, origin) in [
        (Image::new().start("api"), 60, "default"),
        (with_file().start("api"), 1, "init.toml:1"),
        (with_lines().start("api"), 2, "app.env:2"),
        (with_variable().start("api"), 3, "environment"),
        (with_variable().start("api --wait-timeout 4s"), 4, "flag"),
        (with_variable().start("--wait-timeout=4s api"), 4, "flag"),
    ] {
        assert_eq!(config.wait.timeout, Some(Duration::from_secs(seconds)), "{origin}");
        assert_eq!(shown(&config, "APP_INIT_WAIT_TIMEOUT").1, origin);
        assert_eq!(messages(&config), [""; 0]);
    }
}

#[test]
fn secret_files_become_variables() {
    let config = Image::new()
        .file("/etc/url", "postgres://u:pw@db/app\r\n")
        .file("/run/secrets/jwt", "two\n\n")
        .env("DATABASE_URL_FILE", "/etc/url")
        .env("JWT_SECRET_FILE", "/run/secrets/jwt")
        .env("SSL_CERT_FILE", "/etc/ssl/ca.pem")
        .env("OTHER_FILE", "/etc/other")
        .env("APP_INIT_ENV_FILE", "/run/secrets/none")
        .file("/run/secrets/none", "")
        .start("api");
    assert_eq!(messages(&config), [""; 0]);
    assert_eq!(child(&config, "DATABASE_URL").as_deref(), Some("postgres://u:pw@db/app"));
    assert_eq!(child(&config, "JWT_SECRET").as_deref(), Some("two\n"));
    assert_eq!(child(&config, "DATABASE_URL_FILE"), None);
    assert_eq!(child(&config, "JWT_SECRET_FILE"), None);
    assert_eq!(child(&config, "SSL_CERT_FILE").as_deref(), Some("/etc/ssl/ca.pem"));
    assert_eq!(child(&config, "OTHER_FILE").as_deref(), Some("/etc/other"));
    assert_eq!(shown(&config, "DATABASE_URL"), ("db:5432/app as u".into(), "/etc/url".into()));
}

#[test]
fn the_env_file_reaches_the_children_below_the_environment() {
    let config = Image::new()
        .file("app.env", "A=1\nB='a $X'\nDATABASE_PASSWORD=p$w\nSEED_ON_START=once\n")
        .env("A", "")
        .env("SEED_ON_START", "")
        .env("APP_INIT_ENV_FILE", "app.env")
        .start("api");
    assert_eq!(child(&config, "A").as_deref(), Some(""), "the application's own empty value");
    assert_eq!(child(&config, "B").as_deref(), Some("a $X"));
    assert_eq!(child(&config, "DATABASE_PASSWORD").as_deref(), Some("p$w"));
    assert_eq!(shown(&config, "SEED_ON_START"), ("once".into(), "app.env:4".into()));
    assert_eq!(shown(&config, "DATABASE_PASSWORD").0, "***");
}

#[test]
fn wrapping_quotes_come_off_with_one_warning() {
    let config = Image::new()
        .env("DATABASE_URL", "\"postgres://u:pw@db/app\"")
        .env("APP_INIT_MIGRATE_COMMAND", "'alembic upgrade head'")
        .env("APP_INIT_API_COMMAND", "'a b' 'c d'")
        .env("GREETING", "\"kept\"")
        .start("api");
    assert_eq!(child(&config, "DATABASE_URL").as_deref(), Some("postgres://u:pw@db/app"));
    assert_eq!(child(&config, "GREETING").as_deref(), Some("\"kept\""));
    assert_eq!(shown(&config, "APP_INIT_MIGRATE_COMMAND").0, "alembic upgrade head");
    assert_eq!(shown(&config, "APP_INIT_API_COMMAND").0, "'a b' 'c d'");
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
    assert!(config.warnings.iter().any(|line| line.starts_with("DATABASE_URL is wrapped")));
}

#[test]
fn unknown_names_of_ours_are_warned_of() {
    let config = Image::new()
        .env("APP_INIT_WAIT_TIMEUOT", "3s")
        .env("APP_INIT_BANANA", "1")
        .env("APP_INIT_STEP", "etl")
        .env("APP_INIT_STOP_GRCE_FILE", "/grace")
        .start("api");
    assert_eq!(
        config.warnings,
        [
            "APP_INIT_WAIT_TIMEUOT is not a setting of app-init: did you mean APP_INIT_WAIT_TIMEOUT?",
            "APP_INIT_BANANA is not a setting of app-init",
            "APP_INIT_STOP_GRCE_FILE is not a setting of app-init: did you mean APP_INIT_STOP_GRACE_FILE?",
        ]
    );
}

#[test]
fn a_user_without_a_host_is_warned_of_once() {
    let full = || {
        Image::new()
            .env("POSTGRES_USER", "u")
            .env("POSTGRES_PASSWORD", "s3cret")
            .env("POSTGRES_DB", "d")
    };
    let told = "POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB are set, but no host, so no database is waited for: set POSTGRES_HOST, or DATABASE_URL";
    let one = "DATABASE_USER is set, but no host, so no database is waited for: set DATABASE_HOST, or DATABASE_URL";
    for (image, words, warnings) in [
        (full(), "api", vec![told]),
        (full().env("POSTGRES_PORT", "5433"), "config --check", vec![told]),
        (Image::new().env("DATABASE_USER", "u"), "api", vec![one]),
        (full().env("POSTGRES_HOST", "db"), "api", vec![]),
        (full().env("DATABASE_URL", "postgres://u@db/d"), "api", vec![]),
        (full().env("MIGRATE_DATABASE_URL", "postgres://u@db/d"), "api", vec![]),
        (full().env("PGSERVICE", "x"), "api", vec![]),
        (full().env("APP_INIT_WAIT_FOR", "db:5432"), "api", vec![]),
        (full(), "wait db:5432", vec![]),
        (full(), "wait", vec![told]),
        // A lone name may be that of a file, a lone port that of a Kubernetes service.
        (Image::new().env("DB_NAME", "app.db"), "api", vec![]),
        (Image::new().env("POSTGRES_PORT", "tcp://10.0.0.1:5432"), "api", vec![]),
        (Image::new().env("DB_USER", "u").env("DB_CONNECTION", "mysql"), "api", vec![]),
    ] {
        assert_eq!(image.start(words).warnings, warnings, "{words}");
    }
}

/// As they were written, less their passwords; what is no target may be a piece of one.
#[test]
fn targets_are_shown_without_their_passwords() {
    for (text, value) in [
        ("database tcp://db:5432,cache:6379", "database tcp://db:5432 cache:6379"),
        ("postgres://u:s3cret@h/d", "postgres://u:***@h/d"),
        ("host=h user=u dbname=d password=s3cret;host=s3cret", "h:5432/d as u"),
        ("postgres:u:s3cret@h/d postgres:/u:s3cret@h/d", "*** ***"),
        ("u:s3cret@h/d", "***"),
        ("postgres://h/d?password=p host=s3cret", "***"),
        ("postgres://u:s3cret", "***"),
        ("mysql://u:s3cret@h", "***"),
    ] {
        let config = Image::new().env("APP_INIT_WAIT_FOR", text).start("config");
        assert_eq!(shown(&config, "APP_INIT_WAIT_FOR").0, value, "{text}");
    }
}

/// 66, and nothing about a database that nobody named.
#[test]
fn an_address_in_a_file_that_is_not_there_is_a_database_named() {
    let config = Image::new().env("DATABASE_URL_FILE", "/nowhere").start("wait");
    assert!(config.database_named);
    assert_eq!(config.problems.exit(), Exit::NoInput);
}

#[test]
fn quotes_that_were_taken_off_a_password_are_remembered() {
    for (value, password, remarked) in
        [("pw", "pw", false), ("\"pw\"", "pw", true), ("'\"pw\"'", "\"pw\"", true)]
    {
        let image = Image::new().env("PGHOST", "h").env("PGPASSWORD", value);
        let database = image.start("wait").database.unwrap();
        assert_eq!(database.password.unwrap().expose(), password);
        assert_eq!(database.password_remark.is_some(), remarked, "{value}");
    }
}

/// Of a password only a line end is cut off.
#[test]
fn what_is_cut_off_round_an_address_is_warned_of() {
    for (name, value, warned) in [
        ("DATABASE_URL", "postgres://u@h/d\r\n", true),
        ("DATABASE_URL", " postgres://u@h/d", true),
        ("DATABASE_URL", "postgres://u@h/d", false),
        ("PGHOST", "h ", true),
        ("PGPASSWORD", "pw\n", true),
        ("PGPASSWORD", " pw ", false),
        ("DATABASE_PASSWORD", "pw\r\n", true),
        ("DATABASE_PASSWORD", " pw ", false),
    ] {
        let image = Image::new().env("DATABASE_HOST", "h").env(name, value);
        let config = image.start("wait");
        let told = format!("{name}: blanks or a line end round the value are cut off");
        assert_eq!(config.warnings.contains(&told), warned, "{name} {:?}", config.warnings);
        let password = config.database.unwrap().password;
        let expected = value.trim_end_matches(['\r', '\n']);
        assert!(!name.ends_with("PASSWORD") || password.is_some_and(|it| it.expose() == expected));
    }
}

#[test]
fn an_address_of_nothing_but_quotes_is_refused() {
    let config = Image::new().env("DATABASE_URL", "\"\"").start("api");
    assert!(config.problems.to_string().contains("[url-empty]"), "{}", config.problems);
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

/// Commas, blanks and a list of the file are the same.
#[test]
fn maps_and_codes_are_lists_like_any_other() {
    let toml = "success_codes = [143, 130]\nsignal_map = [\"TERM=QUIT\", \"HUP=\"]\n";
    for image in [
        Image::new().file("init.toml", toml),
        Image::new()
            .env("APP_INIT_SUCCESS_CODES", "143 130")
            .env("APP_INIT_SIGNAL_MAP", "TERM=QUIT HUP="),
        Image::new()
            .env("APP_INIT_SUCCESS_CODES", "143, 130")
            .env("APP_INIT_SIGNAL_MAP", "TERM=QUIT,HUP="),
    ] {
        let config = image.start("api");
        assert_eq!(config.problems.to_string(), "");
        assert_eq!(config.stop.success, [143, 130]);
        assert_eq!(config.stop.map.iter().count(), 2);
    }
}

#[test]
fn auto_workers_become_a_number() {
    let config =
        Image::new().env("WEB_CONCURRENCY", "auto").env("UVICORN_WORKERS", "4").start("api");
    assert_eq!(child(&config, "WEB_CONCURRENCY").as_deref(), Some("6"));
    assert_eq!(child(&config, "UVICORN_WORKERS").as_deref(), Some("4"));
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
        "init.toml:3: `migrate_command` is given twice, first in line 1"
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
fn passwords_never_show() {
    let secret = "s3cr3t-canary";
    let url = format!("postgres://u:{secret}@db/app");
    let config = Image::new()
        .env("DATABASE_URL", &url)
        .env("MIGRATE_DATABASE_URL", &url)
        .env("APP_INIT_WAIT_FOR", &url)
        .env("APP_INIT_API_COMMAND", &format!("a {url} && b"))
        .env("APP_INIT_MIGRATE_COMMAND", &format!("migrate {url}"))
        .env("APP_INIT_LOG_FORMAT", &url)
        .env("APP_INIT_WAIT_TIMEOUT", &url)
        .start("api");
    let parts = (&config.database, &config.migrate.provision, &config.environment, &config.shown);
    let printed =
        format!("{parts:?}\n{}\n{:?}", super::report(&config.shown, None), messages(&config));
    assert!(!printed.contains(secret), "{printed}");
    assert!(printed.contains("APP_INIT_WAIT_TIMEOUT"));
}

#[test]
fn a_long_value_keeps_its_column_on_a_terminal() {
    let config = Image::new().env("APP_INIT_DIRS", "/app/data/cache /app/logs").start("api");
    let text = super::report(&config.shown, Some(70));
    let column = " ".repeat("APP_INIT_MIGRATE_STATEMENT_TIMEOUT  environment  ".len());
    let (first, next) = ("APP_INIT_DIRS", format!("\n{column}/app/logs\n"));
    assert!(text.starts_with(first) && text.contains(&next), "{text}");
}
