//! What wakes the supervisor: a signal, a deadline on the monotonic clock, or the time to look again.
//!
//! One signalfd, read blocking, and no timer unless a deadline is set.

use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::SigSet,
        signalfd::{SfdFlags, SignalFd},
    },
};

use crate::process::{Signal, events::from_others};

use super::voice::{Level, Voice};

/// How often to look for what cannot tell us that it ended, because it is not our child.
const LOOK: Duration = Duration::from_millis(20);

/// What ended a wait.
pub(super) enum Wake {
    Signal {
        signal: Signal,
        sender: u32,
    },
    Deadline,
    /// Time to look again for what is left.
    Look,
}

/// Where signals and deadlines arrive.
pub(super) struct Inbox {
    source: SignalFd,
    deadline: Option<Instant>,
    /// Our own pid.
    me: u32,
}

impl Inbox {
    /// Without a signalfd nothing can be done, and ending would be worst: it is tried until it works.
    pub(super) fn open(voice: Voice) -> Self {
        loop {
            match SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_CLOEXEC) {
                Ok(source) => return Self { source, deadline: None, me: std::process::id() },
                Err(errno) => {
                    voice.say(
                        Level::Error,
                        "signals",
                        format_args!("cannot read signals: {}", errno.desc()),
                    );
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        }
    }

    /// Sleeps until a signal, the deadline, which is over then, or, if `looking`, the next look.
    pub(super) fn next(&mut self, looking: bool) -> Wake {
        loop {
            if let Some(limit) = self.limit(looking)
                && !self.readable_within(limit)
            {
                return if self.take_due() { Wake::Deadline } else { Wake::Look };
            }
            if let Ok(Some(about)) = self.source.read_signal()
                && let Some(signal) = from_others(about.ssi_signo, about.ssi_pid, self.me)
            {
                return Wake::Signal { signal, sender: about.ssi_pid };
            }
        }
    }

    /// How long to sleep at most; `None` is for ever, and no timer.
    fn limit(&self, looking: bool) -> Option<Duration> {
        let deadline = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
        [deadline, looking.then_some(LOOK)].into_iter().flatten().min()
    }

    fn take_due(&mut self) -> bool {
        self.deadline.take_if(|at| *at <= Instant::now()).is_some()
    }

    fn readable_within(&self, limit: Duration) -> bool {
        // Rounded up: a deadline that is nearly there must not be polled for in a loop.
        let millis = limit.as_millis().saturating_add(1);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let mut wanted = [PollFd::new(self.source.as_fd(), PollFlags::POLLIN)];
        poll(&mut wanted, timeout).is_ok_and(|ready| ready > 0)
    }

    /// Sets the one deadline, instead of the last.
    pub(super) fn set(&mut self, duration: Duration) {
        self.deadline = Instant::now().checked_add(duration);
    }
    pub(super) fn clear(&mut self) {
        self.deadline = None;
    }
}
