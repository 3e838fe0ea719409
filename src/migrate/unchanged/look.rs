//! One look at what was recorded and at the version tables: two queries, and a third where another
//! role recorded tables that are outside our search path.

use std::collections::BTreeSet;

use tokio_postgres::{Client, SimpleQueryRow};

use super::{
    PREFIX, Watched, expected, failed, is_busy,
    tables::{self, Table, absent},
    verdict::{Record, Records, Tables},
};
use crate::{
    migrate::{
        awaiting,
        error::MigrateError,
        holder::holder_of,
        marker::rights::{self, Standing},
        session::open,
        sql::{column, identifier, rows},
    },
    postgres::Session,
};

/// What one look at the database found.
pub(super) enum Look {
    Seen {
        records: Box<Records>,
        now: Tables,
        /// Named by the settings, and not there.
        absent: Vec<String>,
    },
    /// The version tables cannot be read just now: somebody changes them.
    Busy(String),
}

/// What the first query found: our rights, and the version tables.
pub(super) struct Survey {
    pub(super) standing: Standing,
    pub(super) tables: Vec<Table>,
}

impl Watched<'_> {
    /// On that session, or on one of its own if there is none or it has been lost.
    pub(super) async fn look(&self, session: Option<Box<Session>>) -> Result<Look, MigrateError> {
        let terms = self.terms();
        if let Some(session) = session {
            let look = self.look_through(&session.client);
            match terms.answered(terms.patience(), look).await {
                Err(error) if error.may_pass() => {}
                outcome => return outcome,
            }
        }
        awaiting::unlocked(terms, async |time| {
            let session = open(self.connection, "migrate").await?;
            terms.answered(time, self.look_through(&session.client)).await
        })
        .await
    }

    pub(super) async fn look_through(&self, client: &Client) -> Result<Look, MigrateError> {
        let survey = self.survey(client).await?;
        let named = self.work.lock.name.as_deref();
        let place = self.place(named.unwrap_or(&survey.standing.database));
        place.may_read(&survey.standing)?;
        if !survey.standing.has_table {
            let absent = absent(&self.watch.tables, &survey.tables);
            return Ok(Look::Seen { records: Box::default(), now: Tables::new(), absent });
        }
        let mut query = tables::fingerprints(expected(&survey.tables));
        query = query + "; " + &place.newest(PREFIX, &self.marker());
        let answer = match rows(client, &query).await {
            Ok(answer) => answer,
            Err(error) if is_busy(&error) => {
                return match place.locked(client).await {
                    Some(busy) => Err(busy),
                    None => Ok(Look::Busy(busy(client, expected(&survey.tables)).await)),
                };
            }
            Err(error) => return Err(failed("read what the migrate command has done", &error)),
        };
        let (mut records, now) = (records(&answer), tables::collected(&answer));
        if !self.watch.tables.is_empty() {
            records.named = now.keys().cloned().collect();
        }
        self.look_further(client, &survey, records, now).await
    }

    /// Recorded tables that are outside our search path, because another role recorded them.
    async fn look_further(
        &self,
        client: &Client,
        survey: &Survey,
        mut records: Records,
        mut now: Tables,
    ) -> Result<Look, MigrateError> {
        let mut others = Vec::new();
        let recorded = [&records.ours, &records.latest].into_iter().flatten();
        records.foreign =
            recorded.clone().flat_map(|record| self.foreign(record, survey)).collect();
        for key in recorded.flat_map(|record| record.tables.keys()) {
            let unread = |table: &&Table| table.key() == *key && !now.contains_key(key);
            let Some(table) = survey.tables.iter().find(unread) else { continue };
            if records.foreign.contains(key) {
                continue;
            }
            // Who may migrate runs the command instead, which does no harm.
            if table.is_hidden && !self.work.check_only {
                continue;
            }
            if !table.is_readable {
                return Err(closed(table, &survey.standing));
            }
            others.push(table);
        }
        if !others.is_empty() {
            match tables::read(client, others.iter().copied()).await {
                Ok(more) => now.extend(more),
                Err(error) if is_busy(&error) => return Ok(Look::Busy(busy(client, others).await)),
                Err(error) => return Err(failed("read the tool's version tables", &error)),
            }
        }
        let absent = absent(&self.watch.tables, &survey.tables);
        Ok(Look::Seen { records: Box::new(records), now, absent })
    }

    /// The tables of a record if all of them are there and outside the schema that our address names.
    fn foreign(&self, record: &Record, survey: &Survey) -> BTreeSet<String> {
        let is_outside = |key: &String| {
            survey.tables.iter().any(|table| table.key() == *key && !table.is_expected)
        };
        if self.connection.named_path().is_none() || !record.tables.keys().all(is_outside) {
            return BTreeSet::new();
        }
        record.tables.keys().cloned().collect()
    }

    /// Our rights and the version tables, by catalogue only.
    pub(super) async fn survey(&self, client: &Client) -> Result<Survey, MigrateError> {
        let find = tables::find(&self.watch.tables, self.connection.search_path.as_deref());
        let query = format!("{}; {find}", rights::query(&self.work.schema));
        let answer = rows(client, &query).await;
        let answer =
            answer.map_err(|error| failed("look for the tool's version tables", &error))?;
        let (about_us, about_tables): (Vec<_>, Vec<_>) =
            answer.iter().partition(|row| row.len() == rights::COLUMNS);
        Ok(Survey {
            standing: about_us.first().map(|row| Standing::of(row)).unwrap_or_default(),
            tables: about_tables.into_iter().map(Table::of).collect(),
        })
    }
}

/// Rows of `Place::newest` among others.
fn records(answer: &[SimpleQueryRow]) -> Records {
    let mut records = Records::default();
    for row in answer.iter().filter(|row| row.len() == 5) {
        let text = |index| column(row, index).unwrap_or_default();
        let mut record = Record {
            hash: text(1).trim_start_matches(PREFIX).to_owned(),
            since: text(3),
            ..Record::read(&text(2))
        };
        if record.by.is_empty() {
            // A host without a name: what is left is the `application_name`.
            record.by = text(4);
        }
        let record = Some(record);
        match text(0).as_str() {
            "latest" => records.latest = record,
            _ => records.ours = record,
        }
    }
    records
}

/// Who stands in the way of reading those tables, as far as our role may see it.
pub(super) async fn busy<'a>(
    client: &Client,
    tables: impl IntoIterator<Item = &'a Table>,
) -> String {
    let keys: Vec<String> = tables.into_iter().map(Table::key).collect();
    let held = "another session holds the version table";
    match holder_of(client, &keys).await {
        Ok(Some(holder)) => format!("{held}: {holder}"),
        _ => held.to_owned(),
    }
}

fn closed(table: &Table, standing: &Standing) -> MigrateError {
    let role = identifier(&standing.role);
    let schema = identifier(&table.schema);
    let (rows, quoted) = (", whose rows are hidden by row-level security", table.quoted());
    if table.is_hidden {
        return MigrateError::Rights {
            doing: format!("read the tool's version table `{}`{rows}", table.key()),
            role: standing.role.clone(),
            grant: format!("CREATE POLICY app_init ON {quoted} FOR SELECT TO {role} USING (true)"),
        };
    }
    MigrateError::Rights {
        doing: format!("read the tool's version table `{}`", table.key()),
        role: standing.role.clone(),
        grant: format!(
            "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON {quoted} TO {role}"
        ),
    }
}
