//! What a real pgbouncer answers to a query, once it has let us in by itself.

use crate::{
    services::{assert_ends, assert_says, at},
    support::{CANARY, Postgres, postgres::psql, services::Service},
};

/// A pooler that knows its server, and so lets clients in without asking it, but has no session there.
fn pooler_of(server: &Postgres) -> Option<Service> {
    let databases = format!("postgres = host=127.0.0.1 port={}", server.port);
    let users = format!("\"postgres\" \"{CANARY}\"\n");
    let settings = "auth_type = scram-sha-256\nquery_wait_timeout = 1\nserver_login_retry = 1";
    let pooler = Service::pgbouncer(&databases, settings, &users)?;
    psql(&at(&pooler, "postgres"), "select 1").unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
    server.psql("postgres", end).unwrap();
    Some(pooler)
}

#[test]
fn a_pooler_whose_server_hangs_is_told_as_that() {
    let server = Postgres::quiet();
    let Some(pooler) = pooler_of(&server) else { return };
    let paused = server.pause();
    let init = assert_says(&at(&pooler, "postgres"), "pooler-server");
    init.expect_line("the server behind it is not: query_wait_timeout [pooler-server]");
    drop(paused);
    assert_eq!(init.exit_code(), 0);
}

#[test]
fn a_pooler_whose_server_has_ended_is_told_as_that() {
    let mut server = Postgres::quiet();
    let Some(pooler) = pooler_of(&server) else { return };
    server.down();
    let init = assert_says(&at(&pooler, "postgres"), "pooler-server");
    init.expect_line("server login has been failing, try again later (server_login_retry)");
    server.up();
    assert_eq!(init.exit_code(), 0);
}

/// The database `pgbouncer` is its console, which speaks the protocol and no SQL.
#[test]
fn a_poolers_console_is_told() {
    let users = format!("\"postgres\" \"{CANARY}\"\n");
    let settings = "auth_type = scram-sha-256\nadmin_users = postgres";
    let Some(pooler) = Service::pgbouncer("", settings, &users) else { return };
    let told = "invalid command 'SELECT 1', use SHOW HELP; [pg-protocol]";
    assert_ends(&at(&pooler, "pgbouncer"), 78, told);
}
