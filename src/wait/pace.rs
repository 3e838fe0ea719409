//! When the next try is due. The pace follows the kind of the last failure, not the number of tries:
//! exponential back-off makes its cap the lag after the database is up.

use std::time::Duration;

use crate::diagnose::Pace;

/// The pause before the next try. docs/waiting.md has the table, the reasons and the measurements.
///
/// `held`: how long failures have had this pace without a break. `streak`: how many they were, from 1.
/// `jitter`: from 0 to 1, spreads replicas that started together.
pub(super) fn pause(pace: Pace, held: Duration, streak: u32, jitter: f64) -> Duration {
    let millis = match (pace, held.as_secs()) {
        // The server has opened its port and will answer soon, but logs a line and forks for each try.
        (Pace::Starting, 0..2) | (Pace::Closed, 0..10) => 20,
        // Nothing is logged by anyone and a try costs 0.1 to 0.3 ms of CPU. A clean start is so quick
        // that most tries see the port closed, then ready: half of this is the lag.
        (Pace::Refused, 0..5) => 30,
        (Pace::Refused, 5..30) => 40,
        (Pace::Starting, 2..15) => 50,
        // A name that appears must be seen within 100 ms, while a stack is brought up.
        (Pace::Lookup, 0..30) => 75,
        (Pace::Refused, 30..120) | (Pace::Starting, 15..60) | (Pace::Closed, 10..60) => 100,
        (Pace::Refused | Pace::Closed | Pace::Starting, _) | (Pace::Lookup, 30..120) => 250,
        (Pace::Lookup, _) => 500,
        (Pace::Spent, _) => 0,
        (Pace::Full, _) => 500 << streak.saturating_sub(1).min(2),
        (Pace::Slow, _) => 1000,
    };
    let spread = match pace {
        Pace::Full => 0.25,
        _ if millis >= 250 => 0.2,
        _ => 0.0,
    };
    Duration::from_millis(millis).mul_f64(1.0 + spread * (2.0 * jitter.clamp(0.0, 1.0) - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_follow_the_table() {
        for (pace, held, streak, millis) in [
            (Pace::Refused, 0, 1, 30),
            (Pace::Refused, 5, 166, 40),
            (Pace::Refused, 29, 760, 40),
            (Pace::Refused, 30, 600, 100),
            (Pace::Refused, 120, 1500, 250),
            (Pace::Closed, 0, 1, 20),
            (Pace::Closed, 10, 200, 100),
            (Pace::Closed, 60, 700, 250),
            (Pace::Starting, 0, 1, 20),
            (Pace::Starting, 2, 100, 50),
            (Pace::Starting, 15, 300, 100),
            (Pace::Starting, 60, 800, 250),
            (Pace::Lookup, 0, 1, 75),
            (Pace::Lookup, 30, 400, 250),
            (Pace::Lookup, 120, 700, 500),
            (Pace::Spent, 0, 1, 0),
            (Pace::Full, 0, 1, 500),
            (Pace::Full, 0, 2, 1000),
            (Pace::Full, 0, 3, 2000),
            (Pace::Full, 0, 60, 2000),
            (Pace::Slow, 0, 1, 1000),
        ] {
            let found = pause(pace, Duration::from_secs(held), streak, 0.5);
            assert_eq!(found, Duration::from_millis(millis), "{pace:?} {held} {streak}");
        }
    }

    #[test]
    fn jitter_spreads_only_what_is_long() {
        let at = |pace, jitter| pause(pace, Duration::ZERO, 1, jitter).as_millis();
        assert_eq!((at(Pace::Refused, 0.0), at(Pace::Refused, 1.0)), (30, 30));
        assert_eq!((at(Pace::Slow, 0.0), at(Pace::Slow, 1.0)), (800, 1200));
        assert_eq!((at(Pace::Full, 0.0), at(Pace::Full, 1.0)), (375, 625));
    }
}
