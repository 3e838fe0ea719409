//! Waiting, on the real binary: what becomes ready is noticed, what never will is told apart.

use nix::sys::signal::Signal;

use crate::support::{CANARY, Init, Postgres, fake::Fake, free_port, init::Finished};

/// `init wait` for one database, with a grace short enough for a test.
fn wait(url: &str) -> Init {
    Init::new(["wait"]).env("DATABASE_URL", url).env("APP_INIT_WAIT_FATAL_GRACE", "300ms")
}

/// The whole of a failed wait: exit code, the id in the last error line, and a hint.
#[track_caller]
fn assert_fails(finished: &Finished, code: i32, id: &str) {
    assert_eq!(finished.code, code, "{}", finished.stderr);
    let error = finished.stderr.lines().find(|line| line.starts_with("error: "));
    let error = error.unwrap_or_else(|| panic!("no error line:\n{}", finished.stderr));
    assert!(error.ends_with(&format!("[{id}]")), "{error}");
    assert!(finished.stderr.lines().any(|line| line.starts_with("hint: ")), "{}", finished.stderr);
}

fn timed_out(url: &str) -> Finished {
    wait(url).env("APP_INIT_WAIT_TIMEOUT", "400ms").run()
}

#[test]
fn a_database_that_is_up_is_ready_at_the_first_try() {
    let finished = wait(&Postgres::shared().database()).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stderr.contains("is ready after 1 try"), "{}", finished.stderr);
}

#[test]
fn a_database_that_starts_late_is_waited_for() {
    let mut server = Postgres::prepared();
    let init = wait(&server.url("postgres")).start();
    init.expect_line("connection refused [pg-refused-localhost]");
    server.up();
    let finished = init.finish();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let refused =
        finished.stderr.lines().filter(|line| line.contains("connection refused")).count();
    assert_eq!(refused, 1, "one line per change of reason:\n{}", finished.stderr);
}

#[test]
fn a_database_that_is_restarted_is_ready_again() {
    let mut server = Postgres::start();
    server.down();
    let init = wait(&server.url("postgres")).start();
    init.expect_line("connection refused");
    server.up();
    assert_eq!(init.exit_code(), 0);
}

#[test]
fn a_wrong_password_is_refused_after_the_grace() {
    let url = Postgres::shared().database().replace(CANARY, "cAnAry-wrong");
    let finished = wait(&url).run();
    assert_fails(&finished, 77, "pg-password");
    assert!(!finished.stderr.contains("cAnAry-wrong"), "{}", finished.stderr);
}

#[test]
fn a_password_that_is_set_late_is_taken() {
    let server = Postgres::shared();
    let database = server.database();
    let url = database.replace("postgres:cAnAry", "late_role:cAnAry");
    let init = Init::new(["wait"])
        .env("DATABASE_URL", &url)
        .env("APP_INIT_WAIT_FATAL_GRACE", "60s")
        .start();
    init.expect_line("[pg-password]");
    let made = format!("create role late_role login password '{CANARY}'");
    server.psql("postgres", &made).unwrap();
    assert_eq!(init.exit_code(), 0);
}

#[test]
fn a_missing_database_is_refused_and_one_created_late_is_taken() {
    let server = Postgres::shared();
    assert_fails(&wait(&server.url("never_made")).run(), 77, "pg-no-database");
    let init = Init::new(["wait"])
        .env("DATABASE_URL", server.url("made_late"))
        .env("APP_INIT_WAIT_FATAL_GRACE", "60s")
        .start();
    init.expect_line("[pg-no-database]");
    server.psql("postgres", "create database made_late").unwrap();
    assert_eq!(init.exit_code(), 0);
}

#[test]
fn a_missing_password_is_told_at_once() {
    let url = Postgres::shared().database().replace(&format!(":{CANARY}"), "");
    let finished = Init::new(["wait"])
        .env("DATABASE_URL", url)
        .env("APP_INIT_WAIT_FATAL_GRACE", "forever")
        .env("APP_INIT_WAIT_FATAL_GRACE", "1h")
        .run();
    assert_fails(&finished, 78, "pg-no-password");
}

#[test]
fn passing_failures_time_out_with_their_reason() {
    let refused = format!("postgres://app:{CANARY}@127.0.0.1:{}/shop", free_port());
    assert_fails(&timed_out(&refused), 69, "pg-refused-localhost");
    let unknown = format!("postgres://app:{CANARY}@no-such-host.invalid/shop");
    let finished = timed_out(&unknown);
    assert_eq!(finished.code, 69, "{}", finished.stderr);
    assert!(finished.stderr.contains("[dns-"), "{}", finished.stderr);
    assert_fails(&timed_out(&Fake::closing().url()), 69, "pg-closed");
    let missing = format!("postgres://app:{CANARY}@/shop?host=/tmp&port=1");
    assert_fails(&timed_out(&missing), 69, "pg-socket-missing");
}

