//! A port that accepts. It proves no more than that: a port proxy accepts for an absent server.

use std::time::Duration;

use super::{Readiness, Seen};
use crate::{
    diagnose::{Diagnosis, table},
    postgres::socket::{self, SocketError},
};

/// Host and port to connect to.
pub(in crate::wait) struct Tcp {
    pub(in crate::wait) host: String,
    pub(in crate::wait) port: u16,
}

impl Tcp {
    pub(super) async fn attempt(&mut self, tries: u32) -> Readiness {
        let bound = Duration::from_secs(if tries < 3 { 1 } else { 3 });
        let outcome = async {
            let addresses = socket::resolve(&self.host, self.port, Duration::from_secs(1)).await?;
            socket::connect(&addresses, bound, socket::is_local(&self.host)).await
        };
        match outcome.await {
            Ok(_) => Readiness::Ready,
            Err(error) => Readiness::NotYet(seen(&self.host, self.port, error)),
        }
    }
}

/// The rows of a database's port, in words for any service.
pub(super) fn seen(host: &str, port: u16, error: SocketError) -> Seen {
    let row = match error.row {
        row if row == &table::REFUSED => &table::TCP_REFUSED,
        row if row == &table::REFUSED_LOCALHOST => &table::TCP_REFUSED_LOCALHOST,
        row => row,
    };
    let diagnosis = Diagnosis::new(row, &error.facts(host, port));
    Seen { addresses: error.addresses, ..Seen::new(diagnosis) }
}
