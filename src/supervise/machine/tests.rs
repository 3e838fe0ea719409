//! What the machine does, event by event.

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
