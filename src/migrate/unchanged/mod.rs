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

use tokio_postgres::error::SqlState;

use super::{
    awaiting::{self, Answer},
    cause::Cause,
    error::MigrateError,
    lock::Leader,
    marker::Place,
    session::open,
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
use verdict::{Record, Records};

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
        Ok(match self.look(session).await? {
            Look::Seen { records, now } => verdict::verdict(&records, &now),
            Look::Busy(why) => Verdict::Run(why),
        })
    }

    /// Waits until the run of this image's command and files is recorded: `Unchanged` says when and
    /// by whom; `Ahead` as for `verdict`.
    /// # Errors
    /// `NotApplied` when nobody did in time; `Rights` as for `verdict`.
    pub(crate) async fn await_recorded(&self) -> Result<Verdict, MigrateError> {
        awaiting::until(self.work, self.connection, async |session: Session| {
            let (records, now) = match self.look_through(&session.client).await? {
                Look::Busy(why) => return Ok(Answer::Missing(why)),
                Look::Seen { records, now } => (records, now),
            };
            if let Some(missing) = verdict::missing(&records, &now) {
                return Ok(Answer::Missing(missing));
            }
            Ok(Answer::Ready(match verdict::verdict(&records, &now) {
                Verdict::Ahead(who) => Verdict::Ahead(who),
                _ => Verdict::Unchanged(done_by(&records)),
            }))
        })
        .await
    }

    /// Makes the place for the marker, so that missing rights show before the command runs.
    /// # Errors
    /// `Rights` says what to grant.
    pub(crate) async fn prepare(&self, leader: &Leader) -> Result<(), MigrateError> {
        let session = open(self.connection, "migrate").await?;
        self.place(&leader.namespace).write(&session.client, None).await
    }

    /// Remembers the success of the command. Only for the leader.
    pub(crate) async fn record(&self, leader: &Leader) -> Result<(), MigrateError> {
        let session = open(self.connection, "migrate").await?;
        let survey = self.survey(&session.client).await?;
        let expected = expected(&survey.tables);
        self.note_tables(&survey.tables);
        let read = tables::read(&session.client, expected).await;
        let now = match read {
            Ok(now) => now,
            Err(error) if is_busy(&error) => {
                let why = "another session holds the version table: this success is not recorded";
                tracing::warn!(
                    phase = "migrate",
                    event = "unrecorded",
                    "{why}, the next start runs the command again"
                );
                return Ok(());
            }
            Err(error) => return Err(failed("read the tool's version tables", &error)),
        };
        let (name, value) = (self.marker(), Record::value(&now, &self.content.parts));
        self.place(&leader.namespace).write(&session.client, Some((&name, &value))).await
    }

    fn place<'b>(&'b self, namespace: &'b str) -> Place<'b> {
        Place { schema: &self.work.schema, namespace }
    }

    fn marker(&self) -> String {
        format!("{PREFIX}{}", self.content.hash)
    }

    /// Says what will be compared from now on.
    fn note_tables(&self, tables: &[Table]) {
        let keys: Vec<String> = expected(tables).map(Table::key).collect();
        if keys.is_empty() {
            let named = &self.watch.tables;
            let which = if named.is_empty() { "a known tool".into() } else { named.join(", ") };
            tracing::warn!(
                phase = "migrate",
                event = "no_version_table",
                "no version table of {which} can be read: from now on only changed files run the command again; \
                 APP_INIT_MIGRATE_TABLE names the table"
            );
        } else {
            tracing::debug!(phase = "migrate", "version tables: {}", keys.join(", "));
        }
    }
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
