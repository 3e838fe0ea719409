//! Small pieces of what people read, in one wording everywhere.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

/// `1 file`, `2 files`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// What the system says, as strerror(3) has it, in lower case and without the standard library's number.
pub(crate) fn system(error: &io::Error) -> String {
    let text = error.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Why a file cannot be read.
pub(crate) fn unread(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::IsADirectory => "it is a directory".into(),
        ErrorKind::InvalidData => "it is not UTF-8".into(),
        _ => system(error),
    }
}

/// What to do where the user `owner` (uid and gid) cannot write to a directory, by the reason.
pub(crate) fn make_writable(path: &Path, owner: (u32, u32), why: ErrorKind) -> String {
    let (path, (uid, gid)) = (path.display(), owner);
    match why {
        ErrorKind::ReadOnlyFilesystem => format!(
            "mount a volume or a tmpfs at {path}, or take `:ro`, `read_only` or `readOnly` off what is there"
        ),
        ErrorKind::NotADirectory => {
            "name another directory, or remove the file from the image".to_owned()
        }
        _ => format!(
            "in the Dockerfile: `RUN mkdir -p {path} && chown {uid}:{gid} {path}`; \
             for a mounted host directory: `chown {uid}:{gid}` on the host"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        for (count, text) in [(0, "0 files"), (1, "1 file"), (2, "2 files")] {
            assert_eq!(counted(count, "file"), text);
        }
    }

    #[test]
    fn what_is_read_only_is_not_for_chown() {
        let hint = |why| make_writable(Path::new("/data"), (5, 6), why);
        assert!(hint(ErrorKind::PermissionDenied).contains("chown 5:6 /data"));
        assert!(hint(ErrorKind::ReadOnlyFilesystem).contains("tmpfs at /data"));
        assert!(!hint(ErrorKind::ReadOnlyFilesystem).contains("chown"));
    }

    #[test]
    fn an_error_of_the_system_has_no_number() {
        for (number, said, of_a_file) in [
            (2, "no such file or directory", "there is no such file"),
            (13, "permission denied", "permission denied"),
            (21, "is a directory", "it is a directory"),
            (28, "no space left on device", "no space left on device"),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!((system(&error).as_str(), unread(&error).as_str()), (said, of_a_file));
        }
    }
}
