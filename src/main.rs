//! app-init: the container entrypoint that waits, migrates, seeds and serves.

mod config;
mod diagnose;
mod exit;
mod failure;
mod plan;
mod postgres;
mod wait;

fn main() {}
