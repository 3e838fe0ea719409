//! Indexes built concurrently: a build that failed leaves one behind that is never used.

use super::{
    error::MigrateError,
    executor::Executor,
    outside::unfit,
    script::Script,
    sql::{column, literal},
    steps::{Builds, Index, Step, builds},
};

impl Executor<'_> {
    /// Drops what an earlier try left of the index that the step builds: the server keeps it,
    /// invalid, and refuses to build another of its name (manual, CREATE INDEX).
    pub(super) async fn drop_invalid(
        &self,
        script: &Script,
        step: &Step,
    ) -> Result<(), MigrateError> {
        for statement in step.statements.clone() {
            let index = match builds(script, statement) {
                Builds::Nothing => continue,
                Builds::Named(index) => index,
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
            if let Some(name) = self.invalid(script, &index).await? {
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
