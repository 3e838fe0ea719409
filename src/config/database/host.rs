//! One server to try, and where it is.

use std::{fmt, net::IpAddr, path::PathBuf};

/// One server to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Tcp {
        name: String,
        port: u16,
        /// `hostaddr`: where to connect, so that `name` is only used for TLS and messages.
        address: Option<IpAddr>,
    },
    /// Directory of the socket `.s.PGSQL.<port>`.
    Unix { directory: PathBuf, port: u16 },
}

impl Host {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Tcp { name, .. } => name.clone(),
            Self::Unix { directory, .. } => directory.display().to_string(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        match self {
            Self::Tcp { port, .. } | Self::Unix { port, .. } => *port,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, port, .. } if name.contains(':') => write!(out, "[{name}]:{port}"),
            Self::Tcp { name, port, .. } => write!(out, "{name}:{port}"),
            Self::Unix { directory, port } => {
                write!(out, "{}/.s.PGSQL.{port}", directory.display())
            }
        }
    }
}
