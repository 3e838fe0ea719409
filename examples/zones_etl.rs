//! The demo's ETL job: loads tzdata's `zone1970.tab` into Postgres.
//!
//! `zones_etl [FILE]`, with `DATABASE_URL` and `ETL_DUPLICATE_HANDLING` from the environment: what
//! happens to a zone the database has already is `skip` (default) or `replace`. The rows travel
//! through `COPY … FROM STDIN` into a temporary table, then into the real ones in the same
//! transaction: a run loads all of the file or nothing.

mod database;

use std::{io::Cursor, path::Path, process::ExitCode, str::FromStr};

use futures_util::SinkExt;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio_postgres::{Client, Transaction};

use database::DatabaseError;

const DEFAULT_FILE: &str = "examples/tzdata/zone1970.tab";

/// Why nothing was loaded.
#[derive(Debug, Error)]
enum EtlError {
    #[error("ETL_DUPLICATE_HANDLING is `{0}`, which is neither `skip` nor `replace`")]
    Handling(String),
    #[error("cannot read {file}")]
    Read { file: String, source: csv::Error },
    #[error("cannot read {file}: `{text}` of {zone} is not an ISO 6709 position")]
    Position { file: String, zone: String, text: String },
    #[error("cannot encode the rows")]
    Encode(#[source] csv::Error),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("cannot load the zones: {}", reason(.0))]
    Load(tokio_postgres::Error),
}

/// What Postgres says; tokio-postgres alone only says `db error`.
fn reason(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string)
}

/// What happens to zones that are in the database already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handling {
    Skip,
    Replace,
}

impl FromStr for Handling {
    type Err = EtlError;

    fn from_str(text: &str) -> Result<Self, EtlError> {
        match text {
            "skip" => Ok(Self::Skip),
            "replace" => Ok(Self::Replace),
            other => Err(EtlError::Handling(other.to_owned())),
        }
    }
}

impl Handling {
    fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Replace => "replace",
        }
    }

    /// Makes room: after it no zone is both in `zones` and in `incoming`.
    fn statement(self) -> &'static str {
        match self {
            Self::Skip => "DELETE FROM incoming USING zones WHERE incoming.name = zones.name",
            Self::Replace => "DELETE FROM zones USING incoming WHERE incoming.name = zones.name",
        }
    }
}

/// One line of zone1970.tab, in the order of its columns.
#[derive(Debug, Deserialize)]
struct Line {
    countries: String,
    position: String,
    name: String,
    /// Left out, tab and all, where a country has a single zone.
    #[serde(default)]
    comments: Option<String>,
}

/// One row for `COPY`, in the order of the temporary table's columns.
#[derive(Debug, PartialEq, Serialize)]
struct Zone {
    name: String,
    countries: String,
    latitude: f64,
    longitude: f64,
    comments: Option<String>,
}

