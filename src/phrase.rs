//! Small pieces of what people read, in one wording everywhere.

use std::{
    fmt,
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

/// How long something took: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 00 min`. A limit is another thing:
/// it reads as one types it. No heap is needed to show it.
pub(crate) struct Took(pub(crate) Duration);

impl fmt::Display for Took {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        match seconds {
            0 => write!(out, "{millis} ms"),
            1..60 => write!(out, "{seconds}.{} s", millis / 100),
            60..3_600 => write!(out, "{} min {:02} s", seconds / 60, seconds % 60),
            _ => write!(out, "{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
        }
    }
}

/// How long something has lasted so far: the same, from one second on in whole ones.
pub(crate) fn lasting(time: Duration) -> String {
    match (time + Duration::from_millis(500)).as_secs() {
        _ if time.as_secs() == 0 => Took(time).to_string(),
        seconds @ ..60 => format!("{seconds} s"),
        seconds => Took(Duration::from_secs(seconds)).to_string(),
    }
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
    fn times_read_as_people_say_them() {
        for (millis, whole, so_far) in [
            (0, "0 ms", "0 ms"),
            (999, "999 ms", "999 ms"),
            (1_000, "1.0 s", "1 s"),
            (1_500, "1.5 s", "2 s"),
            (12_345, "12.3 s", "12 s"),
            (59_999, "59.9 s", "1 min 00 s"),
            (60_000, "1 min 00 s", "1 min 00 s"),
            (245_900, "4 min 05 s", "4 min 06 s"),
            (7_500_000, "2 h 05 min", "2 h 05 min"),
        ] {
            let time = Duration::from_millis(millis);
            assert_eq!((&*Took(time).to_string(), &*lasting(time)), (whole, so_far), "{millis}");
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
