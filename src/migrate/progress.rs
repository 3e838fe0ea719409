//! Where a run is: what its heartbeat, its errors and a stop need to know of it.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future,
    time::Duration,
};

use tokio::time::{Instant, interval_at};

use super::{
    lock::milliseconds,
    script::{Mode, Script},
};
use crate::{log, phrase::lasting};

/// How often the line on a terminal is written again.
const FRAME: Duration = Duration::from_millis(250);

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
    /// Its number and the number of files.
    place: (usize, usize),
    since: Instant,
    /// The line of each statement.
    lines: Vec<usize>,
    statement: usize,
    mode: Mode,
    /// All statements are one query.
    whole: bool,
    /// It ends its transaction by itself.
    commits: bool,
    /// Who holds a lock that it wants, and what it is doing, when somebody last looked.
    blocker: Option<String>,
    activity: Option<String>,
}

impl Progress {
    pub(super) fn begins(&self, script: &Script, place: (usize, usize)) {
        let lines = script.statements.iter().map(|statement| statement.line).collect();
        *self.current.borrow_mut() = Some(Current {
            label: script.label.clone(),
            place,
            since: Instant::now(),
            lines,
            statement: 0,
            mode: script.mode,
            whole: script.whole,
            commits: script.commits,
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

    /// A try begins: who blocked the last one need not block this one.
    pub(super) fn tries(&self) {
        self.change(|current| {
            current.blocker = None;
            current.activity = None;
        });
    }

    /// What a look at the server showed. A blocker that went away is kept: it is asked for when
    /// the wait is over.
    pub(super) fn seen(&self, blocker: Option<String>, activity: Option<String>) {
        self.change(|current| {
            let blocked = blocker.as_ref().map(|who| format!("blocked by {who}"));
            let told: Vec<String> = blocked.into_iter().chain(activity).collect();
            current.activity = (!told.is_empty()).then(|| told.join(", "));
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

    /// Nothing runs on the server.
    pub(super) fn is_pausing(&self) -> bool {
        self.pausing.get()
    }

    /// No further query may begin.
    pub(super) fn stops(&self) {
        self.stopping.set(true);
    }

    /// What a stop came upon, and what became of it. `known`: the server has said how it ended.
    pub(super) fn during(&self, known: bool) -> String {
        match &*self.current.borrow() {
            Some(current) => format!("during {}, {}", current.label, current.left(known)),
            None => "between two files".into(),
        }
    }

    /// Says at this interval what runs; `None` says nothing. Never ends.
    pub(super) async fn heartbeat(
        &self,
        phase: &'static str,
        every: Option<Duration>,
    ) -> Infallible {
        let Some(every) = every else { return future::pending().await };
        let mut beat = interval_at(Instant::now() + every, every);
        loop {
            beat.tick().await;
            if let Some(current) = &*self.current.borrow() {
                current.tell(phase);
            }
        }
    }

    /// Keeps one line on a terminal up to date; elsewhere it is never written. Never ends.
    pub(super) async fn show(&self, phase: &'static str) -> Infallible {
        let mut frame = interval_at(Instant::now() + FRAME, FRAME);
        loop {
            frame.tick().await;
            if let Some(current) = &*self.current.borrow() {
                log::status(&format!("{phase}: {}", current.line()));
            }
        }
    }
}

impl Current {
    /// What is left of a file that was cancelled.
    fn left(&self, known: bool) -> &'static str {
        match self.mode {
            Mode::Statements => "which goes on at the same statement next time",
            _ if self.commits => {
                "which ends its transaction by itself: look at what it left behind"
            }
            Mode::Transaction if known => "which was rolled back",
            Mode::Transaction => "and the next start will see whether it was applied",
        }
    }

    /// Which statement runs, unless it is the only one. Of several in one query only the server knows:
    /// it keeps the answers until the last has ended or one has failed, and shows the whole query.
    fn statement(&self) -> String {
        match (self.whole, self.lines.len()) {
            (_, 0 | 1) => String::new(),
            (true, count) => format!(", one of {count} statements"),
            (false, count) => {
                let line = self.lines.get(self.statement).copied().unwrap_or_default();
                format!(", statement {} of {count} in line {line}", self.statement + 1)
            }
        }
    }

    fn activity(&self) -> String {
        self.activity.as_ref().map_or_else(String::new, |it| format!(", {it}"))
    }

    /// What a terminal shows: what changes comes first, as the end may not fit.
    fn line(&self) -> String {
        let ((number, count), took) =
            (self.place, Duration::from_secs(self.since.elapsed().as_secs()));
        let (activity, statement) = (self.activity(), self.statement());
        format!("{number} of {count}, {}{activity}: {}{statement}", lasting(took), self.label)
    }

    fn tell(&self, phase: &'static str) {
        let (number, count) = self.place;
        tracing::info!(
            phase,
            event = "heartbeat",
            duration_ms = milliseconds(self.since.elapsed()),
            "{} ({number} of {count}) still runs after {}{}{}",
            self.label,
            lasting(self.since.elapsed()),
            self.statement(),
            self.activity()
        );
    }
}
