//! refinery's format (0.10): `V1__name.sql` files and the table `refinery_schema_history`.
//!
//! refinery-core decides which files count and what their names mean. It is built for 32-bit
//! versions only, so wider ones (`V20240101000001__x`) are read and hashed here.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    hash::{Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use refinery_core::{MigrationType, error::Kind, find_migration_files, parse_migration_name};
use siphasher::sip::SipHasher13;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_postgres::{Client, SimpleQueryRow};

use super::{History, Migration, Problem, Row, Version};
use crate::migrate::{
    cause::Cause,
    error::MigrateError,
    sql::{column, identifier, literal, rows},
};

const TABLE: &str = "refinery_schema_history";

/// Reads the folder and everything below it; migrations come in the order of their versions.
/// # Errors
/// `Folder` if it cannot be read; `Problems` with every file that is misnamed, unreadable or
/// shares its version with another.
pub(crate) fn scan(folder: &Path) -> Result<Vec<Migration>, MigrateError> {
    let unreadable = |error: &io::Error| MigrateError::Folder {
        what: "migrations",
        folder: folder.to_owned(),
        why: error.kind().to_string(),
    };
    let folder_path = folder.canonicalize().map_err(|error| unreadable(&error))?;
    let all = files(&folder_path).map_err(|error| unreadable(&error))?;
    let recognised = match find_migration_files(&folder_path, MigrationType::Sql) {
        Ok(paths) => once(paths),
        Err(error) => {
            return Err(match error.kind() {
                Kind::InvalidMigrationPath(_, error) => unreadable(error),
                _ => unreadable(&io::ErrorKind::Other.into()),
            });
        }
    };
    let mut problems: Vec<Problem> = once(all)
        .iter()
        .filter(|path| !recognised.contains(path))
        .filter_map(|path| misnamed(path))
        .collect();
    let mut migrations = Vec::new();
    for path in &recognised {
        match migration(path) {
            Ok(migration) => migrations.push(migration),
            Err(problem) => problems.push(problem),
        }
    }
    migrations.sort_by(|one, other| one.version.cmp(&other.version));
    problems.extend(duplicates(&migrations));
    if problems.is_empty() { Ok(migrations) } else { Err(MigrateError::Problems(problems)) }
}

/// Each file once, by name and real path: a mounted Kubernetes `ConfigMap` shows every file twice,
/// in a hidden folder of the day and as a link to it. The outermost path is kept.
fn once(paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = paths.into_iter().collect();
    paths.sort_by_key(|path| path.components().count());
    let mut seen = BTreeSet::new();
    paths.retain(|path| {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        seen.insert((path.file_name().map(OsStr::to_owned), real))
    });
    paths.sort();
    paths
}

/// Every file below the folder. refinery skips folders that it may not read; a migration in one
/// of them must not be skipped silently.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.append(&mut files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Whether a file that refinery would skip was meant as a migration.
fn misnamed(path: &Path) -> Option<Problem> {
    let file = path.file_name()?.to_string_lossy().into_owned();
    let stem = file.to_ascii_lowercase();
    let (stem, extension) = stem.rsplit_once('.')?;
    let meant =
        stem.starts_with(['v', 'u']) && stem[1..].starts_with(|first: char| first.is_ascii_digit());
    let why = match extension {
        "sql" if meant => "refinery would skip it",
        "rs" if meant && stem.contains("__") => "app-init cannot run Rust migrations",
        _ => return None,
    };
    Some(Problem::Name { file, why })
}

fn migration(path: &Path) -> Result<Migration, Problem> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let file = path.display().to_string();
    let (version, name) =
        version(&stem).map_err(|why| Problem::Name { file: file.clone(), why })?;
    let text = fs::read_to_string(path).map_err(|error| Problem::Content {
        file: file.clone(),
        why: match error.kind() {
            io::ErrorKind::InvalidData => "it is not UTF-8".into(),
            kind => kind.to_string(),
        },
    })?;
    if text.contains('\0') {
        return Err(Problem::Content { file, why: "it holds a zero byte".into() });
    }
    Ok(Migration {
        version: Version::Number(version),
        name,
        any_order: stem.starts_with('U'),
        label: stem,
        path: path.to_owned(),
        text,
    })
}

/// Version and name of a stem. refinery-core reads what fits 32 bits; the rest is read here.
fn version(stem: &str) -> Result<(i64, String), &'static str> {
    match parse_migration_name(stem) {
        Ok((_, version, name)) => Ok((version.into(), name)),
        Err(error) if matches!(error.kind(), Kind::InvalidVersion) => {
            let (digits, name) = stem[1..].split_once("__").ok_or("it has no `__`")?;
            let version = digits.parse().map_err(|_| "its version is no whole 64-bit number")?;
            Ok((version, name.to_owned()))
        }
        Err(_) => Err("it has no version and name"),
    }
}

fn duplicates(migrations: &[Migration]) -> Vec<Problem> {
    let mut files: BTreeMap<&Version, Vec<String>> = BTreeMap::new();
    for migration in migrations {
        files.entry(&migration.version).or_default().push(migration.path.display().to_string());
    }
    files
        .into_iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(version, files)| Problem::Duplicate { version: version.clone(), files })
        .collect()
}

/// How wide the table's version column is. It decides the checksum, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Int4,
    Int8,
}

/// `refinery_schema_history` as it was read.
#[derive(Debug)]
pub(crate) struct Table {
    /// Schema and name, quoted: a script that changes the search path cannot move it.
    name: String,
    /// `None`: the table is not there.
    width: Option<Width>,
    /// For a new table.
    wanted: Width,
    applied: Vec<Row>,
    /// What is wrong with the table itself.
    problem: Option<String>,
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
    let Some(schema) = schema else {
        return Err(MigrateError::Database {
            doing: format!("find a schema for the migration history `{TABLE}`"),
            cause: Cause::text("the search path names no existing schema"),
        });
    };
    let mut table = Table {
        name: format!("{}.{}", identifier(&schema), identifier(TABLE)),
        width: None,
        wanted: narrowest(migrations),
        applied: Vec::new(),
        problem: None,
    };
    match kind.as_deref() {
        None => return Ok(table),
        Some("int4") => table.width = Some(Width::Int4),
        Some("int8") => table.width = Some(Width::Int8),
        Some(_) => {
            table.problem = Some(format!("{} is no table of refinery's", table.name));
            return Ok(table);
        }
    }
    let query =
        format!("SELECT version, name, applied_on, checksum FROM {} ORDER BY version", table.name);
    let stored = rows(client, &query).await.map_err(failed)?;
    table.applied = stored.iter().filter_map(applied).collect();
    Ok(table)
}

/// One row: schema and version type of the table if the search path finds one; else where an
/// unqualified name would be created. `other` stands for a relation without a version column.
fn locate() -> String {
    format!(
        "SELECT n.nspname, CASE WHEN c.oid IS NOT NULL THEN coalesce(t.typname, 'other') END, \
         pg_catalog.current_schema() \
         FROM (SELECT pg_catalog.to_regclass('{TABLE}') AS oid) AS found \
         LEFT JOIN pg_catalog.pg_class c ON c.oid = found.oid \
         LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'version' \
         AND NOT a.attisdropped \
         LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    )
}

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
        let mut problems: Vec<Problem> =
            self.problem.iter().map(|why| Problem::Table { why: why.clone() }).collect();
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

#[cfg(test)]
mod tests;
