//! How long a token is, from its first byte on; `None` if nothing ends it. Pure.

use super::Backslash;

/// Bytes up to and with `end`, or all of them.
pub(super) fn length_to(rest: &[u8], end: u8) -> usize {
    rest.iter().position(|byte| *byte == end).map_or(rest.len(), |at| at + 1)
}

/// The length of a comment, which may hold others (manual, 4.1.5).
pub(super) fn comment(rest: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    None
}

/// The length of a quoted string or name. A doubled quote is read as two neighbours, which ends
/// at the same place.
pub(super) fn quoted(rest: &[u8], quote: u8, backslash: Backslash) -> Option<usize> {
    let mut at = 1;
    while at < rest.len() {
        if backslash == Backslash::Escape && rest[at] == b'\\' {
            at += 2;
        } else if rest[at] != quote {
            at += 1;
        } else if rest.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return Some(at + 1);
        }
    }
    None
}

/// The length of an `E'…'` from its quote on. A string that goes on behind a line end goes on in the
/// same way (scan.l: `quotecontinue`): there, too, a backslash keeps the next quote from ending it.
pub(super) fn escaped(rest: &[u8]) -> Option<usize> {
    let mut at = quoted(rest, b'\'', Backslash::Escape)?;
    while let Some(length) = to_continuation(&rest[at..]) {
        at += length;
        at += quoted(&rest[at..], b'\'', Backslash::Escape)?;
    }
    Some(at)
}

/// Bytes up to the quote with which a string goes on: blanks with a line end among them.
fn to_continuation(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(length) = blank(&rest[at..]) {
        at += length;
    }
    let goes_on = rest.get(at) == Some(&b'\'') && rest[..at].iter().any(|byte| is_line_end(*byte));
    goes_on.then_some(at)
}

/// The length of one blank or of a comment to the end of its line (scan.l: `whitespace`).
pub(super) fn blank(rest: &[u8]) -> Option<usize> {
    match rest {
        [first, ..] if first.is_ascii_whitespace() || *first == 0x0B => Some(1),
        [b'-', b'-', ..] => {
            Some(rest.iter().position(|byte| is_line_end(*byte)).unwrap_or(rest.len()))
        }
        _ => None,
    }
}

/// A lone carriage return ends a line, too (scan.l: `newline`).
fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The `$tag$` that opens a string here; `None` for another dollar, such as the one of `$1`.
pub(super) fn dollar_tag(rest: &[u8]) -> Option<&[u8]> {
    let name = rest[1..].iter().take_while(|byte| is_name(**byte) && **byte != b'$').count();
    let digit = rest.get(1).is_some_and(u8::is_ascii_digit);
    (!digit && rest.get(1 + name) == Some(&b'$')).then(|| &rest[..name + 2])
}

/// The length of `$tag$…$tag$`.
pub(super) fn dollar_quoted(rest: &[u8], tag: &[u8]) -> Option<usize> {
    let body = &rest[tag.len()..];
    let close = body.windows(tag.len()).position(|window| window == tag);
    close.map(|at| tag.len() + at + tag.len())
}

pub(super) fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

pub(super) fn is_name(byte: u8) -> bool {
    is_name_start(byte) || byte.is_ascii_digit() || byte == b'$'
}
