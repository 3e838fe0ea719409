//! What has been seen of one target: decides when to speak, when to try again, when to give up.
//!
//! Takes the time as an argument; only its lines are a side effect.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::{
    Limits, Ready, WaitError,
    error::{self, Report},
    pace::pause,
    probe::Seen,
};
use crate::diagnose::{Class, Diagnosis, Facts, Pace, table};

/// How long a passing reason lasts before its hint is shown.
const PATIENCE: Duration = Duration::from_secs(3);

/// In front of the hint for a server that answered before.
const RESTARTING: &str = "it answered before, so it is restarting or has ended";

/// What follows a failed try.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    TryAfter(Duration),
    GiveUp,
}

/// The history of one target.
pub(super) struct Watch {
    target: String,
    limits: Limits,
    began: Instant,
    tries: u32,
    first: Option<Seen>,
    latest: Option<Seen>,
    /// The most telling one ever: a pooler or a second address may hide it later.
    telling: Option<Seen>,
    /// Since when the latest reason holds without a break.
    since: Instant,
    hinted: bool,
    /// When the last line was said.
    spoken: Instant,
    pace: Option<Streak>,
}

/// Failures of one pace without a break.
#[derive(Clone, Copy)]
struct Streak {
    pace: Pace,
    since: Instant,
    count: u32,
}

impl Watch {
    pub(super) fn new(target: String, limits: Limits, now: Instant) -> Self {
        Self {
            target,
            limits,
            began: now,
            tries: 0,
            first: None,
            latest: None,
            telling: None,
            since: now,
            hinted: false,
            spoken: now,
            pace: None,
        }
    }

    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    pub(super) fn has_reason(&self) -> bool {
        self.latest.is_some()
    }

    /// Counts a try that found nothing for want of time.
    pub(super) fn cut_short(&mut self) -> Next {
        self.tries += 1;
        Next::TryAfter(Duration::ZERO)
    }

    /// Takes a failed try in, says what is new, and decides what follows.
    pub(super) fn failed(&mut self, seen: Seen, now: Instant) -> Next {
        let seen = self.in_context(seen);
        self.tries += 1;
        if !self.latest.as_ref().is_some_and(|last| last.diagnosis.is_same(&seen.diagnosis)) {
            self.since = now;
            self.hinted = false;
            self.spoken = now;
            self.say_reason(&seen);
        }
        self.say_hint(&seen, now);
        self.beat(&seen, now);
        let (row, held) = (seen.diagnosis.row, now.duration_since(self.since));
        self.remember(seen);
        if row.class == Class::Fatal || (row.class == Class::Grace && held >= self.limits.grace) {
            return Next::GiveUp;
        }
        let streak = self.streak(row.pace, now);
        let pause = pause(row.pace, now.duration_since(streak.since), streak.count, self.jitter());
        match row.class {
            // Never oversleeps the end of the grace.
            Class::Grace => Next::TryAfter(pause.min(self.limits.grace.saturating_sub(held))),
            _ => Next::TryAfter(pause),
        }
    }

    /// A server that was up and is not there now: another thing than one that never came.
    fn in_context(&self, seen: Seen) -> Seen {
        let answered = self.telling.as_ref().is_some_and(|seen| seen.diagnosis.row.is_answer());
        let gone = matches!(seen.diagnosis.row.pace, Pace::Refused | Pace::Closed);
        if !answered || !gone || seen.diagnosis.row.is_answer() {
            return seen;
        }
        Seen { diagnosis: seen.diagnosis.remarked(RESTARTING), ..seen }
    }

    fn remember(&mut self, seen: Seen) {
        self.first.get_or_insert_with(|| seen.clone());
        let better = |old: &Seen| seen.diagnosis.row.rank >= old.diagnosis.row.rank;
        if self.telling.as_ref().is_none_or(better) {
            self.telling = Some(seen.clone());
        }
        self.latest = Some(seen);
    }

    fn streak(&mut self, pace: Pace, now: Instant) -> Streak {
        let streak = match self.pace {
            Some(last) if last.pace == pace => Streak { count: last.count + 1, ..last },
            _ => Streak { pace, since: now, count: 1 },
        };
        self.pace = Some(streak);
        streak
    }

    /// From 0 to 1, different in each process and try: mixes pid and try number (Knuth's constant).
    fn jitter(&self) -> f64 {
        let mixed = (std::process::id() ^ self.tries).wrapping_mul(2_654_435_761);
        f64::from(mixed) / f64::from(u32::MAX)
    }

    fn say_reason(&self, seen: &Seen) {
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
    fn say_hint(&mut self, seen: &Seen, now: Instant) {
        let passing = seen.diagnosis.class() == Class::Transient;
        if self.hinted || (passing && now.duration_since(self.since) < PATIENCE) {
            return;
        }
        (self.hinted, self.spoken) = (true, now);
        tracing::info!(
            phase = "wait",
            event = "hint",
            reason = seen.diagnosis.id(),
            "hint: {} [{}]",
            seen.diagnosis.hint,
            seen.diagnosis.id()
        );
    }

    /// A reason that stays is told again, with how long it has lasted.
    fn beat(&mut self, seen: &Seen, now: Instant) {
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
            error::seconds(elapsed),
            error::seconds(held),
            seen.diagnosis
        );
    }

    /// The line of success.
    pub(super) fn ready(&self, now: Instant) -> Ready {
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

    /// The deadline passed. A reason that needs somebody to act is told as such.
    pub(super) fn late(&self, now: Instant) -> WaitError {
        let acting = |seen: &Seen| seen.diagnosis.class() != Class::Transient;
        if self.latest.as_ref().is_some_and(acting) {
            return self.refused(now);
        }
        WaitError::TimedOut { reports: vec![self.report(self.telling.as_ref(), now)] }
    }

    /// There is no hope.
    pub(super) fn refused(&self, now: Instant) -> WaitError {
        WaitError::Refused(Box::new(self.report(self.latest.as_ref(), now)))
    }

    fn report(&self, seen: Option<&Seen>, now: Instant) -> Report {
        Report {
            target: self.target.clone(),
            diagnosis: seen.map_or_else(
                || Diagnosis::new(&table::NO_ANSWER, &Facts::default()),
                |seen| seen.diagnosis.clone(),
            ),
            first: self.first.as_ref().map(|seen| seen.diagnosis.clone()),
            last: self.latest.as_ref().map(|seen| seen.diagnosis.clone()),
            others: seen.map(|seen| seen.others.clone()).unwrap_or_default(),
            addresses: seen.map(|seen| seen.addresses.clone()).unwrap_or_default(),
            tries: self.tries,
            elapsed: now.duration_since(self.began),
        }
    }
}

/// For the field of that name.
fn millis(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
