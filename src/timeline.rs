//! What a start did, phase by phase: outcome, duration, and the reason of each skip.

use std::time::Instant;

use tracing::info;

use crate::log;

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
        let mut before = 0;
        for row in &self.rows {
            show_row(&row.phase, row.outcome, row.ended - before, &row.note);
            before = row.ended;
        }
        show_row("total", outcome, total, next);
    }
}

fn show_row(phase: &str, outcome: Outcome, millis: u128, note: &str) {
    let status = outcome.word();
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
            let duration = if looked { human(millis) } else { String::new() };
            let line = format!("{phase:<10} {status:<8} {duration:>9}  {note}");
            info!("{}", line.trim_end());
        }
    }
}

/// `850 ms`, `12.3 s`, `4 min 05 s`.
pub(crate) fn human(millis: u128) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min {:02} s", millis / 60_000, millis / 1_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (12_345, "12.3 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min 00 s"),
            (245_000, "4 min 05 s"),
        ] {
            assert_eq!(human(millis), text, "{millis}");
        }
    }
}
