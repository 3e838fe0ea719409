//! Sessions of this phase: how they are opened, named, protected from dying unnoticed, cancelled.

use std::{
    fs,
    future::Future,
    hash::{BuildHasher, Hasher, RandomState},
    pin::Pin,
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use super::{cause::Cause, error::MigrateError, silence::Silence, sql::scalar};
use crate::{
    config::database::Connection,
    postgres::{self, Budget, Session},
};

/// How long a session that cannot be had just now is asked for again: the wait has seen the server
/// ready, so it is restarting, or other replicas have all its slots.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long one question may take, once the session is logged in.
pub(super) const QUESTION: Duration = Duration::from_secs(8);
/// It has so long even if less is left: a table that is locked is waited for a second of it.
const AT_LEAST: Duration = Duration::from_secs(3);

/// How long a question may take when so much is left; `None` is for ever.
pub(super) fn question(left: Option<Duration>) -> Duration {
    left.map_or(QUESTION, |left| QUESTION.min(left.max(AT_LEAST)))
}

/// What the server answers, unless it says nothing for that long: it may stand still, or whatever
/// is between us and it, and neither ends a connection.
pub(super) async fn answered<T>(
    limit: Duration,
    connection: &Connection,
    doing: &'static str,
    answer: impl Future<Output = Result<T, MigrateError>>,
) -> Result<T, MigrateError> {
    timeout(limit, answer).await.unwrap_or_else(|_| {
        Err(MigrateError::Unanswered { doing, place: connection.place(), silence: Silence::Kept })
    })
}

/// Opens a session named `app-init PURPOSE@HOST`: what a queueing replica shows of its holder.
///
/// Reasons that pass are waited for; dropping the future gives up.
pub(super) async fn open(
    connection: &Connection,
    purpose: &'static str,
) -> Result<Session, MigrateError> {
    let started = Instant::now();
    loop {
        match try_open(connection, purpose).await {
            Err(error) if error.may_pass() && started.elapsed() < PATIENCE => {
                tracing::debug!(phase = purpose, event = "reason", "{error}; trying again");
                sleep(jittered(Duration::from_millis(250))).await;
            }
            outcome => return outcome,
        }
    }
}

/// The same, given up when `stop` resolves.
pub(super) async fn open_unless(
    connection: &Connection,
    purpose: &'static str,
    stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<Session, MigrateError> {
    tokio::select! {
        biased;
        session = open(connection, purpose) => session,
        () = stop => Err(MigrateError::Stopped { during: "before the first file".into(), applied: Vec::new() }),
    }
}

/// The same without a second try, for who has a loop of its own.
pub(super) async fn try_open(
    connection: &Connection,
    purpose: &'static str,
) -> Result<Session, MigrateError> {
    postgres::connect(connection, &name(purpose, &host()), Budget::default())
        .await
        .map_err(|why| MigrateError::Connect { doing: purpose, why: Box::new(why) })
}

/// A container's host name is its id or its pod's name; empty if there is none.
pub(super) fn host() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    host.trim().to_owned()
}

fn name(purpose: &str, host: &str) -> String {
    /// What the server keeps of a name (`NAMEDATALEN - 1`; PostgreSQL manual, 20.8).
    const ROOM: usize = 63;
    let name = format!("app-init {purpose}");
    match host {
        "" => name,
        host => format!("{name}@{}", shortened(host, ROOM - name.len() - 1)),
    }
}

/// Leaves out the middle: what tells the pods of a deployment apart stands at the end of their names.
fn shortened(host: &str, room: usize) -> String {
    const GAP: &str = "..";
    let letters: Vec<char> = host.chars().collect();
    if letters.len() <= room {
        return host.to_owned();
    }
    let kept = room - GAP.len();
    let (start, end) = (&letters[..kept / 3], &letters[letters.len() - (kept - kept / 3)..]);
    [start, &GAP.chars().collect::<Vec<_>>(), end].concat().into_iter().collect()
}

/// Makes the server notice within seconds that we are gone, whatever its configuration says, and
/// keeps it from ending a session that is only waiting. Local to the transaction: through a
/// pooler, a setting of the session would stay behind for others.
///
/// A server that has no such setting (`client_connection_check_interval` came with 14,
/// `transaction_timeout` with 17) is not asked for it. Each row is a statement that does for one
/// setting what this does for all, at a third of the cost; its second column is empty.
pub(super) const VIGILANCE: &str = "SELECT pg_catalog.format('SET LOCAL %s = %L', name, value), \
    pg_catalog.left(pg_catalog.set_config(name, value, true), 0) \
    FROM (VALUES ('tcp_keepalives_idle', '2'), ('tcp_keepalives_interval', '1'), \
    ('tcp_keepalives_count', '3'), ('tcp_user_timeout', '5000'), \
    ('client_connection_check_interval', '2000'), ('idle_in_transaction_session_timeout', '0'), \
    ('transaction_timeout', '0')) AS wanted(name, value) \
    WHERE pg_catalog.current_setting(name, true) IS NOT NULL";

/// Asks the server to end what the session runs. Nothing says whether it did.
pub(super) async fn cancel(session: &Session) {
    const LIMIT: Duration = Duration::from_secs(2);
    drop(timeout(LIMIT, session.cancel()).await);
}

/// Half to one and a half times `around`: replicas that start together must not ask together.
pub(super) fn jittered(around: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1000;
    let factor = 0.5 + f64::from(u32::try_from(random).unwrap_or_default()) / 1000.0;
    around.mul_f64(factor)
}

/// Whether a pooler in transaction mode stands between us and the server: it gives the server's
/// session away as soon as a transaction ends.
///
/// One that gives the session it got back last shows when another client holds one; one that gives
/// them in turn (pgbouncer's `server_round_robin`), when we ask twice; one that draws, soon.
pub(crate) async fn is_pooled(
    session: &Session,
    connection: &Connection,
) -> Result<bool, MigrateError> {
    const ROUNDS: usize = 3;
    const DOING: &str = "look for a pooler";
    let asked = async |session: &Session, before| {
        let failed =
            |error| MigrateError::Database { doing: DOING.into(), cause: Cause::of(&error) };
        // A pooler whose sessions are all taken, by ours maybe, lets us in and is silent.
        let answer = async { process(session, before).await.map_err(failed) };
        answered(QUESTION, connection, DOING, answer).await
    };
    let mine = asked(session, "").await?;
    if asked(session, "").await? != mine {
        return Ok(true);
    }
    let other = open(connection, "probe").await?;
    for _ in 0..ROUNDS {
        // A small pool may have no other for our next question while that one is held.
        if asked(&other, "BEGIN; ").await? == mine || asked(session, "").await? != mine {
            return Ok(true);
        }
        asked(&other, "ROLLBACK; ").await?;
    }
    Ok(false)
}

/// The server's process that answers us after these statements.
async fn process(session: &Session, before: &str) -> Result<Option<String>, tokio_postgres::Error> {
    scalar(&session.client, &format!("{before}SELECT pg_catalog.pg_backend_pid()")).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_host_name_keeps_what_tells_pods_apart() {
        let pod = "my-long-application-name-backend-production-7d9f8c6b5-x2k4p";
        let named = name("migrate", pod);
        assert_eq!(named, "app-init migrate@my-long-applic..end-production-7d9f8c6b5-x2k4p");
        assert_eq!(named.len(), 63);
        assert_eq!(name("migrate", "app-7d9f"), "app-init migrate@app-7d9f");
        assert_eq!(name("lock", ""), "app-init lock");
    }
}
