//! What a real Postgres says while it comes up, goes down, or will never let anybody in.

use std::{fs, time::Duration};

use nix::sys::signal::{Signal, kill};

use crate::{
    config::folder,
    support::{CANARY, Init, Postgres, Running, free_port, init::Finished, unproved, until},
};

fn wait(url: &str) -> Running {
    let init = Init::new(["wait"]).env("DATABASE_URL", url);
    init.env("APP_INIT_WAIT_TIMEOUT", "forever").env("APP_INIT_WAIT_FATAL_GRACE", "1h").start()
}

fn refused(url: &str) -> Finished {
    let init = Init::new(["wait"]).env("DATABASE_URL", url);
    init.env("APP_INIT_WAIT_TIMEOUT", "60s").env("APP_INIT_WAIT_FATAL_GRACE", "0").run()
}

#[track_caller]
fn assert_refused(url: &str, code: i32, id: &str) {
    let finished = refused(url);
    assert_eq!(finished.code, code, "{url}\n{}", finished.stderr);
    assert!(finished.stderr.contains(&format!("[{id}]")), "{url}\n{}", finished.stderr);
}

fn over_socket(server: &Postgres) -> String {
    format!("postgres://postgres:{CANARY}@/postgres?host=/tmp&port={}", server.port)
}

/// The official image with an empty volume: a server on its socket only, an init script that takes
/// longer than any stability one could ask for, a restart, the real server.
#[test]
fn the_images_first_phase_is_never_taken_for_readiness() {
    let mut server = Postgres::prepared();
    let (socket, tcp) = (wait(&over_socket(&server)), wait(&server.url("postgres")));
    socket.expect_line("[pg-socket-missing]");
    server.launch_with(&["-c", "listen_addresses="]);
    socket.expect_line("[pg-init-phase]");
    // The init script itself: what is waited for is that nothing happens.
    std::thread::sleep(Duration::from_secs(5));
    server.down();
    for init in [&socket, &tcp] {
        assert!(!init.output().contains("is ready"), "{}", init.output());
    }
    tcp.expect_line("connection refused");
    server.up();
    assert_eq!((socket.exit_code(), tcp.exit_code()), (0, 0));
}

