//! Names to addresses, bounded. A lookup goes on when a try at it has ended: the answer of a slow name
//! server counts for the next try.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::watch, time::timeout};

use super::socket::SocketError;
use crate::{
    diagnose::{Row, table},
    dns::{self, LookupError, ResolvConf},
};

/// How long a lookup may go on.
const ASKED_FOR: Duration = Duration::from_secs(5);

/// How long an answer is used again: a port that refuses is tried twenty times a second, and the name
/// server should not see that.
const FRESH: Duration = Duration::from_secs(1);

/// How often a silent name server is asked again; the later is for one that has long been silent.
const REPEAT: Duration = Duration::from_millis(75);
const LATER: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(30);

/// The last answer to a query for a name.
struct Found {
    addresses: Vec<IpAddr>,
    at: Instant,
}

/// What is known about a name.
struct Name {
    since: Instant,
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
    if let Some(address) = dns::address(name) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let config = ResolvConf::read();
    let asked = config.asked();
    let failed = |row: &'static Row| SocketError { text: asked, ..SocketError::new(row) };
    match timeout(bound, look_up(name, config)).await {
        Ok(Ok(addresses)) => {
            Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
        }
        Ok(Err(error)) => Err(failed(row(error))),
        Err(_) => Err(failed(&table::DNS_SILENT)),
    }
}

fn row(error: LookupError) -> &'static Row {
    match error {
        LookupError::Unknown => &table::DNS_UNKNOWN,
        LookupError::NoAddress => &table::DNS_NO_ADDRESS,
        LookupError::Failing => &table::DNS_FAILING,
    }
}

/// A lookup of its own, or the answer to an earlier one that has gone on until now.
async fn look_up(name: &str, config: ResolvConf) -> Result<Vec<IpAddr>, LookupError> {
    let known = known(name);
    let mut found = known.found.subscribe();
    tokio::select! {
        biased;
        Ok(found) = found.wait_for(|found| found.as_ref().is_some_and(Found::is_fresh)) => {
            Ok(found.as_ref().map(|found| found.addresses.clone()).unwrap_or_default())
        }
        outcome = ask(name.to_owned(), config, Arc::clone(&known)) => outcome,
    }
}

fn known(name: &str) -> Arc<Name> {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(names.entry(name.to_owned()).or_default())
}

/// On a task of its own, so that it outlives the try.
async fn ask(
    name: String,
    config: ResolvConf,
    known: Arc<Name>,
) -> Result<Vec<IpAddr>, LookupError> {
    let task = tokio::spawn(async move {
        let repeat = if known.since.elapsed() < LONG { REPEAT } else { LATER };
        let outcome = timeout(ASKED_FOR, dns::look_up(&name, &config, repeat)).await;
        let outcome = outcome.unwrap_or(Err(LookupError::Failing));
        if let Ok(addresses) = &outcome {
            known.found.send_replace(Some(Found::now(addresses.clone())));
        }
        outcome
    });
    task.await.unwrap_or(Err(LookupError::Failing))
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
        Self { since: Instant::now(), found: watch::Sender::new(None) }
    }
}
