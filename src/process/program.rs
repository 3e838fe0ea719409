//! From a program's name to the file that will be run.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::unrunnable::{Reason, explain};

/// What container runtimes set when an image sets nothing.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Finds the file that `name` stands for, with the PATH of the child.
///
/// As execvp(3): a name with a slash is a path, a directory is passed over, and a file without the
/// execute bit is passed over too, but remembered for the error.
/// # Errors
/// `Reason::NotInPath`, or why the first file of that name cannot be run.
pub(crate) fn find(name: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, Reason> {
    if name.as_bytes().contains(&b'/') {
        return Ok(PathBuf::from(name));
    }
    let path = path.unwrap_or_else(|| OsStr::new(DEFAULT_PATH));
    let mut refused = None;
    for directory in std::env::split_paths(path).filter(|_| !name.is_empty()) {
        let candidate = Path::new(".").join(directory).join(name);
        match look(&candidate) {
            Look::Runnable => return Ok(candidate),
            Look::Refused => refused = refused.or(Some(candidate)),
            Look::Nothing => {}
        }
    }
    match refused {
        Some(candidate) => Err(explain(&candidate, nix::errno::Errno::EACCES)),
        None => Err(Reason::NotInPath(path.to_string_lossy().into_owned())),
    }
}

/// Whether `name` is a program that could be run.
pub(crate) fn exists(name: &OsStr, path: Option<&OsStr>) -> bool {
    find(name, path).is_ok_and(|found| !matches!(look(&found), Look::Nothing))
}

enum Look {
    Runnable,
    /// There is a file, and it is not ours to execute.
    Refused,
    Nothing,
}

fn look(candidate: &Path) -> Look {
    if !candidate.is_file() {
        return Look::Nothing;
    }
    match accessat(CWD, candidate, Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => Look::Runnable,
        Err(_) => Look::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_in_the_childs_path() {
        let found = find(OsStr::new("sh"), Some(OsStr::new("/nowhere:/bin"))).unwrap();
        assert_eq!(found, Path::new("/bin/sh"));
        let missing = find(OsStr::new("sh"), Some(OsStr::new("/nowhere")));
        assert!(matches!(missing, Err(Reason::NotInPath(path)) if path == "/nowhere"));
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        assert_eq!(find(OsStr::new("./no/such"), None).unwrap(), Path::new("./no/such"));
        assert!(!exists(OsStr::new("./no/such"), None));
        assert!(exists(OsStr::new("sh"), None));
        assert!(!exists(OsStr::new(""), None));
    }
}
