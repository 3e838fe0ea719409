//! One hash over a command line and the files that decide its outcome.

use std::{
    collections::BTreeMap,
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{migrate::MigrateError, phrase, plan::Watch};

/// What the command line counts as among the watched paths.
const COMMAND: &str = "the command line";

/// `the command line` and each watched path, and the hash of each as lower-case hex of 64 digits.
pub(super) type Parts = BTreeMap<String, String>;

/// What decides the outcome of a command.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// Of all parts, in the order given.
    pub(super) hash: String,
    /// For people, who want to know what has changed.
    pub(super) parts: Parts,
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
/// back at a folder it stands in counts by its target's text. Left out in folders: `__pycache__`
/// and `*.pyc`, which the tool itself writes when it runs, and names that start with `..`, by which
/// Kubernetes keeps the versions of a mounted `ConfigMap`.
/// # Errors
/// `Folder` for a watched path that is missing or unreadable, or for something below it.
fn content(watch: &Watch) -> Result<Content, MigrateError> {
    let (mut whole, mut parts) = (Hasher::default(), Parts::new());
    let mut add = |name: &[u8], shown: String, part: Hasher| {
        let part = part.hex();
        whole.field(name);
        whole.field(part.as_bytes());
        parts.insert(shown, part);
    };
    add(b"", COMMAND.to_owned(), command(watch));
    for path in &watch.paths {
        add(path.as_os_str().as_bytes(), path.display().to_string(), watched(path)?);
    }
    Ok(Content { hash: whole.hex(), parts })
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
struct Hasher(Sha256);

/// Folders on the way to where we are, by device and inode.
type Way = Vec<(u64, u64)>;

impl Hasher {
    /// With its length in front, so that no two lists of fields look alike.
    fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn entry(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        way: &mut Way,
    ) -> Result<(), MigrateError> {
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
        let bytes = self.0.finalize();
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    fn link(&mut self, path: &Path) -> Result<(), MigrateError> {
        let target = fs::read_link(path).map_err(|error| failed(path, &error))?;
        self.field(b"link");
        self.field(target.as_os_str().as_bytes());
        Ok(())
    }
}

/// The folder's entries that count, sorted by the bytes of their names.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if counts(path.file_name().unwrap_or_default().as_bytes()) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn counts(name: &[u8]) -> bool {
    name != b"__pycache__" && !name.ends_with(b".pyc") && !name.starts_with(b"..")
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
    MigrateError::Folder {
        what: "watched path",
        folder: path.to_owned(),
        why: phrase::system(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::command::CommandLine;

    fn of(words: &[&str], paths: &[&Path]) -> String {
        let command = CommandLine::verbatim(words.iter().map(Into::into).collect());
        let paths = paths.iter().map(|path| path.to_path_buf()).collect();
        content(&Watch { command, paths, tables: Vec::new() }).unwrap().hash
    }

    #[test]
    fn names_and_contents_count_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at("versions/deep")).unwrap();
        fs::write(at("versions/deep/1.py"), "one").unwrap();
        fs::write(at("alembic.ini"), "ini").unwrap();
        let now = || of(&["alembic"], &[&at("versions"), &at("alembic.ini")]);
        let first = now();
        assert_eq!(first.len(), 64);

        fs::create_dir_all(at("versions/__pycache__")).unwrap();
        fs::write(at("versions/__pycache__/1.cpython-311.pyc"), "code").unwrap();
        fs::write(at("versions/1.pyc"), "code").unwrap();
        fs::write(at("versions/..data"), "2026").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(at("alembic.ini"), mode).unwrap();
        File::open(at("alembic.ini")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(now(), first, "caches, versions of a mount, modes and times do not count");

        let mut seen = vec![first];
        let mut differs = |what: &str| {
            let next = now();
            assert!(!seen.contains(&next), "{what} counts");
            seen.push(next);
        };
        fs::write(at("versions/deep/1.py"), "two").unwrap();
        differs("a content");
        fs::rename(at("versions/deep/1.py"), at("versions/deep/2.py")).unwrap();
        differs("a name");
        fs::create_dir(at("versions/empty")).unwrap();
        differs("an empty folder");
        fs::rename(at("versions/deep/2.py"), at("versions/2.py")).unwrap();
        differs("a place");
    }

    #[test]
    fn links_count_as_what_they_point_at() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir_all(at("f")).unwrap();
        fs::write(at("f/a"), "text").unwrap();
        let plain = of(&["x"], &[&at("f")]);
        fs::rename(at("f/a"), at("elsewhere")).unwrap();
        symlink(at("elsewhere"), at("f/a")).unwrap();
        assert_eq!(of(&["x"], &[&at("f")]), plain);
        symlink(at("f"), at("f/round")).unwrap();
        symlink("nowhere", at("f/dangling")).unwrap();
        assert_ne!(of(&["x"], &[&at("f")]), plain, "and none is followed for ever");
    }

    #[test]
    fn no_two_command_lines_look_alike() {
        assert_ne!(of(&["a", "b"], &[]), of(&["ab"], &[]));
        assert_ne!(of(&["a"], &[]), of(&["a", ""], &[]));
    }

    #[test]
    fn a_missing_path_is_named() {
        let command = CommandLine::verbatim(vec!["x".into()]);
        let watch = Watch { command, paths: vec!["/no/such".into()], tables: Vec::new() };
        let error = content(&watch).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read the watched path in `/no/such`: no such file or directory"
        );
        assert_eq!(crate::failure::Failure::exit(&error).code(), 66);
    }
}
