//! Directories: there, or to be made by a start, and writable by the user the server will run as.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Uid};
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::finding::{Finding, Section};
use crate::{
    config::Config,
    exit::Exit,
    plan::{Action, Plan, Work},
};

pub(super) fn look(config: &Config, plan: Option<&Plan>) -> Vec<Finding> {
    let works = plan.iter().flat_map(|plan| &plan.phases);
    let wanted = works.filter_map(|phase| match &phase.action {
        Action::Do(Work::Dirs(dirs)) => Some(&dirs.paths),
        _ => None,
    });
    let prepared = Uid::effective().is_root() && config.user.is_some();
    wanted.flatten().map(|path| directory(path, prepared)).collect()
}

/// `prepared`: a start does it as root for another user, and gives it to that user.
fn directory(path: &Path, prepared: bool) -> Finding {
    let subject = path.display().to_string();
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => {
            Finding::error(Section::Directories, subject, "it is not a directory", Exit::Directory)
        }
        Ok(found) => match may_write(path) {
            Ok(()) if prepared && found.uid() == 0 => Finding::ok(
                Section::Directories,
                subject,
                "is root's; a start gives it to APP_INIT_USER if it is empty",
            ),
            Ok(()) => Finding::ok(Section::Directories, subject, "is there and writable"),
            Err(cause) => refused(path, &describe(&found, &cause)),
        },
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => missing(path),
        Err(cause) => refused(path, &cause.kind().to_string()),
    }
}

/// A start makes it, if it may write where the first part of the path that is missing belongs.
fn missing(path: &Path) -> Finding {
    let above = existing(path);
    match may_write(&above) {
        Ok(()) => Finding::ok(
            Section::Directories,
            path.display().to_string(),
            "does not exist yet; a start makes it",
        ),
        Err(cause) => {
            let why = fs::metadata(&above).map(|found| describe(&found, &cause));
            let why = why.unwrap_or_else(|cause| cause.kind().to_string());
            refused(path, &format!("it does not exist, and in `{}` {why}", above.display()))
        }
    }
}

fn existing(path: &Path) -> PathBuf {
    let found = path.ancestors().skip(1).find(|above| above.exists());
    match found {
        Some(above) => above.to_owned(),
        // A relative path of one part lies in the working directory.
        None => PathBuf::from("."),
    }
}

/// access(2) knows read-only mounts and ACLs, which mode bits do not show.
fn may_write(path: &Path) -> io::Result<()> {
    Ok(accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?)
}

fn refused(path: &Path, why: &str) -> Finding {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let shown = path.display();
    let message = format!("cannot write there: {why}");
    Finding::error(Section::Directories, shown.to_string(), message, Exit::Directory).hint(format!(
        "in the Dockerfile: `RUN mkdir -p {shown} && chown {uid}:{gid} {shown}`; \
         for a mounted host directory: `chown {uid}:{gid}` on the host"
    ))
}

fn describe(found: &fs::Metadata, cause: &io::Error) -> String {
    if cause.kind() == io::ErrorKind::ReadOnlyFilesystem {
        return "the file system is read-only".to_owned();
    }
    format!(
        "the owner is {}:{} (mode {:o}) and we run as {}:{}",
        found.uid(),
        found.gid(),
        found.mode() & 0o7777,
        Uid::effective(),
        Gid::effective()
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
