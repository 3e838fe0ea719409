//! What `init status` tells of the app's own tool: only the tool knows what it has applied, so what
//! counts is whether a start would run it.

use serde_json::{Value, json};

use super::line;
use crate::{
    migrate::unchanged::{Verdict, report::Report},
    plan::{Step, Watch},
};

/// A command as a migrate step.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// As it is written in the settings.
    source: String,
    /// `None`: nothing is watched, so each start runs it.
    watched: Option<(Vec<String>, Report)>,
    /// Refuse a database that is ahead.
    strict: bool,
}

impl Command {
    pub(super) fn new(step: &Step, watched: Option<(&Watch, Report)>, strict: bool) -> Self {
        let shown = |watch: &Watch| watch.paths.iter().map(|it| it.display().to_string()).collect();
        let watched = watched.map(|(watch, report)| (shown(watch), report));
        Self { source: step.command.source.clone(), watched, strict }
    }

    /// Whether a start has nothing to run; `None` where nothing tells.
    pub(super) fn is_current(&self) -> Option<bool> {
        let (_, report) = self.watched.as_ref()?;
        Some(match report.verdict {
            Verdict::Unchanged(_) => true,
            Verdict::Ahead(_) => !self.strict,
            Verdict::Run(_) => false,
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec![line("command", format_args!("{}", self.source))];
        let Some((paths, report)) = &self.watched else { return lines };
        let mut list = |kind: &str, of: &[String]| {
            if !of.is_empty() {
                lines.push(line(kind, format_args!("{}", of.join(", "))));
            }
        };
        list("watched", paths);
        list("version", &report.tables);
        list("missing", &report.absent);
        let recorded = |(since, by): &(String, String)| format!("{since} by {by}");
        list("last run", report.recorded.iter().map(recorded).collect::<Vec<_>>().as_slice());
        list("changed", &report.changed);
        lines
    }

    pub(super) fn verdict(&self) -> String {
        let Some((_, report)) = &self.watched else {
            return "unknown: APP_INIT_MIGRATE_WATCH is unset, so each start runs the command"
                .to_owned();
        };
        match &report.verdict {
            Verdict::Unchanged(since) => format!("up to date: {since}"),
            Verdict::Run(why) => format!("not up to date, a start runs the command: {why}"),
            Verdict::Ahead(who) if self.strict => {
                format!("a start stops here: the database is ahead of this image: {who}")
            }
            Verdict::Ahead(who) => {
                format!("ahead of this image, a start does not run the command: {who}")
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        let Some((paths, report)) = &self.watched else {
            return json!({"run": self.source, "watch": null, "state": "unknown", "reason": self.verdict()});
        };
        let (state, reason) = match &report.verdict {
            Verdict::Unchanged(why) => ("unchanged", why),
            Verdict::Run(why) => ("pending", why),
            Verdict::Ahead(why) => ("ahead", why),
        };
        let last = report.recorded.as_ref().map(|(since, by)| json!({"since": since, "by": by}));
        json!({
            "run": self.source,
            "watch": paths,
            "state": state,
            "reason": reason,
            "last_run": last,
            "changed": report.changed,
            "version_tables": report.tables,
            "missing_tables": report.absent,
        })
    }
}
