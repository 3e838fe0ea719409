//! The phases before the server, in order: each ends as ok, skipped or failed in the timeline.

use tracing::{info, warn};

use super::{dirs, stopped::Stopped};
use crate::{
    config::{database::Connection, target::Target},
    exit::Exit,
    failure::{Failure, sentence},
    migrate::lock::Leader,
    plan::{Action, Dirs, OnFailure, Phase, Plan, Source, Step, Wait, Work},
    postgres::Session,
    process::{
        self, Events, Signal,
        identity::Identity,
        privileges::{self, Became},
    },
    step,
    timeline::{Outcome, Timeline},
    wait::{self, Ready},
};

pub(super) type Result<T> = std::result::Result<T, Box<dyn Failure>>;

/// A start that is being prepared.
pub(super) struct Preparation {
    pub(super) events: Events,
    pub(super) timeline: Timeline,
    /// Held from the first migration to the last seed, if either had something to do.
    pub(super) leader: Option<Leader>,
    /// What the wait logged in with, for the first question that follows; held no longer.
    pub(super) sessions: Vec<(Connection, Box<Session>)>,
}

/// How a phase ended well.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    /// The last column of its row in the timeline.
    pub(super) note: String,
}

pub(super) fn done(note: impl Into<String>) -> Done {
    Done { outcome: Outcome::Ok, note: note.into() }
}

impl Preparation {
    pub(super) fn new(events: Events, timeline: Timeline) -> Self {
        Self { events, timeline, leader: None, sessions: Vec::new() }
    }

    /// Carries out all phases; afterwards no lock is held and no child of ours is left.
    /// # Errors
    /// Of the first phase that fails and may not fail; the later ones do not run.
    pub(super) async fn carry_out(&mut self, plan: &Plan) -> Result<()> {
        let mut outcome = Ok(());
        for (index, phase) in plan.phases.iter().enumerate() {
            outcome = self.phase(phase, &plan.phases[index + 1..]).await;
            if outcome.is_err() {
                break;
            }
        }
        self.unlock().await;
        outcome
    }

    async fn phase(&mut self, phase: &Phase, later: &[Phase]) -> Result<()> {
        let name = phase.name.as_str();
        process::name(&format!("init:{name}"));
        if let Some(signal) = self.events.pending_stop() {
            return Err(self.failed(name, stopped(name, signal)));
        }
        match &phase.action {
            Action::Skip(reason) => {
                self.timeline.add(name, Outcome::Skipped, reason);
                Ok(())
            }
            Action::Do(work) => self.carry(name, work, later).await,
        }
    }

    /// Does the work and adds its row, in whose duration the lock's release counts.
    async fn carry(&mut self, name: &str, work: &Work, later: &[Phase]) -> Result<()> {
        if !asks_first(work) {
            self.sessions.clear();
        }
        let outcome = self.work(name, work).await;
        if outcome.is_err() || !keeps_lock(later) {
            self.unlock().await;
        }
        match outcome {
            Ok(Done { outcome, note }) => self.timeline.add(name, outcome, note),
            Err(failure) if is_ignored(work, &*failure) => self.ignored(name, &*failure),
            Err(failure) => return Err(self.failed(name, failure)),
        }
        Ok(())
    }

    async fn work(&mut self, name: &str, work: &Work) -> Result<Done> {
        match work {
            Work::Dirs(Dirs { paths, user }) => {
                dirs::prepare(paths, user.as_ref()).map(|()| done(listed(paths)))
            }
            Work::User(user) => {
                Ok(privileges::become_user(user).map(|became| user_done(user, became))?)
            }
            Work::Wait(wait) => self.wait(name, wait).await,
            Work::Migrate(migrate) => self.migrate(name, migrate).await,
            Work::Seed(seed) => self.seed(name, seed).await,
            Work::Step(step) => self.step(step).await,
        }
    }

