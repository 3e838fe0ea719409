//! Waiting, on the real binary: what becomes ready is noticed, what never will is told apart.

use nix::sys::signal::Signal;

use std::os::unix::process::CommandExt;

use crate::support::{
    CANARY, Init, Postgres, Running,
    fake::Fake,
    free_port,
    init::{Finished, public_binary},
    until,
};

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

/// A wait that ends by its deadline, which is long enough for a try on a loaded machine.
fn times_out(url: &str) -> Running {
    wait(url).env("APP_INIT_WAIT_TIMEOUT", "4s").start()
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
fn a_database_that_goes_away_is_said_to_restart() {
    let mut server = Postgres::start();
    let init = Init::new(["wait"])
        .env("DATABASE_URL", server.url("not_made"))
        .env("APP_INIT_WAIT_FATAL_GRACE", "60s")
        .start();
    init.expect_line("[pg-no-database]");
    server.down();
    init.expect_line(
        "hint: it answered before, so it is restarting or has ended; inside a container",
    );
    init.signal(Signal::SIGTERM);
    assert_eq!(init.exit_code(), 143);
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
    let finished =
        Init::new(["wait"]).env("DATABASE_URL", url).env("APP_INIT_WAIT_FATAL_GRACE", "1h").run();
    assert_fails(&finished, 78, "pg-no-password");
}

#[test]
fn passing_failures_time_out_with_their_reason() {
    let refused = format!("postgres://app:{CANARY}@127.0.0.1:{}/shop", free_port());
    let missing = format!("postgres://app:{CANARY}@/shop?host=/tmp&port=1");
    let unknown = format!("postgres://app:{CANARY}@no-such-host.invalid/shop");
    let started = [
        (times_out(&refused), "pg-refused-localhost"),
        (times_out(&Fake::closing().url()), "pg-closed"),
        (times_out(&missing), "pg-socket-missing"),
    ];
    let unknown = times_out(&unknown).finish();
    assert_eq!(unknown.code, 69, "{}", unknown.stderr);
    assert!(unknown.stderr.contains("[dns-"), "{}", unknown.stderr);
    for (init, id) in started {
        assert_fails(&init.finish(), 69, id);
    }
}

/// The last try has only what is left of the deadline: its silence says nothing about the server.
#[test]
fn a_try_that_the_deadline_cuts_short_hides_no_reason() {
    assert_fails(&times_out(&Fake::closing_then_silent(3).url()).finish(), 69, "pg-closed");
}

#[test]
fn a_socket_that_cannot_come_is_told_apart_from_one_that_is_late() {
    let directory = tempfile::tempdir().unwrap();
    let url = |path: &str| format!("host={path} port=1 user=app dbname=shop");
    let missing = directory.path().join("missing");
    assert_fails(&wait(&url(missing.to_str().unwrap())).run(), 69, "pg-socket-directory");
    let mut server = Postgres::prepared();
    server.configure("unix_socket_permissions = 0000");
    server.up();
    // Permissions do not hold root up: a copy, which anybody may execute, runs as somebody else.
    let (place, copy) = public_binary();
    let init = Init::wrapped([copy.to_str().unwrap(), "wait"])
        .env("DATABASE_URL", format!("host=/tmp port={} user=app dbname=shop", server.port))
        .current_dir(place.path())
        .with(|command| {
            if nix::unistd::Uid::effective().is_root() {
                command.uid(65_534).gid(65_534);
            }
        });
    assert_fails(&init.run(), 77, "pg-socket-permission");
}

#[test]
fn a_silent_peer_is_named_and_tried_again() {
    for fake in [Fake::silent(), Fake::silent_after_no()] {
        let url = format!("{}?connect_timeout=0.5", fake.url());
        let init = wait(&url).env("APP_INIT_WAIT_TIMEOUT", "forever").start();
        init.expect_line("[pg-silent]");
        // A try and its question who it is are two connections.
        let tried = fake.accepted();
        until("tried again after a silent try", || (fake.accepted() > tried + 2).then_some(()));
        init.signal(Signal::SIGTERM);
        assert_eq!(init.exit_code(), 143);
    }
}

#[test]
fn a_silent_peer_costs_no_more_than_the_deadline() {
    // Without a deadline of its own the try would last 5 s and the wait for ever.
    let finished = wait(&Fake::silent().url()).env("APP_INIT_WAIT_TIMEOUT", "4s").run();
    assert_fails(&finished, 69, "pg-silent");
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
    let finished = wait(&format!("{}?connect_timeout=2", fake.url())).run();
    assert_fails(&finished, 78, "not-postgres");
    assert!(finished.stderr.contains("Redis"), "{}", finished.stderr);
}

#[test]
fn each_report_of_a_server_ends_as_its_class_says() {
    let mut started = Vec::new();
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
        (
            "55000",
            "database \"shop\" is not currently accepting connections",
            "",
            77,
            "pg-database-closed",
        ),
        ("28000", "Peer authentication failed for user \"app\"", "", 77, "pg-rejected"),
        ("57P01", "terminating connection due to administrator command", "", 69, "pg-cut"),
        ("53200", "out of memory", "", 69, "pg-resources"),
        ("22023", "invalid value for parameter \"x\"", "", 78, "pg-option"),
        ("0A000", "unsupported frontend protocol 3.0", "", 78, "pg-protocol"),
        (
            "08P01",
            "server login has been failing, try again later (server_login_retry)",
            "",
            69,
            "pooler-server",
        ),
        ("08P01", "no more connections allowed (max_client_conn)", "", 69, "pooler-full"),
        ("08P01", "SASL authentication failed", "", 77, "pooler-login"),
        ("08P01", "database \"shop\" does not exist", "", 77, "pooler-no-database"),
        ("42501", "permission denied for database \"shop\"", "", 77, "pg-database-closed"),
        ("42704", "unrecognized configuration parameter \"x\"", "", 78, "pg-option"),
        ("08P01", "query_wait_timeout", "", 69, "pooler-server"),
        ("08P01", "no such database: shop", "", 77, "pooler-database"),
        ("08P01", "unsupported startup parameter: options", "", 78, "pooler-option"),
    ] {
        let fake = Fake::refusing(code, message, detail);
        started.push((times_out(&fake.url()), exit, id));
    }
    for (init, exit, id) in started {
        assert_fails(&init.finish(), exit, id);
    }
}

