//! What has been seen of one target: decides when to speak, when to try again, when to give up.
//!
//! Takes the time as an argument; only its lines (`voice`) are a side effect.

#[cfg(test)]
mod tests;
mod voice;

use std::time::{Duration, Instant};

use super::{Limits, WaitError, error::Report, pace::pause, probe::Seen};
use crate::diagnose::{Class, Diagnosis, Facts, Pace, table};

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
        let seen = self.in_context(self.unhidden(seen));
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

    /// A pooler tells why its server refuses once, and then only that it has none (pgbouncer(1):
    /// `query_wait_timeout`, `server_login_retry`): the reason stands, and so does its grace.
    fn unhidden(&self, seen: Seen) -> Seen {
        let standing = self.latest.as_ref().filter(|latest| {
            latest.diagnosis.class() == Class::Grace && latest.diagnosis.row.is_answer()
        });
        let hides = seen.diagnosis.row == &table::POOLER_SERVER;
        standing.filter(|_| hides).cloned().unwrap_or(seen)
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
        WaitError::Refused { report: Box::new(self.so_far(now)), others: Vec::new() }
    }

    /// What there is to tell at this moment.
    pub(super) fn so_far(&self, now: Instant) -> Report {
        self.report(self.latest.as_ref(), now)
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
