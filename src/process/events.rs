//! What happens to us while preparing: one stream of signals and ended children.
//!
//! All signals are blocked and read from one signalfd, SIGCHLD included, so a signal that arrived
//! before the stream was opened is in it, and nothing is lost between two phases. Only this stream
//! collects children then.

use std::{collections::VecDeque, io};

use nix::sys::{
    signal::SigSet,
    signalfd::{SfdFlags, SignalFd},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    Pid, Signal,
    mask::adopt_children,
    reap::{self, Change, Ended},
};

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A signal that asks us to end: SIGTERM, SIGINT, SIGQUIT or SIGHUP.
    Stop(Signal),
    /// Any other signal but SIGCHLD.
    Signal(Signal),
    /// A child, adopted orphans included, has ended and was collected.
    Ended(Pid, Ended),
}

/// The stream. One per process; dropping futures of its methods loses nothing.
pub(crate) struct Events {
    source: AsyncFd<SignalFd>,
    ended: VecDeque<(Pid, Ended)>,
    /// Our own pid.
    me: u32,
}

impl Events {
    /// Opens the stream; a tokio runtime must be entered.
    /// # Errors
    /// Out of descriptors, or no signalfd in this kernel.
    pub(crate) fn open() -> io::Result<Self> {
        adopt_children();
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let source = SignalFd::with_flags(&SigSet::all(), flags)?;
        Ok(Self { source: watched(source)?, ended: VecDeque::new(), me: std::process::id() })
    }

    /// The next event. Children first: what they left behind is already known then.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            if let Some((pid, ended)) = self.ended.pop_front() {
                return Event::Ended(pid, ended);
            }
            match self.signal().await {
                Signal::CHLD => self.reap(),
                signal if signal.is_stop() => return Event::Stop(signal),
                signal => return Event::Signal(signal),
            }
        }
    }

    /// Waits for the first stop signal and collects orphans meanwhile; for phases without a child.
    pub(crate) async fn stop(&mut self) -> Signal {
        loop {
            if let Event::Stop(signal) = self.next().await {
                return signal;
            }
        }
    }

    /// A stop signal that has arrived already, without waiting. For between two phases.
    pub(crate) fn pending_stop(&mut self) -> Option<Signal> {
        while let Some(signal) = self.pending() {
            match signal {
                Signal::CHLD => self.reap(),
                signal if signal.is_stop() => return Some(signal),
                _ => {}
            }
        }
        None
    }

    fn reap(&mut self) {
        loop {
            match reap::next() {
                Change::Ended(pid, ended) => self.ended.push_back((pid, ended)),
                Change::Stopped(..) => {}
                Change::Quiet | Change::Childless => break,
            }
        }
    }

    async fn signal(&self) -> Signal {
        loop {
            if let Some(signal) = self.pending() {
                return signal;
            }
            if let Ok(mut guard) = self.source.readable().await {
                match self.pending() {
                    Some(signal) => return signal,
                    None => guard.clear_ready(),
                }
            }
        }
    }

    /// The next signal that is there. Reading fails only while none is (signalfd(2)).
    fn pending(&self) -> Option<Signal> {
        while let Ok(Some(about)) = self.source.get_ref().read_signal() {
            if let Some(signal) = from_others(about.ssi_signo, about.ssi_pid, self.me) {
                return Some(signal);
            }
        }
        None
    }
}

#[expect(
    deprecated,
    reason = "its replacement is unsafe because of sources that change their descriptor; this one owns it"
)]
fn watched(source: SignalFd) -> io::Result<AsyncFd<SignalFd>> {
    AsyncFd::with_interest(source, Interest::READABLE)
}

/// Leaves out what we, whose pid is `me`, caused ourselves: the SIGPIPE of writing to a closed stderr.
pub(crate) fn from_others(number: u32, sender: u32, me: u32) -> Option<Signal> {
    if sender == me {
        return None;
    }
    i32::try_from(number).ok().and_then(Signal::from_raw)
}
