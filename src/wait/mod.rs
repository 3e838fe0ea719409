//! Waits until every target is ready: all at once, each at the pace of its last failure.
//!
//! `probe` makes one try at one target, `pace` says when the next is due, `watch` holds what has been
//! seen and decides when to speak and when to give up. Dropping the future ends the wait.

mod error;
mod once;
mod pace;
mod probe;
mod watch;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use crate::{
    config::target::Target,
    diagnose::Pace,
    plan::Wait,
    postgres::{Budget, Session},
};

use error::Report;
pub(crate) use error::WaitError;
pub(crate) use once::once;
use probe::{Probe, Readiness, Seen};
use watch::{Next, Watch};

/// A target that is ready.
pub(crate) struct Ready {
    pub(crate) target: String,
    pub(crate) tries: u32,
    pub(crate) elapsed: Duration,
    /// A database's session, for whoever has the next question to it.
    pub(crate) session: Option<Box<Session>>,
}

/// For the timeline, whose row shows the time of the slowest, and so of the only one.
pub(crate) fn note(ready: &[Ready]) -> String {
    match ready {
        [only] => format!("{} after {}", only.target, error::tries(only.tries)),
        all => {
            let effort = |one: &Ready| error::effort(one.tries, one.elapsed);
            let notes = all.iter().map(|one| format!("{} after {}", one.target, effort(one)));
            notes.collect::<Vec<_>>().join("; ")
        }
    }
}

/// Returns once all targets are ready, in their order; the time is that of the slowest.
///
/// # Errors
/// `Refused` as soon as one target can never be ready, `TimedOut` with all that are missing.
pub(crate) async fn run(wait: &Wait) -> Result<Vec<Ready>, WaitError> {
    let deadline = wait.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut running = JoinSet::new();
    let missing: Vec<Missing> = wait.targets.iter().map(|_| Missing::default()).collect();
    for (at, target) in wait.targets.iter().enumerate() {
        let limits = Limits { deadline, grace: wait.fatal_grace, heartbeat: wait.heartbeat };
        let probe = Probe::new(target.clone(), wait.writes_to(target));
        let (target, missing) = (target.clone(), missing[at].clone());
        running.spawn(async move { (at, until_ready(target, probe, limits, missing).await) });
    }
    let (mut ready, mut late) = (Vec::new(), Vec::new());
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok((at, Ok(target))) => ready.push((at, target)),
            // The others share the deadline: what they lack belongs into the same message.
            Ok((at, Err(WaitError::TimedOut { reports }))) => {
                late.extend(reports.into_iter().map(|report| (at, report)));
            }
            Ok((at, Err(WaitError::Refused { report, .. }))) => {
                let beside = late.into_iter().map(|(_, report)| report);
                let others = beside.chain(Missing::others(&missing, at)).collect();
                return Err(WaitError::Refused { report, others });
            }
            Ok((_, Err(broken))) => return Err(broken),
            Err(broken) => return Err(WaitError::Broken(broken)),
        }
    }
    late.sort_by_key(|(at, _)| *at);
    if !late.is_empty() {
        return Err(WaitError::TimedOut {
            reports: late.into_iter().map(|(_, report)| report).collect(),
        });
    }
    ready.sort_by_key(|(at, _)| *at);
    Ok(ready.into_iter().map(|(_, ready)| ready).collect())
}

/// How far a try may overrun the deadline to end with a reason of its own.
const SLACK: Duration = Duration::from_millis(50);

/// When to give up.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// `None` waits for ever.
    deadline: Option<Instant>,
    /// How long one and the same *never* is tolerated.
    grace: Duration,
    /// How long nothing is said of a target that is missing; `None` is for ever.
    heartbeat: Option<Duration>,
}

/// What is known of a target that is still missing, for whoever ends the wait.
#[derive(Clone, Debug, Default)]
struct Missing(Arc<Mutex<Option<Report>>>);

impl Missing {
    fn set(&self, report: Option<Report>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = report;
    }

    fn others(all: &[Self], but: usize) -> impl Iterator<Item = Report> {
        let others = all.iter().enumerate().filter(move |(at, _)| *at != but);
        others.filter_map(|(_, one)| one.0.lock().unwrap_or_else(PoisonError::into_inner).take())
    }
}

/// Tries one target until it is ready or hopeless; `missing` is kept up to date.
async fn until_ready(
    target: Target,
    mut probe: Probe,
    limits: Limits,
    missing: Missing,
) -> Result<Ready, WaitError> {
    let mut watch = Watch::new(target.to_string(), limits, Instant::now().into_std());
    loop {
        let left = limits.deadline.map(|deadline| deadline.duration_since(Instant::now()));
        let attempt = probe.attempt(watch.tries(), left);
        let readiness = match limits.deadline {
            Some(deadline) => timeout_at(deadline + SLACK, attempt).await.ok(),
            None => Some(attempt.await),
        };
        let now = Instant::now().into_std();
        let next = match readiness {
            Some(Readiness::Ready) => {
                missing.set(None);
                return Ok(watch.ready(now));
            }
            Some(Readiness::LoggedIn(session)) => {
                missing.set(None);
                return Ok(Ready { session: Some(session), ..watch.ready(now) });
            }
            Some(Readiness::NotYet(seen)) if watch.has_reason() && is_cut_short(&seen, left) => {
                watch.cut_short()
            }
            Some(Readiness::NotYet(seen)) => watch.failed(seen, now),
            None => return Err(watch.late(now)),
        };
        missing.set(Some(watch.so_far(now)));
        match next {
            Next::GiveUp => return Err(watch.refused(now)),
            Next::TryAfter(pause) => {
                let due = Instant::now() + pause;
                if limits.deadline.is_some_and(|deadline| due >= deadline) {
                    // One last try at the very end would find what this one found.
                    sleep_until(limits.deadline.unwrap_or(due)).await;
                    return Err(watch.late(Instant::now().into_std()));
                }
                sleep_until(due).await;
            }
        }
    }
}

/// Whether the try found silence only because the deadline had shortened it: no reason to forget a
/// better one. `left` was left when it began.
fn is_cut_short(seen: &Seen, left: Option<Duration>) -> bool {
    let shortened = left.is_some_and(|left| left < Budget::default().total);
    shortened && seen.diagnosis.row.pace == Pace::Spent
}
