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
        let watched = Watched::new(connection, watch, work)?;
        if work.check_only {
            let run = self.unless_stopped(name, watched.await_recorded(work.lock.timeout));
            return Ok(done(run.await??));
        }
        let known = self.known_session(connection);
        if let Some(done) = self.nothing_to_do(name, work, &watched, known).await? {
            return Ok(done);
        }
        self.lock(name, connection, &work.lock).await?;
        if let Some(done) = self.nothing_to_do(name, work, &watched, None).await? {
            return Ok(done);
        }
        self.place_for_marker(name, &watched).await?;
        let done = self.command(name, step, Some(connection), &work.lock).await?;
        if let Some(leader) = &self.leader {
            watched.record(leader).await?;
        }
        Ok(done)
    }

    /// A stop here drops the leader, and with it the lock.
    async fn place_for_marker(&mut self, name: &str, watched: &Watched<'_>) -> Result<()> {
        if let Some(leader) = self.leader.take() {
            self.unless_stopped(name, watched.prepare(&leader)).await??;
            self.leader = Some(leader);
        }
        Ok(())
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
            Verdict::Ahead(who) if work.strict => Err(MigrateError::Ahead(who).into()),
            Verdict::Ahead(who) => {
                tracing::warn!(
                    phase = name,
                    event = "ahead",
                    "the database is ahead of this image: {who}; the command is not run"
                );
                Ok(Some(skipped(format!("ahead of this image: {who}"))))
            }
        }
    }
}
