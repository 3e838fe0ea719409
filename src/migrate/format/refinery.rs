//! refinery's format (0.10): `V1__name.sql` files and the table `refinery_schema_history`.
//!
//! refinery-core decides which files count and what their names mean. It is built for 32-bit
//! versions only, so wider ones (`V20240101000001__x`) are read and hashed here.

mod closed;
mod elsewhere;
mod files;
mod hidden;
mod rights;

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

use siphasher::sip::SipHasher13;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_postgres::{Client, SimpleQueryRow, error::SqlState};

use super::{History, Migration, Problem, Row, Version};
use crate::migrate::{
    blocker,
    cause::Cause,
    error::MigrateError,
    sql::{HIDDEN, column, identifier, literal, rows, scalar, wait_for_locks},
};

pub(crate) use files::{say_left_out, scan};
use rights::Rights;

pub(crate) const TABLE: &str = "refinery_schema_history";

/// How wide the table's version column is. It decides the checksum, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Int4,
    Int8,
}

/// `refinery_schema_history` as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    schema: String,
    /// Schema and name, quoted: a script that changes the search path cannot move it.
    name: String,
    /// `None`: the table is not there.
    width: Option<Width>,
    /// For a new table.
    wanted: Width,
    applied: Vec<Row>,
    /// What is wrong with the table itself, or with its place.
    problem: Option<Problem>,
    rights: Rights,
}

/// Reads the history without creating anything.
pub(crate) async fn history(
    client: &Client,
    migrations: &[Migration],
) -> Result<Table, MigrateError> {
    let failed = |error: tokio_postgres::Error| MigrateError::Database {
        doing: format!("read the migration history `{TABLE}`"),
        cause: Cause::of(&error),
    };
    let place = rows(client, &locate()).await.map_err(failed)?;
    let found = place.first().and_then(|row| column(row, 0));
    let schema = found.or_else(|| place.first().and_then(|row| column(row, 2)));
    let kind = place.first().and_then(|row| column(row, 1));
    if kind.is_none()
        && let Some(error) = closed::closed(client).await.map_err(failed)?
    {
        return Err(error);
    }
    let Some(schema) = schema else { return Err(MigrateError::NoSchema { table: TABLE }) };
    if let Some(role) = place.first().and_then(|row| column(row, 3)) {
        return Err(hidden::hidden(&schema, role));
    }
    let mut table = Table {
        name: format!("{}.{}", identifier(&schema), identifier(TABLE)),
        schema,
        width: None,
        wanted: narrowest(migrations),
        applied: Vec::new(),
        problem: None,
        rights: place.first().map(|row| Rights::of(row, 4)).unwrap_or_default(),
    };
    match kind.as_deref() {
        None => {}
        Some("int4") => table.width = Some(Width::Int4),
        Some("int8") => table.width = Some(Width::Int8),
        Some(_) => {
            let why = format!("{} is no table of refinery's", table.name);
            table.problem = Some(Problem::Table { why });
            return Ok(table);
        }
    }
    if table.exists() {
        table.applied = match recorded(client, &table).await {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                return Err(busy(client, table.name).await);
            }
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                return Err(table.closed());
            }
            applied => applied.map_err(failed)?,
        };
    }
    if table.applied.is_empty() {
        let elsewhere = elsewhere::elsewhere(client, &table, migrations, &table.schema).await;
        table.problem = elsewhere.map_err(failed)?;
    }
    Ok(table)
}

/// How long a locked table is waited for before it is said who has it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The rows of a table that is there.
async fn recorded(client: &Client, table: &Table) -> Result<Vec<Row>, tokio_postgres::Error> {
    let stored = rows(client, &read(&table.name)).await?;
    Ok(stored.iter().filter(|row| row.len() == COLUMNS).filter_map(applied).collect())
}

/// The rows, and one of a single column before them. Nobody waits long for a table that is locked;
/// the limit ends with the query.
fn read(table: &str) -> String {
    format!(
        "{}; SELECT version, name, applied_on, checksum FROM {table} ORDER BY version",
        wait_for_locks(Some(PATIENCE))
    )
}

/// The error that names who keeps the table locked, if that is still so and can be seen.
async fn busy(client: &Client, table: String) -> MigrateError {
    let holder = scalar(client, &blocker::of_readers(&table)).await.unwrap_or_default();
    let doing = format!("read the migration history `{table}`");
    MigrateError::Busy { doing, what: "it", holder }
}

