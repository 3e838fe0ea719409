//! When the next try is due. The pace follows the kind of the last failure, not the number of tries:
//! exponential back-off makes its cap the lag after the database is up.

use std::time::Duration;

use crate::diagnose::Pace;

/// The pause before the next try.
///
/// `waited`: since the first try. `streak`: how many failures in a row had this pace, from 1.
/// `jitter`: from 0 to 1, spreads replicas that started together.
pub(super) fn pause(pace: Pace, waited: Duration, streak: u32, jitter: f64) -> Duration {
    let millis = match (pace, waited.as_secs()) {
        // Refused: nothing is logged by anyone and a try costs 0.1 to 0.3 ms of CPU. Starting: the
        // server logs one line and forks for each try.
        (Pace::Refused, 0..30) | (Pace::Starting, 0..2) => 50,
        (Pace::Refused, 30..120) | (Pace::Closed, 0..10) | (Pace::Starting, 2..10) => 100,
        (Pace::Refused | Pace::Closed | Pace::Starting, _) => 250,
        (Pace::Lookup, _) => lookup(streak),
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

/// 100 ms, half as much more each time, up to 500.
fn lookup(streak: u32) -> u64 {
    [100, 150, 225, 337].get(streak.saturating_sub(1) as usize).copied().unwrap_or(500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_follow_the_table() {
        for (pace, waited, streak, millis) in [
            (Pace::Refused, 0, 1, 50),
            (Pace::Refused, 29, 500, 50),
            (Pace::Refused, 30, 501, 100),
            (Pace::Refused, 120, 900, 250),
            (Pace::Closed, 0, 1, 100),
            (Pace::Closed, 10, 1, 250),
            (Pace::Starting, 0, 1, 50),
            (Pace::Starting, 2, 1, 100),
            (Pace::Starting, 10, 1, 250),
            (Pace::Lookup, 0, 1, 100),
            (Pace::Lookup, 0, 2, 150),
            (Pace::Lookup, 0, 9, 500),
            (Pace::Spent, 0, 1, 0),
            (Pace::Full, 0, 1, 500),
            (Pace::Full, 0, 2, 1000),
            (Pace::Full, 0, 3, 2000),
            (Pace::Full, 0, 60, 2000),
            (Pace::Slow, 0, 1, 1000),
        ] {
            let found = pause(pace, Duration::from_secs(waited), streak, 0.5);
            assert_eq!(found, Duration::from_millis(millis), "{pace:?} {waited} {streak}");
        }
    }

    #[test]
    fn jitter_spreads_only_what_is_long() {
        let at = |pace, jitter| pause(pace, Duration::ZERO, 1, jitter).as_millis();
        assert_eq!((at(Pace::Refused, 0.0), at(Pace::Refused, 1.0)), (50, 50));
        assert_eq!((at(Pace::Slow, 0.0), at(Pace::Slow, 1.0)), (800, 1200));
        assert_eq!((at(Pace::Full, 0.0), at(Pace::Full, 1.0)), (375, 625));
    }
}
