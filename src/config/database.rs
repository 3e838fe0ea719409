//! Connection settings as plain fields, read leniently from every dialect in the wild.
//!
//! tokio-postgres' own parser never sees user text: it rejects most dialects, reads some of them
//! differently and prints passwords in its errors.

use std::{path::PathBuf, time::Duration};

use super::secret::Secret;

/// One server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Tcp {
        name: String,
        port: u16,
    },
    /// Directory of the socket `.s.PGSQL.<port>`.
    Unix {
        directory: PathBuf,
        port: u16,
    },
}

/// libpq's sslmode plus node's `no-verify` (PostgreSQL manual, 34.19.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// How to reach one database.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// In the order to try; never empty.
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) database: String,
    pub(crate) ssl_mode: SslMode,
    /// `None`: the system's roots and the bundled ones.
    pub(crate) ssl_root_certificate: Option<PathBuf>,
    /// Bound of one attempt; `None` is our own.
    pub(crate) connect_timeout: Option<Duration>,
    /// Server settings for the session, `-c name=value` (PostgreSQL manual, 34.1.2, `options`).
    pub(crate) options: Option<String>,
}