/// A restore that waits for its archive keeps the server "starting up" for as long as it likes.
#[test]
fn a_server_that_starts_up_is_waited_for() {
    let mut server = Postgres::prepared();
    let go = tempfile::Builder::new().prefix("app-init-go").tempdir().unwrap();
    fs::set_permissions(go.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let go = go.path().join("go");
    server.configure(&format!(
        "restore_command = 'until [ -e {} ]; do sleep 0.05; done; false'",
        go.display()
    ));
    fs::write(server.data().join("recovery.signal"), "").unwrap();
    let owner = fs::metadata(server.data()).unwrap();
    let (uid, gid) = {
        use std::os::unix::fs::MetadataExt;
        (owner.uid(), owner.gid())
    };
    std::os::unix::fs::chown(server.data().join("recovery.signal"), Some(uid), Some(gid)).unwrap();
    let init = wait(&server.url("postgres"));
    server.launch();
    init.expect_line("[pg-starting]");
    fs::write(&go, "").unwrap();
    assert_eq!(init.exit_code(), 0);
}

/// The kernel accepts for a postmaster that does nothing: as on a machine that swaps, or in a paused
/// container.
#[test]
fn a_server_that_is_silent_is_waited_for_until_it_answers() {
    let server = Postgres::start();
    let paused = server.pause();
    let init = wait(&server.url("postgres"));
    init.expect_line("[pg-silent]");
    drop(paused);
    assert_eq!(init.exit_code(), 0);
}

#[test]
fn a_server_that_shuts_down_is_waited_for_until_it_is_back() {
    let mut server = Postgres::start();
    let client = server.hold();
    server.signal(Signal::SIGTERM);
    let init = wait(&server.url("postgres"));
    init.expect_line("[pg-shutting-down]");
    drop(client);
    init.expect_line("[pg-refused-localhost]");
    server.down();
    server.up();
    assert_eq!(init.exit_code(), 0);
}

/// After the death of a backend the postmaster throws everybody out and recovers. A backend that is
/// stopped does not leave before it is killed, 5 s later, so that the state can be seen.
#[test]
fn a_crash_is_told_and_waited_out() {
    let server = Postgres::start();
    // Never ready, so that it goes on asking.
    let init = wait(&format!("{}?target_session_attrs=standby", server.url("postgres")));
    init.expect_line("[pg-role]");
    until("the recovery is seen", || {
        let ready = || server.log().matches("ready to accept connections").count();
        let before = ready();
        let (stopped, killed) = (server.hold(), server.hold());
        kill(stopped.backend(), Signal::SIGSTOP).unwrap();
        kill(killed.backend(), Signal::SIGKILL).unwrap();
        drop((stopped, killed));
        until("the server is back", || (ready() > before).then_some(()));
        init.output().contains("[pg-recovering]").then_some(())
    });
    assert!(init.output().contains("the server is recovering"), "{}", init.output());
    assert_eq!(wait(&server.url("postgres")).exit_code(), 0);
}

/// A restore whose archive holds back the log in which the backup ends: a hot standby that has begun,
/// but has no consistent state yet.
#[test]
fn a_standby_that_is_not_consistent_yet_is_waited_for() {
    let source = Postgres::start();
    let (copy, segment) = source.torn_backup();
    let mut standby = Postgres::prepared();
    standby.restore(copy.path());
    let (archive, go) = (source.data().join("pg_wal"), copy.path().join("go"));
    let (archive, go) = (archive.display(), go.display());
    standby.configure(&format!(
        "restore_command = '[ -f {archive}/%f ] || exit 1; [ %f = {segment} ] || until [ -e {go} ]; do sleep 0.05; done; cp {archive}/%f %p'"
    ));
    let init = wait(&standby.url("postgres"));
    standby.launch();
    init.expect_line("[pg-recovering]");
    fs::write(copy.path().join("go"), "").unwrap();
    assert_eq!(init.exit_code(), 0);
    assert!(standby.log().contains("consistent recovery state reached"), "{}", standby.log());
}

#[test]
fn a_standby_that_lets_nobody_in_is_told_as_such() {
    let mut server = Postgres::prepared();
    fs::write(server.data().join("standby.signal"), "").unwrap();
    server.configure("hot_standby = off");
    server.launch();
    let init = wait(&server.url("postgres"));
    init.expect_line("[pg-standby-closed]");
    drop(init);
    assert_refused(&server.url("postgres"), 69, "pg-standby-closed");
}

/// A failover: who migrates waits for the promotion.
#[test]
fn a_standby_is_waited_for_until_it_takes_writes() {
    let mut standby = Postgres::prepared();
    fs::write(standby.data().join("standby.signal"), "").unwrap();
    standby.up();
    let image = folder(&[("migrations/V1__items.sql", "create table items (id int);")]);
    let init = Init::new(["migrate"]).env("DATABASE_URL", standby.url("postgres"));
    let init = init.current_dir(image.path()).env("APP_INIT_WAIT_TIMEOUT", "forever").start();
    init.expect_line("[pg-read-only]");
    standby.psql("postgres", "select pg_promote()").unwrap();
    assert_eq!(init.exit_code(), 0);
}

#[test]
fn the_host_of_the_wanted_kind_is_found_in_a_list() {
    let primary = Postgres::shared();
    let mut standby = Postgres::prepared();
    fs::write(standby.data().join("standby.signal"), "").unwrap();
    standby.up();
    let list = |hosts: &[u16], kind: &str| {
        let hosts: Vec<String> = hosts.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let hosts = hosts.join(",");
        format!("postgres://postgres:{CANARY}@{hosts}/postgres?target_session_attrs={kind}")
    };
    let (one, other, dead) = (standby.port, primary.port, free_port());
    for kind in ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] {
        assert_eq!(wait(&list(&[dead, one, other], kind)).exit_code(), 0, "{kind}");
    }
    assert_eq!(wait(&list(&[other], "prefer-standby")).exit_code(), 0);
    for (hosts, kind) in [([one, dead], "read-write"), ([dead, other], "standby")] {
        let init = wait(&list(&hosts, kind));
        init.expect_line("[pg-role]");
    }
}

