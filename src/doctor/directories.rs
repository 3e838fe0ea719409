//! Directories: there, or to be made by a start, and writable by the user the server will run as.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid};
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::{
    finding::{Finding, Section},
    user,
};
use crate::{
    config::Config,
    exit::Exit,
    phrase,
    plan::{Action, Plan, Work},
    process::{
        filesystem::takes_directories,
        identity::{GROUP, PASSWD, name_of},
    },
};

pub(super) fn look(config: &Config, plan: Option<&Plan>) -> Vec<Finding> {
    let phases = plan.iter().flat_map(|plan| &plan.phases);
    let wanted = phases.filter_map(|phase| match &phase.action {
        Action::Do(Work::Dirs(dirs)) => Some(&dirs.paths),
        _ => None,
    });
    wanted.flatten().map(|path| directory(config, path)).collect()
}

fn directory(config: &Config, path: &Path) -> Finding {
    let ok = |message| Finding::ok(Section::Directories, path.display().to_string(), message);
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            refused(config, path, "is not a directory", ErrorKind::NotADirectory)
        }
        Ok(found) => match user::as_server(config, || may_write(path)) {
            Ok(()) => ok("is there and writable"),
            Err(cause)
                if user::other(config).is_some()
                    && cause.kind() != ErrorKind::ReadOnlyFilesystem
                    && is_fresh(path, &found) =>
            {
                ok("is root's and empty; a start gives it to APP_INIT_USER")
            }
            Err(cause) => {
                let message = format!("cannot write there: {}", describe(config, &found, &cause));
                refused(config, path, &message, cause.kind())
            }
        },
        Err(cause) if cause.kind() == ErrorKind::NotFound => missing(config, path),
        Err(cause) => {
            let message = format!("cannot be looked at: {}", phrase::system(&cause));
            refused(config, path, &message, cause.kind())
        }
    }
}

/// A start makes it with our own rights, if we may write where the missing part of the path belongs.
fn missing(config: &Config, path: &Path) -> Finding {
    let above = existing(path);
    let Err(cause) = may_write(&above).and_then(|()| takes_directories(&above)) else {
        let message = "does not exist yet; a start makes it";
        return Finding::ok(Section::Directories, path.display().to_string(), message);
    };
    let why = match fs::metadata(&above) {
        Ok(found) => describe(config, &found, &cause),
        Err(cause) => phrase::system(&cause),
    };
    let message = format!("does not exist, and cannot be made in `{}`: {why}", above.display());
    refused(config, path, &message, cause.kind())
}

/// The nearest directory above that is there; that of a relative path of one part is where we are.
fn existing(path: &Path) -> PathBuf {
    let found = path.ancestors().skip(1).find(|above| above.exists());
    found.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// access(2) knows read-only mounts and ACLs, which mode bits do not show.
fn may_write(path: &Path) -> io::Result<()> {
    Ok(accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?)
}

/// Root's and empty but for what a new ext4 has: a start hands such a directory over.
fn is_fresh(path: &Path, found: &fs::Metadata) -> bool {
    let mut names = fs::read_dir(path).into_iter().flatten();
    found.uid() == 0
        && names.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found"))
}

/// Uid and gid of the server.
fn server(config: &Config) -> (Uid, Gid) {
    user::other(config)
        .map_or_else(|| (Uid::effective(), Gid::effective()), |user| (user.uid, user.gid))
}

fn refused(config: &Config, path: &Path, message: &str, why: ErrorKind) -> Finding {
    let (uid, gid) = server(config);
    Finding::error(Section::Directories, path.display().to_string(), message, Exit::Directory)
        .hint(phrase::make_writable(path, (uid.as_raw(), gid.as_raw()), why))
}

fn describe(config: &Config, found: &fs::Metadata, cause: &io::Error) -> String {
    match cause.kind() {
        ErrorKind::ReadOnlyFilesystem => return "it is on a read-only file system".to_owned(),
        ErrorKind::Unsupported => return phrase::KERNELS_OWN.to_owned(),
        _ => {}
    }
    let (uid, gid) = server(config);
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    format!(
        "it belongs to {}:{} (mode {:o}) and the server runs as uid {uid}, gid {gid}",
        name_of(found.uid(), &read(PASSWD)),
        name_of(found.gid(), &read(GROUP)),
        found.mode() & 0o7777,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_a_missing_directory_would_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        assert_eq!(existing(&deep), folder.path());
        assert_eq!(existing(Path::new("no-such-directory-here")), Path::new("."));
        assert!(!folder.path().join("a").exists());
    }
}
