//! What a file says about how it wants to run: `-- app-init: no-transaction`. Pure.

use std::time::Duration;

use crate::config::duration;

/// The options of one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) no_transaction: bool,
    pub(super) lock_timeout: Option<Duration>,
    pub(super) statement_timeout: Option<Duration>,
}

impl Options {
    /// Reads the comment lines at the top of the file; several options stand apart by blanks.
    /// # Errors
    /// The line and what is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, (usize, String)> {
        let mut options = Self::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in lines(text) {
            let line = line.trim();
            let Some(comment) = line.strip_prefix("--") else {
                if line.is_empty() {
                    continue;
                }
                break;
            };
            let Some(words) = comment.trim_start().strip_prefix("app-init:") else { continue };
            for word in words.split_whitespace() {
                options.set(word).map_err(|why| (index + 1, why))?;
            }
        }
        Ok(options)
    }

    fn set(&mut self, word: &str) -> Result<(), String> {
        match word.split_once('=') {
            None if word == "no-transaction" => self.no_transaction = true,
            Some(("lock_timeout", value)) => self.lock_timeout = Some(limit(value)?),
            Some(("statement_timeout", value)) => self.statement_timeout = Some(limit(value)?),
            _ => return Err(format!("`{word}` is no option of app-init")),
        }
        Ok(())
    }
}

/// Lines with their numbers from 0. A lone carriage return ends a comment, too (scan.l: `newline`),
/// and is no line of its own for editors.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .flat_map(|(index, line)| line.split('\r').map(move |part| (index, part)))
}

/// The lines that look like options and are none, as they stand below the first statement or in
/// another kind of comment; counted from 1.
pub(super) fn misplaced(text: &str) -> Vec<usize> {
    let is_head = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with("--");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let head = text.lines().take_while(is_head).count();
    let lines = text.lines().enumerate().skip(head);
    lines.filter(|(_, line)| speaks_to_us(line)).map(|(index, _)| index + 1).collect()
}

/// Whether a comment begins with our name, or a line inside of one does.
fn speaks_to_us(line: &str) -> bool {
    let ours = |text: &str| text.trim_start().starts_with("app-init:");
    let mut begun = ["--", "/*"].into_iter().flat_map(|mark| line.split(mark).skip(1));
    begun.any(ours) || ours(line.trim_start().trim_start_matches('*'))
}

/// Zero is the server's way to say *no limit*.
fn limit(text: &str) -> Result<Duration, String> {
    duration::parse(text).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_in_the_wrong_place_are_found() {
        for (text, lines) in [
            ("-- app-init: no-transaction\nvacuum", &[][..]),
            ("\u{feff}-- a\n\n-- app-init: no-transaction", &[]),
            ("select 1;\n-- app-init: no-transaction", &[2]),
            ("vacuum; --app-init: no-transaction\nselect 'app-init: x'", &[1]),
            ("/* app-init: no-transaction */ vacuum", &[1]),
            ("-- a\n/*\n * app-init: no-transaction\n */\nvacuum", &[3]),
        ] {
            assert_eq!(misplaced(text), lines, "{text:?}");
        }
    }

    #[test]
    fn reads_the_head_of_a_file_only() {
        for (text, expected) in [
            ("select 1", Ok(Options::default())),
            (
                "-- app-init: no-transaction\nvacuum",
                Ok(Options { no_transaction: true, ..Options::default() }),
            ),
            (
                "\u{feff}-- adds age\n\n--app-init: lock_timeout=500ms statement_timeout=off\nselect 1",
                Ok(Options {
                    lock_timeout: Some(Duration::from_millis(500)),
                    statement_timeout: Some(Duration::ZERO),
                    ..Options::default()
                }),
            ),
            (
                "-- app-init: no-transaction\rvacuum;\r-- app-init: fast",
                Ok(Options { no_transaction: true, ..Options::default() }),
            ),
            ("select 1;\n-- app-init: no-transaction", Ok(Options::default())),
            ("\n-- app-init: fast", Err((2, "`fast` is no option of app-init".into()))),
            (
                "-- app-init: lock_timeout=3x",
                Err((1, "`3x` is not a duration such as 500ms, 30s, 5m or 1h".into())),
            ),
        ] {
            assert_eq!(Options::read(text), expected, "{text:?}");
        }
    }
}
