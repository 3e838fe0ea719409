//! Carrying out what the machine decided.

use std::{
    fmt::{self, Arguments},
    time::Duration,
};

use crate::{
    process::{Signal, send, signal::SignalTarget, spawn, unrunnable::Reason},
    supervise::{
        leftovers,
        machine::Action,
        voice::{Level, Sender, Voice},
    },
};

use super::{Server, Supervisor, leave_directory};

/// How long a server must live before it is worth an execution of ourselves: of a short command that
/// would be the larger part.
pub(super) const RENEW_AFTER: Duration = Duration::from_secs(1);

impl Supervisor {
    pub(super) fn act(&mut self, action: Action, sender: u32) -> Option<u8> {
        match action {
            Action::Nothing => {}
            Action::Forward(signal) => self.forward(signal, sender),
            Action::Hold(delay) => {
                self.say(
                    Level::Info,
                    "hold",
                    format_args!(
                        "stop requested{}: forwarding it in {delay:?}",
                        Sender("by", sender)
                    ),
                );
                self.inbox.set(delay);
            }
            Action::Stop(signal, grace) => {
                self.inbox.clear();
                self.say(
                    Level::Info,
                    "stop",
                    format_args!("stop requested{}: {signal} to the server", Sender("by", sender)),
                );
                self.forward(signal, sender);
                if let Some(grace) = grace {
                    self.inbox.set(grace);
                }
            }
            Action::Kill => self.kill(),
            Action::EndLeftovers(grace) => self.end_leftovers(grace),
            Action::KillLeftovers(patience) => self.kill_leftovers(patience),
            Action::Renew => self.renew(),
            Action::Exit(code) => return Some(code),
        }
        None
    }

    /// Executes ourselves anew, so that nothing of how we were started is left. What arrives
    /// meanwhile is blocked and waits (execve(2)).
    fn renew(&mut self) {
        if self.suspended {
            return self.inbox.set(RENEW_AFTER);
        }
        self.order.age = self.started.elapsed();
        let Err(reason) = spawn::replace_self(&self.order.encode());
        in_process(self.order.voice, &reason);
        leave_directory();
    }

    /// A refused forward is said once and never ends us: the server may have changed its user.
    fn forward(&mut self, signal: Signal, sender: u32) {
        let server = self.order.server;
        let sent = match self.order.policy.target {
            SignalTarget::Child => send::to_process(server, signal),
            // It may have left its group, and be the last who is there to hear a stop.
            SignalTarget::Group => {
                send::to_group(server, signal).or_else(|_| send::to_process(server, signal))
            }
        };
        match sent {
            Ok(()) => self.say(
                Level::Debug,
                "forward",
                format_args!("{signal}{} forwarded", Sender("from", sender)),
            ),
            Err(error) if !std::mem::replace(&mut self.order.refused, true) => {
                self.say(
                    Level::Warn,
                    "forward",
                    format_args!(
                        "cannot send {signal} to the server (pid {}): {}",
                        server.as_raw_pid(),
                        send::refusal(&error)
                    ),
                );
            }
            Err(_) => {}
        }
    }

    fn kill(&mut self) {
        self.inbox.clear();
        self.say(
            Level::Warn,
            "kill",
            format_args!("the server did not end in time: SIGKILL to its group"),
        );
        drop(send::to_group(self.order.server, Signal::KILL));
        // It may have left the group.
        drop(send::to_process(self.order.server, Signal::KILL));
    }

    fn end_leftovers(&mut self, grace: Duration) {
        let count = self.signal_leftovers(Signal::TERM);
        // A stopped process cannot act on SIGTERM.
        self.signal_leftovers(Signal::CONT);
        let and_then = format_args!("SIGTERM, and up to {grace:?} to finish");
        self.say_left(Level::Info, "leftovers", count, and_then);
        self.inbox.set(grace);
    }

    fn kill_leftovers(&mut self, patience: Duration) {
        self.server = Server::Killing;
        let count = self.signal_leftovers(Signal::KILL);
        self.say_left(Level::Warn, "leftovers_killed", count, format_args!("SIGKILL"));
        self.inbox.set(patience);
    }

    /// Nothing where only zombies are left, as after a SIGKILL to the group: the next look ends us.
    fn say_left(&self, level: Level, event: &str, count: Option<usize>, and_then: Arguments<'_>) {
        if count != Some(0) {
            self.say(level, event, format_args!("{}: {and_then}", Left(count)));
        }
    }

    fn signal_leftovers(&self, signal: Signal) -> Option<usize> {
        leftovers::signal(self.order.server, self.order.adopts, signal)
    }
}

/// Says that we go on as we are.
pub(in crate::supervise) fn in_process(voice: Voice, reason: &Reason) {
    voice.say(
        Level::Info,
        "in_process",
        format_args!(
            "cannot be executed again ({reason}): supervising with the memory of the preparation"
        ),
    );
}

/// How many processes are left, in words.
struct Left(Option<usize>);

impl fmt::Display for Left {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(1) => out.write_str("1 process is left"),
            Some(count) => write!(out, "{count} processes are left"),
            None => out.write_str("processes are left"),
        }
    }
}
