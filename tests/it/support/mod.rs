//! What the tests share: a driver of the real binary and a private real Postgres.
#![allow(dead_code, reason = "not every test build uses every helper")]

pub(crate) mod certificates;
pub(crate) mod fake;
pub(crate) mod init;
pub(crate) mod pid1;
pub(crate) mod postgres;

pub(crate) use init::{Init, Running};
pub(crate) use postgres::Postgres;

use std::time::{Duration, Instant};

/// The password of every database the tests start. No output of `init` may ever contain it.
pub(crate) const CANARY: &str = "cAnAry-p4ss-7f3e";

/// How long a fact may take to come true on a loaded machine before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `fact` is `Some`, polling; panics with `what` when patience runs out.
pub(crate) fn until<T>(what: &str, mut fact: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = fact() {
            return value;
        }
        assert!(Instant::now() < deadline, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A port that nothing listens on right now.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