#[test]
fn a_silent_peer_is_named_and_costs_no_more_than_the_deadline() {
    let fake = Fake::silent();
    let url = format!("{}?connect_timeout=0.2", fake.url());
    assert_fails(&timed_out(&url), 69, "pg-silent");
    assert!(fake.accepted() > 1, "tried again after a silent try");
}

#[test]
fn another_service_is_named() {
    for (fake, name) in [
        (Fake::answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "an HTTP server"),
        (Fake::answering(b"-ERR unknown command\r\n"), "Redis"),
        (Fake::greeting(b"J\0\0\0\x0a8.0.36\0abcdefgh\0"), "MySQL or MariaDB"),
        (Fake::greeting(b"SSH-2.0-OpenSSH_9.2\r\n"), "an SSH server"),
    ] {
        for mode in ["prefer", "disable", "require"] {
            let finished = wait(&format!("{}?sslmode={mode}", fake.url())).run();
            assert_fails(&finished, 78, "not-postgres");
            assert!(finished.stderr.contains(name), "{mode}: {}", finished.stderr);
        }
    }
}

#[test]
fn a_service_that_waits_for_the_end_of_a_line_is_named() {
    let fake = Fake::line_based(b"-ERR unknown command\r\n");
    let finished = wait(&format!("{}?connect_timeout=0.3", fake.url())).run();
    assert_fails(&finished, 78, "not-postgres");
    assert!(finished.stderr.contains("Redis"), "{}", finished.stderr);
}

#[test]
fn each_report_of_a_server_ends_as_its_class_says() {
    for (code, message, detail, exit, id) in [
        ("57P03", "the database system is starting up", "", 69, "pg-starting"),
        ("57P03", "the database system is shutting down", "", 69, "pg-shutting-down"),
        ("57P03", "the database system is in recovery mode", "", 69, "pg-recovering"),
        (
            "57P03",
            "the database system is not accepting connections",
            "Hot standby mode is disabled.",
            69,
            "pg-standby-closed",
        ),
        ("53300", "sorry, too many clients already", "", 69, "pg-full"),
        ("53300", "too many connections for role \"app\"", "", 69, "pg-limit"),
        ("28P01", "password authentication failed for user \"app\"", "", 77, "pg-password"),
        ("28000", "role \"app\" does not exist", "", 77, "pg-no-role"),
        ("28000", "role \"app\" is not permitted to log in", "", 77, "pg-no-login"),
        (
            "28000",
            "no pg_hba.conf entry for host \"10.0.0.2\", user \"app\", database \"shop\", no encryption",
            "",
            77,
            "pg-hba-encryption",
        ),
        ("3D000", "database \"shop\" does not exist", "", 77, "pg-no-database"),
        ("42501", "permission denied for database \"shop\"", "", 77, "pg-database-closed"),
        ("42704", "unrecognized configuration parameter \"x\"", "", 78, "pg-option"),
        ("08P01", "query_wait_timeout", "", 69, "pooler-server"),
        ("08P01", "no such database: shop", "", 77, "pooler-database"),
        ("08P01", "unsupported startup parameter: options", "", 78, "pooler-option"),
    ] {
        let fake = Fake::refusing(code, message, detail);
        let finished = wait(&fake.url()).env("APP_INIT_WAIT_TIMEOUT", "600ms").run();
        assert_fails(&finished, exit, id);
    }
}

#[test]
fn tls_that_is_demanded_and_not_offered_is_refused() {
    let url = format!("{}?sslmode=require", Postgres::shared().database());
    assert_fails(&wait(&url).run(), 78, "tls-missing");
}

#[test]
fn targets_are_waited_for_in_parallel_and_all_that_are_missing_are_named() {
    let server = Postgres::shared();
    let (one, two) = (free_port(), free_port());
    let finished = Init::new(["wait", "database"])
        .arg(format!("tcp://127.0.0.1:{one}"))
        .arg(format!("127.0.0.1:{two}"))
        .env("DATABASE_URL", server.database())
        .env("APP_INIT_WAIT_TIMEOUT", "300ms")
        .run();
    assert_fails(&finished, 69, "tcp-refused-localhost");
    for port in [one, two] {
        assert!(
            finished.stderr.contains(&format!("tcp 127.0.0.1:{port}: ")),
            "{}",
            finished.stderr
        );
    }
    let silent = Fake::silent();
    let finished = Init::new(["wait"]).arg(format!("tcp://127.0.0.1:{}", silent.port)).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}

