//! Files for TLS that are named and missing, where libpq goes on without them, and keys that it refuses.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use super::super::{Note, Roots, Ssl, SslMode, draft::Draft};

const UNVERIFIED: &str =
    "is missing, so the server's certificate is not verified; sslmode=verify-ca would demand it";
const OPEN: &str = "can be read by others: app-init takes it, but clients made with libpq refuse it; its mode should be 0600";
const NOT_SHOWN: &str = "is missing, so no client certificate is shown to the server";

/// Looked at once more for each connection: a file may come late.
pub(super) fn note(ssl: &Ssl, draft: &Draft, notes: &mut Vec<Note>) {
    let mut say = |keyword, path: &Path, what| {
        let source = draft.blame(keyword).to_owned();
        notes.push(Note::TlsFile { source, keyword, path: path.display().to_string(), what });
    };
    let lenient = matches!(ssl.mode, SslMode::Allow | SslMode::Prefer | SslMode::Require);
    match &ssl.roots {
        Roots::File(path) if lenient && !path.exists() => say("sslrootcert", path, UNVERIFIED),
        _ => {}
    }
    if ssl.mode == SslMode::Disable {
        return;
    }
    match &ssl.identity {
        Some((certificate, _)) if !certificate.exists() => say("sslcert", certificate, NOT_SHOWN),
        Some((certificate, key)) if key != certificate && is_open(key) => {
            say("sslkey", key, OPEN);
        }
        _ => {}
    }
}

/// Whether libpq refuses the key: only its owner may read it, or the group, too, where that is root
/// (PostgreSQL manual, 34.19.2).
fn is_open(key: &Path) -> bool {
    fs::metadata(key).is_ok_and(|found| {
        let forbidden = if found.uid() == 0 { 0o037 } else { 0o077 };
        found.is_file() && found.permissions().mode() & forbidden != 0
    })
}