#[test]
fn an_authentication_that_we_lack_is_told_at_once() {
    // GSS, SSPI, and SASL without SCRAM-SHA-256.
    for fake in [Fake::asking(7, b""), Fake::asking(9, b""), Fake::asking(10, b"OAUTHBEARER\0\0")] {
        let finished = wait(&fake.url()).env("APP_INIT_WAIT_FATAL_GRACE", "1h").run();
        assert_fails(&finished, 77, "pg-authentication");
    }
}

#[test]
fn targets_are_waited_for_in_parallel_and_all_that_are_missing_are_named() {
    let server = Postgres::shared();
    let (one, two) = (free_port(), free_port());
    let finished = Init::new(["wait", "database"])
        .arg(format!("tcp://127.0.0.1:{one}"))
        .arg(format!("127.0.0.1:{two}"))
        .env("DATABASE_URL", server.database())
        .env("APP_INIT_WAIT_TIMEOUT", "4s")
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
    assert_fails(&times_out(&primary).finish(), 69, "pg-role");
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
fn a_long_wait_says_how_it_stands() {
    let url = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let init = wait(&url).env("APP_INIT_HEARTBEAT", "100ms").start();
    let line = init.expect_line("is not ready after ");
    assert!(line.ends_with("connection refused [pg-refused-localhost]"), "{line}");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.exit_code(), 143);
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
