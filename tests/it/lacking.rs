//! A real Postgres that runs out of memory, of locks, of disk, or cannot read its disk.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::support::{
    Init, Postgres, Running, pid1, postgres::as_server_user_path, services::found, unproved, until,
};

/// Waits without end, and has been told this.
fn told(url: &str, words: &str) -> Running {
    let init = Init::new(["wait"]).env("DATABASE_URL", url);
    let init = init.env("APP_INIT_WAIT_TIMEOUT", "forever").start();
    init.expect_line(&format!("{words} [pg-resources]"));
    init
}

/// 53200 at the login: new backends inherit a limit that leaves them no room (setrlimit(2), `RLIMIT_AS`).
#[test]
fn a_server_without_memory_is_waited_for() {
    let Some(prlimit) = found("prlimit") else { return };
    let server = Postgres::quiet();
    let limit = |soft: &str| {
        let mut command = as_server_user_path(&prlimit);
        command.arg(format!("--pid={}", server.postmaster())).arg(format!("--as={soft}:"));
        assert!(command.status().unwrap().success());
    };
    let size = pid1::status(server.postmaster(), "VmSize");
    let size: u64 = size.trim_end_matches(" kB").parse().unwrap();
    limit(&((size + 64) * 1024).to_string());
    let init = told(&server.url("postgres"), "the server lacks resources: out of memory");
    limit("unlimited");
    assert_eq!(init.exit_code(), 0);
}

/// 53200 at the login, the other way: one session has taken all locks there are.
#[test]
fn a_server_without_locks_is_waited_for() {
    let mut server = Postgres::prepared();
    server.configure("autovacuum = off\nmax_connections = 10\nmax_locks_per_transaction = 10");
    server.up();
    let mut holder = server.hold();
    holder.run(
        "do $$ begin perform pg_advisory_lock(i) from generate_series(1, 1000000) i; \
         exception when out_of_memory then null; end $$",
    );
    let words = "the server lacks resources: out of shared memory";
    until("no lock is left", || server.psql("postgres", "select 1").err());
    let init = told(&server.url("postgres"), words);
    drop(holder);
    assert_eq!(init.exit_code(), 0);
}

/// 58030 at the login: a file whose reading fails as that of a broken disk does (proc(5): address 0 of a
/// process is not mapped).
#[test]
fn a_server_that_cannot_read_its_disk_is_waited_for() {
    let server = Postgres::shared();
    let url = server.database();
    let oid = server.psql(
        url.rsplit('/').next().unwrap(),
        "select oid from pg_database where datname = current_database()",
    );
    let folder = server.data().join("base").join(oid.unwrap());
    let (file, kept) = (folder.join("pg_filenode.map"), folder.join("kept"));
    fs::rename(&file, &kept).unwrap();
    symlink("/proc/self/mem", &file).unwrap();
    let init = told(&url, "Input/output error");
    fs::rename(&kept, &file).unwrap();
    assert_eq!(init.exit_code(), 0);
}

/// A user with root's powers in a world of its own, in which a small disk lies at a path.
const DISK: [&str; 9] = [
    "unshare",
    "--user",
    "--map-current-user",
    "--keep-caps",
    "--mount",
    "sh",
    "-c",
    r#"mount -t tmpfs -o size=4m tmpfs "$1" && shift && exec "$@""#,
    "sh",
];

/// Whether this machine lets the user of the servers have one; told if not.
fn disk_is_possible(place: &str) -> bool {
    let mut command = as_server_user_path(Path::new(DISK[0]));
    let tried = command.args(&DISK[1..]).args([place, "true"]).output();
    let possible = tried.is_ok_and(|output| output.status.success());
    if !possible {
        unproved("no disk of its own for a server here");
    }
    possible
}

/// 53100 in the query after the login, which two processes shall answer (`force_parallel_mode`, since 16
/// `debug_parallel_query`): they talk over a file for which there is no place.
#[test]
fn a_server_whose_disk_is_full_is_waited_for() {
    let mut server = Postgres::prepared();
    let place = server.data().join("pg_dynshmem").display().to_string();
    if !disk_is_possible(&place) {
        return;
    }
    server.configure("autovacuum = off\ndynamic_shared_memory_type = mmap");
    server.launch_below(&[&DISK[..], &[&place]].concat(), &[]);
    server.answers();
    let in_there = |script: &str| {
        let mut shell = as_server_user_path(Path::new("/bin/sh"));
        let file = format!("/proc/{}/root{place}/filling", server.postmaster());
        shell.args(["-c", script, "sh", &file]).status().unwrap();
    };
    in_there("cat /dev/zero 2>/dev/null >\"$1\"");
    let setting = "select name from pg_settings where name in ('force_parallel_mode', 'debug_parallel_query')";
    let setting = server.psql("postgres", setting).unwrap();
    let url = format!("{}?options=-c{setting}%3Don", server.url("postgres"));
    let init = told(&url, "No space left on device");
    // It names another file each time: the reason is the same, so the hint comes.
    init.expect_line("hint: disk or memory of the server is used up");
    in_there("rm \"$1\"");
    assert_eq!(init.exit_code(), 0);
}
