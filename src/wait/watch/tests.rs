//! When to give up, which reason is reported, when its hint is shown.

use super::*;
use crate::diagnose::Row;

const LIMITS: Limits = Limits {
    deadline: None,
    grace: Duration::from_secs(10),
    heartbeat: Some(Duration::from_secs(15)),
};

/// A watch that has seen each row after so many seconds, and what followed the last.
fn watched(seen: &[(u64, &'static Row)]) -> (Watch, Next, Instant) {
    let began = Instant::now();
    let at = |seconds| began + Duration::from_secs(seconds);
    let mut watch = Watch::new("database".into(), LIMITS, began);
    let mut next = Next::GiveUp;
    for (seconds, row) in seen {
        let diagnosis = Diagnosis::new(row, &Facts::default());
        next = watch.failed(Seen::new(diagnosis), at(*seconds));
    }
    (watch, next, at(seen.last().map_or(0, |last| last.0)))
}

#[test]
fn only_what_holds_for_the_grace_or_never_passes_is_given_up() {
    for (seen, gives_up) in [
        (vec![(0, &table::NO_PASSWORD)], true),
        (vec![(0, &table::PASSWORD), (9, &table::PASSWORD)], false),
        (vec![(0, &table::PASSWORD), (10, &table::PASSWORD)], true),
        // The grace is that of one reason: a restart in between begins it anew.
        (vec![(0, &table::PASSWORD), (5, &table::STARTING), (10, &table::PASSWORD)], false),
        // A pooler that only has no server hides it.
        (vec![(0, &table::PASSWORD), (5, &table::POOLER_SERVER), (10, &table::PASSWORD)], true),
        (vec![(0, &table::PASSWORD), (10, &table::POOLER_SERVER)], true),
        (vec![(0, &table::POOLER_SERVER), (10, &table::POOLER_SERVER)], false),
        (vec![(5, &table::PASSWORD), (10, &table::NO_DATABASE)], false),
        (vec![(0, &table::REFUSED), (3600, &table::REFUSED)], false),
    ] {
        let (_, next, _) = watched(&seen);
        assert_eq!(next == Next::GiveUp, gives_up, "{seen:?}");
    }
}

#[test]
fn the_end_of_the_grace_is_not_overslept() {
    let (mut watch, _, now) = watched(&[(0, &table::PASSWORD)]);
    let seen = Seen::new(Diagnosis::new(&table::PASSWORD, &Facts::default()));
    let (spent, left) = (Duration::from_millis(9_800), Duration::from_millis(200));
    assert_eq!(watch.failed(seen, now + spent), Next::TryAfter(left));
}

#[test]
fn the_most_telling_reason_and_the_first_are_reported() {
    for (seen, line) in [
        (
            vec![(0, &table::REFUSED), (1, &table::STARTING), (2, &table::CLOSED)],
            "not ready in time: database: the server is starting up (3 tries in 2.0 s; at first: connection refused; at last: the connection was accepted and closed) [pg-starting]",
        ),
        (
            vec![(0, &table::STARTING), (1, &table::POOLER_SERVER)],
            "not ready in time: database: the server is starting up (2 tries in 1.0 s; at last: the pooler is up, the server behind it is not: ) [pg-starting]",
        ),
        // Who has to act is told of what there is now.
        (
            vec![(0, &table::READ_ONLY), (1, &table::NO_TLS)],
            "database: the server offers no TLS, but it is required (2 tries in 1.0 s; at first: the server is read-only) [tls-missing]",
        ),
    ] {
        let (watch, _, now) = watched(&seen);
        assert_eq!(watch.late(now).to_string(), line);
    }
    let (watch, _, now) = watched(&[]);
    assert!(watch.late(now).to_string().ends_with("[no-answer]"));
}

#[test]
fn a_reason_that_stays_is_told_again_when_nothing_was_said_for_the_heartbeat() {
    let refused = |seconds: &[u64]| seconds.iter().map(|at| (*at, &table::REFUSED)).collect();
    for (seen, spoken) in [
        (refused(&[0, 1]), 0),
        (refused(&[0, 3, 17]), 3),
        (refused(&[0, 3, 18]), 18),
        (refused(&[0, 3, 18, 32]), 18),
        (refused(&[0, 3, 18, 33]), 33),
        (vec![(0, &table::REFUSED), (14, &table::STARTING), (15, &table::STARTING)], 14),
    ] {
        let (watch, ..) = watched(&seen);
        assert_eq!((watch.spoken - watch.began).as_secs(), spoken, "{seen:?}");
    }
}

#[test]
fn a_server_that_answered_before_is_said_to_restart() {
    for (seen, restarts) in [
        (vec![(0, &table::REFUSED)], false),
        (vec![(0, &table::REFUSED), (1, &table::CLOSED)], false),
        (vec![(0, &table::STARTING), (1, &table::REFUSED)], true),
        (vec![(0, &table::PASSWORD), (1, &table::SOCKET_MISSING)], true),
        (vec![(0, &table::REFUSED), (1, &table::STARTING)], false),
        (vec![(0, &table::STARTING), (1, &table::DNS_UNKNOWN)], false),
    ] {
        let (watch, ..) = watched(&seen);
        let hint = watch.latest.unwrap().diagnosis.hint;
        assert_eq!(hint.starts_with(RESTARTING), restarts, "{seen:?}: {hint}");
    }
}

#[test]
fn a_hint_comes_at_once_if_somebody_has_to_act_and_else_when_the_reason_lasts() {
    for (seen, hinted) in [
        (vec![(0, &table::PASSWORD)], true),
        (vec![(0, &table::REFUSED)], false),
        (vec![(0, &table::REFUSED), (2, &table::REFUSED)], false),
        (vec![(0, &table::REFUSED), (3, &table::REFUSED)], true),
        (vec![(0, &table::REFUSED), (3, &table::STARTING)], false),
    ] {
        assert_eq!(watched(&seen).0.hinted, hinted, "{seen:?}");
    }
}
