//! Files for TLS that are named and missing, where libpq goes on without them.

use std::path::Path;

use super::super::{Note, Roots, Ssl, SslMode, draft::Draft};

const UNVERIFIED: &str =
    "is missing, so the server's certificate is not verified; sslmode=verify-ca would demand it";
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
    match &ssl.identity {
        Some((certificate, _)) if ssl.mode != SslMode::Disable && !certificate.exists() => {
            say("sslcert", certificate, NOT_SHOWN);
        }
        _ => {}
    }
}
