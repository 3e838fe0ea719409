//! What a start did, phase by phase: outcome, duration, and the reason of each skip.

use std::time::{Duration, Instant};

use tracing::info;

use crate::{log, phrase::Took};

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Skipped,
    Failed,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

struct Row {
    phase: String,
    outcome: Outcome,
    /// Whole milliseconds since the start at which the phase ended.
    ended: u128,
    note: String,
}

/// Rows in the order in which phases end. Each lasts from the end of the one before, and instants
/// are rounded before they are subtracted, so that the durations add up to the total exactly.
pub(crate) struct Timeline {
    start: Instant,
    rows: Vec<Row>,
}

impl Timeline {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, rows: Vec::new() }
    }

    /// Ends a phase now.
    pub(crate) fn add(&mut self, phase: &str, outcome: Outcome, note: impl Into<String>) {
        let ended = self.start.elapsed().as_millis();
        self.rows.push(Row { phase: phase.to_owned(), outcome, ended, note: note.into() });
    }

    /// Logs the rows and a last one, `total`, that says how all of it ended and what comes next.
    pub(crate) fn show(&self, outcome: Outcome, next: &str) {
        let total = self.rows.last().map_or(0, |row| row.ended);
        let names = self.rows.iter().map(|row| row.phase.chars().count());
        let width = names.max().unwrap_or_default().max(NAME);
        let mut before = 0;
        for row in &self.rows {
            show_row((&row.phase, width), row.outcome, row.ended - before, &row.note);
            before = row.ended;
        }
        show_row(("total", width), outcome, total, next);
    }
}

/// Columns of a phase's name, unless one is longer.
const NAME: usize = 10;

/// `name` is the phase and the columns of its name.
fn show_row(name: (&str, usize), outcome: Outcome, millis: u128, note: &str) {
    let (phase, status) = (name.0, outcome.word());
    let duration_ms = u64::try_from(millis).unwrap_or(u64::MAX);
    match log::format() {
        log::Format::Json => {
            let event = if phase == "total" { "total" } else { "timeline" };
            let message = format!("{phase} {status}");
            info!(phase, event, status, duration_ms, reason = note, "{message}");
        }
        log::Format::Text => {
            // A figure says of a skip that it took a look, at the database for one.
            let looked = outcome != Outcome::Skipped || millis > 0;
            let duration = if looked {
                Took(Duration::from_millis(duration_ms)).to_string()
            } else {
                String::new()
            };
            info!("{}", line(name, status, &duration, note, log::columns()));
        }
    }
}

/// On a terminal of that many columns a note that is too long goes on below its beginning.
fn line(
    name: (&str, usize),
    status: &str,
    time: &str,
    note: &str,
    columns: Option<usize>,
) -> String {
    let (phase, width) = name;
    let head = format!("{phase:width$} {status:<8} {time:>9}  ");
    let indent = "init: ".len() + head.chars().count();
    format!("{head}{}", log::fit(note, indent, columns)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_note_keeps_its_column_on_a_terminal() {
        let note = "nothing pending, 12 applied; ahead of this image: V13__later";
        let shown = |columns| line(("migrate", NAME), "ok", "20 ms", note, columns);
        insta::assert_snapshot!(shown(Some(80)), @r"
        migrate    ok           20 ms  nothing pending, 12 applied; ahead of this
                                             image: V13__later
        ");
        for columns in [None, Some(40)] {
            assert_eq!(shown(columns), format!("migrate    ok           20 ms  {note}"));
        }
        assert_eq!(line(("etl", 3), "skipped", "", "", None), "etl skipped");
    }
}