/// Roles, databases and rules as a real server refuses them.
#[test]
fn each_refusal_of_a_real_server_is_told_apart() {
    let mut server = Postgres::prepared();
    server.hba(
        "local all peered peer\nlocal all all scram-sha-256\nhost all sleeper,limited all trust\nhost all postgres all scram-sha-256\nhost all trusted all trust\nhost all missing all trust\nhost all barred all reject\nhost all asked all scram-sha-256\nhost all expired all scram-sha-256\nhostssl all encrypted all trust",
    );
    server.up();
    for sql in [
        "create role trusted login".to_owned(),
        "create role asked login".to_owned(),
        "create role sleeper nologin".to_owned(),
        "create role peered login".to_owned(),
        "create role limited login connection limit 0".to_owned(),
        format!("create role expired login password '{CANARY}' valid until '2020-01-01'"),
        "create database closed allow_connections false".to_owned(),
        "create database revoked".to_owned(),
        "revoke connect on database revoked from public".to_owned(),
        "create database small connection limit 0".to_owned(),
    ] {
        server.psql("postgres", &sql).unwrap();
    }
    let at = |user: &str, database: &str| {
        format!("postgres://{user}:{CANARY}@127.0.0.1:{}/{database}", server.port)
    };
    for (user, database, code, id) in [
        ("trusted", "closed", 77, "pg-database-closed"),
        ("trusted", "revoked", 77, "pg-database-closed"),
        ("trusted", "nowhere", 77, "pg-no-database"),
        ("missing", "postgres", 77, "pg-no-role"),
        ("sleeper", "postgres", 77, "pg-no-login"),
        ("barred", "postgres", 77, "pg-rejected"),
        ("unruly", "postgres", 77, "pg-hba-encryption"),
        ("encrypted", "postgres", 77, "pg-hba-encryption"),
        ("asked", "postgres", 77, "pg-password"),
        ("expired", "postgres", 77, "pg-password"),
        ("trusted", "postgres?options=-cnonsense%3D1", 78, "pg-option"),
        ("trusted", "postgres?options=-cwork_mem%3Dmuch", 78, "pg-option"),
    ] {
        assert_refused(&at(user, database), code, id);
    }
    wait(&at("trusted", "small")).expect_line("[pg-limit]");
    wait(&at("limited", "postgres")).expect_line("[pg-limit]");
    let over_socket = over_socket(&server).replace("//postgres:", "//peered:");
    assert_refused(&over_socket, 77, "pg-rejected");
}

/// Ways of logging in that only some builds of Postgres have, and that no password can satisfy.
#[test]
fn ways_in_that_we_do_not_have_are_told() {
    let server = Postgres::start();
    let ldap = "ldap ldapserver=127.0.0.1 ldapport=1 ldapprefix=cn=";
    for (rule, id) in [("gss", "pg-authentication"), (ldap, "pg-rejected")] {
        server.hba(&format!("host all other all {rule}\nhost all all all scram-sha-256"));
        let wrong = "select error from pg_hba_file_rules where error is not null";
        let missing = server.psql("postgres", wrong).unwrap();
        if missing.is_empty() {
            server.signal(Signal::SIGHUP);
            let url = server.url("postgres").replace("//postgres:", "//other:");
            wait(&url).expect_line(&format!("[{id}]"));
            assert_refused(&url, 77, id);
        } else {
            unproved(&missing);
        }
    }
}

#[test]
fn a_full_server_is_waited_for() {
    let mut server = Postgres::prepared();
    server
        .configure("max_connections = 2\nsuperuser_reserved_connections = 1\nmax_wal_senders = 0");
    server.up();
    server.psql("postgres", &format!("create role app login password '{CANARY}'")).unwrap();
    let client = server.hold();
    let url = server.url("postgres").replace("//postgres:", "//app:");
    let reserved = wait(&url);
    reserved.expect_line("[pg-full]");
    let last = server.hold();
    let all = wait(&server.url("postgres"));
    all.expect_line("[pg-full]");
    for said in ["remaining connection slots are reserved", "sorry, too many clients already"] {
        assert!(server.log().contains(said), "{said}: {}", server.log());
    }
    drop((client, last));
    assert_eq!((reserved.exit_code(), all.exit_code()), (0, 0));
}

/// The one case of 0A000 at a login for a client of version 3 of the protocol: this encoding cannot be
/// turned into UTF-8.
#[test]
fn what_a_server_does_not_support_is_told() {
    let server = Postgres::shared();
    let made = "create database mule encoding 'MULE_INTERNAL' template template0 lc_collate 'C' lc_ctype 'C'";
    server.psql("postgres", made).unwrap();
    let words = "conversion between UTF8 and MULE_INTERNAL is not supported [pg-protocol]";
    wait(&server.url("mule")).expect_line(words);
    assert_refused(&server.url("mule"), 78, "pg-protocol");
}
