//! Runs one step to completion: its limits, a stop, a lost lock, and what it leaves behind.

use std::{future::Future, pin::pin, time::Duration};

use thiserror::Error;
use tokio::time::{Instant, sleep_until};
use tracing::info;

use crate::{
    exit::Exit,
    failure::Failure,
    phrase::lasting,
    plan::Step,
    process::{
        self, Ended, Event, Events, Pid, Signal, Unrunnable, descendants,
        launch::{self, Needs},
        program, send,
        spawn::{Signals, Start, Stdin},
        unrunnable::Reason,
    },
};

/// How long what a step left behind may take after SIGTERM before it is killed.
const LEFTOVER_GRACE: Duration = Duration::from_secs(2);

/// A step that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepReport {
    pub(crate) duration: Duration,
    /// Processes it left behind, which were ended.
    pub(crate) leftovers: usize,
}

/// Why a step did not do its work.
#[derive(Debug, Error)]
pub(crate) enum StepError {
    #[error("step {name}")]
    Unrunnable {
        name: String,
        exit: Exit,
        #[source]
        why: Unrunnable,
    },
    #[error("step {name} failed: {ended}")]
    Failed { name: String, exit: Exit, ended: Ended },
    #[error("step {name} ran past its timeout of {}", humantime::format_duration(*.timeout))]
    TimedOut { name: String, timeout: Duration },
    /// A stop signal arrived; the step has ended.
    #[error("step {name} was stopped by {signal}")]
    Stopped { name: String, signal: Signal },
    /// What it needed, the leader lock, was lost; the step has ended.
    #[error("step {name} was ended because the migration lock was lost")]
    Interrupted { name: String },
}

impl Failure for StepError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unrunnable { exit, .. } | Self::Failed { exit, .. } => *exit,
            Self::TimedOut { .. } => Exit::Timeout,
            Self::Stopped { signal, .. } => Exit::Signal(signal.number()),
            Self::Interrupted { .. } => Exit::Lock,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unrunnable { why, .. } => why.reason.hint().map(str::to_owned),
            Self::Failed { ended: Ended::Killed(Signal::KILL), .. } => Some(
                "SIGKILL that nobody sent is the kernel's when memory runs out: look at the memory limit"
                    .to_owned(),
            ),
            Self::Failed { .. } => Some("look at what it printed above".to_owned()),
            Self::TimedOut { name, .. } => Some(format!(
                "look at what it printed above; if it needs longer, raise {}",
                limit_of(name)
            )),
            Self::Stopped { .. } | Self::Interrupted { .. } => None,
        }
    }
}

/// The setting that is the step's limit.
fn limit_of(name: &str) -> String {
    match name {
        "migrate" | "seed" | "etl" => format!("APP_INIT_{}_TIMEOUT", name.to_ascii_uppercase()),
        _ => format!("`timeout` in [steps.{name}]"),
    }
}

/// Why a running step was told to end.
#[derive(Clone, Copy)]
enum Why {
    Stopped(Signal),
    TimedOut(Duration),
    Interrupted,
}

/// Runs the step and waits until it and everything it started has ended.
///
/// A stop signal goes to the step's process group, `interrupted` and the timeout send SIGTERM; the
/// group is then waited for, without limit unless the step has a stop grace. `on_failure` is the
/// caller's to apply.
/// # Errors
/// Whatever kept it from exiting with 0, or a stop, even if it exited with 0 then.
pub(crate) async fn run(
    step: &Step,
    events: &mut Events,
    interrupted: impl Future<Output = ()>,
) -> Result<StepReport, StepError> {
    let name = || step.name.clone();
    let started = Instant::now();
    let pid = start(step).map_err(|reason| StepError::Unrunnable {
        name: name(),
        exit: step.exit,
        why: Unrunnable::new(&step.command.source, &step.command.argv, reason),
    })?;
    let mut run = Run { step, pid, started, why: None, kill_at: None };
    let ended = run.watch(events, interrupted).await;
    let leftovers = end_leftovers(events, &mut run.why).await;
    match (run.why, ended) {
        (Some(Why::Stopped(signal)), _) => Err(StepError::Stopped { name: name(), signal }),
        (Some(Why::TimedOut(timeout)), _) => Err(StepError::TimedOut { name: name(), timeout }),
        (Some(Why::Interrupted), _) => Err(StepError::Interrupted { name: name() }),
        (None, Ended::Exited(0)) => Ok(StepReport { duration: started.elapsed(), leftovers }),
        (None, ended) => Err(StepError::Failed { name: name(), exit: step.exit, ended }),
    }
}

