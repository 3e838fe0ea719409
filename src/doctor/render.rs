//! The report for people and for programs.

use serde_json::{Value, json};

use super::finding::{Finding, Level, Section, worst};
use crate::{cli::mask::mask, exit::Exit, log::fit, phrase::counted};

/// All findings about one mode.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) mode: String,
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn exit(&self) -> Exit {
        worst(&self.findings)
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// Sections with a line for each finding and indented hints; `colour` for a terminal that has it,
    /// `columns` are those of one.
    pub(crate) fn text(&self, colour: bool, columns: Option<usize>) -> String {
        let section = |section| self.section(section, colour, columns);
        let sections = Section::ALL.into_iter().filter_map(section);
        sections.collect::<String>() + &self.verdict()
    }

    fn section(&self, section: Section, colour: bool, columns: Option<usize>) -> Option<String> {
        let lines: String = self
            .findings
            .iter()
            .filter(|finding| finding.section == section)
            .map(|finding| lines(finding, colour, columns))
            .collect();
        (!lines.is_empty()).then(|| format!("{}\n{lines}\n", section.name()))
    }

    fn verdict(&self) -> String {
        let (errors, warnings) = (self.count(Level::Error), self.count(Level::Warning));
        let exit = self.exit();
        let end = match exit {
            Exit::Done => format!("nothing stands in the way of a start in mode {}", self.mode),
            exit => format!("exit {} ({})", exit.code(), exit.reason()),
        };
        format!("{}, {}: {end}\n", counted(errors, "error"), counted(warnings, "warning"))
    }

    pub(crate) fn json(&self) -> Value {
        let exit = self.exit();
        json!({
            "mode": self.mode,
            "exit_code": exit.code(),
            "reason": exit.reason(),
            "errors": self.count(Level::Error),
            "warnings": self.count(Level::Warning),
            "findings": self.findings.iter().map(entry).collect::<Vec<_>>(),
        })
    }
}

fn entry(finding: &Finding) -> Value {
    let exit_code = (finding.level == Level::Error).then(|| finding.exit.code());
    json!({
        "section": finding.section.name(),
        "subject": mask(&finding.subject),
        "level": finding.level.name(),
        "message": shown(&finding.message),
        "hint": finding.hint.as_deref().map(shown),
        "id": finding.id,
        "exit_code": exit_code,
    })
}

fn lines(finding: &Finding, colour: bool, columns: Option<usize>) -> String {
    let (mark, sgr) = match finding.level {
        Level::Ok => ("✓", "32"),
        Level::Warning => ("!", "33"),
        Level::Error => ("✗", "31"),
    };
    // SGR (ECMA-48, 8.3.117); `log` paints for stderr, and this goes to stdout.
    let mark = if colour { format!("\u{1b}[{sgr}m{mark}\u{1b}[0m") } else { mark.to_owned() };
    let (subject, message) = (mask(&finding.subject), shown(&finding.message));
    // The heading has said it.
    let known = message.starts_with(&subject) || subject == finding.section.name();
    let what = if known { message } else { format!("{subject}: {message}") };
    let id = finding.id.map(|id| format!(" [{id}]")).unwrap_or_default();
    let hint = finding.hint.as_deref().map(shown);
    let hint = hint.map(|hint| format!("{HINT}{}\n", fit(&hint, HINT.len(), columns)));
    let what = fit(&format!("{what}{id}"), "  ✓ ".chars().count(), columns);
    format!("  {mark} {what}\n{}", hint.unwrap_or_default())
}

/// What stands before a hint.
const HINT: &str = "      hint: ";

/// One line, whatever a file's name or a server's answer holds; a URL's password never.
fn shown(text: &str) -> String {
    mask(text).chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            mode: "api".into(),
            findings: vec![
                Finding::ok(Section::Settings, "mode api", "wait, then serve"),
                Finding::warning(Section::Settings, "APP_NAME", "APP_NAME is wrapped in quotes"),
                Finding::error(Section::Files, "init.toml", "line\r\nend", Exit::NoInput)
                    .hint("mount postgres://u:secret@h/d"),
            ],
        }
    }

    #[test]
    fn one_line_a_finding_with_its_hint_below() {
        insta::assert_snapshot!(report().text(false, None), @r"
        settings
          ✓ mode api: wait, then serve
          ! APP_NAME is wrapped in quotes

        files
          ✗ init.toml: line  end
              hint: mount postgres://u:***@h/d

        1 error, 1 warning: exit 66 (file_missing)
        ");
        assert!(report().text(true, None).contains("\u{1b}[31m✗\u{1b}[0m"));
    }

    #[test]
    fn a_long_text_keeps_its_column_on_a_terminal() {
        insta::assert_snapshot!(report().text(false, Some(32)), @r"
        settings
          ✓ mode api: wait, then serve
          ! APP_NAME is wrapped in
            quotes

        files
          ✗ init.toml: line  end
              hint: mount
                    postgres://u:***@h/d

        1 error, 1 warning: exit 66 (file_missing)
        ");
    }

    #[test]
    fn programs_read_every_field() {
        let json = report().json();
        assert_eq!((&json["exit_code"], &json["reason"]), (&json!(66), &json!("file_missing")));
        assert_eq!(json["findings"][2]["exit_code"], 66);
        assert_eq!(json["findings"][0]["exit_code"], Value::Null);
        assert!(!json.to_string().contains("secret"));
    }
}
