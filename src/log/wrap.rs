//! A text that stands in a column, broken at blanks.

/// The text for a column that begins `indent` columns from the left, in lines that end before `width`.
///
/// The first line comes without its indent. A word that is too long for a line has one of its own, and
/// so has what stands in backticks: it is there to be copied.
pub(crate) fn hang(text: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent);
    let mut lines = vec![String::new()];
    for word in words(text) {
        let line = lines.len() - 1;
        let used = lines[line].chars().count();
        if used == 0 {
            lines[line].push_str(word);
        } else if used + 1 + word.chars().count() <= room {
            lines[line] += " ";
            lines[line] += word;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let paired = text.matches('`').count().is_multiple_of(2);
    let mut quoted = false;
    text.split(move |letter| {
        quoted ^= letter == '`' && paired;
        letter == ' ' && !quoted
    })
}

/// The same on a terminal of that many columns if there is room for more than a word or two; else, and
/// where there is no terminal, the text as it is.
pub(crate) fn fit(text: &str, indent: usize, columns: Option<usize>) -> String {
    match columns {
        Some(columns) if columns >= indent + 20 => hang(text, indent, columns),
        _ => text.to_owned(),
    }
}

/// A line of the log on a terminal of that many columns; what has lines or columns of its own stays.
pub(super) fn line(text: &str, indent: usize, columns: Option<usize>) -> String {
    if text.contains('\n') || text.contains("  ") {
        return text.to_owned();
    }
    fit(text, indent, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_unless_it_has_a_form_of_its_own() {
        let long = "one two three four five six seven";
        assert_eq!(line(long, 6, Some(30)), "one two three four five\n      six seven");
        for (text, columns) in [
            (long, None),
            (long, Some(20)),
            ("one  two three four five six seven", Some(30)),
            ("one\ntwo three four five six seven", Some(30)),
        ] {
            assert_eq!(line(text, 6, columns), text);
        }
    }

    #[test]
    fn breaks_at_blanks_and_hangs_below_the_first_word() {
        for (text, indent, width, shown) in [
            ("one two", 2, 80, "one two"),
            ("one two", 2, 9, "one two"),
            ("one two", 2, 8, "one\n  two"),
            ("äöü äöü äöü", 1, 8, "äöü äöü\n äöü"),
            ("unbreakable x", 4, 8, "unbreakable\n    x"),
            ("a b", 9, 3, "a\n         b"),
            ("", 4, 8, ""),
            ("run `chown 1:1 /x` there", 2, 14, "run\n  `chown 1:1 /x`\n  there"),
            ("a ` b c", 0, 3, "a `\nb c"),
        ] {
            assert_eq!(hang(text, indent, width), shown, "{text:?} at {indent} of {width}");
        }
    }
}
