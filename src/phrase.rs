//! Small pieces of what people read, in one wording everywhere.

use std::{
    io::{self, ErrorKind},
    path::Path,
    time::Duration,
};

/// `1 file`, `2 files`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// `a, b, c`; of more than five the first three and how many more.
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    const ALL: usize = 5;
    const FIRST: usize = 3;
    let shown = if names.len() > ALL { FIRST } else { names.len() };
    let text = names[..shown].iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match names.len() - shown {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// How long something has lasted, to the second, below one to the millisecond: `1m 5s`, `250ms`.
pub(crate) fn lasting(time: Duration) -> String {
    let rounded = match time.as_secs() {
        0 => Duration::from_millis(u64::from(time.subsec_millis())),
        _ => Duration::from_secs((time + Duration::from_millis(500)).as_secs()),
    };
    humantime::format_duration(rounded).to_string()
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

/// What is wrong with a place below which the kernel makes all directories itself.
pub(crate) const KERNELS_OWN: &str = "the file system there takes no directories";

/// What to do where the user `owner` (uid and gid) cannot write to a directory, by the reason.
pub(crate) fn make_writable(path: &Path, owner: (u32, u32), why: ErrorKind) -> String {
    let (path, (uid, gid)) = (path.display(), owner);
    match why {
        ErrorKind::ReadOnlyFilesystem => format!(
            "mount a volume or a tmpfs at {path}, or take `:ro`, `read_only` or `readOnly` off what is there"
        ),
        ErrorKind::Unsupported => "name another directory: no image can have this one".to_owned(),
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
    fn a_long_list_is_counted() {
        for (names, text) in [
            (&["a"][..], "a"),
            (&["a", "b", "c", "d", "e"], "a, b, c, d, e"),
            (&["a", "b", "c", "d", "e", "f"], "a, b, c and 3 more"),
        ] {
            assert_eq!(listed(names), text);
        }
    }

    #[test]
    fn a_time_has_no_more_digits_than_it_needs() {
        for (millis, text) in
            [(0, "0s"), (250, "250ms"), (1400, "1s"), (1500, "2s"), (64_900, "1m 5s")]
        {
            assert_eq!(lasting(Duration::from_millis(millis)), text, "{millis}");
        }
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
