//! What this machine itself can tell: sockets, files, names.

use std::{io::ErrorKind, path::Path, time::Duration};

use super::{Readiness, Seen};
use crate::{
    diagnose::{Diagnosis, table},
    phrase,
    postgres::socket,
};

/// Bound of a lookup and of a connection to a socket.
const BOUND: Duration = Duration::from_secs(1);

/// A socket is ready when it accepts.
pub(super) async fn socket(path: &Path) -> Readiness {
    let shown = path.display().to_string();
    let error = match tokio::time::timeout(BOUND, tokio::net::UnixStream::connect(path)).await {
        Ok(Ok(_)) => return Readiness::Ready,
        Ok(Err(error)) => error,
        Err(_) => return Readiness::NotYet(Seen::of(&table::TARGET_SILENT, shown, "")),
    };
    let row = match error.kind() {
        ErrorKind::NotFound => &table::UNIX_MISSING,
        ErrorKind::ConnectionRefused => &table::UNIX_REFUSED,
        ErrorKind::PermissionDenied => &table::SOCKET_PERMISSION,
        _ => &table::NETWORK,
    };
    Readiness::NotYet(Seen::of(row, shown, &phrase::system(&error)))
}

/// A file, directory or anything else is ready when it exists.
pub(super) fn file(path: &Path) -> Readiness {
    if path.exists() {
        return Readiness::Ready;
    }
    Readiness::NotYet(Seen::of(&table::FILE_MISSING, path.display().to_string(), ""))
}

/// A name is ready when it has an address.
pub(super) async fn name(name: &str) -> Readiness {
    match socket::resolve(name, 1, BOUND).await {
        Ok(_) => Readiness::Ready,
        Err(error) => {
            let diagnosis = Diagnosis::new(error.row, &error.facts(name, 1));
            Readiness::NotYet(Seen::new(diagnosis))
        }
    }
}
