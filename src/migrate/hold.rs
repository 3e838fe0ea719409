//! The fence round a file outside a transaction: taken for the whole file, and looked after, as the
//! file itself may free it.

use super::{
    error::MigrateError,
    executor::{Executor, Unit},
    perform::AS_OURSELVES,
    script::Script,
    sql::column,
};

impl Executor<'_> {
    /// Takes the fence, or says `false`. It is the session's own lock: a transaction's would hold up
    /// `CREATE INDEX CONCURRENTLY`, which waits for every open transaction that has a snapshot.
    pub(super) async fn fence(&self, script: &Script) -> Result<bool, MigrateError> {
        let answers = self.ask(script, &self.scene.fence.try_session_lock()).await?;
        Ok(answers.first().and_then(|row| column(row, 0)).as_deref() == Some("t"))
    }

    /// Takes the fence again if what just ran has freed it, as `DISCARD ALL` and
    /// `pg_advisory_unlock_all()` do. `done` is how many steps are noted. Nothing of what just ran
    /// may be noted before.
    /// # Errors
    /// `LockLost` if another session was faster, or has gone on with the file meanwhile.
    pub(super) async fn hold(&self, unit: &Unit<'_>, done: usize) -> Result<(), MigrateError> {
        let script = &unit.script;
        let held = self.scene.fence.held();
        let ours = format!(
            "SELECT FROM pg_catalog.pg_locks l WHERE {held} AND l.pid = pg_catalog.pg_backend_pid()"
        );
        if !self.ask(script, &ours).await?.is_empty() {
            return Ok(());
        }
        if !self.fence(script).await? {
            return Err(self.lost(script, "another session took it"));
        }
        // A question of its own: its snapshot is younger than the lock.
        if self.noted(unit).await? != Some(done) {
            return Err(self.lost(script, "another session went on with the file"));
        }
        Ok(())
    }

    /// How many steps are noted; `None`: the whole file is done.
    async fn noted(&self, unit: &Unit<'_>) -> Result<Option<usize>, MigrateError> {
        let note = self.scene.place.lookup(&unit.marker);
        let query = format!(
            "{AS_OURSELVES}; SELECT EXISTS ({}), (SELECT value FROM ({note}) AS note)",
            unit.lookup
        );
        let rows = self.ask(&unit.script, &query).await?;
        let is_done = rows.first().and_then(|row| column(row, 0)).as_deref() == Some("t");
        let note = rows.first().and_then(|row| column(row, 1)).unwrap_or_default();
        Ok((!is_done).then(|| note.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0)))
    }

    fn lost(&self, script: &Script, why: &str) -> MigrateError {
        MigrateError::LockLost {
            why: format!("{} frees the session's locks, and {why}", script.label),
            applied: self.scene.progress.so_far(),
        }
    }
}
