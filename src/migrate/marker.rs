//! What app-init remembers in the database: one small table in a schema of its own.
//!
//! Made only when something is remembered for the first time, and only under the leader lock:
//! `CREATE … IF NOT EXISTS` alone is a race.

pub(super) mod rights;

use std::time::Duration;

use tokio_postgres::{Client, error::SqlState};

use super::{
    blocker,
    cause::Cause,
    error::MigrateError,
    sql::{column, identifier, literal, rows, scalar, wait_for_locks},
};
use rights::Standing;

/// One thing remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) value: String,
    /// UTC, RFC 3339, to the second.
    pub(crate) since: String,
    /// The `application_name` of who wrote it.
    pub(crate) by: String,
}

/// Where markers are kept: a schema, and the namespace of this app in it.
#[derive(Clone, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) schema: &'a str,
    pub(crate) namespace: &'a str,
    /// How long a locked table is waited for; `None` is for ever.
    pub(super) patience: Option<Duration>,
}

impl<'a> Place<'a> {
    /// Does not wait long for a locked table: who waits says so, and asks again.
    pub(crate) fn new(schema: &'a str, namespace: &'a str) -> Self {
        Self { schema, namespace, patience: Some(Duration::from_secs(1)) }
    }

    fn table(&self) -> String {
        format!("{}.marker", identifier(self.schema))
    }

    /// The statements that make the table.
    pub(super) fn create(&self) -> String {
        let schema = identifier(self.schema);
        format!("CREATE SCHEMA IF NOT EXISTS {schema}; {}", self.create_table())
    }

