//! One try at one target. Each kind of target has its own file; this one only chooses.

mod database;
mod tcp;

use crate::{config::target::Target, diagnose::Diagnosis};

/// What one try found.
#[derive(Debug)]
pub(super) enum Readiness {
    Ready,
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
    pub(super) fn new(diagnosis: Diagnosis) -> Self {
        Self { diagnosis, addresses: Vec::new(), others: Vec::new() }
    }
}

/// What can be tried again and again; keeps what one try must know of the last.
pub(super) enum Probe {
    Database(Box<database::Database>),
    Tcp(tcp::Tcp),
}

impl Probe {
    /// `writable`: only a primary that takes writes counts.
    pub(super) fn new(target: Target, writable: bool) -> Self {
        match target {
            Target::Database(connection) => {
                Self::Database(Box::new(database::Database::new(*connection, writable)))
            }
            Target::Tcp { host, port } => Self::Tcp(tcp::Tcp { host, port }),
        }
    }

    /// One bounded try; `tries` were made before.
    pub(super) async fn attempt(&mut self, tries: u32) -> Readiness {
        match self {
            Self::Database(probe) => probe.attempt(tries).await,
            Self::Tcp(probe) => probe.attempt(tries).await,
        }
    }
}
