//! One line at the bottom of a terminal that is written over again and again: what runs just now.
//!
//! Never in a pipe, a file or JSON mode, where it would be a line like any other.

use std::{
    io::{Write, stderr},
    os::fd::AsFd,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::termios::tcgetwinsize;
use tracing::Level;

use super::{Format, LEVEL, format, paint, rank};

/// To the first column, and everything from there erased (ECMA-48, 8.3.41).
const ERASE: &str = "\r\u{1b}[K";

/// Whether stderr is a terminal that knows the sequence.
static POSSIBLE: AtomicBool = AtomicBool::new(false);
/// Whether such a line is there now.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Says whether stderr is a terminal where such lines work; until then it is none.
pub(crate) fn allow(possible: bool) {
    POSSIBLE.store(possible, Ordering::Relaxed);
}

/// Writes the line, or writes over the one that is there. A log line takes its place.
pub(crate) fn show(text: &str) {
    let wanted = LEVEL.load(Ordering::Relaxed) >= rank(Level::INFO);
    if !wanted || format() == Format::Json || !POSSIBLE.load(Ordering::Relaxed) {
        return;
    }
    let prefix = "init: ";
    let room = width().saturating_sub(prefix.len() + 1);
    let line = format!("{ERASE}{}{}", paint("2", prefix), cut(text, room));
    SHOWN.store(true, Ordering::Relaxed);
    drop(stderr().lock().write_all(line.as_bytes()));
}

/// Erases the line if it is there.
pub(crate) fn end() {
    make_room();
}

pub(super) fn make_room() {
    if SHOWN.swap(false, Ordering::Relaxed) {
        drop(stderr().lock().write_all(ERASE.as_bytes()));
    }
}

/// Columns of the terminal that stderr is; `None` if it is none where such lines work.
pub(crate) fn columns() -> Option<usize> {
    POSSIBLE.load(Ordering::Relaxed).then(width)
}

/// Columns of the terminal now; one that does not tell has the usual 80.
fn width() -> usize {
    columns_of(&stderr()).unwrap_or(80)
}

/// Columns of the terminal that a stream is; `None` if it is none, or does not tell.
pub(crate) fn columns_of(stream: &impl AsFd) -> Option<usize> {
    tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// As much as fits: a line that wraps could not be erased.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_never_wraps() {
        for (text, room, shown) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("äöüß", 4, "äöüß"), ("abc", 0, "…")]
        {
            assert_eq!(cut(text, room), shown, "{text:?} in {room}");
        }
    }
}
