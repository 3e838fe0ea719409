//! Which value counts, what the children get of it, and what `init config` shows.

use std::time::Duration;

use super::*;
use crate::config::report;

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
    let printed = format!("{parts:?}\n{}\n{:?}", report(&config.shown, None), messages(&config));
    assert!(!printed.contains(secret), "{printed}");
    assert!(printed.contains("APP_INIT_WAIT_TIMEOUT"));
}

#[test]
fn a_long_value_keeps_its_column_on_a_terminal() {
    let config = Image::new().env("APP_INIT_DIRS", "/app/data/cache /app/logs").start("api");
    let text = report(&config.shown, Some(70));
    let column = " ".repeat("APP_INIT_MIGRATE_STATEMENT_TIMEOUT  environment  ".len());
    let (first, next) = ("APP_INIT_DIRS", format!("\n{column}/app/logs\n"));
    assert!(text.starts_with(first) && text.contains(&next), "{text}");
}
