//! One hash over a command line and the files that decide its outcome.

mod counts;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{migrate::MigrateError, phrase, plan::Watch};
use counts::counts;

/// What the command line counts as among the watched paths.
pub(super) const COMMAND: &str = "the command line";

/// `the command line` and each watched path, and the hash of each as lower-case hex of 64 digits.
pub(super) type Parts = BTreeMap<String, String>;

/// The paths of everything that is watched, the beginning of the SHA-256 of each: a record that
/// held thousands of them in full would be read on each start.
pub(super) type Names = BTreeSet<String>;

/// What decides the outcome of a command.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// Of all parts, in the order given.
    pub(super) hash: String,
    /// For people, who want to know what has changed.
    pub(super) parts: Parts,
    /// For who asks which of two images has more migrations.
    pub(super) names: Names,
}

/// The same as `content`, on a thread of its own: a large folder must not hold up a stop.
pub(super) async fn read(watch: &Watch) -> Result<Content, MigrateError> {
    let watch = watch.clone();
    match tokio::task::spawn_blocking(move || content(&watch)).await {
        Ok(content) => content,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Reads what is watched: the words of the command line, then every watched path in the order
/// given, folders with everything in them by name. Only names and contents count, neither times
/// nor owners nor modes, so that two builds of one image agree.
///
/// Symbolic links count as what they point at, under their own name; one that points at nothing or
/// back at a folder it stands in counts by its target's text. What is left out in folders: `counts`.
/// # Errors
/// `Folder` for a watched path that is missing or unreadable, or for something below it.
fn content(watch: &Watch) -> Result<Content, MigrateError> {
    let (mut whole, mut parts) = (Hasher::default(), Parts::new());
    let mut names = Names::new();
    let mut add = |name: &[u8], shown: String, mut part: Hasher| {
        names.append(&mut part.names);
        let part = part.hex();
        whole.field(name);
        whole.field(part.as_bytes());
        parts.insert(shown, part);
    };
    add(b"", COMMAND.to_owned(), command(watch));
    for path in &watch.paths {
        add(path.as_os_str().as_bytes(), path.display().to_string(), watched(path)?);
    }
    Ok(Content { hash: whole.hex(), parts, names })
}

fn command(watch: &Watch) -> Hasher {
    let mut hasher = Hasher::default();
    watch.command.argv.iter().for_each(|word| hasher.field(word.as_bytes()));
    hasher
}

fn watched(path: &Path) -> Result<Hasher, MigrateError> {
    let mut hasher = Hasher::default();
    let metadata = fs::metadata(path).map_err(|error| failed(path, &error))?;
    hasher.entry(path, &metadata, &mut Vec::new())?;
    Ok(hasher)
}

#[derive(Default)]
struct Hasher {
    sum: Sha256,
    /// Of what went into the sum.
    names: Names,
}

/// Folders on the way to where we are, by device and inode.
type Way = Vec<(u64, u64)>;

impl Hasher {
    /// With its length in front, so that no two lists of fields look alike.
    fn field(&mut self, bytes: &[u8]) {
        self.sum.update((bytes.len() as u64).to_le_bytes());
        self.sum.update(bytes);
    }

    fn entry(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        way: &mut Way,
    ) -> Result<(), MigrateError> {
        self.name(path);
        if metadata.is_dir() {
            way.push((metadata.dev(), metadata.ino()));
            self.folder(path, way)?;
            way.pop();
        } else if metadata.is_file() {
            self.field(b"file");
            let digest = digest(path).map_err(|error| failed(path, &error))?;
            self.field(&digest);
        } else {
            // A socket, a pipe, a device: reading it would not end.
            self.field(b"other");
        }
        Ok(())
    }

    fn folder(&mut self, folder: &Path, way: &mut Way) -> Result<(), MigrateError> {
        self.field(b"folder");
        for path in entries(folder).map_err(|error| failed(folder, &error))? {
            self.field(b"entry");
            self.field(path.file_name().unwrap_or_default().as_bytes());
            match fs::metadata(&path) {
                Ok(metadata) if way.contains(&(metadata.dev(), metadata.ino())) => {
                    self.link(&path)?;
                }
                Ok(metadata) => self.entry(&path, &metadata, way)?,
                Err(_) if path.is_symlink() => self.link(&path)?,
                Err(error) => return Err(failed(&path, &error)),
            }
        }
        self.field(b"end");
        Ok(())
    }

    fn hex(self) -> String {
        hex(&self.sum.finalize())
    }

    fn name(&mut self, path: &Path) {
        /// Bytes that keep thousands of names apart.
        const ENOUGH: usize = 6;
        let sum = Sha256::digest(path.as_os_str().as_bytes());
        self.names.insert(hex(&sum[..ENOUGH]));
    }

    fn link(&mut self, path: &Path) -> Result<(), MigrateError> {
        self.name(path);
        let target = fs::read_link(path).map_err(|error| failed(path, &error))?;
        self.field(b"link");
        self.field(target.as_os_str().as_bytes());
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// The folder's entries that count, sorted by the bytes of their names.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if counts(&path)? {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The SHA-256 of a file, read piece by piece.
fn digest(path: &Path) -> io::Result<Vec<u8>> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hasher.finalize().to_vec()),
            length => hasher.update(&piece[..length]),
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> MigrateError {
    MigrateError::Watched {
        path: path.to_owned(),
        why: phrase::system(error),
        hint: hint(path, std::env::current_dir().ok().as_deref()),
    }
}

/// What is likely wrong with a watched path that cannot be read.
fn hint(path: &Path, here: Option<&Path>) -> String {
    if path.to_string_lossy().contains(['*', '?']) {
        return "APP_INIT_MIGRATE_WATCH has no patterns: watch the folder itself".to_owned();
    }
    let places =
        "APP_INIT_MIGRATE_WATCH lists files and folders; blanks and commas in a name need quotes";
    match here {
        Some(here) if path.is_relative() => {
            format!("{places}; this one is looked for in `{}`", here.display())
        }
        _ => places.to_owned(),
    }
}

#[cfg(test)]
mod tests;
