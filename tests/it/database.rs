//! Connection settings on the real binary: dialects and awkward passwords reach a real server.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::{
    migrate::{folder, history, migrate, migrated},
    support::{CANARY, Init, Postgres, init::Finished},
};

fn wait(url: &str) -> Finished {
    Init::new(["wait"])
        .env("DATABASE_URL", url)
        .env("APP_INIT_WAIT_FATAL_GRACE", "300ms")
        .env("APP_INIT_WAIT_TIMEOUT", "60s")
        .run()
}

#[test]
fn every_dialect_logs_in() {
    let port = Postgres::shared().port;
    for url in [
        format!("POSTGRES://postgres:{CANARY}@127.0.0.1:{port}/postgres"),
        format!("postgresql+asyncpg://postgres:{CANARY}@127.0.0.1:{port}/postgres?ssl=false"),
        format!(
            "postgres://postgres:{CANARY}@127.0.0.1:{port}/postgres?schema=public&connection_limit=1"
        ),
        format!("jdbc:postgresql://127.0.0.1:{port}/postgres?user=postgres&password={CANARY}"),
        format!("host=127.0.0.1 port={port} dbname=postgres user=postgres password='{CANARY}'"),
        format!("Host=127.0.0.1;Port={port};Database=postgres;Username=postgres;Password={CANARY}"),
        format!("postgres://postgres:{CANARY}@/postgres?host=/tmp&port={port}"),
        // Nothing else looks for the socket of this port in /tmp, where the server has put it.
        format!("postgres://postgres:{CANARY}@:{port}/postgres"),
        format!("port={port} dbname=postgres user=postgres password='{CANARY}'"),
        format!("\"postgres://postgres:{CANARY}@127.0.0.1:{port}/postgres\"\r\n"),
        format!("postgres://postgres:{CANARY}@127.0.0.1:{port}/postgres?application_name=x&frob=1"),
    ] {
        let finished = wait(&url);
        assert_eq!(finished.code, 0, "{url}\n{}", finished.stderr);
    }
}

#[test]
fn parts_and_the_password_file_log_in() {
    let port = Postgres::shared().port.to_string();
    let finished = Init::new(["wait"])
        .env("POSTGRES_HOST", "127.0.0.1")
        .env("POSTGRES_PORT", format!("tcp://127.0.0.1:{port}"))
        .env("POSTGRES_USER", "postgres")
        .env("POSTGRES_PASSWORD", CANARY)
        .run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    fs::write(&file, format!("127.0.0.1:{port}:*:postgres:{CANARY}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let finished = Init::new(["wait"])
        .env("HOME", home.path())
        .env("DATABASE_URL", format!("postgres://postgres@127.0.0.1:{port}/postgres"))
        .run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

#[test]
fn awkward_passwords_log_in_escaped_and_not() {
    let server = Postgres::shared();
    for (number, password) in ["p@ss", "p/ss", "p?ss#x", "50%", "a:b@c/d"].iter().enumerate() {
        let role = format!("awkward_{number}");
        server
            .psql("postgres", &format!("create role {role} login password '{password}'"))
            .unwrap();
        let url = format!("postgres://{role}:{password}@127.0.0.1:{}/postgres", server.port);
        let finished = wait(&url);
        assert_eq!(finished.code, 0, "{url}\n{}", finished.stderr);
        assert!(!finished.stderr.contains(password), "{}", finished.stderr);
    }
}

/// What the wait has logged in with serves the first question to that database, and to no other.
#[test]
fn what_is_applied_in_another_database_that_is_waited_for_does_not_count() {
    let (other, url) = (Postgres::shared().database(), Postgres::shared().database());
    let folder = folder(&[("V1__x.sql", "create table x ()")]);
    migrated(&other, folder.path());
    let finished = migrate(&url, folder.path()).env("APP_INIT_WAIT_FOR", &other).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert_eq!(history(&url), "1");
}
