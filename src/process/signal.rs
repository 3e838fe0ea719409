//! Signals by number: names, maps and lists as people write them.
//!
//! Pure. A type of our own because neither nix nor std can name the real-time signals 34 to 64.

use std::fmt;

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

/// Who gets what is forwarded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SignalTarget {
    /// The server only: servers that pass signals on would deliver them twice otherwise.
    #[default]
    Child,
    /// The server's whole process group.
    Group,
}

/// What an incoming signal becomes. Each is translated once: a chain is not followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SignalMap(Vec<(Signal, Option<Signal>)>);

impl SignalMap {
    /// What to send instead of `signal`; `None` drops it.
    pub(crate) fn translate(&self, signal: Signal) -> Option<Signal> {
        match self.0.iter().find(|(from, _)| *from == signal) {
            Some((_, to)) => *to,
            None => Some(signal),
        }
    }

    /// The pairs in the order they were written.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Signal, Option<Signal>)> + '_ {
        self.0.iter().copied()
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

/// What each of the three kinds of text below may be.
pub(crate) const MAP_HINT: &str = "write pairs: `TERM=QUIT,INT=TERM` replaces, `HUP=` drops; what comes out is not replaced again";
pub(crate) const TARGET_HINT: &str = "`child` is the server alone, `group` its whole process group";
pub(crate) const CODES_HINT: &str = "write exit codes that shall count as success: `143,130`";

/// Reads `TERM=QUIT,INT=TERM,HUP=`; nothing after `=` drops the signal.
/// # Errors
/// Unknown names, a signal mapped twice, one that can never arrive, and a loop.
pub(crate) fn parse_map(text: &str) -> Result<SignalMap, String> {
    let mut map = SignalMap::default();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (from, to) = pair
            .split_once('=')
            .ok_or_else(|| format!("`{pair}` is not a pair such as TERM=QUIT or HUP="))?;
        let from = arriving(parse(from)?)?;
        let to = Some(to.trim()).filter(|to| !to.is_empty()).map(parse).transpose()?;
        if map.0.iter().any(|(known, _)| *known == from) {
            return Err(format!("{from} is mapped twice"));
        }
        map.0.push((from, to));
    }
    let looping = map.iter().map(|(from, _)| from).find(|from| returns(&map, *from));
    match looping {
        Some(from) => Err(format!("the map leads from {from} back to {from}")),
        None => Ok(map),
    }
}

/// Refuses signals that app-init never has to forward.
fn arriving(signal: Signal) -> Result<Signal, String> {
    match signal {
        Signal::KILL | Signal::STOP => Err(format!("{signal} cannot be caught, so not mapped")),
        Signal::CHLD => Err(format!("{signal} is about app-init's own children")),
        _ => Ok(signal),
    }
}

/// Whether following the map from `start` comes back to it. At most one step for each pair.
fn returns(map: &SignalMap, start: Signal) -> bool {
    let mut at = start;
    for _ in map.iter() {
        match map.iter().find(|(from, _)| *from == at) {
            Some((_, Some(to))) if to == start => return true,
            Some((_, Some(to))) => at = to,
            _ => return false,
        }
    }
    false
}

/// Reads `child` or `group`.
pub(crate) fn parse_target(text: &str) -> Result<SignalTarget, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "child" => Ok(SignalTarget::Child),
        "group" => Ok(SignalTarget::Group),
        _ => Err(format!("`{}` is neither child nor group", text.trim())),
    }
}

/// Reads exit codes that count as success: `143,130`.
pub(crate) fn parse_codes(text: &str) -> Result<Vec<u8>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|code| !code.is_empty())
        .map(|code| code.parse().map_err(|_| format!("`{code}` is not an exit code, 0 to 255")))
        .collect()
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

    #[test]
    fn a_map_translates_once_and_drops() {
        let map = parse_map("TERM=QUIT, INT=TERM,hup=").unwrap();
        let named = |name| parse(name).unwrap();
        for (from, to) in [
            ("TERM", Some("QUIT")),
            ("INT", Some("TERM")),
            ("HUP", None),
            ("QUIT", Some("QUIT")),
            ("RTMIN+1", Some("RTMIN+1")),
        ] {
            assert_eq!(map.translate(named(from)), to.map(named), "{from}");
        }
    }

    #[test]
    fn a_bad_map_is_refused() {
        for (text, clause) in [
            ("TERM", "`TERM` is not a pair such as TERM=QUIT or HUP="),
            ("TERM=TERM", "the map leads from SIGTERM back to SIGTERM"),
            ("TERM=INT,INT=TERM", "the map leads from SIGTERM back to SIGTERM"),
            ("USR1=TERM,TERM=INT,INT=TERM", "the map leads from SIGTERM back to SIGTERM"),
            ("TERM=INT,TERM=QUIT", "SIGTERM is mapped twice"),
            ("KILL=TERM", "SIGKILL cannot be caught, so not mapped"),
            ("CHLD=TERM", "SIGCHLD is about app-init's own children"),
            ("TERM=QIUT", "`QIUT` is not a signal; did you mean QUIT?"),
        ] {
            assert_eq!(parse_map(text), Err(clause.to_owned()), "{text:?}");
        }
        assert_eq!(parse_map(""), Ok(SignalMap::default()));
    }

    #[test]
    fn codes_and_targets() {
        assert_eq!(parse_codes("143, 130"), Ok(vec![143, 130]));
        assert_eq!(parse_codes(""), Ok(vec![]));
        assert_eq!(parse_codes("256"), Err("`256` is not an exit code, 0 to 255".to_owned()));
        assert_eq!(parse_target("Group"), Ok(SignalTarget::Group));
        assert!(parse_target("all").is_err());
    }
}
