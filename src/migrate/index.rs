//! Indexes built concurrently: a build that failed leaves one behind that is never used.

use std::time::Duration;

use tokio::time::sleep;

use super::{
    concurrent::{Builds, Index, builds},
    error::MigrateError,
    executor::{Executor, Scene},
    holder::{builder, table_of},
    outside::unfit,
    perform::Earlier,
    script::Script,
    session::jittered,
    sql::{column, literal},
    steps::Step,
};

impl Executor<'_> {
    /// Makes way for the index that the step builds or drops: waits for who else builds one, and drops what an
    /// earlier try left, which the server keeps, invalid, and refuses to build another of its name
    /// (manual, CREATE INDEX). What a rebuilding leaves is only looked for where there was such a try.
    pub(super) async fn make_way(
        &self,
        script: &Script,
        step: &Step,
        earlier: Earlier,
    ) -> Result<(), MigrateError> {
        for statement in step.statements.clone() {
            let left = match builds(script, statement) {
                Builds::Nothing => continue,
                Builds::Drops(name) => {
                    self.built(script, &name).await?;
                    continue;
                }
                Builds::Again(name) => {
                    self.built(script, &name).await?;
                    match earlier {
                        Earlier::None => continue,
                        _ => self.left_over(script, &name).await?,
                    }
                }
                Builds::Named(index) => {
                    self.built(script, &index.table).await?;
                    self.invalid(script, &index).await?
                }
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

    /// Waits until nobody else builds an index of that table, or of that index's. Building another
    /// would queue for the table with a snapshot, for whose end he waits in his turn, and one of both
    /// would end in a deadlock; and his index, invalid until it is done, would be dropped.
    async fn built(&self, script: &Script, relation: &str) -> Result<(), MigrateError> {
        const PACE: Duration = Duration::from_secs(1);
        let Scene { session, progress, phase, .. } = &self.scene;
        let mut said = None;
        loop {
            self.go_further()?;
            let builder = builder(&session.client, relation).await;
            let Some(builder) = builder.map_err(|error| self.unanswered(script, &error))? else {
                return Ok(());
            };
            if said.as_ref() != Some(&builder) {
                tracing::info!(
                    phase,
                    event = "index",
                    "{} waits for {builder}, who builds an index of the same table",
                    script.label
                );
                said = Some(builder);
            }
            progress.pauses(true);
            sleep(jittered(PACE)).await;
            progress.pauses(false);
        }
    }

    /// What a rebuilding of that index, or of that table's, left: the half-built new one, or the old
    /// one that it could not drop any more (manual, REINDEX).
    async fn left_over(&self, script: &Script, name: &str) -> Result<Vec<String>, MigrateError> {
        let left = format!(
            "c.relname ~ '_cc(new|old)[0-9]*$' AND i.indrelid = {}",
            table_of(&literal(name))
        );
        self.unused(script, &left).await
    }

    /// The index if it is there and invalid.
    async fn invalid(&self, script: &Script, index: &Index) -> Result<Vec<String>, MigrateError> {
        let named = format!(
            "c.relname = {} AND c.relnamespace = (SELECT t.relnamespace FROM pg_catalog.pg_class t \
             WHERE t.oid = pg_catalog.to_regclass({}))",
            literal(&index.name),
            literal(&index.table),
        );
        self.unused(script, &named).await
    }

    /// Full names of the invalid indexes of which that is true.
    async fn unused(&self, script: &Script, condition: &str) -> Result<Vec<String>, MigrateError> {
        let query = format!(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index i \
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE NOT i.indisvalid AND {condition}"
        );
        let rows = self.ask(script, &query).await?;
        Ok(rows.iter().filter_map(|row| column(row, 0)).collect())
    }

    /// Nothing is recorded while an index that it built is invalid.
    pub(super) async fn refuse_invalid(
        &self,
        script: &Script,
        steps: &[Step],
    ) -> Result<(), MigrateError> {
        for statement in steps.iter().flat_map(|step| step.statements.clone()) {
            let Builds::Named(index) = builds(script, statement) else { continue };
            if let Some(name) = self.invalid(script, &index).await?.first() {
                let line = script.statements[statement].line;
                let why = format!("the index {name} it built is invalid");
                return Err(unfit(script, line, &why, "rebuild it: REINDEX INDEX CONCURRENTLY"));
            }
        }
        Ok(())
    }
}
