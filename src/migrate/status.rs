//! `init status`: applied, pending, divergent and newer migrations, and who holds the lock.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    cause::Cause,
    error::MigrateError,
    format::{Problem, refinery},
    holder::{Holder, holder},
    key::{Key, Kind},
    lock::namespace,
    session::open,
    state::{State, compare},
};
use crate::config::database::Connection;

/// What `init status` tells. Nothing was created to find it out.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// `None`: nobody is migrating.
    pub(crate) holder: Option<Holder>,
}

/// Reads folder, history and lock. Problems are part of the answer, not errors.
pub(crate) async fn status(
    connection: &Connection,
    folder: &Path,
    lock_name: Option<&str>,
) -> Result<Status, MigrateError> {
    let (migrations, misread) = match refinery::scan(folder) {
        Ok(migrations) => (migrations, Vec::new()),
        Err(MigrateError::Problems(problems)) => (Vec::new(), problems),
        Err(error) => return Err(error),
    };
    let session = open(connection, "status").await?;
    let history = refinery::history(&session.client, &migrations).await?;
    let state = if misread.is_empty() {
        compare(&migrations, &history)
    } else {
        State { problems: misread, ..State::default() }
    };
    let failed = |error: tokio_postgres::Error| MigrateError::Database {
        doing: "look at the migration lock".into(),
        cause: Cause::of(&error),
    };
    let namespace = namespace(&session.client, lock_name).await.map_err(failed)?;
    let key = Key::new(Kind::Leader, &namespace);
    let holder = holder(&session.client, key).await.map_err(failed)?;
    Ok(Status { state, holder })
}

impl Status {
    /// Everything is applied and nothing is wrong: what `--exit-code` reports.
    pub(crate) fn is_current(&self) -> bool {
        self.state.pending.is_empty() && self.state.problems.is_empty()
    }

    /// One line per migration, what to do about problems, and what it comes to; for people.
    pub(crate) fn text(&self) -> String {
        let State { applied, pending, ahead, problems } = &self.state;
        let mut lines: Vec<String> = applied
            .iter()
            .map(|row| {
                let when = row.applied_on.as_deref().map_or("at an unknown time".into(), to_second);
                line("applied", format_args!("V{}__{}  {when}", row.version, row.name))
            })
            .collect();
        lines.extend(pending.iter().map(|file| line("pending", format_args!("{}", file.label))));
        lines.extend(ahead.iter().map(|row| {
            line("ahead", format_args!("V{}__{} is newer than this image", row.version, row.name))
        }));
        lines.extend(problems.iter().map(|problem| line(kind(problem), format_args!("{problem}"))));
        let hint = problems.iter().find_map(Problem::hint);
        lines.extend(hint.map(|hint| line("hint", format_args!("{hint}"))));
        lines.push(match &self.holder {
            Some(holder) => line("lock", format_args!("held by {holder}")),
            None => line("lock", format_args!("free")),
        });
        lines.push(format!("\n{}\n", self.verdict()));
        lines.concat()
    }

    fn verdict(&self) -> String {
        let State { applied, pending, ahead, problems } = &self.state;
        let newer = if ahead.is_empty() { "" } else { ", ahead of this image" };
        match (problems.len(), pending.len()) {
            (0, 0) => format!("up to date: {} applied{newer}", applied.len() + ahead.len()),
            (0, count) => format!("not up to date: `init migrate` will apply {count}{newer}"),
            (1, _) => "a start stops here: 1 problem, nothing will be applied".into(),
            (count, _) => format!("a start stops here: {count} problems, nothing will be applied"),
        }
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        let rows = |rows: &[super::format::Row]| -> Vec<Value> {
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
        let holder = self.holder.as_ref().map(|holder| {
            json!({"pid": holder.pid, "application_name": holder.application, "address": holder.address, "since": holder.since})
        });
        json!({
            "current": self.is_current(),
            "applied": rows(&self.state.applied),
            "pending": pending,
            "ahead": rows(&self.state.ahead),
            "problems": problems,
            "lock": holder,
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

fn line(kind: &str, what: std::fmt::Arguments<'_>) -> String {
    format!("{kind:<10}{what}\n")
}

fn kind(problem: &Problem) -> &'static str {
    match problem {
        Problem::Divergent { .. } => "divergent",
        Problem::FileGone { .. } => "missing",
        Problem::OutOfOrder { .. } => "late",
        Problem::Duplicate { .. } => "duplicate",
        Problem::Name { .. } | Problem::Content { .. } | Problem::Table { .. } => "invalid",
    }
}
