//! `APP_INIT_ENV_FILE`: lines of `NAME=value`, taken as they are.

use super::problem::{Problem, Problems};

/// One line that sets something. Has no `Debug`: it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) value: String,
    /// Counted from 1.
    pub(crate) number: usize,
}

/// Reads `NAME=value` lines; the last one of a name counts, as in a shell.
///
/// Blank lines and lines that start with `#` are skipped, `export ` in front is tolerated, quotes
/// round a whole value are taken off. Nothing is substituted: a `$` in a password stays.
pub(crate) fn parse(path: &str, text: &str, problems: &mut Problems) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match split(line) {
            Some((name, value)) => {
                lines.retain(|known| known.name != name);
                lines.push(Line { name: name.into(), value: value.into(), number: index + 1 });
            }
            // The line itself may hold half a secret, so only its place is told.
            None => problems.push(
                Problem::config(format!("{path}:{}: not of the form NAME=value", index + 1))
                    .hint("a value with line breaks belongs in a file named by NAME_FILE"),
            ),
        }
    }
    lines
}

fn split(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let fine = !name.is_empty() && !name.contains(char::is_whitespace);
    fine.then(|| (name, unquoted(value.trim()).unwrap_or(value.trim())))
}

/// What stands between quotes that wrap the whole value; `None` if none do.
pub(crate) fn unquoted(value: &str) -> Option<&str> {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_lines_as_they_are() {
        let text = "# c\n\nA=1\nexport B = two words # no comment\nC=\"q 'x' $D\"\nD='pa$$\"w'\r\nE=\nA=2\n";
        let mut problems = Problems::default();
        let read = parse("app.env", text, &mut problems);
        let pairs: Vec<_> = read
            .iter()
            .map(|line| (line.name.as_str(), line.value.as_str(), line.number))
            .collect();
        let wanted = [
            ("B", "two words # no comment", 4),
            ("C", "q 'x' $D", 5),
            ("D", "pa$$\"w", 6),
            ("E", "", 7),
            ("A", "2", 8),
        ];
        assert_eq!(pairs, wanted);
        assert!(problems.is_empty());
    }

    #[test]
    fn names_the_place_of_a_bad_line_and_not_its_text() {
        let mut problems = Problems::default();
        parse("app.env", "A=1\nsecret-rest-of-a-key\n", &mut problems);
        assert_eq!(problems.to_string(), "app.env:2: not of the form NAME=value");
    }
}
