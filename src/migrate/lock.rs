//! The leader lock: of all replicas that start at once, one migrates and the others queue.
//!
//! It is a transaction's advisory lock on a connection of its own, taken by the simple protocol and
//! without blocking. So it holds no snapshot, for which `CREATE INDEX CONCURRENTLY` would wait for
//! ever, and it works through a transaction pooler, where a session's lock belongs to nobody.

use std::{future, pin::pin, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use super::{
    cause::Cause,
    error::MigrateError,
    holder::{Holder, holder},
    key::{Key, Kind},
    queue::Queue,
    session::{VIGILANCE, answered, try_open},
    sql::scalar,
};
use crate::{config::database::Connection, plan::LockPolicy, postgres::Session};

/// Heartbeat: one question a second, each answered within four, so a loss shows within six.
const BEAT: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(4);
/// A second is heard as silence if it took no longer than this: who stood still, frozen or without
/// a processor, cannot have heard the answer.
const AWAKE: Duration = Duration::from_secs(2);

/// The right to migrate and seed, as long as it lives. Dropping it frees the lock.
pub(crate) struct Leader {
    /// `None`: the lock is switched off.
    session: Option<Session>,
    /// Namespace of lock, fence and markers.
    pub(super) namespace: String,
}

/// Queues until the lock is ours. Between two tries no connection is held.
///
/// Dropping the future gives up the place in the queue.
/// # Errors
/// `LockTimeout` names the holder; `Connect` where the server will never let us in.
pub(crate) async fn acquire(
    connection: &Connection,
    policy: &LockPolicy,
) -> Result<Leader, MigrateError> {
    loop {
        // `None` is only for those who ask to be told that the work is done.
        if let Some(leader) =
            acquire_unless(connection, policy, async |_: &Client| Ok(false)).await?
        {
            return Ok(leader);
        }
    }
}

/// The same, but after each try that found the lock held `done` is asked whether it is needed any
/// more; `None` if not.
pub(super) async fn acquire_unless(
    connection: &Connection,
    policy: &LockPolicy,
    done: impl AsyncFn(&Client) -> Result<bool, MigrateError>,
) -> Result<Option<Leader>, MigrateError> {
    let mut queue = Queue::new(policy);
    loop {
        match attempt(connection, policy, &queue, &done).await {
            Ok(Attempt::Leader(leader)) => return Ok(Some(*leader)),
            Ok(Attempt::Needless) => return Ok(None),
            Ok(Attempt::Held { name, holder }) => queue.held(name, holder),
            Err(error) if error.may_pass() => queue.failed(&error),
            Err(error) => return Err(error),
        }
        queue.pause().await?;
    }
}

/// What one try came to.
enum Attempt {
    Leader(Box<Leader>),
    Held {
        name: String,
        holder: Option<Holder>,
    },
    /// Whoever holds or held it has done what it was wanted for.
    Needless,
}

async fn attempt(
    connection: &Connection,
    policy: &LockPolicy,
    queue: &Queue,
    done: &impl AsyncFn(&Client) -> Result<bool, MigrateError>,
) -> Result<Attempt, MigrateError> {
    let session = try_open(connection, "lock").await?;
    let asked = ask(session, policy, done);
    answered(queue.patience(), connection, "take the migration lock", asked).await
}

async fn ask(
    session: Session,
    policy: &LockPolicy,
    done: &impl AsyncFn(&Client) -> Result<bool, MigrateError>,
) -> Result<Attempt, MigrateError> {
    let failed = |error: tokio_postgres::Error| MigrateError::Database {
        doing: "take the migration lock".into(),
        cause: Cause::of(&error),
    };
    let namespace = namespace(&session.client, policy.name.as_deref()).await.map_err(failed)?;
    if !policy.take {
        return Ok(Attempt::Leader(Box::new(Leader { session: None, namespace })));
    }
    let key = Key::new(Kind::Leader, &namespace);
    if take(&session.client, key).await.map_err(failed)? {
        protect(&session.client).await.map_err(failed)?;
        let session = Some(session);
        return Ok(Attempt::Leader(Box::new(Leader { session, namespace })));
    }
    let holder = holder(&session.client, key).await.map_err(failed)?;
    // Said, so that the server's log shows no client that vanished in a transaction.
    drop(session.client.batch_execute("ROLLBACK").await);
    if done(&session.client).await? {
        return Ok(Attempt::Needless);
    }
    Ok(Attempt::Held { name: namespace, holder })
}

/// The lock's namespace: the given name, else the name of the database we are in. A pooler may
/// know that under another name than the server does, so the server is asked.
pub(super) async fn namespace(
    client: &Client,
    name: Option<&str>,
) -> Result<String, tokio_postgres::Error> {
    match name {
        Some(name) => Ok(name.to_owned()),
        None => {
            Ok(scalar(client, "SELECT pg_catalog.current_database()").await?.unwrap_or_default())
        }
    }
}

/// Opens the transaction that the lock lives in. Read committed: any other level would keep the
/// snapshot of its first query.
async fn take(client: &Client, key: Key) -> Result<bool, tokio_postgres::Error> {
    let query = format!("BEGIN ISOLATION LEVEL READ COMMITTED; {}", key.try_lock());
    Ok(scalar(client, &query).await?.as_deref() == Some("t"))
}

/// A server that refuses a setting (no `POLLRDHUP`, a managed service) is used without them.
async fn protect(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("SAVEPOINT settings").await?;
    match client.batch_execute(VIGILANCE).await {
        Ok(()) => client.batch_execute("RELEASE settings").await,
        Err(error) if error.as_db_error().is_some() => {
            tracing::debug!(phase = "lock", reason = %Cause::of(&error), "the server keeps its own time limits");
            client.batch_execute("ROLLBACK TO settings").await
        }
        Err(error) => Err(error),
    }
}

/// Whether the server still answers on the lock's session, or why it counts as lost.
///
/// If it is our machine that stood still, the server has either kept the lock, and answers, or has
/// ended the session, which the next packet shows.
async fn answers(session: &Session) -> Result<(), String> {
    // An empty query: any other takes a snapshot for an instant, and a `CREATE INDEX CONCURRENTLY`
    // that sees it waits for the end of this transaction, which never comes.
    let mut answer = pin!(session.client.batch_execute(""));
    let mut silence = Duration::ZERO;
    while silence < ANSWER {
        let began = Instant::now();
        match timeout(BEAT, answer.as_mut()).await {
            Ok(answer) => return answer.map_err(|error| Cause::on(session, &error).to_string()),
            Err(_) if began.elapsed() > AWAKE => {}
            Err(_) => silence += BEAT,
        }
    }
    Err(format!("no answer within {}", spoken(ANSWER)))
}

impl Leader {
    /// Waits until the lock is lost and says how it showed. Never returns while the lock holds, so
    /// it is one arm of a `select!` around whatever needs the lock. Dropping it loses nothing.
    pub(crate) async fn lost(&self) -> String {
        let Some(session) = &self.session else { return future::pending().await };
        loop {
            sleep(BEAT).await;
            if let Err(why) = answers(session).await {
                return why;
            }
        }
    }

    /// `false`: the lock is switched off.
    pub(super) fn is_locked(&self) -> bool {
        self.session.is_some()
    }

    /// The key that each migration takes in its own transaction.
    pub(super) fn fence(&self) -> Key {
        Key::new(Kind::Fence, &self.namespace)
    }

    /// Frees the lock at once. Dropping does it too, as soon as the server notices.
    pub(crate) async fn release(self) {
        if let Some(session) = &self.session {
            drop(timeout(ANSWER, session.client.batch_execute("COMMIT")).await);
        }
    }
}

pub(super) fn spoken(time: Duration) -> String {
    humantime::format_duration(Duration::from_millis(milliseconds(time))).to_string()
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
