//! Addresses and passwords that are odd: what is told of them, and what is never shown.

use super::*;
use crate::exit::Exit;

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
        ("tcp://a:1 postgres://u:p@h/s3cret pw@db/d tcp://c:3", "*** *** *** tcp://c:3"),
        ("\"postgres://u:p@s3cret\tpw@db/d\"", "*** ***"),
        ("postgres://u:p@h/s3cret x:80 pw@db/d", "*** *** ***"),
        ("postgres://u:pü://s3cret@db/d", "postgres://u:***@db/d"),
        ("tcp://db:5432 nothing://x", "tcp://db:5432 ***"),
    ] {
        let config = Image::new().env("APP_INIT_WAIT_FOR", text).start("config");
        assert_eq!(shown(&config, "APP_INIT_WAIT_FOR").0, value, "{text}");
    }
}

#[test]
fn hints_about_passwords_are_shown_whole() {
    for address in ["postgres://u:p@h:x/d", "postgres://u:p@[h/d", "postgres:/u:p@h/d", "p@h:x/d"] {
        let config = Image::new().env("DATABASE_URL", address).start("wait");
        let told = messages(&config);
        assert!(!told.is_empty() && !told.concat().contains("***"), "{address}: {told:?}");
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