    async fn wait(&mut self, name: &str, wait: &Wait) -> Result<Done> {
        let mut ready = self.unless_stopped(name, wait::run(wait)).await??;
        self.sessions = wait.targets.iter().zip(&mut ready).filter_map(kept).collect();
        Ok(done(wait::note(&ready)))
    }

    async fn step(&mut self, step: &Step) -> Result<Done> {
        step::run(step, &mut self.events, std::future::pending()).await?;
        Ok(done(step.command.source.as_str()))
    }

    /// What the wait logged in with, once: all others are closed.
    pub(super) fn known_session(&mut self, connection: &Connection) -> Option<Box<Session>> {
        // The wait has looked whether what will be written to takes writes.
        let is_it = |place: &Connection| place == connection || place.written() == *connection;
        let known = self.sessions.drain(..).find(|(place, _)| is_it(place));
        known.map(|(_, session)| session)
    }

    /// Runs what has no child of its own; a stop signal drops it where it is.
    pub(super) async fn unless_stopped<T>(
        &mut self,
        name: &str,
        work: impl Future<Output = T>,
    ) -> Result<T> {
        tokio::select! {
            biased;
            signal = self.events.stop() => Err(stopped(name, signal)),
            result = work => Ok(result),
        }
    }

    pub(super) async fn unlock(&mut self) {
        if let Some(leader) = self.leader.take() {
            leader.release().await;
        }
    }

    fn ignored(&mut self, name: &str, failure: &dyn Failure) {
        warn!(
            phase = name,
            event = "ignored",
            "{}; going on, as its on_failure says",
            sentence(failure)
        );
        self.timeline.add(name, Outcome::Failed, "ignored: on_failure is continue");
    }

    fn failed(&mut self, name: &str, failure: Box<dyn Failure>) -> Box<dyn Failure> {
        let note = match failure.exit() {
            Exit::Signal(number) => Signal::from_raw(number)
                .map_or_else(String::new, |signal| format!("stopped by {signal}")),
            exit => exit.reason().to_owned(),
        };
        self.timeline.add(name, Outcome::Failed, note);
        failure
    }
}

/// Whether the lock stays taken: what is done next happens under it too.
fn keeps_lock(later: &[Phase]) -> bool {
    let next = later.iter().find_map(|phase| match &phase.action {
        Action::Do(work) => Some(work),
        Action::Skip(_) => None,
    });
    matches!(next, Some(Work::Migrate(_) | Work::Seed(_)))
}

/// Whether a phase begins with a question to its database.
fn asks_first(work: &Work) -> bool {
    let Work::Migrate(work) = work else { return false };
    !work.check_only && (matches!(work.source, Source::Folder(_)) || work.watch.is_some())
}

pub(super) fn stopped(phase: &str, signal: Signal) -> Box<dyn Failure> {
    info!(phase, event = "stop", "{signal} received");
    Box::new(Stopped { phase: phase.to_owned(), signal })
}

/// Seeds, the ETL job and steps of one's own may fail without ending the start; a stop always ends it.
fn is_ignored(work: &Work, failure: &dyn Failure) -> bool {
    let policy = match work {
        Work::Seed(seed) => seed.on_failure,
        Work::Step(step) => step.on_failure,
        Work::Dirs(_) | Work::User(_) | Work::Wait(_) | Work::Migrate(_) => OnFailure::Abort,
    };
    policy == OnFailure::Continue && !matches!(failure.exit(), Exit::Signal(_))
}

fn user_done(user: &Identity, became: Became) -> Done {
    match became {
        Became::Dropped => done(user.describe()),
        Became::Already => done(format!("uid {} already", user.uid)),
    }
}

/// The session of a database. One whose schema has to be chosen was opened without choosing it.
fn kept((target, ready): (&Target, &mut Ready)) -> Option<(Connection, Box<Session>)> {
    match target {
        Target::Database(place) if place.search_path.is_none() => {
            Some((place.as_ref().clone(), ready.session.take()?))
        }
        _ => None,
    }
}

fn listed(paths: &[std::path::PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}
