//! What `init status` tells of a folder of migrations.

use serde_json::{Value, json};

use super::line;
use crate::{
    migrate::{
        NO_FILES,
        format::{Problem, Row, hints},
        state::State,
    },
    phrase::counted,
};

/// A folder against its history.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) state: State,
    /// Refuse a database that is ahead.
    pub(super) strict: bool,
    /// Why a start would be refused whatever the database says; `None` if it would not.
    pub(super) unstartable: Option<Refusal>,
}

/// What a start would say and advise.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) why: String,
    pub(super) hint: Option<String>,
}

impl Folder {
    /// Everything is applied, and a start would not be refused.
    pub(super) fn is_current(&self) -> bool {
        self.state.pending.is_empty()
            && self.state.problems.is_empty()
            && self.unstartable.is_none()
            && !self.is_refused()
    }

    fn is_refused(&self) -> bool {
        self.strict && !self.state.ahead.is_empty()
    }

    /// One line per migration, and what to do about problems.
    pub(super) fn lines(&self) -> Vec<String> {
        let State { applied, pending, ahead, problems } = &self.state;
        let label = |row: &Row| format!("V{}__{}", row.version, row.name);
        let width = applied.iter().map(|row| label(row).chars().count()).max().unwrap_or_default();
        let mut lines: Vec<String> = applied
            .iter()
            .map(|row| {
                let when = row.applied_on.as_deref().map_or("at an unknown time".into(), to_second);
                line("applied", format_args!("{:width$}  {when}", label(row)))
            })
            .collect();
        lines.extend(pending.iter().map(|file| line("pending", format_args!("{}", file.label))));
        lines.extend(
            ahead
                .iter()
                .map(|row| line("ahead", format_args!("{} is newer than this image", label(row)))),
        );
        lines.extend(problems.iter().map(|problem| line(kind(problem), format_args!("{problem}"))));
        let refusal = self.unstartable.iter().filter_map(|refusal| refusal.hint.clone());
        lines.extend(
            hints(problems)
                .into_iter()
                .chain(refusal)
                .map(|hint| line("hint", format_args!("{hint}"))),
        );
        lines
    }

    pub(super) fn verdict(&self) -> String {
        let State { applied, pending, ahead, problems } = &self.state;
        let newer = if ahead.is_empty() { "" } else { ", ahead of this image" };
        if let Some(Refusal { why, .. }) = &self.unstartable {
            return format!("a start stops here: {why}");
        }
        match (problems.len(), pending.len()) {
            (0, _) if self.is_refused() => {
                "a start stops here: the database is ahead of this image, and APP_INIT_MIGRATE_STRICT is true".into()
            }
            (0, 0) if applied.is_empty() && ahead.is_empty() => {
                format!("nothing to apply: the folder holds no migration; {NO_FILES}")
            }
            (0, 0) => format!("up to date: {} applied{newer}", applied.len() + ahead.len()),
            (0, count) => format!(
                "not up to date: `init migrate` will apply {}{newer}",
                counted(count, "migration")
            ),
            (count, _) => format!(
                "a start stops here: {}, nothing will be applied",
                counted(count, "problem")
            ),
        }
    }

    /// The same for programs.
    pub(super) fn json(&self) -> Value {
        let rows = |rows: &[Row]| -> Vec<Value> {
            rows.iter()
                .map(|row| json!({"version": row.version.to_string(), "name": row.name, "applied_on": row.applied_on}))
                .collect()
        };
        let pending: Vec<Value> = self
            .state
            .pending
            .iter()
            .map(|migration| json!({"version": migration.version.to_string(), "name": migration.name, "file": migration.path.display().to_string()}))
            .collect();
        let problems: Vec<Value> = self
            .state
            .problems
            .iter()
            .map(|problem| json!({"kind": kind(problem), "message": problem.to_string()}))
            .collect();
        json!({
            "current": self.is_current(),
            "reason": self.verdict(),
            "applied": rows(&self.state.applied),
            "pending": pending,
            "ahead": rows(&self.state.ahead),
            "problems": problems,
        })
    }
}

/// A time of RFC 3339 without the fraction of its second.
fn to_second(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) if time.ends_with('Z') => format!("{whole}Z"),
        _ => time.to_owned(),
    }
}

fn kind(problem: &Problem) -> &'static str {
    match problem {
        Problem::Divergent { .. } => "divergent",
        Problem::FileGone { .. } => "missing",
        Problem::OutOfOrder { .. } => "late",
        Problem::Duplicate { .. } => "duplicate",
        Problem::Elsewhere { .. } => "elsewhere",
        Problem::Name { .. }
        | Problem::Content { .. }
        | Problem::Linked { .. }
        | Problem::Unfit { .. }
        | Problem::Table { .. } => "invalid",
    }
}
