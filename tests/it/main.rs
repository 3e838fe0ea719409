//! The real binary on real processes and a real Postgres; one module per behaviour.
#![expect(
    clippy::disallowed_methods,
    reason = "tests start, signal and collect processes themselves"
)]

mod handoff;
mod passthrough;
mod reap;
mod signals;
mod support;
mod terminal;

#[test]
fn the_support_starts_a_server() {
    let url = support::Postgres::shared().database();
    assert_eq!(support::postgres::psql(&url, "select 40 + 2").unwrap(), "42");
}
