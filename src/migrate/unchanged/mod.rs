//! Whether the app's own tool has anything to do, known without starting it.
//!
//! After each success a marker remembers the hash of command line and watched files, and a
//! fingerprint of the tool's own version tables. While both are as remembered there is nothing to
//! do: neither the tool nor the lock is needed. One connection and two queries tell.

mod content;
mod look;
pub(super) mod report;
mod tables;
mod verdict;

use tokio_postgres::{Client, error::SqlState};

use super::{
    awaiting::{self, Answer, Terms},
    cause::Cause,
    error::MigrateError,
    lock::Leader,
    marker::Place,
    session::{host, open},
    sql::rows,
};
use crate::{
    config::database::Connection,
    plan::{Migrate, Watch},
    postgres::Session,
};
use content::Content;
use look::Look;
use tables::Table;
pub(crate) use verdict::Verdict;
use verdict::{Before, Record, Records};

/// What the names of our markers start with; the hash follows.
const PREFIX: &str = "migrate command ";

/// A command whose outcome the watched files decide.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    connection: &'a Connection,
    watch: &'a Watch,
    work: &'a Migrate,
    /// Command line and files as they were before the command ran: it may write beside them.
    content: Content,
}

impl<'a> Watched<'a> {
    /// Reads what is watched.
    /// # Errors
    /// `Folder` for a watched path that cannot be read.
    pub(crate) async fn new(
        connection: &'a Connection,
        watch: &'a Watch,
        work: &'a Migrate,
    ) -> Result<Self, MigrateError> {
        Ok(Self { connection, watch, work, content: content::read(watch).await? })
    }

    /// Whether the command has to run. Takes no lock and creates nothing. `session` is one to that
    /// database if there is one already; it may have been lost since.
    /// # Errors
    /// `Rights` where the role may not read what is recorded.
    pub(crate) async fn verdict(
        &self,
        session: Option<Box<Session>>,
    ) -> Result<Verdict, MigrateError> {
        let (records, now, absent) = match self.look(session).await? {
            Look::Seen { records, now, absent } => (records, now, absent),
            Look::Busy(why) => return Ok(Verdict::Run(why)),
        };
        let verdict = verdict::verdict(&records, &now);
        if !matches!(verdict, Verdict::Run(_)) {
            note_absent(&absent); // after a run it is noted, too
        }
        Ok(verdict)
    }

    /// Waits until the run of this image's command and files is recorded: `Unchanged` says when and
    /// by whom; `Ahead` as for `verdict`.
    /// # Errors
    /// `NotApplied` when nobody did in time; `Rights` as for `verdict`.
    pub(crate) async fn await_recorded(&self) -> Result<Verdict, MigrateError> {
        awaiting::until(self.terms(), async |session: Session| {
            let (records, now, absent) = match self.look_through(&session.client).await? {
                Look::Busy(why) => return Ok(Answer::Missing(why)),
                Look::Seen { records, now, absent } => (records, now, absent),
            };
            if let Some(missing) = verdict::missing(&records, &now) {
                return Ok(Answer::Missing(missing));
            }
            note_absent(&absent);
            Ok(Answer::Ready(match verdict::verdict(&records, &now) {
                Verdict::Ahead(who) => Verdict::Ahead(who),
                _ => Verdict::Unchanged(done_by(&records)),
            }))
        })
        .await
    }

    /// Makes the place for the marker, so that missing rights show before the command runs, and
    /// looks at the version tables, so that it shows which ones are the command's own.
    /// # Errors
    /// `Rights` says what to grant.
    pub(crate) async fn prepare(&self, leader: &Leader) -> Result<Before, MigrateError> {
        let session = open(self.connection, "migrate").await?;
        let look = awaiting::unlocked(self.terms(), async |_| {
            self.place(&leader.namespace).write(&session.client, None).await?;
            self.look_through(&session.client).await
        });
        let Look::Seen { records, now, .. } = look.await? else {
            return Ok(Before::default());
        };
        if let Some(why) = records.ours.as_ref().and_then(|ours| records.of_another(ours)) {
            tracing::warn!(
                phase = "migrate",
                event = "other_schema",
                "{why}; until then each of them runs the command when another has run it"
            );
        }
        let us = Record { parts: self.content.parts.clone(), ..Record::default() };
        let known = records.latest.filter(|latest| latest.is_of_the_same(&us));
        Ok(Before { tables: Some(now), own: known.map(|known| known.own).unwrap_or_default() })
    }

