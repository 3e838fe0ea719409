//! What a replica knows, says and does while it queues for the lock.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    error::MigrateError,
    holder::Holder,
    lock::{milliseconds, spoken},
    session::{jittered, question},
};
use crate::{failure::Failure, plan::LockPolicy};

/// Pause between two tries of a loser: long enough for hundreds of them to share a few connections.
const PACE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How often a queueing replica says that it still waits.
const REMINDER: Duration = Duration::from_secs(15);

/// What a loser knows and says while it waits.
pub(super) struct Queue {
    started: Instant,
    limit: Option<Duration>,
    pace: Duration,
    said: Instant,
    name: String,
    holder: Option<Holder>,
    trouble: Option<Trouble>,
}

/// What stood in the way of asking for the lock.
#[derive(PartialEq, Eq)]
struct Trouble {
    text: String,
    hint: Option<String>,
}

impl Queue {
    pub(super) fn new(policy: &LockPolicy) -> Self {
        let now = Instant::now();
        let name = policy.name.clone().unwrap_or_default();
        let (limit, pace) = (policy.timeout, PACE.0);
        Self { started: now, limit, pace, said: now, name, holder: None, trouble: None }
    }

    /// One line when the holder changes, and one now and then.
    pub(super) fn held(&mut self, name: String, holder: Option<Holder>) {
        let Some(holder) = holder else { return };
        self.trouble = None;
        self.name = name;
        let same = self.holder.as_ref().is_some_and(|known| known.pid == holder.pid);
        if !same || self.said.elapsed() >= REMINDER {
            self.said = Instant::now();
            tracing::info!(
                phase = "lock",
                event = "queue",
                duration_ms = milliseconds(self.started.elapsed()),
                "waiting for the lock `{}`, held by {holder}",
                self.name,
            );
        }
        self.holder = Some(holder);
    }

    /// One line when the trouble changes.
    pub(super) fn failed(&mut self, error: &MigrateError) {
        let trouble = Trouble { text: error.to_string(), hint: error.hint() };
        if self.trouble.as_ref() != Some(&trouble) {
            tracing::info!(phase = "lock", event = "reason", "{}; trying again", trouble.text);
            self.trouble = Some(trouble);
        }
    }

    /// How long the next try may take once it is logged in.
    pub(super) fn patience(&self) -> Duration {
        question(self.limit.map(|limit| limit.saturating_sub(self.started.elapsed())))
    }

    pub(super) async fn pause(&mut self) -> Result<(), MigrateError> {
        if let Some(limit) = self.limit.filter(|limit| self.started.elapsed() >= *limit) {
            return Err(self.give_up(limit));
        }
        let left =
            self.limit.map_or(Duration::MAX, |limit| limit.saturating_sub(self.started.elapsed()));
        sleep(jittered(self.pace).min(left)).await;
        self.pace = (self.pace * 2).min(PACE.1);
        Ok(())
    }

    fn give_up(&mut self, limit: Duration) -> MigrateError {
        let (why, hint) = match (self.trouble.take(), &self.holder) {
            (Some(Trouble { text, hint }), _) => (text, hint),
            (None, Some(holder)) => (format!("held by {holder}"), None),
            (None, None) => ("it was never free".to_owned(), None),
        };
        let (name, waited) = (std::mem::take(&mut self.name), spoken(limit));
        MigrateError::LockTimeout { name, waited, why, hint }
    }
}