/// Counts of one run; `read` is the sum of the others.
#[derive(Debug)]
struct Counts {
    read: u64,
    inserted: u64,
    replaced: u64,
    skipped: u64,
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a job reports on its own streams")]
async fn main() -> ExitCode {
    let file = std::env::args().nth(1).unwrap_or_else(|| DEFAULT_FILE.to_owned());
    match run(&file).await {
        Ok(Counts { read, inserted, replaced, skipped }) => {
            println!(
                "zones_etl: {read} zones read: {inserted} new, {replaced} replaced, {skipped} skipped"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("zones_etl: {}", database::sentence(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(file: &str) -> Result<Counts, EtlError> {
    let handling = handling()?;
    let zones = read(file)?;
    let mut client = database::connect(&database::settings()?).await?;
    load(&mut client, file, &zones, handling).await
}

fn handling() -> Result<Handling, EtlError> {
    #[expect(clippy::disallowed_methods, reason = "a program of its own, started by init")]
    std::env::var("ETL_DUPLICATE_HANDLING").map_or(Ok(Handling::Skip), |text| text.parse())
}

/// Reads the whole table; a line that cannot be understood fails the run.
fn read(file: &str) -> Result<Vec<Zone>, EtlError> {
    let failed = |source| EtlError::Read { file: file.to_owned(), source };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b'\t')
        .comment(Some(b'#'))
        .quoting(false)
        .has_headers(false)
        .flexible(true)
        .from_path(Path::new(file))
        .map_err(failed)?;
    reader.deserialize().map(|line| zone(file, line.map_err(failed)?)).collect()
}

fn zone(file: &str, line: Line) -> Result<Zone, EtlError> {
    let Some((latitude, longitude)) = position(&line.position) else {
        let (file, text) = (file.to_owned(), line.position);
        return Err(EtlError::Position { file, zone: line.name, text });
    };
    let Line { name, countries, comments, position: _ } = line;
    Ok(Zone { name, countries, latitude, longitude, comments })
}

/// Reads `±DDMM±DDDMM` or `±DDMMSS±DDDMMSS` (ISO 6709): latitude and longitude in degrees.
fn position(text: &str) -> Option<(f64, f64)> {
    let middle = text.rfind(['+', '-']).filter(|at| *at > 0)?;
    let (latitude, longitude) = text.split_at(middle);
    Some((degrees(latitude, 2)?, degrees(longitude, 3)?))
}

/// Reads a sign, `width` digits of degrees, two of minutes and maybe two of seconds.
fn degrees(text: &str, width: usize) -> Option<f64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1.0, digits),
        ("-", digits) => (-1.0, digits),
        _ => return None,
    };
    let part = |at: usize, width: usize| digits.get(at..at + width)?.parse::<u32>().ok();
    let seconds = match digits.len().checked_sub(width)? {
        2 => 0,
        4 => part(width + 2, 2)?,
        _ => return None,
    };
    let (degrees, minutes) = (part(0, width)?, part(width, 2)?);
    Some(sign * f64::from(degrees * 3600 + minutes * 60 + seconds) / 3600.0)
}

async fn load(
    client: &mut Client,
    file: &str,
    zones: &[Zone],
    handling: Handling,
) -> Result<Counts, EtlError> {
    let rows = encode(zones)?;
    let transaction = client.transaction().await.map_err(EtlError::Load)?;
    let counts = merge(&transaction, rows, handling).await.map_err(EtlError::Load)?;
    record(&transaction, file, handling, &counts).await.map_err(EtlError::Load)?;
    transaction.commit().await.map_err(EtlError::Load)?;
    Ok(counts)
}

/// The rows in the form that `COPY … (FORMAT csv)` reads; an empty field is NULL there.
fn encode(zones: &[Zone]) -> Result<Vec<u8>, EtlError> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    zones.iter().try_for_each(|zone| writer.serialize(zone)).map_err(EtlError::Encode)?;
    writer.into_inner().map_err(|error| EtlError::Encode(error.into_error().into()))
}

/// Copies the rows aside, settles the duplicates, and inserts what is left.
async fn merge(
    transaction: &Transaction<'_>,
    rows: Vec<u8>,
    handling: Handling,
) -> Result<Counts, tokio_postgres::Error> {
    transaction.batch_execute(PREPARE).await?;
    let sink = transaction.copy_in("COPY incoming FROM STDIN (FORMAT csv)").await?;
    let mut sink = std::pin::pin!(sink);
    sink.send(Cursor::new(rows)).await?;
    let read = sink.finish().await?;
    let known = transaction.execute(handling.statement(), &[]).await?;
    transaction.batch_execute(INSERT).await?;
    let (replaced, skipped) = match handling {
        Handling::Skip => (0, known),
        Handling::Replace => (known, 0),
    };
    Ok(Counts { read, inserted: read - known, replaced, skipped })
}

/// The lock keeps a second run of the job from inserting the same zones in between.
const PREPARE: &str = "
    LOCK TABLE zones IN SHARE ROW EXCLUSIVE MODE;
    CREATE TEMPORARY TABLE incoming (
        name text, countries text, latitude float8, longitude float8, comments text
    ) ON COMMIT DROP";

const INSERT: &str = "
    INSERT INTO zones (name, latitude, longitude, comments)
    SELECT name, latitude, longitude, comments FROM incoming;
    INSERT INTO zone_countries (zone, country, position)
    SELECT name, country, position
    FROM incoming, unnest(string_to_array(countries, ',')) WITH ORDINALITY AS c (country, position)";

async fn record(
    transaction: &Transaction<'_>,
    file: &str,
    handling: Handling,
    counts: &Counts,
) -> Result<(), tokio_postgres::Error> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let statement = "INSERT INTO loads (source, handling, read, inserted, replaced, skipped)
                     VALUES ($1, $2, $3, $4, $5, $6)";
    let Counts { read, inserted, replaced, skipped } = counts;
    let [read, inserted, replaced, skipped] =
        [read, inserted, replaced, skipped].map(|n| number(*n));
    let word = handling.word();
    transaction.execute(statement, &[&file, &word, &read, &inserted, &replaced, &skipped]).await?;
    Ok(())
}
