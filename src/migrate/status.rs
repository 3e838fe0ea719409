//! `init status`: how far the schema is, and who holds the lock.

mod command;
mod folder;

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_postgres::Client;

use super::{
    dialect::Dialect,
    error::MigrateError,
    format::{Migration, Problem, refinery},
    holder::{Holder, leader},
    script::Script,
    session::try_open,
    silence::Silence,
    state::{State, compare},
    unchanged::Watched,
};
use crate::{
    config::database::Connection,
    failure::Failure,
    log::fit,
    plan::{Migrate, Source, Step},
};
use command::Command;
use folder::{Folder, Refusal};

/// How long the whole answer may take: who asks sits and waits for it.
const LIMIT: Duration = Duration::from_secs(10);

/// What `init status` tells. Nothing was created to find it out.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    schema: Schema,
    /// `None`: nobody is migrating.
    holder: Option<Holder>,
}

/// Where the schema comes from.
#[derive(Clone, Debug)]
enum Schema {
    Folder(Folder),
    Command(Command),
}

/// How a folder and its database stand.
#[derive(Clone, Debug)]
pub(crate) struct Stand {
    pub(crate) state: State,
    /// `None`: nobody is migrating.
    pub(crate) holder: Option<Holder>,
}

/// Reads folder, history and lock. Problems are part of the answer, not errors.
pub(crate) async fn stand(
    connection: &Connection,
    folder: &Path,
    lock_name: Option<&str>,
) -> Result<Stand, MigrateError> {
    let session = try_open(connection, "status").await?;
    let state = state(&session.client, folder).await?;
    let holder = leader(&session.client, lock_name).await?;
    Ok(Stand { state, holder })
}

/// Reads what is to be done, what is done, and the lock. Problems of files are part of the answer,
/// not errors.
/// # Errors
/// `Busy` if somebody keeps the history locked; a server that does not answer soon.
pub(crate) async fn status(
    work: &Migrate,
    connection: &Connection,
) -> Result<Status, MigrateError> {
    let asked = timeout(LIMIT, read(work, connection)).await;
    asked.unwrap_or_else(|_| {
        let (doing, place) = ("tell the status", connection.place());
        Err(MigrateError::Unanswered { doing, place, silence: Silence::Kept })
    })
}

async fn read(work: &Migrate, connection: &Connection) -> Result<Status, MigrateError> {
    let lock_name = work.lock.name.as_deref();
    match &work.source {
        Source::Folder(folder) => {
            let Stand { state, holder } = stand(connection, folder, lock_name).await?;
            let unstartable = awaits_nothing(work, folder);
            let folder = Folder { state, strict: work.strict, unstartable };
            Ok(Status { schema: Schema::Folder(folder), holder })
        }
        Source::Command(step) => {
            let session = try_open(connection, "status").await?;
            let schema = Schema::Command(command(&session.client, work, connection, step).await?);
            Ok(Status { schema, holder: leader(&session.client, lock_name).await? })
        }
    }
}

/// Why a start that only waits is refused: the image has nothing that it could wait for.
fn awaits_nothing(work: &Migrate, folder: &Path) -> Option<Refusal> {
    let is_empty = refinery::scan(folder).is_ok_and(|files| files.is_empty());
    let refused = MigrateError::NoFiles { folder: folder.to_owned() };
    (work.check_only && is_empty)
        .then(|| Refusal { why: refused.to_string(), hint: refused.hint() })
}

async fn state(client: &Client, folder: &Path) -> Result<State, MigrateError> {
    let (migrations, misread) = match refinery::scan(folder) {
        Ok(migrations) => (migrations, Vec::new()),
        Err(MigrateError::Problems(problems)) => (Vec::new(), problems),
        Err(error) => return Err(error),
    };
    let history = refinery::history(client, &migrations).await?;
    if !misread.is_empty() {
        return Ok(State { problems: misread, ..State::default() });
    }
    let mut state = compare(&migrations, &history);
    if !state.pending.is_empty() {
        let dialect = Dialect::of(client, "tell the status").await?;
        let unfit: Vec<Problem> =
            state.pending.iter().filter_map(|file| unfit(file, dialect)).collect();
        state.problems.extend(unfit);
    }
    Ok(state)
}

/// Why a start would refuse to run the file; `None` if it would not.
fn unfit(file: &Migration, dialect: Dialect) -> Option<Problem> {
    match Script::read(&file.label, &file.path, &file.text, dialect) {
        Err(MigrateError::Unfit { file, line, why, hint }) => {
            Some(Problem::Unfit { file, line, why, hint })
        }
        _ => None,
    }
}

async fn command(
    client: &Client,
    work: &Migrate,
    connection: &Connection,
    step: &Step,
) -> Result<Command, MigrateError> {
    let watched = match &work.watch {
        Some(watch) => {
            Some((watch, Watched::new(connection, watch, work).await?.report(client).await?))
        }
        None => None,
    };
    Ok(Command::new(step, watched, work.strict))
}

impl Status {
    /// Everything is applied and nothing is wrong: what `--exit-code` reports. Not where nobody can
    /// tell.
    pub(crate) fn is_current(&self) -> bool {
        match &self.schema {
            Schema::Folder(folder) => folder.is_current(),
            Schema::Command(command) => command.is_current() == Some(true),
        }
    }

    /// What there is, who holds the lock, and what it comes to; for people, who read it on a terminal
    /// of that many columns or `None`.
    pub(crate) fn text(&self, columns: Option<usize>) -> String {
        let (mut lines, verdict) = match &self.schema {
            Schema::Folder(folder) => (folder.lines(), folder.verdict()),
            Schema::Command(command) => (command.lines(), command.verdict()),
        };
        lines.push(match &self.holder {
            Some(holder) => line("lock", format_args!("held by {holder}")),
            None => line("lock", format_args!("free")),
        });
        let told: Vec<String> = lines.iter().map(|line| hung(line, columns)).collect();
        format!("{}\n\n{}\n", told.join("\n"), fit(&verdict, 0, columns))
    }

    /// The same for programs.
    pub(crate) fn json(&self) -> Value {
        let holder = self.holder.as_ref().map(|holder| {
            let pid = holder.pid.parse::<i64>().ok();
            json!({"pid": pid, "application_name": holder.application, "address": holder.address, "since": holder.since})
        });
        let mut told = match &self.schema {
            Schema::Folder(folder) => folder.json(),
            Schema::Command(command) => {
                json!({"current": command.is_current(), "command": command.json()})
            }
        };
        told["lock"] = holder.into();
        told
    }
}

/// The line broken at blanks behind its kind.
fn hung(line: &str, columns: Option<usize>) -> String {
    let (kind, what) = line.split_at(KIND.min(line.len()));
    format!("{kind}{}", fit(what, KIND, columns))
}

/// Width of the column that says of what kind a line is.
const KIND: usize = 10;

fn line(kind: &str, what: std::fmt::Arguments<'_>) -> String {
    format!("{kind:<KIND$}{what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_column() {
        let told = line("divergent", format_args!("V1__a was changed after it was applied"));
        assert_eq!(hung(&told, None), told);
        let expected = "divergent V1__a was changed\n          after it was applied";
        assert_eq!(hung(&told, Some(30)), expected);
    }
}
