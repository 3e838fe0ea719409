//! One try at one target. Each kind of target has its own file; this one only chooses.

mod database;
mod http;
mod local;
mod redis;
mod tcp;
mod wire;

use std::{path::PathBuf, time::Duration};

use crate::{
    config::target::{Http, Redis, Target},
    diagnose::{Diagnosis, Facts, Row},
    postgres::Session,
};

/// What one try found.
pub(super) enum Readiness {
    Ready,
    /// A database, with the session that found it so.
    LoggedIn(Box<Session>),
    /// Not now; whether ever is the diagnosis' class.
    NotYet(Seen),
}

/// A failed try.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) diagnosis: Diagnosis,
    /// What the name resolved to, if it got so far.
    pub(super) addresses: Vec<String>,
    /// Other hosts of the same target and their reasons.
    pub(super) others: Vec<(String, Diagnosis)>,
}

impl Seen {
    /// A row about a host or path, with nothing else to say.
    fn of(row: &'static Row, host: impl Into<String>, text: &str) -> Self {
        let facts = Facts { host: host.into(), text: text.to_owned(), ..Facts::default() };
        Self::new(Diagnosis::new(row, &facts))
    }

    pub(super) fn new(diagnosis: Diagnosis) -> Self {
        Self { diagnosis, addresses: Vec::new(), others: Vec::new() }
    }
}

/// What can be tried again and again; keeps what one try must know of the last.
pub(super) enum Probe {
    Database(Box<database::Database>),
    Tcp(tcp::Tcp),
    Unix(PathBuf),
    File(PathBuf),
    Dns(String),
    Redis(Redis),
    Http(Http),
}

impl Probe {
    /// `writable`: only a primary that takes writes counts.
    pub(super) fn new(target: Target, writable: bool) -> Self {
        match target {
            Target::Database(connection) => {
                Self::Database(Box::new(database::Database::new(*connection, writable)))
            }
            Target::Tcp { host, port } => Self::Tcp(tcp::Tcp { host, port }),
            Target::Unix(path) => Self::Unix(path),
            Target::File(path) => Self::File(path),
            Target::Dns(name) => Self::Dns(name),
            Target::Redis(redis) => Self::Redis(redis),
            Target::Http(http) => Self::Http(http),
        }
    }

    /// One bounded try; `tries` were made before, and `left` is what is left of the deadline.
    pub(super) async fn attempt(&mut self, tries: u32, left: Option<Duration>) -> Readiness {
        match self {
            Self::Database(probe) => probe.attempt(tries, left).await,
            Self::Tcp(probe) => probe.attempt(tries).await,
            Self::Unix(path) => local::socket(path).await,
            Self::File(path) => local::file(path),
            Self::Dns(name) => local::name(name).await,
            Self::Redis(target) => redis::attempt(target).await,
            Self::Http(target) => http::attempt(target).await,
        }
    }
}
