//! The termination message: why the start failed, where Kubernetes looks for it.
//!
//! `/dev/termination-log` exists only where the kubelet mounted it, so it is written to and never
//! created; a file that the settings name is created.

use std::{fs::OpenOptions, io::Write, path::Path};

use tracing::debug;

use crate::phrase::system;

/// Where the kubelet mounts it unless the pod says otherwise.
const USUAL: &str = "/dev/termination-log";

/// What fits on one screen of `kubectl describe pod`.
const LIMIT: usize = 1024;

/// Replaces the content by `message`, cut to the limit. Trouble is only worth a debug line: the same
/// message stands in the log.
pub(crate) fn write(path: &Path, message: &str) {
    let named = path != Path::new(USUAL);
    let file = OpenOptions::new().write(true).truncate(true).create(named).open(path);
    if let Err(cause) = file.and_then(|mut file| file.write_all(cut(message).as_bytes())) {
        debug!("cannot write the termination message to {}: {}", path.display(), system(&cause));
    }
}

/// What happened and what to do about it; the first is cut so that the second is whole.
pub(crate) fn message(what: &str, hint: Option<&str>) -> String {
    let Some(hint) = hint else { return what.to_owned() };
    let hint = format!("\nhint: {}", hint.replace('\n', "\nhint: "));
    let room = LIMIT.saturating_sub(hint.len());
    if what.len() <= room || room < LIMIT / 2 {
        return what.to_owned() + &hint;
    }
    let dots = " …";
    format!("{}{dots}{hint}", within(what, room - dots.len()))
}

fn cut(message: &str) -> &str {
    within(message, LIMIT)
}

/// As many whole characters as fit into so many bytes.
fn within(message: &str, limit: usize) -> &str {
    let mut end = message.len().min(limit);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_never_cut() {
        assert_eq!(message("short", Some("do")), "short\nhint: do");
        assert_eq!(message("short", Some("do\nand do")), "short\nhint: do\nhint: and do");
        assert_eq!(message("short", None), "short");
        let long = message(&"é".repeat(600), Some("do this"));
        assert!(long.ends_with("é …\nhint: do this") && long.len() <= LIMIT, "{long}");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(600);
        assert_eq!(cut(&long).len(), 1024);
        let shifted = format!("x{long}");
        assert_eq!(cut(&shifted).len(), 1023);
    }
}
