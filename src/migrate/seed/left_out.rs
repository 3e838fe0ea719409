//! What of a folder of seeds is none, and may be taken for one.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use crate::phrase::listed;

/// Names the SQL files that do not run: in folders below, or `.SQL`.
pub(super) fn say(folder: &Path) {
    let names = names(folder);
    if !names.is_empty() {
        tracing::warn!(
            phase = "seed",
            event = "left_out",
            "no seeds, and left out: {}; a seed is called NAME.sql and stands in `{}` itself",
            listed(&names),
            folder.display()
        );
    }
}

fn names(folder: &Path) -> Vec<String> {
    let is_sql = |path: &Path| path.extension().is_some_and(|it| it.eq_ignore_ascii_case("sql"));
    let mut left_out = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            left_out.extend(entries(&path).into_iter().filter(|below| is_sql(below)));
        } else if is_sql(&path) && path.extension() != Some(OsStr::new("sql")) {
            left_out.push(path);
        }
    }
    left_out.sort();
    let below = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    left_out.iter().map(below).collect()
}

/// None where it cannot be read: whoever needs the folder says so. Names that start with `..` are a
/// `ConfigMap`'s versions.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_version = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".."))
    };
    entries.map(|entry| entry.path()).filter(|path| !is_version(path)).collect()
}