/// Starts it in a group of its own: standard input empty, signals as a fresh program has them.
fn start(step: &Step) -> Result<Pid, Reason> {
    let words = &step.command.argv;
    let name = words.first().ok_or(Reason::NoSuchFile)?;
    let program = program::find(name, step.environment.get("PATH"))?;
    let start =
        Start { program: &program, argv: words, stdin: Stdin::Null, signals: Signals::Default };
    // A step that outlived us would go on writing after the lock is gone.
    let needs = Needs { die_with_parent: !process::is_pid_1(), ..Needs::default() };
    // It is not the service that the runtime waits for (sd_notify(3)).
    let environment = step.environment.iter().filter(|(name, _)| *name != "NOTIFY_SOCKET");
    launch::start(start, needs, environment)
}

/// A step that runs.
struct Run<'a> {
    step: &'a Step,
    pid: Pid,
    started: Instant,
    /// Set once it was told to end.
    why: Option<Why>,
    kill_at: Option<Instant>,
}

impl Run<'_> {
    async fn watch(&mut self, events: &mut Events, interrupted: impl Future<Output = ()>) -> Ended {
        let mut interrupted = pin!(interrupted);
        let times_out_at = self.step.timeout.map(|limit| self.started + limit);
        let mut beats_at = self.step.heartbeat.map(|pause| self.started + pause);
        loop {
            let waiting = self.why.is_none();
            tokio::select! {
                biased;
                event = events.next() => match event {
                    Event::Ended(pid, ended) if pid == self.pid => return ended,
                    Event::Stop(signal) => self.end(Why::Stopped(signal), signal),
                    Event::Ended(..) | Event::Signal(_) => {}
                },
                () = &mut interrupted, if waiting => self.end(Why::Interrupted, Signal::TERM),
                () = at(times_out_at), if waiting => {
                    self.end(Why::TimedOut(self.step.timeout.unwrap_or_default()), Signal::TERM);
                }
                () = at(self.kill_at) => {
                    self.kill_at = None;
                    drop(send::to_group(self.pid, Signal::KILL));
                }
                () = at(beats_at) => {
                    self.beat();
                    beats_at = self.step.heartbeat.map(|pause| Instant::now() + pause);
                }
            }
        }
    }

    /// Tells the group to end; the first reason is the one that counts.
    fn end(&mut self, why: Why, signal: Signal) {
        if self.why.is_none() {
            self.why = Some(why);
            self.kill_at = self.step.stop_grace.map(|grace| Instant::now() + grace);
        }
        drop(send::to_group(self.pid, signal));
        // A stopped process cannot act on it.
        drop(send::to_group(self.pid, Signal::CONT));
    }

    fn beat(&self) {
        let took = self.started.elapsed();
        info!(
            phase = self.step.name,
            event = "heartbeat",
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "`{}` still runs after {} (pid {})",
            self.step.command.source,
            lasting(took),
            self.pid.as_raw_pid()
        );
    }
}

/// Sleeps until then; for ever without a time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Ends what the step left behind, which are our descendants now, and counts it.
///
/// Processes of `docker exec` are nobody's descendants here and are left alone.
async fn end_leftovers(events: &mut Events, why: &mut Option<Why>) -> usize {
    let left = descendants::signal(Signal::TERM).unwrap_or_default();
    if left == 0 {
        return 0;
    }
    descendants::signal(Signal::CONT);
    let kill_at = Instant::now() + LEFTOVER_GRACE;
    let mut killing = false;
    while descendants::ours().is_some_and(|count| count > 0) {
        if killing {
            // Again and again: those whose parents have died since are ours now.
            descendants::signal(Signal::KILL);
        }
        tokio::select! {
            event = events.next() => if let Event::Stop(signal) = event {
                *why = why.or(Some(Why::Stopped(signal)));
                killing = true;
            },
            () = sleep_until(kill_at), if !killing => killing = true,
        }
    }
    left
}

#[cfg(test)]
#[test]
fn the_limit_is_named_as_it_is_written() {
    assert_eq!(limit_of("seed"), "APP_INIT_SEED_TIMEOUT");
    assert_eq!(limit_of("assets"), "`timeout` in [steps.assets]");
}
