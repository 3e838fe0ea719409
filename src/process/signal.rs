//! Signals by number, and their names as people write them; `map` has what becomes of them.
//!
//! Pure. A type of our own because neither nix nor std can name the real-time signals 34 to 64.

mod map;

use std::fmt;

pub(crate) use map::{
    CODES_HINT, MAP_HINT, SignalMap, SignalTarget, TARGET_HINT, parse_codes, parse_map,
    parse_target,
};

/// A signal by its number on this machine, 1 to 64, real-time signals included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Signal(u8);

/// Names and numbers as on every architecture Rust's Linux targets share (signal(7), x86 and ARM column).
const NAMES: &[(&str, u8)] = &[
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
    // Second names; the first of a number is the one that is printed.
    ("IOT", 6),
    ("CLD", 17),
    ("POLL", 29),
    ("UNUSED", 31),
];

/// glibc's and every shell's SIGRTMIN: the kernel's 32 and 33 belong to the C library.
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

impl Signal {
    pub(crate) const HUP: Self = Self(1);
    pub(crate) const INT: Self = Self(2);
    pub(crate) const QUIT: Self = Self(3);
    pub(crate) const KILL: Self = Self(9);
    pub(crate) const TERM: Self = Self(15);
    pub(crate) const CHLD: Self = Self(17);
    pub(crate) const CONT: Self = Self(18);
    pub(crate) const STOP: Self = Self(19);
    pub(crate) const TSTP: Self = Self(20);
    pub(crate) const TTIN: Self = Self(21);
    pub(crate) const TTOU: Self = Self(22);

    /// `None` outside 1 to 64.
    pub(crate) fn from_raw(number: i32) -> Option<Self> {
        u8::try_from(number).ok().filter(|number| (1..=RTMAX).contains(number)).map(Self)
    }

    pub(crate) fn number(self) -> i32 {
        i32::from(self.0)
    }

    /// Whether it asks a preparing phase to end.
    pub(crate) fn is_stop(self) -> bool {
        [Self::TERM, Self::INT, Self::QUIT, Self::HUP].contains(&self)
    }

    /// Whether it stops a process that did not decide otherwise, as ^Z does.
    pub(crate) fn is_job_control(self) -> bool {
        [Self::TSTP, Self::TTIN, Self::TTOU].contains(&self)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => write!(out, "SIG{name}"),
            None if self.0 < RTMIN => write!(out, "signal {}", self.0),
            None if self.0 == RTMIN => out.write_str("SIGRTMIN"),
            None => write!(out, "SIGRTMIN+{}", self.0 - RTMIN),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Reads `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3` or `RTMAX-1`.
/// # Errors
/// A clause for `error: SETTING: …` that repeats the text.
pub(crate) fn parse(text: &str) -> Result<Signal, String> {
    let upper = text.trim().to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    known
        .or_else(|| real_time(name))
        .or_else(|| name.parse().ok())
        .and_then(|number| Signal::from_raw(i32::from(number)))
        .ok_or_else(|| unknown(text, name))
}

fn real_time(name: &str) -> Option<u8> {
    let offset = |text: &str, sign: char| match text {
        "" => Some(0),
        _ => text.strip_prefix(sign)?.parse::<u8>().ok(),
    };
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => RTMIN.checked_add(offset(rest, '+')?)?,
        (_, Some(rest)) => RTMAX.checked_sub(offset(rest, '-')?)?,
        _ => return None,
    };
    (RTMIN..=RTMAX).contains(&number).then_some(number)
}

fn unknown(text: &str, name: &str) -> String {
    let near = NAMES
        .iter()
        .map(|(known, _)| (strsim::damerau_levenshtein(known, name), *known))
        .filter(|(distance, _)| *distance <= 2 && *distance < name.len())
        .min();
    let text = text.trim();
    match near {
        Some((_, known)) => format!("`{text}` is not a signal; did you mean {known}?"),
        None => format!("`{text}` is not a signal such as TERM, SIGUSR1, 15 or RTMIN+3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_numbers() {
        for (text, number) in [
            ("TERM", Some(15)),
            ("sigterm", Some(15)),
            (" 15 ", Some(15)),
            ("IOT", Some(6)),
            ("RTMIN", Some(34)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-1", Some(63)),
            ("64", Some(64)),
            ("RTMAX-31", None),
            ("RTMIN+31", None),
            ("RTMIN3", None),
            ("0", None),
            ("65", None),
            ("-1", None),
            ("", None),
            ("SIG", None),
            ("FROB", None),
        ] {
            assert_eq!(parse(text).ok().map(Signal::number), number, "{text:?}");
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for number in (1..=64).filter(|number| ![32, 33].contains(number)) {
            let signal = Signal::from_raw(number).unwrap();
            assert_eq!(parse(&signal.to_string()), Ok(signal), "{number}");
        }
    }

    /// They are not the same on every architecture (signal(7)).
    #[test]
    fn the_numbers_are_this_machines() {
        for signal in nix::sys::signal::Signal::iterator() {
            let ours = parse(signal.as_str()).unwrap();
            assert_eq!((ours.number(), ours.to_string()), (signal as i32, signal.to_string()));
        }
    }

    #[test]
    fn a_near_miss_is_named() {
        assert_eq!(parse("TREM"), Err("`TREM` is not a signal; did you mean TERM?".to_owned()));
    }
}
