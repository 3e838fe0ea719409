//! Connection settings on the real binary: dialects reach a real server, TLS means what libpq's does.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::{CANARY, Init, Postgres, init::Finished};

fn wait(url: &str) -> Finished {
    Init::new(["wait"])
        .env("DATABASE_URL", url)
        .env("APP_INIT_WAIT_FATAL_GRACE", "300ms")
        .env("APP_INIT_WAIT_TIMEOUT", "20s")
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

/// A server with TLS: a certificate for `db.example`, signed by an authority of its own.
fn server_with_tls() -> Postgres {
    let mut server = Postgres::prepared();
    let script = r#"cd "$1" &&
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt &&
        openssl req -newkey rsa:2048 -nodes -subj /CN=db.example -keyout server.key -out server.csr &&
        printf 'subjectAltName=DNS:db.example' > names &&
        openssl x509 -req -days 2 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names -out server.crt &&
        chmod 600 server.key && chown "$(stat -c %u:%g .)" server.key server.crt && chmod 644 ca.crt"#;
    let made = Command::new("sh").args(["-c", script, "sh"]).arg(server.data()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    server.configure("ssl = on");
    server.up();
    server
}

#[test]
fn every_sslmode_means_what_it_means_in_libpq() {
    let server = server_with_tls();
    // The data directory is closed to other users; the authority's certificate is not secret.
    let open = tempfile::tempdir().unwrap();
    let authority = open.path().join("ca.crt");
    fs::copy(server.data().join("ca.crt"), &authority).unwrap();
    let authority = authority.display();
    let base = format!(
        "host=127.0.0.1 port={} dbname=postgres user=postgres password={CANARY}",
        server.port
    );
    let named = format!("{base} host=db.example hostaddr=127.0.0.1");
    for (text, code, id) in [
        (format!("{base} sslmode=disable"), 0, ""),
        (format!("{base} sslmode=allow"), 0, ""),
        (format!("{base} sslmode=prefer"), 0, ""),
        (format!("{base} sslmode=require"), 0, ""),
        (format!("{base} sslmode=require channel_binding=require"), 0, ""),
        (format!("{base} sslmode=disable channel_binding=require"), 78, "pg-channel-binding"),
        (format!("{base} sslmode=no-verify sslrootcert=/nowhere"), 0, ""),
        (format!("{base} sslmode=require sslrootcert={authority}"), 0, ""),
        (format!("{base} sslmode=verify-ca sslrootcert={authority}"), 0, ""),
        (format!("{base} sslmode=verify-full sslrootcert={authority}"), 78, "tls-name"),
        (format!("{named} sslmode=verify-full sslrootcert={authority}"), 0, ""),
        (format!("{named} sslmode=verify-full"), 78, "tls-untrusted"),
        (format!("{named} sslmode=verify-full sslrootcert=/nowhere"), 66, "tls-file"),
        (
            format!(
                "host=/tmp port={} user=postgres password={CANARY} sslmode=verify-full",
                server.port
            ),
            0,
            "",
        ),
    ] {
        let finished = wait(&text);
        assert_eq!(finished.code, code, "{text}\n{}", finished.stderr);
        assert!(
            id.is_empty() || finished.stderr.contains(&format!("[{id}]")),
            "{text}\n{}",
            finished.stderr
        );
    }
}

#[test]
fn prefer_and_allow_follow_the_servers_rules() {
    for (rule, other) in [("hostssl", "hostnossl"), ("hostnossl", "hostssl")] {
        let mut server = server_with_tls();
        server.down();
        server.hba(&format!(
            "local all all scram-sha-256\n{rule} all all all scram-sha-256\n{other} all all all reject"
        ));
        server.up();
        for mode in ["prefer", "allow"] {
            let finished = wait(&format!("{}?sslmode={mode}", server.url("postgres")));
            assert_eq!(finished.code, 0, "{rule} {mode}\n{}", finished.stderr);
        }
    }
}
