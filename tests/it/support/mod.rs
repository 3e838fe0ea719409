//! What the tests share: a driver of the real binary and a private real Postgres.
#![allow(dead_code, reason = "not every test build uses every helper")]

pub(crate) mod case;
pub(crate) mod certificates;
pub(crate) mod fake;
pub(crate) mod init;
pub(crate) mod pid1;
pub(crate) mod postgres;
pub(crate) mod services;

pub(crate) use init::{Init, Running};
pub(crate) use postgres::Postgres;

use std::{
    io::Write,
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

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

/// Waits without giving the processor away: sleeping is too coarse for these instants.
pub(crate) fn spin(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
        std::hint::spin_loop();
    }
}

/// Says that a test proves nothing on this machine, past the harness, which hides what passing tests
/// print.
pub(crate) fn unproved(why: &str) {
    let test = std::thread::current();
    let name = test.name().unwrap_or_default();
    let mut stderr = std::io::stderr();
    writeln!(stderr, "note: {name}: {why}: nothing is proved").unwrap();
}

/// A port that nothing listens on, and that no test nor the kernel hands out again: below the range
/// from which outgoing connections and `bind(0)` are served (ip(7), `ip_local_port_range`).
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        // Test processes that run at the same time begin at different places.
        let begin = u16::try_from(std::process::id() % 97).unwrap() * 190;
        let port = 12_000 + (begin + step) % 18_500;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
