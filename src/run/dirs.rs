//! Directories the server needs: there, and writable by the user it runs as.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid};
use rustix::fs::{Access, access};
use thiserror::Error;

use crate::{exit::Exit, failure::Failure};

/// A directory that the server could not use.
#[derive(Debug, Error)]
pub(crate) enum DirectoryError {
    #[error("cannot create the directory `{}`", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot write to the directory `{}`: {found}", path.display())]
    NotWritable { path: PathBuf, found: String },
    #[error("cannot use `{}` as a directory: it is not one", path.display())]
    NotADirectory { path: PathBuf },
}

impl Failure for DirectoryError {
    fn exit(&self) -> Exit {
        Exit::Directory
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Create { path, .. } | Self::NotWritable { path, .. } => {
                let (uid, gid) = (Uid::effective(), Gid::effective());
                let path = path.display();
                Some(format!(
                    "in the Dockerfile: `RUN mkdir -p {path} && chown {uid}:{gid} {path}`; \
                     for a mounted host directory: `chown {uid}:{gid}` on the host"
                ))
            }
            Self::NotADirectory { .. } => None,
        }
    }
}

/// Makes each directory with its parents if it is missing and checks that we can write there.
/// # Errors
/// At the first directory that cannot be used, naming owner, mode and our user.
pub(crate) fn prepare(directories: &[PathBuf]) -> Result<(), DirectoryError> {
    directories.iter().try_for_each(|path| prepare_one(path))
}

fn prepare_one(path: &Path) -> Result<(), DirectoryError> {
    let found = match fs::metadata(path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(path).and_then(|()| fs::metadata(path))
        }
        other => other,
    }
    .map_err(|source| DirectoryError::Create { path: path.to_owned(), source })?;
    if !found.is_dir() {
        return Err(DirectoryError::NotADirectory { path: path.to_owned() });
    }
    // access(2) asks for the real user and knows read-only mounts and ACLs, which mode bits do not show.
    access(path, Access::WRITE_OK | Access::EXEC_OK).map_err(|cause| DirectoryError::NotWritable {
        path: path.to_owned(),
        found: describe(&found, &cause.into()),
    })
}

/// `it belongs to root:root (mode 755) and we run as uid 1000, gid 1000`.
fn describe(found: &fs::Metadata, cause: &io::Error) -> String {
    if cause.kind() == ErrorKind::ReadOnlyFilesystem {
        return "it is on a read-only file system".to_owned();
    }
    format!(
        "it belongs to {}:{} (mode {:o}) and we run as uid {}, gid {}",
        name("/etc/passwd", found.uid()),
        name("/etc/group", found.gid()),
        found.mode() & 0o7777,
        Uid::effective(),
        Gid::effective()
    )
}

/// The name of a user or group (passwd(5), group(5): the number is the third field), else the number.
///
/// Not getpwuid(3): in a static binary it would load the image's name-service modules.
fn name(file: &str, number: u32) -> String {
    let lines = fs::read_to_string(file).unwrap_or_default();
    let wanted = number.to_string();
    let known = lines.lines().find(|line| line.split(':').nth(2) == Some(&wanted));
    known.and_then(|line| line.split(':').next()).unwrap_or(&wanted).to_owned()
}
