//! Directories the server needs: there, and writable by the user it runs as.
//!
//! As root for another user they are prepared: made for that user, and a fresh one that the
//! container runtime made for root is handed over. Nothing is ever changed recursively.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid};
use rustix::fs::{Access, Mode, OFlags, access, fchown, open};
use thiserror::Error;

use crate::{
    exit::Exit,
    failure::Failure,
    phrase,
    process::{
        filesystem::takes_directories,
        identity::{GROUP, Identity, PASSWD, name_of},
        privileges::{acting_as, may_become},
    },
};

use super::prepare::Result;

/// A directory that the server could not use.
#[derive(Debug, Error)]
pub(crate) enum DirectoryError {
    #[error("cannot create the directory `{}`", path.display())]
    Create { path: PathBuf, owner: Owner, source: io::Error },
    #[error("cannot write to the directory `{}`: {found}", path.display())]
    NotWritable { path: PathBuf, owner: Owner, found: String, why: ErrorKind },
    #[error("cannot give the directory `{}` to uid {}", path.display(), owner.uid)]
    Give { path: PathBuf, owner: Owner, source: io::Error },
    #[error("cannot use `{}` as a directory: `{}` is not one", path.display(), file.display())]
    NotADirectory { path: PathBuf, owner: Owner, file: PathBuf },
}

/// Whom a directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    uid: Uid,
    gid: Gid,
}

impl Failure for DirectoryError {
    fn exit(&self) -> Exit {
        Exit::Directory
    }

    fn hint(&self) -> Option<String> {
        let hint = |path, owner: &Owner, why| {
            Some(phrase::make_writable(path, (owner.uid.as_raw(), owner.gid.as_raw()), why))
        };
        match self {
            Self::Create { path, owner, source } | Self::Give { path, owner, source } => {
                hint(path, owner, source.kind())
            }
            Self::NotWritable { path, owner, why, .. } => hint(path, owner, *why),
            Self::NotADirectory { path, owner, .. } => hint(path, owner, ErrorKind::NotADirectory),
        }
    }
}

/// Makes each directory with its parents if it is missing and checks that the server can write there:
/// `user` if we are root and will become that user, else we ourselves.
///
/// What is made for the user belongs to it, parents too. A directory that is there already is given
/// to it only if it is root's and empty: as a runtime leaves the mount point of a fresh volume.
/// # Errors
/// At the first directory that cannot be used, naming owner, mode and the server's user; or if the
/// kernel does not let us look at it as that user.
pub(super) fn prepare(directories: &[PathBuf], user: Option<&Identity>) -> Result<()> {
    // Nothing is made for a user that we cannot become.
    user.map_or(Ok(()), may_become)?;
    let other = user.filter(|user| Uid::effective().is_root() && !user.uid.is_root());
    directories.iter().try_for_each(|path| match other {
        Some(user) => prepare_for(path, user),
        None => Ok(prepare_own(path)?),
    })
}

fn prepare_own(path: &Path) -> std::result::Result<(), DirectoryError> {
    let owner = Owner { uid: Uid::effective(), gid: Gid::effective() };
    let create = |source| DirectoryError::Create { path: path.to_owned(), owner, source };
    make(path).map_err(create)?;
    check(path, owner, may_write(path)).map_err(|unusable| *unusable)
}

fn prepare_for(path: &Path, user: &Identity) -> Result<()> {
    let owner = Owner { uid: user.uid, gid: user.gid };
    let create = |source| DirectoryError::Create { path: path.to_owned(), owner, source };
    let give = |source| DirectoryError::Give { path: path.to_owned(), owner, source };
    for made in make(path).map_err(create)? {
        give_to(&made, owner).map_err(give)?;
    }
    let mut access = acting_as(user, || may_write(path))?;
    if access.is_err() && is_fresh(path) && !is_behind_a_foreign_link(path) {
        give_to(path, owner).map_err(give)?;
        tracing::info!(
            phase = "dirs",
            event = "given",
            "{} was root's and empty: it belongs to uid {} now",
            path.display(),
            owner.uid
        );
        access = acting_as(user, || may_write(path))?;
    }
    Ok(check(path, owner, access).map_err(|unusable| *unusable)?)
}

