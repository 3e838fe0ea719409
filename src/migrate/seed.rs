//! Seeds: a folder of SQL files in name order, and the marker that makes them run once a database.

mod left_out;

use std::{
    fs,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::pin,
};

use tokio_postgres::Client;

use super::{
    awaiting::{self, Terms},
    cause::Cause,
    dialect::Dialect,
    error::MigrateError,
    executor::{Executor, Scene, Unit},
    guard::Guard,
    lock::{Leader, namespace},
    marker::{Marker, Place},
    outside,
    progress::Progress,
    script::Script,
    session::{open, open_unless},
    sql::scalar,
};
use crate::{config::database::Connection, exit::Exit, phrase, plan::Seed};

/// Whether there is something to seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Run,
    /// Once is enough, and it was done; the reason to show: `seeded since 2026-… by …`.
    Done(String),
}

/// Looks for the once marker, without a lock and without creating anything. A seed that has none,
/// or no database to keep it in, always runs.
pub(crate) async fn needed(seed: &Seed) -> Result<Need, MigrateError> {
    let (Some(id), Some(connection)) = (&seed.once, &seed.connection) else {
        return Ok(Need::Run);
    };
    let terms = Terms::of_seed(seed, connection, "see whether it was seeded");
    let marker = awaiting::unlocked(terms, async |time| {
        let session = open(connection, "seed").await?;
        terms.answered(time, marker(&session.client, seed, id)).await
    });
    let Some(marker) = marker.await.map_err(MigrateError::of_seed)? else { return Ok(Need::Run) };
    not_of_another(connection, &marker)?;
    let Marker { since, by, .. } = marker;
    Ok(Need::Done(format!("seeded since {since} by {by}")))
}

/// Refuses the marker of another tenant: this one was not seeded, whoever else was.
fn not_of_another(connection: &Connection, marker: &Marker) -> Result<(), MigrateError> {
    let theirs = marker.value.strip_prefix(DONE_IN);
    match (theirs, connection.named_path()) {
        (Some(theirs), Some(ours)) if theirs != ours => Err(MigrateError::OtherSchema {
            theirs: theirs.to_owned(),
            ours,
            since: marker.since.clone(),
        }),
        _ => Ok(()),
    }
}

/// What the marker of a whole seed holds.
fn done(connection: &Connection) -> String {
    connection.named_path().map_or_else(|| "done".to_owned(), |path| format!("{DONE_IN}{path}"))
}

/// What stands in front of the schema that the address named.
const DONE_IN: &str = "done in ";

async fn marker(client: &Client, seed: &Seed, id: &str) -> Result<Option<Marker>, MigrateError> {
    let failed = |error: tokio_postgres::Error| MigrateError::Database {
        doing: "read the database's name".into(),
        cause: Cause::of(&error),
    };
    let namespace = namespace(client, seed.lock.name.as_deref()).await.map_err(failed)?;
    let place = Place::new(&seed.schema, &namespace);
    place.read(client, &name(id)).await
}

/// What the questions of who seeds are for.
const NOTE: &str = "note what was seeded";

/// Writes the once marker after a seed command has succeeded. Does nothing for a seed without one.
pub(crate) async fn mark(seed: &Seed, leader: &Leader) -> Result<(), MigrateError> {
    let (Some(id), Some(connection)) = (&seed.once, &seed.connection) else { return Ok(()) };
    let session = open(connection, "seed").await?;
    let place = Place::new(&seed.schema, &leader.namespace);
    let (terms, name) = (Terms::of_seed(seed, connection, NOTE), name(id));
    let done = done(connection);
    let written = awaiting::unlocked(terms, async |_| {
        place.write(&session.client, Some((&name, &done))).await
    });
    written.await.map_err(MigrateError::of_seed)
}

