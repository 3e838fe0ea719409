//! Targets that are no database: each becomes ready late, and each tells what is wrong with it.

use std::{fs, os::unix::net::UnixListener};

use crate::support::{CANARY, Init, fake::Fake, init::Finished};

fn wait(target: &str) -> Init {
    Init::new(["wait", target]).env("APP_INIT_WAIT_FATAL_GRACE", "200ms")
}

#[track_caller]
fn assert_fails(target: &str, code: i32, id: &str) -> Finished {
    let finished = wait(target).env("APP_INIT_WAIT_TIMEOUT", "4s").run();
    assert_eq!(finished.code, code, "{target}\n{}", finished.stderr);
    assert!(finished.stderr.contains(&format!("[{id}]")), "{target}\n{}", finished.stderr);
    finished
}

#[track_caller]
fn assert_ready(target: &str) {
    let finished = wait(target).run();
    assert_eq!(finished.code, 0, "{target}\n{}", finished.stderr);
}

#[test]
fn a_file_and_a_socket_that_come_late_are_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ready");
    let init = wait(&format!("file://{}", file.display())).start();
    init.expect_line("[file-missing]");
    fs::write(&file, "").unwrap();
    assert_eq!(init.exit_code(), 0);

    let socket = directory.path().join("app.sock");
    let target = format!("unix://{}", socket.display());
    let init = wait(&target).start();
    init.expect_line("[unix-missing]");
    let listener = UnixListener::bind(&socket).unwrap();
    assert_eq!(init.exit_code(), 0);
    drop(listener);
    assert_fails(&target, 69, "unix-refused");
}

#[test]
fn names_are_waited_for() {
    assert_ready("dns://localhost");
    let finished = wait("dns://no-such-host.invalid").env("APP_INIT_WAIT_TIMEOUT", "4s").run();
    assert_eq!(finished.code, 69, "{}", finished.stderr);
}

#[test]
fn http_answers_with_the_wanted_status_and_text() {
    let ok = Fake::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready");
    let port = ok.port;
    assert_ready(&format!("http://127.0.0.1:{port}/health"));
    assert_ready(&format!("http://127.0.0.1:{port}#body=ready"));
    assert_fails(&format!("http://127.0.0.1:{port}/#body=done"), 69, "http-body");
    assert_fails(&format!("http://127.0.0.1:{port}/#status=204"), 69, "http-status");
    let busy = Fake::answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
    let token = format!("http://127.0.0.1:{}/x?token={CANARY}", busy.port);
    let finished = assert_fails(&token, 69, "http-status");
    assert!(finished.stderr.contains("status 503"), "{}", finished.stderr);
    assert!(finished.stderr.contains("; resolved to 127.0.0.1)"), "{}", finished.stderr);
    assert_ready(&format!("http://127.0.0.1:{}/#status=500-599", busy.port));
    let redis = Fake::answering(b"-ERR unknown command\r\n");
    assert_fails(&format!("http://127.0.0.1:{}/", redis.port), 78, "not-http");
    assert_fails(&format!("http://127.0.0.1:{}/", Fake::closing().port), 69, "target-closed");
    let finished = assert_fails(&format!("https://127.0.0.1:{port}/"), 78, "target-tls");
    assert!(finished.stderr.contains("Without it the address is http://"), "{}", finished.stderr);
    let tls = Fake::answering(
        b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port",
    );
    let finished = assert_fails(&format!("http://127.0.0.1:{}/", tls.port), 69, "http-status");
    assert!(finished.stderr.contains("expects https://"), "{}", finished.stderr);
    let tls = Fake::answering(b"\x15\x03\x01\x00\x02\x02\x46");
    let finished = assert_fails(&format!("http://127.0.0.1:{}/", tls.port), 78, "not-http");
    assert!(finished.stderr.contains("TLS write https://"), "{}", finished.stderr);
    assert_fails(&format!("redis://127.0.0.1:{}/", tls.port), 78, "not-redis");
}

#[test]
fn redis_counts_only_when_it_lets_us_in() {
    let at = |fake: &Fake| format!("redis://:{CANARY}@127.0.0.1:{}/3", fake.port);
    assert_ready(&at(&Fake::replying(b"+OK\r\n")));
    for (answer, code, id) in [
        (&b"-LOADING Redis is loading the dataset in memory\r\n"[..], 69, "redis-loading"),
        (b"-NOAUTH Authentication required.\r\n", 77, "redis-no-password"),
        (b"-WRONGPASS invalid username-password pair\r\n", 77, "redis-login"),
        (b"-DENIED Redis is running in protected mode\r\n", 77, "redis-denied"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 78, "not-redis"),
    ] {
        assert_fails(&at(&Fake::replying(answer)), code, id);
    }
}

