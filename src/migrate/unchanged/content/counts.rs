//! What of a watched folder counts: all but what a tool makes there by running.

use std::{fs, io, os::unix::ffi::OsStrExt, path::Path};

const CACHE: &[u8] = b"__pycache__";

/// Whether an entry of a folder counts. Python's compiled files do where they are all there is, as in an
/// image without sources (Alembic's `sourceless`); names that start with `..` are a `ConfigMap`'s versions.
pub(super) fn counts(path: &Path) -> io::Result<bool> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    if name == CACHE {
        return has_more(path);
    }
    Ok(if name.ends_with(b".pyc") {
        !has_source(path)
    } else {
        // What is being written to a cache has another name for a moment.
        !is_cached(path) && !name.starts_with(b"..")
    })
}

/// Whether anything in a cache counts.
fn has_more(cache: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(cache)? {
        if counts(&entry?.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a compiled file was made from one that is there: `a.py` for `a.pyc` beside it and for
/// `__pycache__/a.cpython-311.pyc` (PEP 3147).
fn has_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (up, end) = if is_cached(path) { (2, name.find('.')) } else { (1, name.rfind('.')) };
    let stem = &name[..end.unwrap_or(name.len())];
    let folder = path.ancestors().nth(up);
    folder.is_some_and(|folder| folder.join(format!("{stem}.py")).exists())
}

fn is_cached(path: &Path) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|name| name.as_bytes() == CACHE)
}
