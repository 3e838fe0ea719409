//! app-init: the container entrypoint that waits, migrates, seeds and serves.

mod config;
mod exit;
mod failure;
mod log;
mod migrate;
mod plan;
mod postgres;
mod timeline;

fn main() {}
