//! The supervisor's decisions: an event to an action. Pure, and without a clock.

use std::time::Duration;

use crate::{
    plan::StopPolicy,
    process::{Ended, Signal},
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A signal from outside.
    Signal(Signal),
    /// The deadline of the last action that set one has passed.
    Deadline,
    /// The server has ended and was collected.
    ServerEnded(Ended),
    /// Nothing that is ours to end is left. Only asked once the server has ended.
    NothingLeft,
}

/// What to do about it. An action that carries a duration sets the deadline, others keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Nothing,
    /// Send it to the server.
    Forward(Signal),
    /// Keep a stop back for so long.
    Hold(Duration),
    /// Send it to the server, which must end by itself within the grace; `None` waits for ever.
    Stop(Signal, Option<Duration>),
    /// SIGKILL to the server's group.
    Kill,
    /// SIGTERM to what the server left behind.
    EndLeftovers(Duration),
    /// SIGKILL to what is still there.
    KillLeftovers(Duration),
    /// Become the minimal supervisor now: the server has lived, and nobody has asked it to stop.
    Renew,
    Exit(u8),
}

/// How long what got SIGKILL may take to vanish. Only a process stuck in the kernel needs longer,
/// and nobody can wait for that one.
const VANISH: Duration = Duration::from_secs(2);

/// Where a server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Serving,
    /// A stop is being held back; what to send when the delay is over.
    Held(Signal),
    /// A stop was forwarded.
    Stopping,
    /// The server has ended; what it left has been asked to end.
    Leftovers(u8),
    /// The code to exit with; what is left has been killed.
    Vanishing(u8),
}

/// One server's state.
#[derive(Debug)]
pub(crate) struct Machine {
    policy: StopPolicy,
    state: State,
    /// Whether a stop signal has arrived; a later one hurries what is going on.
    stopped: bool,
}

impl Machine {
    pub(crate) fn new(policy: StopPolicy) -> Self {
        Self { policy, state: State::Serving, stopped: false }
    }

    pub(crate) fn on(&mut self, event: Event) -> Action {
        match event {
            Event::Signal(signal) => self.signal(signal),
            Event::Deadline => self.deadline(),
            Event::ServerEnded(ended) => self.server_ended(ended),
            Event::NothingLeft => match self.state {
                State::Leftovers(code) | State::Vanishing(code) => Action::Exit(code),
                _ => Action::Nothing,
            },
        }
    }

    /// A stop is a SIGTERM that arrives, or what the map turns into one: only an orchestrator's
    /// stop may start a delay or a grace, never ^C or a reload.
    fn signal(&mut self, signal: Signal) -> Action {
        match self.policy.map.translate(signal) {
            Some(sent) if signal == Signal::TERM || sent == Signal::TERM => self.stop(sent),
            Some(sent) if self.is_server_alive() => Action::Forward(sent),
            _ => Action::Nothing,
        }
    }

    fn stop(&mut self, sent: Signal) -> Action {
        let again = std::mem::replace(&mut self.stopped, true);
        match self.state {
            State::Serving if !self.policy.delay.is_zero() => {
                self.state = State::Held(sent);
                Action::Hold(self.policy.delay)
            }
            State::Serving | State::Held(_) => self.forward_stop(sent),
            State::Stopping if self.policy.grace.is_some() => Action::Kill,
            State::Stopping => Action::Forward(sent),
            State::Leftovers(code) if again => self.kill_leftovers(code),
            State::Leftovers(_) | State::Vanishing(_) => Action::Nothing,
        }
    }

    fn forward_stop(&mut self, sent: Signal) -> Action {
        self.state = State::Stopping;
        Action::Stop(sent, self.policy.grace)
    }

    fn deadline(&mut self) -> Action {
        match self.state {
            // Only a supervisor that still has to renew itself sets a deadline by itself.
            State::Serving => Action::Renew,
            State::Held(sent) => self.forward_stop(sent),
            State::Stopping => Action::Kill,
            State::Leftovers(code) => self.kill_leftovers(code),
            State::Vanishing(code) => Action::Exit(code),
        }
    }

    fn kill_leftovers(&mut self, code: u8) -> Action {
        self.state = State::Vanishing(code);
        Action::KillLeftovers(VANISH)
    }

    fn server_ended(&mut self, ended: Ended) -> Action {
        let code = ended.code();
        let code = if self.policy.success.contains(&code) { 0 } else { code };
        if self.policy.leftover.is_zero() {
            return self.kill_leftovers(code);
        }
        self.state = State::Leftovers(code);
        Action::EndLeftovers(self.policy.leftover)
    }

    fn is_server_alive(&self) -> bool {
        matches!(self.state, State::Serving | State::Held(_) | State::Stopping)
    }
}

#[cfg(test)]
mod tests;