/// One row: schema and version type of the table if the search path finds one; else where an
/// unqualified name would be created; our role if the rows are hidden from it, and its rights.
/// `other` stands for a relation without a version column.
fn locate() -> String {
    format!(
        "SELECT n.nspname, CASE WHEN c.oid IS NOT NULL THEN coalesce(t.typname, 'other') END, \
         pg_catalog.current_schema(), CASE WHEN {HIDDEN} THEN current_user END, {} \
         FROM (SELECT pg_catalog.to_regclass('{TABLE}') AS oid) AS found \
         LEFT JOIN pg_catalog.pg_class c ON c.oid = found.oid \
         LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'version' \
         AND NOT a.attisdropped \
         LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid",
        rights::COLUMNS
    )
}

/// Columns of a row as it is read.
const COLUMNS: usize = 4;

fn applied(row: &SimpleQueryRow) -> Option<Row> {
    Some(Row {
        version: Version::Number(column(row, 0)?.parse().ok()?),
        name: column(row, 1).unwrap_or_default(),
        applied_on: column(row, 2),
        checksum: column(row, 3),
    })
}

/// refinery's own builds use 32 bits unless told otherwise, so a new table gets them if it can.
fn narrowest(migrations: &[Migration]) -> Width {
    let fits = migrations.iter().all(|migration| i32::try_from(number(migration)).is_ok());
    if fits { Width::Int4 } else { Width::Int8 }
}

fn number(migration: &Migration) -> i64 {
    let Version::Number(number) = migration.version;
    number
}

impl Table {
    fn width(&self) -> Width {
        self.width.unwrap_or(self.wanted)
    }
}

impl History for Table {
    fn name(&self) -> &str {
        &self.name
    }

    fn exists(&self) -> bool {
        self.width.is_some()
    }

    fn create(&self) -> String {
        let width = match self.width() {
            Width::Int4 => "int4",
            Width::Int8 => "int8",
        };
        format!(
            "CREATE TABLE IF NOT EXISTS {}(version {width} PRIMARY KEY, name VARCHAR(255), \
             applied_on VARCHAR(255), checksum VARCHAR(255))",
            self.name
        )
    }

    fn applied(&self) -> &[Row] {
        &self.applied
    }

    fn checksum(&self, migration: &Migration) -> Option<String> {
        Some(checksum(migration, self.width()).to_string())
    }

    fn lookup(&self, migration: &Migration) -> String {
        format!("SELECT checksum FROM {} WHERE version = {}", self.name, migration.version)
    }

    fn record(&self, migration: &Migration) -> String {
        // A clock outside the years 0 to 9999 cannot be written in this format.
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        format!(
            "INSERT INTO {} (version, name, applied_on, checksum) VALUES ({}, {}, '{now}', '{}')",
            self.name,
            migration.version,
            literal(&migration.name),
            checksum(migration, self.width()),
        )
    }

    fn problems(&self, migrations: &[Migration]) -> Vec<Problem> {
        let mut problems: Vec<Problem> = self.problem.iter().cloned().collect();
        if self.width() == Width::Int4 && narrowest(migrations) == Width::Int8 {
            let why = format!("{} has 32-bit versions and a file needs 64", self.name);
            problems.push(Problem::Table { why });
        }
        problems
    }
}

/// SipHash-1-3 over name, version (as wide as the column) and text, as refinery has it.
fn checksum(migration: &Migration, width: Width) -> u64 {
    let mut hasher = SipHasher13::new();
    migration.name.hash(&mut hasher);
    let number = number(migration);
    match (width, i32::try_from(number)) {
        (Width::Int4, Ok(narrow)) => narrow.hash(&mut hasher),
        _ => number.hash(&mut hasher),
    }
    migration.text.hash(&mut hasher);
    hasher.finish()
}

/// Whether the row is of this very file.
fn matches(migration: &Migration, row: &Row, width: Width) -> bool {
    let checksum = checksum(migration, width).to_string();
    (&row.version, &row.name, row.checksum.as_ref())
        == (&migration.version, &migration.name, Some(&checksum))
}

#[cfg(test)]
mod tests;
