//! Whether exec will fail, found out without trying: what the kernel looks at, looked at before it.

use std::{ffi::OsStr, io, path::Path};

use nix::errno::Errno;
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::{Reason, explain, head, interpreter};
use crate::process::{elf, program};

/// Why `file` could not be run; `None` if nothing is seen that stands in the way.
///
/// `path` is the PATH of the child: a script that begins with `#!/usr/bin/env NAME` needs NAME there.
pub(crate) fn foresee(file: &Path, path: Option<&OsStr>) -> Option<Reason> {
    if let Err(errno) = access(file) {
        return Some(explain(file, errno));
    }
    if !file.is_file() {
        return Some(explain(file, Errno::EACCES));
    }
    let head = head(file);
    if let Some(interpreter) = interpreter(&head) {
        return script(file, &interpreter).or_else(|| by_env(&head, path));
    }
    match elf::machine(&head) {
        Some(machine) if machine != elf::OURS => Some(explain(file, Errno::ENOEXEC)),
        Some(_) => elf::loader(&head)
            .filter(|loader| !Path::new(loader).exists())
            .map(|_| explain(file, Errno::ENOENT)),
        // An executable that we may not read is the kernel's business (execve(2)).
        None if std::fs::File::open(file).is_err() => None,
        None => Some(explain(file, Errno::ENOEXEC)),
    }
}

fn script(file: &Path, interpreter: &str) -> Option<Reason> {
    access(Path::new(interpreter)).err().map(|errno| explain(file, errno))
}

/// The program that `env` is to find.
fn by_env(head: &[u8], path: Option<&OsStr>) -> Option<Reason> {
    let line = String::from_utf8_lossy(head.split(|byte| *byte == b'\n').next()?).into_owned();
    let mut words = line.trim_start_matches("#!").split_whitespace();
    let env = words.next().is_some_and(|word| word.ends_with("/env"));
    let name = words.find(|word| *word != "-S").filter(|_| env)?;
    let plain = !name.starts_with('-') && !name.contains('=');
    (plain && program::find(OsStr::new(name), path).is_err())
        .then(|| Reason::Interpreter(name.to_owned()))
}

fn access(file: &Path) -> Result<(), Errno> {
    accessat(CWD, file, Access::EXEC_OK, AtFlags::EACCESS).map_err(|errno| {
        let error = io::Error::from(errno);
        Errno::from_raw(error.raw_os_error().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn says_what_exec_would_say() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text, mode, why) in [
            ("fine", "#!/bin/sh\n", 0o755, None),
            ("env", "#!/usr/bin/env sh\n", 0o755, None),
            ("no-env", "#!/usr/bin/env no-such-9\n", 0o755, Some("no-such-9")),
            ("gone", "#!/no/such\n", 0o755, Some("interpreter")),
            ("crlf", "#!/bin/sh\r\n", 0o755, Some("carriage return")),
            ("mode", "#!/bin/sh\n", 0o644, Some("execute permission")),
            ("text", "hello", 0o755, Some("neither")),
            ("empty", "", 0o755, Some("empty")),
        ] {
            let file = folder.path().join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let reason = foresee(&file, None).map(|reason| reason.to_string());
            match (reason, why) {
                (None, None) => {}
                (Some(reason), Some(why)) if reason.contains(why) => {}
                (reason, why) => panic!("{name}: {reason:?} instead of {why:?}"),
            }
        }
        let folder = folder.path();
        assert!(matches!(foresee(folder, None), Some(Reason::Directory)));
        assert!(matches!(foresee(&folder.join("nothing"), None), Some(Reason::NoSuchFile)));
    }
}
