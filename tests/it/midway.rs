//! A try that a real Postgres breaks off on its way: after the question for TLS, in the handshake, in
//! the login, while it is asked.

use std::process::{Child, Command, Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    support::{
        Init, Postgres, Running, Stopped, certificates::Certificates, pid1, postgres::tool,
        sockets, until,
    },
    tls,
};

fn wait(url: &str) -> Running {
    Init::new(["wait"]).env("DATABASE_URL", url).env("APP_INIT_WAIT_TIMEOUT", "forever").start()
}

/// An `init` that is stopped between its question for TLS and the answer, which has come.
fn stopped_after_its_question(server: &Postgres, url: &str) -> (Running, Stopped) {
    let paused = server.pause();
    let init = wait(url);
    until("it has asked", || sockets::of_server(server.port).find(|end| end.unread == 8));
    let stopped = Stopped::new(init.pid());
    drop(paused);
    until("it is answered", || sockets::of_clients(server.port).find(|end| end.unread > 0));
    (init, stopped)
}

/// The server agrees to TLS, waits for the handshake in vain and gives up; `prefer` goes on in clear, as
/// libpq does.
#[test]
fn a_handshake_that_the_server_cuts_passes() {
    let made = Certificates::made();
    let server = tls::server(&made, "server", "authentication_timeout = 1s");
    for (mode, told) in [("require", true), ("prefer", false)] {
        let url = format!("{}?sslmode={mode}&connect_timeout=600", server.url("postgres"));
        let (init, stopped) = stopped_after_its_question(&server, &url);
        until("the server gives up", || sockets::of_clients(server.port).find(|end| end.is_closed));
        drop(stopped);
        let finished = init.finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        let line = "the connection was closed during the TLS handshake [tls-cut]";
        assert_eq!(finished.stderr.contains(line), told, "{mode}: {}", finished.stderr);
    }
}

#[test]
fn a_server_that_is_silent_after_its_no_is_told() {
    let server = Postgres::quiet();
    let before = pid1::children(server.postmaster());
    let url = format!("{}?connect_timeout=2", server.url("postgres"));
    let (init, stopped) = stopped_after_its_question(&server, &url);
    let now = pid1::children(server.postmaster());
    let backends: Vec<&Pid> = now.iter().filter(|pid| !before.contains(pid)).collect();
    let [backend] = backends[..] else { panic!("not one backend: {backends:?}") };
    let silent = Stopped::new(*backend);
    drop(stopped);
    until("its login is not read", || sockets::of_server(server.port).find(|end| end.unread > 8));
    init.expect_line("[pg-silent]");
    // Another backend answers the next try.
    assert_eq!(init.exit_code(), 0);
    drop(silent);
}

/// Between the proof of who we are and the end of the login: `post_auth_delay` (manual, 20.17) keeps it
/// there.
fn held_in_its_login(url: &str) -> Running {
    let mark = if url.contains('?') { '&' } else { '?' };
    wait(&format!("{url}{mark}options=-cpost_auth_delay%3D600&connect_timeout=600"))
}

/// What those have who are logging in to this database: they hold a lock on it until they are in.
fn logging_in(database: &str, what: &str) -> String {
    format!(
        "select count({what}) from pg_locks where classid = 'pg_database'::regclass \
         and objid = (select oid from pg_database where datname = '{database}') and pid <> pg_backend_pid()"
    )
}

/// 57P01 from the real server before the session is ready.
#[test]
fn a_login_that_is_cut_is_told() {
    let server = Postgres::shared();
    let url = server.database();
    let init = held_in_its_login(&url);
    let cut = logging_in(name(&url), "pg_terminate_backend(pid)");
    until("the cut is told", || {
        server.psql("postgres", &cut).unwrap();
        init.output().contains("the server ended the session [pg-cut]").then_some(())
    });
}

/// The server says why (57P02) in a warning only, and the connection ends; with TLS in the middle of it.
#[test]
fn a_login_that_a_crash_ends_passes() {
    let made = Certificates::made();
    let server = tls::server(&made, "server", "autovacuum = off");
    for mode in ["disable", "require", "prefer"] {
        let init = held_in_its_login(&format!("{}?sslmode={mode}", server.url("postgres")));
        let question = logging_in("postgres", "pid");
        until("it logs in", || (server.psql("postgres", &question).ok()? != "0").then_some(()));
        kill(server.hold().backend(), Signal::SIGKILL).unwrap();
        init.expect_line("the connection was accepted and closed [pg-closed]");
        drop(init);
        server.answers();
    }
}

fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// Whoever looks a function up in this database waits for the answer's end.
fn locked(server: &Postgres, url: &str) -> Child {
    let lock = "begin; lock table pg_catalog.pg_proc; select pg_catalog.pg_sleep(1000)";
    let mut holder = Command::new(tool("psql"));
    let holder = holder.args(["-Xqd", url, "-c", lock]).stderr(Stdio::null()).spawn().unwrap();
    until("the catalogue is locked", || {
        let question = waiters(url, "count(*)", true);
        (server.psql("postgres", &question).unwrap() == "1").then_some(())
    });
    holder
}

/// What those have who hold, or wait for, the lock on the catalogue of functions.
fn waiters(url: &str, what: &str, granted: bool) -> String {
    let mode = if granted { "and mode = 'AccessExclusiveLock'" } else { "" };
    format!(
        "select {what} from pg_locks l join pg_database d on d.oid = l.database \
         where d.datname = '{}' and l.relation = 1255 and l.granted = {granted} {mode}",
        name(url)
    )
}

fn cut(server: &Postgres, url: &str, granted: bool) -> bool {
    let question = waiters(url, "count(pg_terminate_backend(l.pid))", granted);
    server.psql("postgres", &question).unwrap() != "0"
}

/// Before it migrates, `init` asks by functions whether the server takes writes.
fn migrating(url: &str) -> Running {
    let init = Init::new(["migrate"]).env("DATABASE_URL", url);
    init.env("APP_INIT_MIGRATE_COMMAND", "true").env("APP_INIT_WAIT_TIMEOUT", "forever").start()
}

/// Every session is cut while it waits for the answer to its question: 57P01 from the real server.
#[test]
fn a_session_that_is_cut_while_it_asks_is_followed_by_another() {
    let server = Postgres::shared();
    let url = server.database();
    let mut holder = locked(server, &url);
    let init = migrating(&url);
    until("the cut is told", || {
        cut(server, &url, false);
        init.output().contains("[pg-cut]").then_some(())
    });
    assert!(cut(server, &url, true), "nobody held the lock");
    holder.wait().unwrap();
    assert_eq!(init.exit_code(), 0);
}

#[test]
fn a_query_that_is_not_answered_is_told_and_asked_again() {
    let server = Postgres::shared();
    let url = server.database();
    let mut holder = locked(server, &url);
    let init = migrating(&url);
    init.expect_line("[pg-silent]");
    assert!(cut(server, &url, true), "nobody held the lock");
    holder.wait().unwrap();
    assert_eq!(init.exit_code(), 0);
}