    /// Remembers the success of the command. Only for the leader.
    pub(crate) async fn record(&self, leader: &Leader, before: Before) -> Result<(), MigrateError> {
        let session = open(self.connection, "migrate").await?;
        let survey = self.survey(&session.client).await?;
        let expected: Vec<&Table> = expected(&survey.tables).collect();
        self.note_tables(&survey.tables);
        let read = tables::read(&session.client, expected.iter().copied()).await;
        let now = match read {
            Ok(now) => now,
            Err(error) if is_busy(&error) => {
                let why = look::busy(&session.client, expected).await;
                tracing::warn!(
                    phase = "migrate",
                    event = "unrecorded",
                    "{why}; this success is not recorded, the next start runs the command again"
                );
                return Ok(());
            }
            Err(error) => return Err(failed("read the tool's version tables", &error)),
        };
        let Content { parts, names, .. } = self.content.clone();
        let own = before.own(&now);
        let by = host();
        let record = Record { tables: now, own, parts, names, by, ..Record::default() };
        let (name, value) = (self.marker(), record.value());
        awaiting::unlocked(self.terms(), async |_| {
            let marker = Some((name.as_str(), value.as_str()));
            self.place(&leader.namespace).write(&session.client, marker).await
        })
        .await
    }

    fn place<'b>(&'b self, namespace: &'b str) -> Place<'b> {
        Place::new(&self.work.schema, namespace)
    }

    fn terms(&self) -> Terms<'_> {
        Terms::of(self.work, self.connection, "see what the migrate command has done")
    }

    fn marker(&self) -> String {
        format!("{PREFIX}{}", self.content.hash)
    }

    /// Says what will be compared from now on.
    fn note_tables(&self, tables: &[Table]) {
        let keys: Vec<String> = expected(tables).map(Table::key).collect();
        note_absent(&tables::absent(&self.watch.tables, tables));
        if keys.is_empty() && self.watch.tables.is_empty() {
            tracing::warn!(
                phase = "migrate",
                event = "no_version_table",
                "no version table of a known tool can be read: from now on only changed files run the command again; \
                 name the table in APP_INIT_MIGRATE_TABLE"
            );
        } else {
            tracing::debug!(phase = "migrate", "version tables: {}", keys.join(", "));
        }
    }
}

/// Says which tables of the settings cannot be compared. On each start: nothing else would tell that
/// a change of theirs goes unseen.
fn note_absent(absent: &[String]) {
    if !absent.is_empty() {
        tracing::warn!(phase = "migrate", event = "no_version_table", "{}", unreadable(absent));
    }
}

/// That these version tables of the settings are not there.
pub(crate) fn unreadable(absent: &[String]) -> String {
    format!(
        "APP_INIT_MIGRATE_TABLE: there is no table {} that can be read, so it is not compared; names are as the catalogue has them",
        absent.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )
}

/// Those of the tables named by the settings that are not there for that session.
pub(crate) async fn absent(
    client: &Client,
    named: &[String],
    search_path: Option<&str>,
) -> Result<Vec<String>, MigrateError> {
    let answer = rows(client, &tables::find(named, search_path)).await;
    let answer = answer.map_err(|error| failed("look for the tool's version tables", &error))?;
    let tables: Vec<Table> = answer.iter().map(Table::of).collect();
    Ok(tables::absent(named, &tables))
}

/// The tables that a tool of this connection would use and that our role may read.
fn expected(tables: &[Table]) -> impl Iterator<Item = &Table> {
    tables.iter().filter(|table| table.is_expected && table.is_readable)
}

fn done_by(records: &Records) -> String {
    let done = |record: &Record| format!("run on {} by {}", record.since, record.by);
    records.ours.as_ref().map(done).unwrap_or_default()
}

/// Locked for longer than the query waits, or replaced while it was on its way.
fn is_busy(error: &tokio_postgres::Error) -> bool {
    let states = [SqlState::LOCK_NOT_AVAILABLE, SqlState::UNDEFINED_TABLE];
    error.code().is_some_and(|code| states.contains(code))
}

fn failed(doing: &str, error: &tokio_postgres::Error) -> MigrateError {
    MigrateError::Database { doing: doing.to_owned(), cause: Cause::of(error) }
}
