//! A migrate command whose outcome watched files decide: started only when it has something to do.

use super::{
    locked::skipped,
    prepare::{Done, Preparation, Result, done},
};
use crate::{
    config::database::Connection,
    migrate::{
        MigrateError,
        unchanged::{Verdict, Watched},
    },
    plan::{Migrate, Step, Watch},
    postgres::Session,
};

impl Preparation {
    /// Looks before the lock and again under it: of replicas that start together one runs the
    /// command, and the others find it done.
    pub(super) async fn watched(
        &mut self,
        name: &str,
        work: &Migrate,
        (connection, watch): (&Connection, &Watch),
        step: &Step,
    ) -> Result<Done> {
        let watched = self.unless_stopped(name, Watched::new(connection, watch, work)).await??;
        if work.check_only {
            let found = self.unless_stopped(name, watched.await_recorded());
            return Ok(done(match found.await?? {
                Verdict::Ahead(who) => ahead(name, work, who)?,
                Verdict::Unchanged(note) | Verdict::Run(note) => note,
            }));
        }
        let known = self.known_session(connection);
        if let Some(done) = self.nothing_to_do(name, work, &watched, known).await? {
            return Ok(done);
        }
        self.lock(name, connection, &work.lock).await?;
        if let Some(done) = self.nothing_to_do(name, work, &watched, None).await? {
            return Ok(done);
        }
        let before = self.noting(name, async |leader| watched.prepare(leader).await).await?;
        let done = self.command(name, step, Some(connection), &work.lock).await?;
        let before = before.unwrap_or_default();
        self.noting(name, async |leader| watched.record(leader, before).await).await?;
        Ok(done)
    }

    /// How the phase ends without the command; `None`: it has to run.
    async fn nothing_to_do(
        &mut self,
        name: &str,
        work: &Migrate,
        watched: &Watched<'_>,
        session: Option<Box<Session>>,
    ) -> Result<Option<Done>> {
        match self.unless_stopped(name, watched.verdict(session)).await?? {
            Verdict::Unchanged(reason) => Ok(Some(skipped(reason))),
            Verdict::Run(why) => {
                tracing::debug!(phase = name, event = "run", "the command has to run: {why}");
                Ok(None)
            }
            Verdict::Ahead(who) => Ok(Some(skipped(ahead(name, work, who)?))),
        }
    }
}

/// The note of an older image on a newer schema, which starts and says so, unless it must not.
fn ahead(name: &str, work: &Migrate, who: String) -> Result<String> {
    if work.strict {
        return Err(MigrateError::Ahead(who).into());
    }
    tracing::warn!(
        phase = name,
        event = "ahead",
        "the database is ahead of this image: {who}; the command is not run"
    );
    Ok(format!("ahead of this image: {who}"))
}
