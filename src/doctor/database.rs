//! A database that let us in: asked about itself and our rights, by SELECTs on the catalogues only.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::timeout;

use super::{
    finding::{Finding, Section},
    needs::{Native, Needs},
    rights::{self, Rights},
    server::{self, Facts},
};
use crate::{
    config::database::Connection,
    diagnose::{Diagnosis, Facts as Words, table},
    exit::Exit,
    failure::Failure,
    migrate::{
        self, MigrateError,
        marker::Place,
        session::is_pooled,
        sql::{column, rows},
        status::Stand,
    },
    postgres::Session,
};

/// How long each question may take.
const QUESTION: Duration = Duration::from_secs(3);

pub(super) async fn look(
    connection: &Connection,
    session: &Session,
    needs: &Needs,
) -> Vec<Finding> {
    let place = connection.place();
    let mut findings = match facts(session).await {
        Some(facts) => server::judge(&place, &facts, needs),
        None => return vec![silent(connection)],
    };
    if needs.lock {
        findings.extend(pooler(connection, session, needs).await);
    }
    if needs.writable || needs.native.is_some() {
        match own_rights(session).await {
            Some(own) => findings.extend(rights::judge(&place, &own, needs)),
            None => findings.push(silent(connection)),
        }
    }
    if let Some(schema) = &needs.markers {
        findings.push(markers(connection, session, schema).await);
    }
    if !needs.tables.is_empty() {
        findings.extend(version_tables(connection, session, &needs.tables).await);
    }
    if let Some(native) = &needs.native {
        findings.extend(migrations(connection, &place, native).await);
    }
    findings
}

/// One row by the simple protocol, which every pooler passes on.
async fn ask(session: &Session, query: &str) -> Option<Vec<Option<String>>> {
    let answer = timeout(QUESTION, rows(&session.client, query)).await.ok()?.ok()?;
    let row = answer.first()?;
    Some((0..row.len()).map(|index| column(row, index)).collect())
}

async fn facts(session: &Session) -> Option<Facts> {
    let before = now();
    let row = ask(session, server::QUESTION).await?;
    Facts::read(&row, f64::midpoint(before, now()))
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

async fn own_rights(session: &Session) -> Option<Rights> {
    ask(session, rights::QUESTION).await.map(|row| Rights::read(&row))
}

/// Whether something could be remembered in that schema.
async fn markers(connection: &Connection, session: &Session, schema: &str) -> Finding {
    let subject = format!("{} schema `{schema}`", connection.place());
    let place = Place::new(schema, "");
    match timeout(QUESTION, place.check(&session.client)).await {
        Ok(Ok(())) => Finding::ok(Section::Database, subject, "can be used, or made"),
        Ok(Err(failure)) => Finding::failure(Section::Database, subject, &failure),
        Err(_) => silent(connection),
    }
}

/// Whether the tables that the settings name are there; before the first migration they need not be.
async fn version_tables(
    connection: &Connection,
    session: &Session,
    named: &[String],
) -> Option<Finding> {
    let subject = format!("{} version table", connection.place());
    let search_path = connection.search_path.as_deref();
    let asked = migrate::unchanged::absent(&session.client, named, search_path);
    Some(match timeout(QUESTION, asked).await {
        Ok(Ok(absent)) if absent.is_empty() => {
            Finding::ok(Section::Database, subject, format!("{} can be read", named.join(", ")))
        }
        Ok(Ok(absent)) => {
            let message = migrate::unchanged::unreadable(&absent);
            Finding::warning(Section::Database, subject, message)
                .hint("nothing to do if the first run of the command makes it")
        }
        Ok(Err(failure)) => Finding::failure(Section::Database, subject, &failure),
        Err(_) => return None, // a database that does not answer has been told
    })
}

/// The server let us in and did not answer a query.
fn silent(connection: &Connection) -> Finding {
    let words = Words { host: connection.place(), ..Words::default() };
    let diagnosis = Diagnosis::new(&table::SILENT, &words);
    Finding::diagnosis(Section::Database, connection.place(), &diagnosis)
}

/// A pooler in transaction mode is no mistake, but some migrations cannot go through it.
async fn pooler(connection: &Connection, session: &Session, needs: &Needs) -> Option<Finding> {
    let pooled = timeout(QUESTION, is_pooled(session, connection)).await.ok()?.ok()?;
    let subject = format!("{} pooler", connection.place());
    if !pooled {
        let none = "none in transaction mode stands in front";
        return Some(Finding::ok(Section::Database, subject, none));
    }
    let seen = "a pooler in transaction mode stands in front";
    if needs.native.is_none() {
        return Some(Finding::ok(Section::Database, subject, seen));
    }
    let message = format!("{seen}: files outside a transaction cannot be applied through it");
    Some(
        Finding::warning(Section::Database, subject, message)
            .hint("set MIGRATE_DATABASE_URL to an address that goes past the pooler"),
    )
}

/// The folder against the history, as `init status` has it.
async fn migrations(connection: &Connection, place: &str, native: &Native) -> Vec<Finding> {
    let asked = migrate::status::stand(connection, &native.folder, native.lock_name.as_deref());
    let subject = format!("{place} migrations");
    match timeout(QUESTION, asked).await {
        Ok(Ok(status)) => stand(&subject, &status, native),
        // The folder itself is among the files.
        Ok(Err(MigrateError::Folder { .. })) => Vec::new(),
        Ok(Err(failure)) => vec![Finding::failure(Section::Database, subject, &failure)],
        Err(_) => vec![silent(connection)],
    }
}

fn stand(subject: &str, status: &Stand, native: &Native) -> Vec<Finding> {
    let state = &status.state;
    let mut findings: Vec<Finding> = state
        .problems
        .iter()
        .map(|problem| {
            let message = problem.to_string();
            let finding = Finding::error(Section::Database, subject, message, Exit::Migrate);
            Finding { hint: problem.hint(), ..finding }
        })
        .collect();
    if !state.ahead.is_empty() {
        let ahead = MigrateError::Ahead(state.ahead_labels());
        let finding = Finding::error(Section::Database, subject, ahead.to_string(), ahead.exit());
        let told = Finding { hint: ahead.hint(), ..finding };
        findings.push(if native.strict {
            told
        } else {
            Finding { hint: None, ..told.tolerated() }
        });
    }
    if findings.is_empty() {
        findings.push(pending(subject, status, native.check_only));
    }
    findings.extend(status.holder.as_ref().map(|holder| {
        let message = format!("the lock is held by {holder}");
        Finding::warning(Section::Database, subject, message)
            .hint("another replica is migrating: a start queues behind it")
    }));
    findings
}

fn pending(subject: &str, status: &Stand, check_only: bool) -> Finding {
    let labels: Vec<&str> =
        status.state.pending.iter().map(|migration| migration.label.as_str()).collect();
    let applied = status.state.applied.len();
    let message = match labels.as_slice() {
        [] => format!("nothing pending, {applied} applied"),
        [one] => format!("1 pending: {one}"),
        [first, .., last] => format!("{} pending: {first} to {last}", labels.len()),
    };
    if check_only && !labels.is_empty() {
        return Finding::warning(Section::Database, subject, message)
            .hint("AUTORUN_MIGRATIONS is wait: run `init migrate` with this image first");
    }
    Finding::ok(Section::Database, subject, message)
}
