//! What a real pgbouncer answers to a query, once it has let us in by itself.

use crate::{
    services::{assert_ends, assert_says, at},
    support::{CANARY, Postgres, postgres::psql, services::Service},
};

/// Once it knows the server, it lets clients in without it; the query then waits in vain.
#[test]
fn a_pooler_whose_server_hangs_is_told_as_that() {
    let server = Postgres::quiet();
    let databases = format!("postgres = host=127.0.0.1 port={}", server.port);
    let users = format!("\"postgres\" \"{CANARY}\"\n");
    let settings = "auth_type = scram-sha-256\nquery_wait_timeout = 1\nserver_login_retry = 1";
    let Some(pooler) = Service::pgbouncer(&databases, settings, &users) else { return };
    psql(&at(&pooler, "postgres"), "select 1").unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";
    server.psql("postgres", end).unwrap();
    let paused = server.pause();
    let init = assert_says(&at(&pooler, "postgres"), "pooler-server");
    init.expect_line("the server behind it is not: query_wait_timeout [pooler-server]");
    drop(paused);
    assert_eq!(init.exit_code(), 0);
}

/// The database `pgbouncer` is its console, which speaks the protocol and no SQL.
#[test]
fn a_poolers_console_is_told() {
    let users = format!("\"postgres\" \"{CANARY}\"\n");
    let settings = "auth_type = scram-sha-256\nadmin_users = postgres";
    let Some(pooler) = Service::pgbouncer("", settings, &users) else { return };
    let told = "invalid command 'SELECT 1', use SHOW HELP; [pg-protocol]";
    drop(assert_says(&at(&pooler, "pgbouncer"), "pg-protocol").expect_line(told));
    assert_ends(&at(&pooler, "pgbouncer"), 78, "[pg-protocol]");
}