#[test]
fn an_unknown_target_is_a_mistake_in_the_settings() {
    for target in ["ftp://host/x", "nothing", "tcp://host:port", "unix://relative"] {
        let finished = wait(target).run();
        assert_eq!(finished.code, 78, "{target}\n{}", finished.stderr);
        assert!(finished.stderr.contains("hint: "), "{}", finished.stderr);
    }
}

#[test]
fn each_target_is_ready_when_it_is_and_the_last_one_ends_the_wait() {
    let directory = tempfile::tempdir().unwrap();
    let places = ["first", "second", "third"].map(|name| directory.path().join(name));
    let targets = places.each_ref().map(|place| format!("file://{}", place.display()));
    let init = Init::new(["wait"]);
    let init = targets.iter().fold(init, Init::arg).start();
    for place in &places {
        init.expect_line(&format!("file {}: the file does not exist yet", place.display()));
    }
    // Against their order: nobody waits for one before the next is looked at.
    for place in places.iter().rev() {
        assert!(!init.output().contains(&format!("file {} is ready", place.display())));
        fs::write(place, "").unwrap();
        init.expect_line(&format!("file {} is ready", place.display()));
    }
    assert_eq!(init.exit_code(), 0);
}

/// All that were missing are told, each with its hint, however the wait ends.
#[test]
fn every_target_that_is_missing_is_told_at_the_end() {
    let busy = Fake::answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
    let page = format!("http://127.0.0.1:{}/", busy.port);
    let closed = Fake::replying(b"-NOAUTH Authentication required.\r\n");
    let redis = format!("redis://127.0.0.1:{}", closed.port);
    let hints = [format!("hint: {page}: the service is up"), "hint: file /nowhere/x: ".to_owned()];
    let late =
        Init::new(["wait", &page, "file:///nowhere/x"]).env("APP_INIT_WAIT_TIMEOUT", "1s").run();
    assert_eq!(late.code, 69, "{}", late.stderr);
    let refused = Init::new(["wait", &page, &redis, "file:///nowhere/x"])
        .env("APP_INIT_WAIT_FATAL_GRACE", "1s")
        .run();
    assert_eq!(refused.code, 77, "{}", refused.stderr);
    for finished in [&late, &refused] {
        for hint in &hints {
            assert!(finished.stderr.contains(hint), "{hint}: {}", finished.stderr);
        }
    }
    let last = refused.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
    let others = format!("[redis-no-password]; also not ready: {page}: the answer has status 503");
    assert!(last.contains(&others), "{last}");
    assert!(last.contains("file /nowhere/x: the file does not exist yet"), "{last}");
}

#[test]
fn a_machine_is_told_which_target_was_missing() {
    let busy = Fake::answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
    let page = format!("http://127.0.0.1:{}/", busy.port);
    let finished =
        wait(&page).env("APP_INIT_WAIT_TIMEOUT", "1s").env("APP_INIT_LOG_FORMAT", "json").run();
    let lines = finished.stderr.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut events = lines.filter(|line: &serde_json::Value| line["event"] == "failed");
    let failed = events.next().unwrap();
    assert_eq!((&failed["reason"], &failed["exit_code"]), (&"not_ready".into(), &69.into()));
    assert_eq!((&failed["id"], &failed["target"]), (&"http-status".into(), &page.into()));
    assert_eq!(failed["addresses"], "127.0.0.1");
    assert!(failed["attempts"].as_u64() > Some(1), "{failed}");
    assert!(failed["elapsed_ms"].as_u64() >= Some(1000), "{failed}");
}

#[test]
fn what_is_odd_about_a_targets_address_is_said() {
    let closing = Fake::closing();
    let address = format!("postgres://app:p@ss9@127.0.0.1:{}/shop?frobnicate=1", closing.port);
    let finished = Init::new(["wait"])
        .env("APP_INIT_WAIT_FOR", &address)
        .env("APP_INIT_WAIT_TIMEOUT", "300ms")
        .env("APP_INIT_LOG_LEVEL", "debug")
        .run();
    assert_eq!(finished.code, 69, "{}", finished.stderr);
    let said = &finished.stderr;
    assert!(said.contains("APP_INIT_WAIT_FOR: the password contains `@`"), "{said}");
    assert!(said.contains("APP_INIT_WAIT_FOR: ignored the parameters frobnicate"), "{said}");
    assert!(!said.contains("ss9"), "{said}");
    let doctor = Init::new(["doctor"]).env("APP_INIT_WAIT_FOR", address).run();
    assert!(doctor.stdout.contains("the password contains `@`"), "{}", doctor.stdout);
}

/// Hosts are a list in an address, and so are targets.
#[test]
fn an_address_with_several_hosts_is_one_target_of_a_list() {
    let dead = crate::support::free_port();
    let port = crate::support::Postgres::shared().port;
    let hosts = format!("127.0.0.1:{dead},127.0.0.1:{port}");
    let list = format!("postgres://postgres:{CANARY}@{hosts}/postgres,dns://localhost");
    let finished = Init::new(["wait"]).env("APP_INIT_WAIT_FOR", list).run();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
}
