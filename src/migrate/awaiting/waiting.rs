//! How long a wait has lasted, why, and what has been said of it.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Terms;
use crate::{
    migrate::{
        error::MigrateError,
        holder::{Holder, leader},
        lock::{milliseconds, spoken},
        session::{QUESTION, jittered, question, try_open},
    },
    phrase::lasting,
};

/// Pause between two questions.
const PACE: Duration = Duration::from_secs(1);
/// How long the look at who migrates may take.
const LOOK: Duration = Duration::from_secs(3);

/// Why the wait goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) text: String,
    /// `None`: somebody has to migrate.
    pub(super) hint: Option<String>,
    /// The server answered, so it can be asked who migrates.
    pub(super) answered: bool,
}

/// How long the next question may take.
pub(super) struct Patience {
    pub(super) time: Duration,
    /// The end of the wait makes it shorter than it should be.
    pub(super) is_cut: bool,
}

/// A wait that goes on.
pub(super) struct Waiting<'a> {
    /// What its lines begin with.
    subject: &'static str,
    terms: Terms<'a>,
    started: Instant,
    reason: Option<Reason>,
    said: Option<String>,
    spoken: Instant,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(subject: &'static str, terms: Terms<'a>) -> Self {
        let started = Instant::now();
        Self { subject, terms, started, reason: None, said: None, spoken: started }
    }

    /// `None` is for ever.
    pub(super) fn left(&self) -> Option<Duration> {
        self.terms.lock.timeout.map(|limit| limit.saturating_sub(self.started.elapsed()))
    }

    pub(super) fn is_over(&self) -> bool {
        self.left().is_some_and(|left| left.is_zero())
    }

    pub(super) fn patience(&self) -> Patience {
        let left = self.left();
        // Only the first has time in any case: what it finds is the reason at the end.
        let time = match left.filter(|_| self.has_reason()) {
            Some(left) => QUESTION.min(left),
            None => question(left),
        };
        Patience { time, is_cut: time < QUESTION }
    }

    pub(super) fn has_reason(&self) -> bool {
        self.reason.is_some()
    }

    /// Why it goes on; `None`: nothing new was found out.
    pub(super) fn learn(&mut self, reason: Option<Reason>) {
        self.reason = reason.or(self.reason.take());
    }

    pub(super) fn give_up(self) -> MigrateError {
        let waited = self.terms.lock.timeout.map(spoken).unwrap_or_default();
        let (missing, hint) = self.reason.map_or_else(Default::default, |it| (it.text, it.hint));
        MigrateError::NotApplied { waited, missing, hint }
    }

    /// One line when the reason changes, and one now and then.
    pub(super) async fn tell(&mut self) {
        let Some(reason) = self.reason.clone() else { return };
        let same = self.said.as_ref() == Some(&reason.text);
        let due = self.terms.every.is_some_and(|every| self.spoken.elapsed() >= every);
        if same && !due {
            return;
        }
        let who = if reason.answered { self.migrating().await } else { None };
        let who = who.map_or_else(String::new, |who| format!("; {who} is migrating"));
        let took = self.started.elapsed();
        let subject = if same {
            format!("still {} after {}", self.subject, lasting(took))
        } else {
            self.subject.to_owned()
        };
        tracing::info!(
            phase = self.terms.phase,
            event = if same { "heartbeat" } else { "reason" },
            duration_ms = milliseconds(took),
            "{subject}: {}{who}",
            reason.text
        );
        (self.said, self.spoken) = (Some(reason.text), Instant::now());
    }

    /// Who has the leader lock just now, if the server says so soon enough.
    async fn migrating(&self) -> Option<Holder> {
        let look = async {
            let session = try_open(self.terms.connection, self.terms.phase).await.ok()?;
            leader(&session.client, self.terms.lock.name.as_deref()).await.ok()?
        };
        timeout(LOOK.min(self.left().unwrap_or(LOOK)), look).await.ok()?
    }

    /// Never past the end of the wait.
    pub(super) async fn pause(&self) {
        let pause = jittered(PACE);
        sleep(self.left().map_or(pause, |left| pause.min(left))).await;
    }
}
