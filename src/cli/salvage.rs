//! What a command line that cannot be understood still gives: the settings among its flags, which say
//! how and where to tell what is wrong with it.

use std::ffi::OsString;

use super::{Cli, Command, REPORTS, settings};

impl Cli {
    /// The flags that can be made out. Nothing is asked for.
    pub(crate) fn salvage(words: &[OsString]) -> Self {
        let given = |setting: &'static settings::Setting| {
            Some((setting.name, flag_value(words, &setting.flag()?)?))
        };
        let flags = settings::all().filter_map(given).collect();
        Self { command: Command::Version, flags, quiet: false, verbose: 0 }
    }
}

/// What the first `--FLAG VALUE` or `--FLAG=VALUE` in front of any `--` gives.
pub(crate) fn flag_value(words: &[OsString], flag: &str) -> Option<String> {
    let mut words = words.iter().map_while(|word| word.to_str()).take_while(|word| *word != "--");
    let mut next = || words.next();
    while let Some(word) = next() {
        match word.strip_prefix("--").and_then(|word| word.strip_prefix(flag)) {
            Some("") => return next().map(str::to_owned),
            Some(rest) if rest.starts_with('=') => return Some(rest[1..].to_owned()),
            _ => {}
        }
    }
    None
}

/// Whether the words, in front of any `--`, ask for something to be printed and for nothing to start.
pub(crate) fn is_report(words: &[OsString]) -> bool {
    let mut ours = words.iter().take_while(|word| *word != "--");
    ours.any(|word| REPORTS.iter().any(|report| word == report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_in_front_of_the_dashes_counts() {
        for (words, value) in [
            ("api --config a --config=b", Some("a")),
            ("--bogus --config=b=c", Some("b=c")),
            ("-qv --config b", Some("b")),
            ("--configs a --confi=b", None),
            ("api -- --config a", None),
            ("--config", None),
        ] {
            let given: Vec<OsString> = words.split(' ').map(OsString::from).collect();
            assert_eq!(flag_value(&given, "config").as_deref(), value, "{words}");
        }
    }
}
