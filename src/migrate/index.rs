//! Indexes built concurrently: a build that failed leaves one behind that is never used.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    error::MigrateError,
    executor::{Executor, Scene},
    holder::builder,
    outside::{failed, unfit},
    perform::Earlier,
    script::Script,
    session::jittered,
    sql::{column, literal},
    steps::{Builds, Index, Step, builds},
};

/// Full names of an index that is not used, and of its table, which has its schema.
struct Invalid {
    name: String,
    table: String,
}

impl Executor<'_> {
    /// Drops what an earlier try left of the index that the step builds: the server keeps it,
    /// invalid, and refuses to build another of its name (manual, CREATE INDEX). What a rebuilding
    /// leaves is only looked for where there was an earlier try.
    pub(super) async fn drop_invalid(
        &self,
        script: &Script,
        step: &Step,
        earlier: Earlier,
    ) -> Result<(), MigrateError> {
        for statement in step.statements.clone() {
            let left = match builds(script, statement) {
                Builds::Again(name) if earlier != Earlier::None => {
                    self.left_over(script, &name).await?
                }
                Builds::Nothing | Builds::Again(_) => continue,
                Builds::Named(index) => self.broken(script, &index).await?.into_iter().collect(),
                Builds::Unnamed => {
                    let line = script.statements[statement].line;
                    return Err(unfit(
                        script,
                        line,
                        "an index without a name cannot be found again if building it fails",
                        "give the index a name",
                    ));
                }
            };
            for name in left {
                tracing::info!(
                    phase = self.scene.phase,
                    event = "index",
                    "{}: dropping the half-built index {name}",
                    script.label
                );
                self.ask(script, &format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await?;
            }
        }
        Ok(())
    }

    /// Full names of what a rebuilding of that index, or of that table's, left: the half-built new
    /// one, or the old one that it could not drop any more (manual, REINDEX).
    async fn left_over(&self, script: &Script, name: &str) -> Result<Vec<String>, MigrateError> {
        let name = literal(name);
        let query = format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$' AND i.indrelid = \
             coalesce((SELECT o.indrelid FROM pg_catalog.pg_index o \
             WHERE o.indexrelid = pg_catalog.to_regclass({name})), pg_catalog.to_regclass({name}))"
        );
        let rows = self.ask(script, &query).await?;
        Ok(rows.iter().filter_map(|row| column(row, 0)).collect())
    }

    /// The index's full name if it is invalid and stays so. One that somebody else is building is
    /// invalid, too; he is waited for, as dropping it would wait, and then drop what he has built.
    async fn broken(&self, script: &Script, index: &Index) -> Result<Option<String>, MigrateError> {
        let Some(found) = self.invalid(script, index).await? else { return Ok(None) };
        self.built(script, &found).await?;
        Ok(self.invalid(script, index).await?.map(|found| found.name))
    }

    /// Waits until nobody can be building an index of that table. To queue for the lock would hold a
    /// snapshot, for whose end building waits in its turn.
    async fn built(&self, script: &Script, index: &Invalid) -> Result<(), MigrateError> {
        const PACE: Duration = Duration::from_secs(1);
        let Scene { session, progress, phase, .. } = &self.scene;
        let mut said = None;
        loop {
            self.go_further()?;
            let builder = builder(&session.client, &index.table).await;
            let Some(builder) = builder.map_err(|error| failed(script, &error))? else {
                return Ok(());
            };
            if said.as_ref() != Some(&builder) {
                tracing::info!(
                    phase,
                    event = "index",
                    "{}: the index {} is not finished; waiting for {builder}, who may be building it",
                    script.label,
                    index.name
                );
                said = Some(builder);
            }
            progress.pauses(true);
            sleep(jittered(PACE)).await;
            progress.pauses(false);
        }
    }

    /// The index if it is there and invalid.
    async fn invalid(
        &self,
        script: &Script,
        index: &Index,
    ) -> Result<Option<Invalid>, MigrateError> {
        let query = format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), \
             pg_catalog.format('%I.%I', n.nspname, o.relname) FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             JOIN pg_catalog.pg_class o ON o.oid = i.indrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_class t ON t.oid = pg_catalog.to_regclass({}) \
             WHERE c.relname = {} AND c.relnamespace = t.relnamespace AND NOT i.indisvalid",
            literal(&index.table),
            literal(&index.name),
        );
        let rows = self.ask(script, &query).await?;
        let full_name = |row, at| column(row, at).unwrap_or_default();
        let found = |row| Invalid { name: full_name(row, 0), table: full_name(row, 1) };
        Ok(rows.first().map(found))
    }

    /// Nothing is recorded while an index that it built is invalid.
    pub(super) async fn refuse_invalid(
        &self,
        script: &Script,
        steps: &[Step],
    ) -> Result<(), MigrateError> {
        for statement in steps.iter().flat_map(|step| step.statements.clone()) {
            let Builds::Named(index) = builds(script, statement) else { continue };
            if let Some(Invalid { name, .. }) = self.invalid(script, &index).await? {
                let line = script.statements[statement].line;
                let why = format!("the index {name} it built is invalid");
                return Err(unfit(script, line, &why, "rebuild it: REINDEX INDEX CONCURRENTLY"));
            }
        }
        Ok(())
    }
}