/// Runs the folder's `.sql` files in name order, each in a transaction of its own, and returns the
/// names of those that ran. With a once marker, a file that was done is not done again when the
/// seed is tried again after a failure; `force` forgets that, and nothing else: a database that was
/// seeded counts as seeded, even if a forced seed fails.
/// # Errors
/// Exit 81 for the file that failed or cannot be run; `Stopped`; `LockLost`.
pub(crate) async fn apply_folder(
    connection: &Connection,
    seed: &Seed,
    folder: &Path,
    force: bool,
    leader: &Leader,
    stop: impl Future<Output = ()>,
) -> Result<Vec<String>, MigrateError> {
    let mut stop = pin!(stop);
    let session = open_unless(connection, "seed", stop.as_mut()).await?;
    let progress = Progress::default();
    let place = Place::new(&seed.schema, &leader.namespace);
    let terms = Terms::of_seed(seed, connection, NOTE);
    let work = async {
        let scripts = scripts(folder, Dialect::of(&session.client, "seed").await?)?;
        left_out::say(folder);
        if scripts.is_empty() {
            say_empty(folder);
            return Ok(());
        }
        let home = home(&session.client).await?;
        let once = seed.once.as_deref().map(|id| (&place, id));
        if let Some((place, id)) = once {
            awaiting::unlocked(terms, async |_| {
                place.write(&session.client, None).await?;
                if force {
                    forget_files(&session.client, place, (id, &home), &scripts).await?;
                }
                Ok(())
            })
            .await?;
        }
        let units: Vec<Unit<'_>> =
            scripts.into_iter().map(|script| unit(script, &home, once)).collect();
        let scene = Scene {
            connection,
            session: &session,
            fence: leader.fence(),
            leads: leader.is_locked(),
            policy: seed.files,
            place: Place { patience: seed.files.record_timeout, ..place.clone() },
            phase: "seed",
            exit: Exit::Seed,
            progress: &progress,
        };
        let executor = Executor::new(scene).await?;
        executor.run(&units).await?;
        match once {
            Some((place, id)) => {
                let (name, done) = (name(id), done(connection));
                awaiting::unlocked(terms, async |_| {
                    place.write(&session.client, Some((&name, &done))).await
                })
                .await
            }
            None => Ok(()),
        }
    };
    let (session, progress, policy) = (&session, &progress, seed.files);
    let guard = Guard { phase: "seed", session, progress, leader, policy };
    Box::pin(guard.run(work, stop)).await.map_err(MigrateError::of_seed)?;
    Ok(progress.so_far())
}

/// An image that lost its seeds, or a volume that is not there yet: the next start may have them.
fn say_empty(folder: &Path) {
    tracing::warn!(
        phase = "seed",
        event = "no_files",
        "`{}` holds no .sql file, so nothing is seeded, and the database does not count as seeded",
        folder.display()
    );
}

/// The marker of a whole seed.
fn name(id: &str) -> String {
    format!("seed {id}")
}

/// The marker of one file of it, in that schema.
fn file_name((id, home): (&str, &str), label: &str) -> String {
    format!("seed {id} file {home} {label}")
}

/// The schema that the files' tables go to; empty if there is none.
async fn home(client: &Client) -> Result<String, MigrateError> {
    let home = scalar(client, "SELECT pg_catalog.current_schema()").await;
    home.map(Option::unwrap_or_default).map_err(|error| MigrateError::Database {
        doing: "find the schema to seed".into(),
        cause: Cause::of(&error),
    })
}

fn unit<'a>(script: Script, home: &str, once: Option<(&'a Place<'a>, &'a str)>) -> Unit<'a> {
    let progress = outside::marker(home, &script.label);
    let Some((place, id)) = once else {
        // Without a marker each start seeds; the statements do nothing.
        let (lookup, record) = ("SELECT 1 WHERE false", "SELECT 1");
        return Unit {
            script,
            lookup: lookup.into(),
            expected: None,
            marker: progress,
            history: None,
            record: Box::new(move || vec![record.into()]),
        };
    };
    let marker = file_name((id, home), &script.label);
    Unit {
        script,
        lookup: place.lookup(&marker),
        expected: None,
        marker: progress,
        history: None,
        record: Box::new(move || vec![place.record(&marker, "done")]),
    }
}

async fn forget_files(
    client: &Client,
    place: &Place<'_>,
    seed: (&str, &str),
    scripts: &[Script],
) -> Result<(), MigrateError> {
    let queries: Vec<String> =
        scripts.iter().map(|script| place.forget(&file_name(seed, &script.label))).collect();
    place.change(client, &queries.join("; ")).await
}

fn scripts(folder: &Path, dialect: Dialect) -> Result<Vec<Script>, MigrateError> {
    let failed = |error: &io::Error| MigrateError::Folder {
        what: "seeds",
        folder: folder.to_owned(),
        why: phrase::system(error),
    };
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(|error| failed(&error))?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| MigrateError::Folder {
            what: "seed file",
            folder: path.clone(),
            why: phrase::unread(&error),
        })?;
        let label = path.file_name().unwrap_or_default().to_string_lossy();
        Script::read(&label, path, &text, dialect)
    };
    paths.iter().map(read).collect()
}