/// Makes the directory and what it lacks of parents; those that were made, the outermost first.
fn make(path: &Path) -> io::Result<Vec<PathBuf>> {
    let missing = |path: &&Path| {
        fs::symlink_metadata(path).is_err_and(|cause| cause.kind() == ErrorKind::NotFound)
    };
    let mut made: Vec<PathBuf> = path
        .ancestors()
        .filter(|ancestor| !ancestor.as_os_str().is_empty())
        .take_while(missing)
        .map(Path::to_owned)
        .collect();
    made.reverse();
    made.iter().try_for_each(|path| match fs::create_dir(path) {
        // Another container was faster on a shared volume.
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(()),
        // procfs and sysfs have reasons of their own (ENOENT, EPERM, EROFS), which rights would not mend.
        Err(cause) => {
            let above = path.parent().filter(|above| !above.as_os_str().is_empty());
            takes_directories(above.unwrap_or(Path::new("."))).and(Err(cause))
        }
        Ok(()) => Ok(()),
    })?;
    Ok(made)
}

/// access(2) knows read-only mounts and ACLs, which mode bits do not show.
fn may_write(path: &Path) -> io::Result<()> {
    Ok(access(path, Access::WRITE_OK | Access::EXEC_OK)?)
}

fn check(
    path: &Path,
    owner: Owner,
    access: io::Result<()>,
) -> std::result::Result<(), Box<DirectoryError>> {
    let unusable = |cause: &io::Error, found: Option<&fs::Metadata>| {
        let found = describe(found, owner, cause);
        let (path, why) = (path.to_owned(), cause.kind());
        Box::new(DirectoryError::NotWritable { path, owner, found, why })
    };
    if let Some(file) = path.ancestors().find(|part| part.exists() && !part.is_dir()) {
        let (path, file) = (path.to_owned(), file.to_owned());
        return Err(Box::new(DirectoryError::NotADirectory { path, owner, file }));
    }
    match (fs::metadata(path), access) {
        (Ok(_), Ok(())) => Ok(()),
        (Ok(found), Err(cause)) => Err(unusable(&cause, Some(&found))),
        (Err(cause), _) => Err(unusable(&cause, None)),
    }
}

/// Whether the container runtime has just made it: root's, and empty but for what a new ext4 has.
fn is_fresh(path: &Path) -> bool {
    let roots = fs::metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == 0);
    let mut names = fs::read_dir(path).into_iter().flatten();
    roots && names.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found"))
}

/// Whether someone else than root could have led us here: such a path might end at a directory of
/// root's that was never meant.
fn is_behind_a_foreign_link(path: &Path) -> bool {
    let link = |path: &Path| {
        fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink() && found.uid() != 0)
    };
    path.ancestors().any(link)
}

/// Changes the owner of that directory and of nothing in it.
fn give_to(path: &Path, owner: Owner) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = open(fs::canonicalize(path)?, flags, Mode::empty())?;
    let uid = rustix::process::Uid::from_raw(owner.uid.as_raw());
    let gid = rustix::process::Gid::from_raw(owner.gid.as_raw());
    Ok(fchown(opened, Some(uid), Some(gid))?)
}

/// `it belongs to root:root (mode 755) and the server runs as uid 1000, gid 1000`.
fn describe(found: Option<&fs::Metadata>, owner: Owner, cause: &io::Error) -> String {
    let Some(found) = found.filter(|_| cause.kind() != ErrorKind::ReadOnlyFilesystem) else {
        return match cause.kind() {
            ErrorKind::ReadOnlyFilesystem => "it is on a read-only file system".to_owned(),
            _ => phrase::system(cause),
        };
    };
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    format!(
        "it belongs to {}:{} (mode {:o}) and the server runs as uid {}, gid {}",
        name_of(found.uid(), &read(PASSWD)),
        name_of(found.gid(), &read(GROUP)),
        found.mode() & 0o7777,
        owner.uid,
        owner.gid
    )
}
