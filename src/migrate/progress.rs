//! Where a run is: what its heartbeat, its errors and a stop need to know of it.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::Future,
    pin::{Pin, pin},
    time::Duration,
};

use tokio::time::{Instant, interval_at, sleep};

use super::{
    error::MigrateError,
    lock::{Leader, milliseconds, spoken},
    script::{Mode, Script},
    session::cancel,
};
use crate::postgres::Session;

/// How often a long migration says that it still runs.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a cancelled statement may take to end before its connection is dropped.
const UNWIND: Duration = Duration::from_secs(10);

/// Shared by the run and those who watch it; all of them live in one task.
#[derive(Default)]
pub(super) struct Progress {
    current: RefCell<Option<Current>>,
    applied: RefCell<Vec<String>>,
    stopping: Cell<bool>,
    pausing: Cell<bool>,
}

struct Current {
    label: String,
    since: Instant,
    /// The line of each statement.
    lines: Vec<usize>,
    statement: usize,
    mode: Mode,
    /// The server process that runs it; `None` before it has begun.
    pid: Option<String>,
    /// Who holds a lock that it wants, and what it is doing, when somebody last looked.
    blocker: Option<String>,
    activity: Option<String>,
}

impl Progress {
    pub(super) fn begins(&self, script: &Script) {
        let lines = script.statements.iter().map(|statement| statement.line).collect();
        *self.current.borrow_mut() = Some(Current {
            label: script.label.clone(),
            since: Instant::now(),
            lines,
            statement: 0,
            mode: script.mode,
            pid: None,
            blocker: None,
            activity: None,
        });
    }

    fn change(&self, change: impl FnOnce(&mut Current)) {
        if let Some(current) = self.current.borrow_mut().as_mut() {
            change(current);
        }
    }

    /// The statement that runs now, counted from 0.
    pub(super) fn reaches(&self, statement: usize) {
        self.change(|current| current.statement = statement);
    }

    /// The server process that runs the file now.
    pub(super) fn runs_as(&self, pid: Option<String>) {
        self.change(|current| {
            current.pid = pid;
            current.blocker = None;
        });
    }

    pub(super) fn pid(&self) -> Option<String> {
        self.current.borrow().as_ref().and_then(|current| current.pid.clone())
    }

    /// What a look at the server showed. A blocker that went away is kept: it is asked for when
    /// the wait is over.
    pub(super) fn seen(&self, blocker: Option<String>, activity: Option<String>) {
        self.change(|current| {
            current.activity = blocker.clone().map(|who| format!("blocked by {who}")).or(activity);
            current.blocker = blocker.or(current.blocker.take());
        });
    }

    pub(super) fn blocker(&self) -> Option<String> {
        self.current.borrow().as_ref().and_then(|current| current.blocker.clone())
    }

    pub(super) fn applied(&self, label: &str) {
        self.applied.borrow_mut().push(label.to_owned());
        *self.current.borrow_mut() = None;
    }

    pub(super) fn so_far(&self) -> Vec<String> {
        self.applied.borrow().clone()
    }

    pub(super) fn stopping(&self) -> bool {
        self.stopping.get()
    }

    /// Nothing runs on the server: a stop need not cancel anything.
    pub(super) fn pauses(&self, pausing: bool) {
        self.pausing.set(pausing);
    }

    fn during(&self) -> String {
        match &*self.current.borrow() {
            Some(Current { label, mode: Mode::Transaction, .. }) => {
                format!("during {label}, which was rolled back")
            }
            Some(Current { label, .. }) => {
                format!("during {label}, which goes on at the same statement next time")
            }
            None => "between two files".into(),
        }
    }

    /// Says now and then what runs. Never ends.
    async fn heartbeat(&self, phase: &'static str) -> Infallible {
        let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        loop {
            beat.tick().await;
            if let Some(current) = &*self.current.borrow() {
                current.tell(phase);
            }
        }
    }
}

impl Current {
    /// Which statement runs; `None` where only the server knows: it keeps the answers to a query of
    /// several statements until the last has ended or one has failed.
    fn statement(&self) -> Option<String> {
        let (number, count) = (self.statement + 1, self.lines.len());
        let line = self.lines.get(self.statement)?;
        let known = self.mode == Mode::Statements || count == 1;
        known.then(|| format!(", statement {number} of {count} in line {line}"))
    }

    fn tell(&self, phase: &'static str) {
        let took = self.since.elapsed();
        let seconds = spoken(Duration::from_secs((took + Duration::from_millis(500)).as_secs()));
        let line = self.statement().unwrap_or_default();
        let activity = self.activity.as_ref().map_or_else(String::new, |it| format!(", {it}"));
        tracing::info!(
            phase,
            event = "heartbeat",
            duration_ms = milliseconds(took),
            "{} still runs after {seconds}{line}{activity}",
            self.label
        );
    }
}

/// Carries out `work` on `session` until it ends, the caller says stop, or the lock is lost. In the
/// latter two cases the running statement is cancelled through the protocol and its transaction
/// rolled back before this returns.
pub(super) async fn guarded<T>(
    phase: &'static str,
    work: impl Future<Output = Result<T, MigrateError>>,
    (session, progress): (&Session, &Progress),
    leader: &Leader,
    stop: impl Future<Output = ()>,
) -> Result<T, MigrateError> {
    let mut work = pin!(work);
    let lost = tokio::select! {
        biased;
        result = &mut work => return result,
        () = stop => None,
        why = leader.lost() => Some(why),
        never = progress.heartbeat(phase) => match never {},
    };
    let during = progress.during();
    progress.stopping.set(true);
    unwind(work, session, progress).await;
    let applied = progress.so_far();
    Err(match lost {
        None => MigrateError::Stopped { during, applied },
        Some(why) => MigrateError::LockLost { why, applied },
    })
}

/// Cancels until the work has ended. A request may come between two statements, so one is not
/// enough.
async fn unwind<T>(
    mut work: Pin<&mut impl Future<Output = Result<T, MigrateError>>>,
    session: &Session,
    progress: &Progress,
) {
    const AGAIN: Duration = Duration::from_millis(200);
    if progress.pausing.get() {
        return;
    }
    let limit = sleep(UNWIND);
    let mut limit = pin!(limit);
    loop {
        tokio::select! {
            biased;
            _ = &mut work => return,
            () = async { cancel(session).await; sleep(AGAIN).await } => {}
            () = &mut limit => return,
        }
    }
}
