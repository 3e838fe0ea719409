//! What the tests share: a driver of the real binary and a private real Postgres.
#![allow(dead_code, reason = "not every test build uses every helper")]

pub(crate) mod case;
pub(crate) mod certificates;
pub(crate) mod fake;
pub(crate) mod init;
pub(crate) mod pid1;
pub(crate) mod postgres;
pub(crate) mod services;
pub(crate) mod sockets;
mod stopped;

pub(crate) use init::{Init, Running};
pub(crate) use postgres::Postgres;
pub(crate) use stopped::Stopped;

use std::{
    io::Write,
    net::TcpListener,
    ops::Range,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    sync::Mutex,
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

/// A port that nothing listens on, and that neither a test, of another process too, nor the kernel hands
/// out again: below the range from which outgoing connections and `bind(0)` are served (ip(7),
/// `ip_local_port_range`).
pub(crate) fn free_port() -> u16 {
    static OURS: Mutex<Range<u16>> = Mutex::new(0..0);
    let mut ours = OURS.lock().unwrap();
    loop {
        match ours.next() {
            Some(port) if TcpListener::bind(("127.0.0.1", port)).is_ok() => return port,
            Some(_) => {}
            None => *ours = hundred_ports(),
        }
    }
}

/// Ports for this process alone, as long as it lives: a name of the abstract namespace can be bound by
/// one, of whatever user, and nothing of it stays behind (unix(7)). The namespace is per network, as
/// ports are.
fn hundred_ports() -> Range<u16> {
    // Not the same first ones each time: something left behind may still ask for its old server.
    let first = u16::try_from(std::process::id() % 184).unwrap();
    let begins = (0..184).map(|block| 12_000 + (first + block) % 184 * 100);
    let is_free = |begin: &u16| {
        let name = SocketAddr::from_abstract_name(format!("app-init-test-ports-{begin}")).unwrap();
        // Leaked: it is closed when the process ends.
        UnixListener::bind_addr(&name).map(|bound| Box::leak(Box::new(bound))).is_ok()
    };
    let begin = begins.into_iter().find(is_free).unwrap();
    begin..begin + 100
}

#[test]
fn no_other_test_process_gets_our_ports() {
    // That the name is taken is all that another process could see of us.
    let (one, other) = (hundred_ports(), hundred_ports());
    assert!(one.end <= other.start || other.end <= one.start, "{one:?} {other:?}");
}
