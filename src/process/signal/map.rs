//! What becomes of signals, as people write it: whom they reach, what replaces them, which exit codes count
//! as success. Pure.

use super::{Signal, parse};

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
