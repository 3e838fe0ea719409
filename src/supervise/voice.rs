//! The supervisor's log lines: text or JSON on stderr, one write each, no heap, no `tracing`.

use std::{
    fmt::{self, Write},
    io::stderr,
};

use time::OffsetDateTime;

/// How the supervisor speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Voice {
    pub(crate) json: bool,
    pub(crate) level: Level,
}

/// The least important line that is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Error, "error"),
        (Self::Warn, "warn"),
        (Self::Info, "info"),
        (Self::Debug, "debug"),
    ];

    /// Reads what `Display` prints, in any case, and `trace` as `debug`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = if text.eq_ignore_ascii_case("trace") { "debug" } else { text };
        Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(level, _)| *level)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(Self::ALL[*self as usize].1)
    }
}

/// Who sent a signal, after a word such as `by`. Nothing where nobody can be named: the kernel, and
/// whoever is outside of our PID namespace, have the pid 0 here (`pid_namespaces(7)`).
pub(super) struct Sender(pub(super) &'static str, pub(super) u32);

impl fmt::Display for Sender {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(_, 0) => Ok(()),
            Self(word, pid) => write!(out, " {word} pid {pid}"),
        }
    }
}

impl Voice {
    /// Prints one line; `event` is a stable word. What does not fit is cut. A closed stderr is no
    /// reason to end: PID 1 has none.
    pub(crate) fn say(self, level: Level, event: &str, message: fmt::Arguments<'_>) {
        if level > self.level {
            return;
        }
        let mut line = Line { bytes: [0; 512], length: 0, escape: false };
        let written = if self.json {
            json(&mut line, level, event, message)
        } else {
            write!(line, "init: serve: {message}")
        };
        if written.is_err() {
            line.length = line.bytes.len() - 3;
            if self.json {
                line.escape = false;
                let _ = line.write_str("\"}");
            }
        }
        line.end();
    }
}

fn json(line: &mut Line, level: Level, event: &str, message: fmt::Arguments<'_>) -> fmt::Result {
    let now = OffsetDateTime::now_utc();
    let (hour, minute, second, milli) = now.to_hms_milli();
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    write!(
        line,
        r#"{{"ts":"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z","#
    )?;
    write!(line, r#""level":"{level}","phase":"serve","event":"{event}","msg":""#)?;
    line.escape = true;
    line.write_fmt(message)?;
    line.escape = false;
    line.write_str("\"}")
}

/// A line of bounded length. Three bytes stay free for the end of a cut line.
struct Line {
    bytes: [u8; 512],
    length: usize,
    /// Whether what is written is the inside of a JSON string.
    escape: bool,
}

impl Line {
    fn push(&mut self, byte: u8) -> fmt::Result {
        *self.bytes.get_mut(self.length).ok_or(fmt::Error)? = byte;
        self.length += 1;
        Ok(())
    }

    fn end(mut self) {
        let last = self.length.min(self.bytes.len() - 1);
        self.bytes[last] = b'\n';
        drop(std::io::Write::write_all(&mut stderr(), &self.bytes[..=last]));
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' if self.escape => self.push(b'\\').and_then(|()| self.push(byte))?,
                0..0x20 if self.escape => self.push(b' ')?,
                _ => self.push(byte)?,
            }
        }
        Ok(())
    }
}
