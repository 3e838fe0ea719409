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
mod tests {
    use super::*;
    use crate::process::signal::parse_map;

    const GRACE: Duration = Duration::from_secs(7);
    const DELAY: Duration = Duration::from_secs(3);
    const LEFT: Duration = Duration::from_secs(5);
    const TERM: Event = Event::Signal(Signal::TERM);
    const INT: Event = Event::Signal(Signal::INT);

    fn policy(delay: Option<Duration>, grace: Option<Duration>) -> StopPolicy {
        StopPolicy { delay: delay.unwrap_or_default(), grace, ..StopPolicy::default() }
    }

    /// Every row: what happens to a new machine, and the action after each event.
    fn check(policy: &StopPolicy, rows: &[&[(Event, Action)]]) {
        for row in rows {
            let mut machine = Machine::new(policy.clone());
            for (event, action) in *row {
                assert_eq!(machine.on(*event), *action, "{event:?} in {row:?}");
            }
        }
    }

    #[test]
    fn without_limits_everything_is_forwarded() {
        let end = Event::ServerEnded(Ended::Exited(7));
        check(
            &policy(None, None),
            &[
                &[(TERM, Action::Stop(Signal::TERM, None)), (TERM, Action::Forward(Signal::TERM))],
                &[(INT, Action::Forward(Signal::INT)), (INT, Action::Forward(Signal::INT))],
                &[
                    (end, Action::EndLeftovers(LEFT)),
                    (INT, Action::Nothing),
                    (TERM, Action::Nothing),
                    (Event::NothingLeft, Action::Exit(7)),
                ],
            ],
        );
    }

    #[test]
    fn a_grace_ends_in_kill_and_a_second_stop_hurries_it() {
        let stop = (TERM, Action::Stop(Signal::TERM, Some(GRACE)));
        check(
            &policy(None, Some(GRACE)),
            &[
                &[stop, (Event::Deadline, Action::Kill)],
                &[stop, (TERM, Action::Kill)],
                // ^C is no escalation.
                &[stop, (INT, Action::Forward(Signal::INT))],
                &[(INT, Action::Forward(Signal::INT)), stop],
            ],
        );
    }

    #[test]
    fn a_delay_holds_a_stop_back_and_a_second_stop_hurries_it() {
        let hold = (TERM, Action::Hold(DELAY));
        let stop = Action::Stop(Signal::TERM, None);
        check(
            &policy(Some(DELAY), None),
            &[
                &[hold, (Event::Deadline, stop)],
                &[hold, (TERM, stop)],
                &[hold, (INT, Action::Forward(Signal::INT)), (Event::Deadline, stop)],
                &[
                    hold,
                    (Event::ServerEnded(Ended::Exited(0)), Action::EndLeftovers(LEFT)),
                    (Event::NothingLeft, Action::Exit(0)),
                ],
            ],
        );
    }

    #[test]
    fn only_a_server_that_nobody_stops_is_a_reason_to_renew() {
        let forward = (INT, Action::Forward(Signal::INT));
        let end = (Event::ServerEnded(Ended::Exited(0)), Action::EndLeftovers(LEFT));
        let renew = (Event::Deadline, Action::Renew);
        check(
            &policy(Some(DELAY), Some(GRACE)),
            &[
                &[renew],
                &[forward, renew, renew],
                &[
                    (TERM, Action::Hold(DELAY)),
                    (Event::Deadline, Action::Stop(Signal::TERM, Some(GRACE))),
                ],
                &[end, (Event::Deadline, Action::KillLeftovers(VANISH))],
            ],
        );
    }

    #[test]
    fn leftovers_are_killed_at_the_limit_or_by_a_second_stop() {
        let end = (Event::ServerEnded(Ended::Killed(Signal::TERM)), Action::EndLeftovers(LEFT));
        let kill = Action::KillLeftovers(VANISH);
        let stop = (TERM, Action::Stop(Signal::TERM, None));
        check(
            &policy(None, None),
            &[
                &[end, (Event::Deadline, kill), (Event::NothingLeft, Action::Exit(143))],
                &[end, (Event::Deadline, kill), (Event::Deadline, Action::Exit(143))],
                &[stop, end, (TERM, kill)],
                &[end, (TERM, Action::Nothing), (TERM, kill)],
            ],
        );
        let none = StopPolicy { leftover: Duration::ZERO, ..StopPolicy::default() };
        check(&none, &[&[(Event::ServerEnded(Ended::Exited(1)), kill)]]);
    }

    #[test]
    fn the_map_rewrites_drops_and_decides_what_a_stop_is() {
        let map = parse_map("TERM=QUIT,USR1=TERM,HUP=").unwrap();
        let usr1 = Event::Signal(Signal::from_raw(10).unwrap());
        check(
            &StopPolicy { map, ..policy(None, Some(GRACE)) },
            &[
                &[(TERM, Action::Stop(Signal::QUIT, Some(GRACE)))],
                &[(usr1, Action::Stop(Signal::TERM, Some(GRACE)))],
                &[(Event::Signal(Signal::HUP), Action::Nothing)],
            ],
        );
        let dropped = StopPolicy { map: parse_map("TERM=").unwrap(), ..policy(None, Some(GRACE)) };
        check(&dropped, &[&[(TERM, Action::Nothing), (TERM, Action::Nothing)]]);
    }

    #[test]
    fn codes_of_the_end() {
        let real_time = Signal::from_raw(64).unwrap();
        for (ended, success, code) in [
            (Ended::Exited(9), vec![], 9),
            (Ended::Killed(real_time), vec![], 192),
            (Ended::Killed(Signal::TERM), vec![143, 130], 0),
            (Ended::Exited(143), vec![143], 0),
            (Ended::Exited(1), vec![143], 1),
        ] {
            let mut machine = Machine::new(StopPolicy { success, ..StopPolicy::default() });
            machine.on(Event::ServerEnded(ended));
            assert_eq!(machine.on(Event::NothingLeft), Action::Exit(code), "{ended:?}");
        }
    }
}
