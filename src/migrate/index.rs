//! Indexes built concurrently: a build that failed leaves one behind that is never used.

use super::{
    error::MigrateError,
    executor::Executor,
    outside::unfit,
    perform::Earlier,
    script::Script,
    sql::{column, literal},
    steps::{Builds, Index, Step, builds},
};

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
                Builds::Named(index) => self.invalid(script, &index).await?.into_iter().collect(),
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

    /// The index's full name if it is there and invalid.
    async fn invalid(
        &self,
        script: &Script,
        index: &Index,
    ) -> Result<Option<String>, MigrateError> {
        let query = format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_class t ON t.oid = pg_catalog.to_regclass({}) \
             WHERE c.relname = {} AND c.relnamespace = t.relnamespace AND NOT i.indisvalid",
            literal(&index.table),
            literal(&index.name),
        );
        Ok(self.ask(script, &query).await?.first().and_then(|row| column(row, 0)))
    }

    /// Nothing is recorded while an index that it built is invalid.
    pub(super) async fn refuse_invalid(
        &self,
        script: &Script,
        steps: &[Step],
    ) -> Result<(), MigrateError> {
        for statement in steps.iter().flat_map(|step| step.statements.clone()) {
            let Builds::Named(index) = builds(script, statement) else { continue };
            if let Some(name) = self.invalid(script, &index).await? {
                let line = script.statements[statement].line;
                let why = format!("the index {name} it built is invalid");
                return Err(unfit(script, line, &why, "rebuild it: REINDEX INDEX CONCURRENTLY"));
            }
        }
        Ok(())
    }
}