#[test]
fn a_port_that_only_the_prober_itself_could_hold_is_not_ready() {
    // Polling an unused local port long enough makes the kernel connect the socket to itself.
    let finished = Init::new(["wait"])
        .arg(format!("tcp://127.0.0.1:{}", free_port()))
        .env("APP_INIT_WAIT_TIMEOUT", "1s")
        .run();
    assert_eq!(finished.code, 69, "{}", finished.stderr);
}

#[test]
fn several_hosts_are_tried_and_each_keeps_its_reason() {
    let server = Postgres::shared();
    let dead = free_port();
    let url =
        format!("postgres://postgres:{CANARY}@127.0.0.1:{dead},127.0.0.1:{}/postgres", server.port);
    assert_eq!(wait(&url).run().code, 0);
    let finished = wait(&format!("{url}_missing")).run();
    assert_fails(&finished, 77, "pg-no-database");
    assert!(finished.stderr.contains(&format!("127.0.0.1:{dead}: connection refused")));
}

#[test]
fn a_standby_is_ready_only_for_those_who_read() {
    let mut server = Postgres::prepared();
    std::fs::write(server.data().join("standby.signal"), "").unwrap();
    server.configure("hot_standby = on\nprimary_conninfo = ''");
    server.up();
    let url = server.url("postgres");
    assert_eq!(wait(&url).run().code, 0);
    let primary = format!("{url}?target_session_attrs=primary");
    assert_fails(&timed_out(&primary), 69, "pg-role");
    let standby = format!("{url}?target_session_attrs=standby");
    assert_eq!(wait(&standby).run().code, 0);
}

#[test]
fn a_stop_signal_ends_the_wait() {
    for url in [Fake::silent().url(), format!("postgres://u@127.0.0.1:{}/d", free_port())] {
        let init = wait(&url).env("APP_INIT_LOG_LEVEL", "debug").start();
        init.expect_line("wait");
        init.signal(Signal::SIGTERM);
        assert_eq!(init.exit_code(), 143);
    }
}

#[test]
fn a_server_on_its_socket_only_is_taken_for_the_images_first_phase_until_it_lasts() {
    let mut server = Postgres::prepared();
    server.configure("listen_addresses = ''");
    server.launch();
    let url = format!("postgres://postgres:{CANARY}@/postgres?host=/tmp&port={}", server.port);
    let init = wait(&url).start();
    init.expect_line("[pg-init-phase]");
    assert_eq!(init.exit_code(), 0);
}

/// Awkward passwords, wherever they stand and however the wait fails: no piece is ever shown.
#[test]
fn no_failure_shows_a_piece_of_a_password() {
    let server = Postgres::shared();
    let (closing, http) = (Fake::closing(), Fake::answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    let options = Fake::refusing("42704", "unrecognized configuration parameter \"x\"", "");
    let ports = [server.port, closing.port, http.port, options.port, free_port()];
    let shapes = [
        "postgres://user:PW@127.0.0.1:PORT/app",
        "postgres://127.0.0.1:PORT/app?user=user&password=PW",
        "jdbc:postgresql://127.0.0.1:PORT/app?user=user&password=PW",
        "host=127.0.0.1 port=PORT dbname=app user=user password=PW",
        "Host=127.0.0.1;Port=PORT;Database=app;Username=user;Password=PW",
        "mysql://user:PW@127.0.0.1:PORT/app",
    ];
    let awkward =
        ["@", "/", "?x=", "#", "%", "%zz", " ", ";", "&", "=", "'", "\"", "\\", "[", "${X}"];
    for (at, piece) in awkward.iter().enumerate() {
        let password = format!("c4nary{piece}c4nary");
        let shape = shapes[at % shapes.len()];
        let port = ports[at % ports.len()].to_string();
        let url = shape.replace("PW", &password).replace("PORT", &port);
        for format in ["text", "json"] {
            let finished = wait(&url)
                .env("APP_INIT_WAIT_FATAL_GRACE", "0")
                .env("APP_INIT_WAIT_TIMEOUT", "150ms")
                .env("APP_INIT_LOG_FORMAT", format)
                .env("APP_INIT_LOG_LEVEL", "trace")
                .run();
            assert_ne!(finished.code, 0, "{url}\n{}", finished.stderr);
            let shown = format!("{}{}", finished.stdout, finished.stderr);
            assert!(!shown.contains("c4nary"), "{url}\n{shown}");
        }
    }
}
