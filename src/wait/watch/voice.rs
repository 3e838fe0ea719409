//! What is said while a target is waited for.

use std::time::{Duration, Instant};

use super::{Seen, Watch};
use crate::{
    diagnose::Class,
    phrase::lasting,
    wait::{Ready, error},
};

/// How long a passing reason lasts before its hint is shown.
const PATIENCE: Duration = Duration::from_secs(3);

impl Watch {
    pub(super) fn say_reason(&self, seen: &Seen) {
        tracing::info!(
            phase = "wait",
            event = "reason",
            reason = seen.diagnosis.id(),
            "{}: {}",
            self.target,
            seen.diagnosis
        );
        for (host, diagnosis) in &seen.others {
            tracing::debug!(
                phase = "wait",
                event = "reason",
                reason = diagnosis.id(),
                "{}: {host}: {diagnosis}",
                self.target
            );
        }
    }

    /// Once per reason: at once if somebody has to act, else when it lasts.
    pub(super) fn say_hint(&mut self, seen: &Seen, now: Instant) {
        let passing = seen.diagnosis.class() == Class::Transient;
        if self.hinted || (passing && now.duration_since(self.since) < PATIENCE) {
            return;
        }
        (self.hinted, self.spoken) = (true, now);
        tracing::info!(
            phase = "wait",
            event = "hint",
            reason = seen.diagnosis.id(),
            "hint: {}",
            seen.diagnosis.advice()
        );
    }

    /// A reason that stays is told again, with how long it has lasted.
    pub(super) fn beat(&mut self, seen: &Seen, now: Instant) {
        let silent = now.duration_since(self.spoken);
        if self.limits.heartbeat.is_none_or(|interval| silent < interval) {
            return;
        }
        self.spoken = now;
        let (elapsed, held) = (now.duration_since(self.began), now.duration_since(self.since));
        tracing::info!(
            phase = "wait",
            event = "heartbeat",
            reason = seen.diagnosis.id(),
            duration_ms = millis(elapsed),
            "{} is not ready after {}; for {}: {}",
            self.target,
            lasting(elapsed),
            lasting(held),
            seen.diagnosis
        );
    }

    /// The line of success.
    pub(in crate::wait) fn ready(&self, now: Instant) -> Ready {
        let elapsed = now.duration_since(self.began);
        let tries = self.tries + 1;
        tracing::info!(
            phase = "wait",
            event = "ready",
            duration_ms = millis(elapsed),
            "{} is ready after {}",
            self.target,
            error::effort(tries, elapsed)
        );
        Ready { target: self.target.clone(), tries, elapsed, session: None }
    }
}

/// For the field of that name.
fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
