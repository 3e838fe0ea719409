//! Names to addresses, bounded and never in the way of the process' end.
//!
//! getaddrinfo(3) blocks and cannot be cancelled: with a silent name server glibc takes 10 s and musl
//! 5 s, and musl takes them for SERVFAIL too. So each query runs on a thread that may be left behind
//! (the runtime is shut down without joining it), and a new one is made while an old one hangs.

use std::{
    collections::HashMap,
    fs, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

use super::socket::SocketError;
use crate::diagnose::{Row, names, network, table};

/// Queries for one name that may hang at the same time, each on a thread.
const PENDING: usize = 3;

/// How long an answer is used again: a port that refuses is tried twenty times a second, and the name
/// server should not see that.
const FRESH: Duration = Duration::from_secs(1);

/// The last answer to a query for a name.
struct Found {
    addresses: Vec<IpAddr>,
    at: Instant,
}

/// What is known about a name.
struct Name {
    permits: Arc<Semaphore>,
    found: watch::Sender<Option<Found>>,
}

static NAMES: LazyLock<Mutex<HashMap<String, Arc<Name>>>> = LazyLock::new(Mutex::default);

/// All addresses of a name, at most a second old. A number needs no lookup.
///
/// # Errors
/// After `bound` at the latest.
pub(crate) async fn resolve(
    name: &str,
    port: u16,
    bound: Duration,
) -> Result<Vec<SocketAddr>, SocketError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    match timeout(bound, look_up(name)).await {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(failed(&table::DNS_NO_ADDRESS)),
        Ok(Ok(addresses)) => {
            Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
        }
        Ok(Err(error)) => Err(failed(network::resolving(&error))),
        Err(_) => Err(failed(&table::DNS_SILENT)),
    }
}

/// A failure with the name servers that were asked; both libcs read the file anew when it changes.
fn failed(row: &'static Row) -> SocketError {
    let file = fs::read_to_string("/etc/resolv.conf").ok();
    SocketError { text: names::resolver(file.as_deref()), ..SocketError::new(row) }
}

/// A query of its own, or the answer to an earlier one that hung until now.
async fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    let known = known(name);
    let mut found = known.found.subscribe();
    tokio::select! {
        biased;
        Ok(found) = found.wait_for(|found| found.as_ref().is_some_and(Found::is_fresh)) => {
            Ok(found.as_ref().map(|found| found.addresses.clone()).unwrap_or_default())
        }
        outcome = query(name.to_owned(), Arc::clone(&known)) => outcome,
    }
}

fn known(name: &str) -> Arc<Name> {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(names.entry(name.to_owned()).or_default())
}

async fn query(name: String, known: Arc<Name>) -> io::Result<Vec<IpAddr>> {
    let permit = Arc::clone(&known.permits).acquire_owned().await.map_err(io::Error::other)?;
    let task = tokio::task::spawn_blocking(move || {
        let outcome = ask(&name);
        if let Ok(addresses) = &outcome {
            known.found.send_replace(Some(Found::now(addresses.clone())));
        }
        drop(permit);
        outcome
    });
    task.await.map_err(io::Error::other)?
}

fn ask(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

impl Found {
    fn now(addresses: Vec<IpAddr>) -> Self {
        Self { addresses, at: Instant::now() }
    }

    fn is_fresh(&self) -> bool {
        self.at.elapsed() < FRESH
    }
}

impl Default for Name {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(PENDING)), found: watch::Sender::new(None) }
    }
}