    fn create_table(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (namespace text NOT NULL, \
             name text NOT NULL, value text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT \
             pg_catalog.now(), recorded_by text NOT NULL DEFAULT \
             pg_catalog.current_setting('application_name'), PRIMARY KEY (namespace, name))",
            self.table(),
        )
    }

    /// The statement that remembers, or refreshes what is remembered. It is the newest then, also where
    /// the server's clock has gone back, or another server, with another clock, has taken over.
    pub(super) fn record(&self, name: &str, value: &str) -> String {
        self.record_sql(name, &literal(value))
    }

    /// The same of a value that is an expression.
    pub(super) fn record_sql(&self, name: &str, value: &str) -> String {
        let (table, namespace) = (self.table(), literal(self.namespace));
        format!(
            "INSERT INTO {table} (namespace, name, value, recorded_at) \
             VALUES ({namespace}, {}, {value}, (SELECT greatest(pg_catalog.now(), \
             pg_catalog.max(recorded_at) + interval '1 microsecond') FROM {table} \
             WHERE namespace = {namespace})) \
             ON CONFLICT (namespace, name) DO UPDATE SET value = excluded.value, \
             recorded_at = excluded.recorded_at, recorded_by = excluded.recorded_by",
            literal(name),
        )
    }

    /// An expression: which table `history` is just now, and which one ours.
    pub(super) fn pair(&self, history: &str) -> String {
        let oid =
            |table: &str| format!("pg_catalog.to_regclass({})::pg_catalog.oid", literal(table));
        format!("pg_catalog.concat({}, ':', {})", oid(history), oid(&self.table()))
    }

    /// A query that returns the value if it is remembered.
    pub(super) fn lookup(&self, name: &str) -> String {
        let (namespace, name) = (literal(self.namespace), literal(name));
        format!(
            "SELECT value, pg_catalog.to_char(recorded_at AT TIME ZONE 'UTC', \
             'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), recorded_by FROM {} \
             WHERE namespace = {namespace} AND name = {name}",
            self.table(),
        )
    }

    /// A query that returns the newest marker whose name starts with `prefix` and the one of that
    /// exact name: `latest` or `ours`, name, value, since when and by whom.
    pub(super) fn newest(&self, prefix: &str, name: &str) -> String {
        let (table, namespace) = (self.table(), literal(self.namespace));
        let rows = |which: &str, condition: String| {
            format!(
                "(SELECT '{which}', name, value, pg_catalog.to_char(recorded_at AT TIME ZONE 'UTC', \
                 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), recorded_by FROM {table} \
                 WHERE namespace = {namespace} AND {condition} ORDER BY recorded_at DESC LIMIT 1)"
            )
        };
        let latest = rows("latest", format!("pg_catalog.starts_with(name, {})", literal(prefix)));
        let ours = rows("ours", format!("name = {}", literal(name)));
        format!("{latest} UNION ALL {ours}")
    }

    /// The statement that forgets.
    pub(super) fn forget(&self, name: &str) -> String {
        let (namespace, name) = (literal(self.namespace), literal(name));
        format!("DELETE FROM {} WHERE namespace = {namespace} AND name = {name}", self.table())
    }

    /// Forgets all whose names start with `prefix`. Does nothing where there is nothing to forget, or
    /// our role could not have written it.
    /// # Errors
    /// `Busy` says who has locked the table.
    pub(super) async fn forget_all(
        &self,
        client: &Client,
        prefix: &str,
    ) -> Result<(), MigrateError> {
        let standing = self.standing(client).await?;
        if !standing.has_table || standing.to_write(self.schema).is_some() {
            return Ok(());
        }
        let (table, namespace) = (self.table(), literal(self.namespace));
        let is_one = format!("pg_catalog.starts_with(name, {})", literal(prefix));
        let forget = format!("DELETE FROM {table} WHERE namespace = {namespace} AND {is_one}");
        self.change(client, &forget).await
    }

    /// Reads a marker and creates nothing.
    /// # Errors
    /// `Rights` says what to grant; `Busy` who has locked the table.
    pub(super) async fn read(
        &self,
        client: &Client,
        name: &str,
    ) -> Result<Option<Marker>, MigrateError> {
        let standing = self.standing(client).await?;
        self.may_read(&standing)?;
        if !standing.has_table {
            return Ok(None);
        }
        self.ask(client, &self.lookup(name)).await
    }

    /// Whether our role can read what is there.
    pub(super) fn may_read(&self, standing: &Standing) -> Result<(), MigrateError> {
        match standing.to_read(self.schema) {
            Some(grant) => Err(self.closed("read", standing, grant)),
            None => Ok(()),
        }
    }

    async fn standing(&self, client: &Client) -> Result<Standing, MigrateError> {
        let answer = rows(client, &rights::query(self.schema)).await;
        let answer = answer.map_err(|error| self.failed("find", &error))?;
        Ok(answer.first().map(Standing::of).unwrap_or_default())
    }

    async fn ask(&self, client: &Client, query: &str) -> Result<Option<Marker>, MigrateError> {
        const COLUMNS: usize = 3;
        let query = format!("{}; {query}", wait_for_locks(self.patience));
        let answer = match rows(client, &query).await {
            Ok(answer) => answer,
            Err(error) if is_blocked(&error) => return Err(self.busy(client, "read").await),
            Err(error) => return Err(self.failed("read", &error)),
        };
        Ok(answer.iter().find(|row| row.len() == COLUMNS).map(|row| Marker {
            value: column(row, 0).unwrap_or_default(),
            since: column(row, 1).unwrap_or_default(),
            by: column(row, 2).unwrap_or_default(),
        }))
    }

    /// Whether our role could remember something, found out without making anything.
    /// # Errors
    /// `Rights` says what to grant.
    pub(crate) async fn check(&self, client: &Client) -> Result<(), MigrateError> {
        let standing = self.standing(client).await?;
        match standing.to_write(self.schema) {
            Some(grant) => Err(self.closed("write", &standing, grant)),
            None => Ok(()),
        }
    }

    /// Makes the table and, if told, remembers; for what was not done in a transaction of ours.
    ///
    /// What is there already is not made: `IF NOT EXISTS` asks for the right to create all the same.
    /// # Errors
    /// `Rights` says what to grant; `Busy` who has locked the table.
    pub(super) async fn write(
        &self,
        client: &Client,
        marker: Option<(&str, &str)>,
    ) -> Result<(), MigrateError> {
        let standing = self.standing(client).await?;
        if let Some(grant) = standing.to_write(self.schema) {
            return Err(self.closed("write", &standing, grant));
        }
        let create = if standing.has_table {
            String::new()
        } else if standing.has_schema {
            self.create_table()
        } else {
            self.create()
        };
        let record = marker.map_or_else(String::new, |(name, value)| self.record(name, value));
        self.change(client, &format!("{create}; {record}")).await
    }

    /// Runs statements that write to the table.
    /// # Errors
    /// `Busy` says who has locked it.
    pub(super) async fn change(&self, client: &Client, sql: &str) -> Result<(), MigrateError> {
        let query = format!("{}; {sql}", wait_for_locks(self.patience));
        match client.batch_execute(&query).await {
            Err(error) if is_blocked(&error) => Err(self.busy(client, "write").await),
            outcome => outcome.map_err(|error| self.failed("write", &error)),
        }
    }

    /// Who keeps everybody from reading the markers; `None` if nobody does.
    pub(super) async fn locked(&self, client: &Client) -> Option<MigrateError> {
        let holder = scalar(client, &blocker::of_readers(&self.table())).await.ok().flatten()?;
        Some(self.locked_by("read", Some(holder)))
    }

    async fn busy(&self, client: &Client, verb: &str) -> MigrateError {
        let table = self.table();
        let of = if verb == "read" { blocker::of_readers } else { blocker::of_writers };
        let holder = scalar(client, &of(&table)).await.unwrap_or_default();
        self.locked_by(verb, holder)
    }

    fn locked_by(&self, verb: &str, holder: Option<String>) -> MigrateError {
        MigrateError::Busy { doing: self.doing(verb), what: "their table", holder }
    }

    fn doing(&self, verb: &str) -> String {
        format!("{verb} app-init's markers in schema `{}`", self.schema)
    }

    fn closed(&self, verb: &str, standing: &Standing, grant: String) -> MigrateError {
        MigrateError::Rights { doing: self.doing(verb), role: standing.role.clone(), grant }
    }

    fn failed(&self, verb: &str, error: &tokio_postgres::Error) -> MigrateError {
        MigrateError::Database { doing: self.doing(verb), cause: Cause::of(error) }
    }
}

fn is_blocked(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}
