//! The real binary on real processes and a real Postgres; one module per behaviour.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start, signal and collect processes themselves"
)]
#![expect(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod ahead;
mod awaiting;
mod bad_input;
mod cli;
mod collected;
mod config;
mod database;
mod doctor;
mod fence;
mod handoff;
mod healthcheck;
mod heartbeat;
mod help;
mod hidden;
mod instants;
mod lacking;
mod layers;
mod limits;
mod lock;
mod locked;
mod midway;
mod migrate;
mod moved;
mod network;
mod outside;
mod passthrough;
mod phases;
mod plan;
mod pooled;
mod poolers;
mod primary;
mod promptly;
mod queue;
mod reap;
mod refinery;
mod renewal;
mod repeated;
mod resumed;
mod retried;
mod scripts;
mod secrets;
mod seed;
mod services;
mod signals;
mod start;
mod status;
mod step;
mod support;
mod survive;
mod targets;
mod tenants;
mod terminal;
mod termination;
mod tls;
mod unwound;
mod user;
mod wait;
mod watch;

#[test]
fn the_support_starts_a_server() {
    let url = support::Postgres::shared().database();
    assert_eq!(support::postgres::psql(&url, "select 40 + 2").unwrap(), "42");
}
