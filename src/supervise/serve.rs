//! The minimal supervisor: one thread, one descriptor, no heap while the server runs.
//!
//! It must never panic or return while the server lives: when PID 1 ends, the kernel kills the
//! whole container (`pid_namespaces(7)`). docs/pid1.md says why it reads a signalfd.

mod act;

use std::{fmt, time::Instant};

use crate::{
    phrase::Took,
    process::{
        self, Ended, Signal,
        descriptors::keep_stderr_only,
        reap::{self, Change},
    },
};

use super::{
    inbox::{Inbox, Wake},
    job, leftovers,
    machine::{Event, Machine},
    order::Order,
    voice::Level,
};

pub(super) use act::in_process;

/// Supervises the server until it and what it left have ended; returns the exit code.
pub(crate) fn serve(order: Order) -> u8 {
    leave_directory();
    Supervisor::new(order).run()
}

/// As `serve`, and becomes the minimal supervisor once the server has lived a while. For a process
/// that has no preparation to get rid of.
pub(crate) fn serve_at_first(order: Order) -> u8 {
    let mut supervisor = Supervisor::new(order);
    supervisor.inbox.set(act::RENEW_AFTER);
    supervisor.run()
}

/// Where we were started may be a mount that somebody wants to remove.
fn leave_directory() {
    drop(std::env::set_current_dir("/"));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Runs,
    /// Collected: its pid may be somebody else's by now.
    Gone,
    /// Gone, and what it left has been sent SIGKILL; what appears now gets it too.
    Killing,
}

struct Supervisor {
    order: Order,
    machine: Machine,
    inbox: Inbox,
    server: Server,
    /// Stopped together with the server; the next SIGCONT is the shell's.
    suspended: bool,
    started: Instant,
}

impl Supervisor {
    fn new(order: Order) -> Self {
        process::name("init:serve");
        keep_stderr_only();
        let (inbox, now) = (Inbox::open(order.voice), Instant::now());
        Self {
            machine: Machine::new(order.policy.clone()),
            started: now.checked_sub(order.age).unwrap_or(now),
            order,
            inbox,
            server: Server::Runs,
            suspended: false,
        }
    }

    fn run(mut self) -> u8 {
        // Children may have ended before there was anybody to be told.
        let mut exit = self.collect();
        loop {
            if let Some(code) = exit {
                return code;
            }
            exit = match self.inbox.next(self.server != Server::Runs) {
                Wake::Signal { signal: Signal::CHLD, .. } | Wake::Look => self.collect(),
                Wake::Signal { signal, sender } => self.signal(signal, sender),
                Wake::Deadline => self.on(Event::Deadline, 0),
            };
        }
    }

    /// Collects everybody who has ended and, when the server has, looks at what is left.
    fn collect(&mut self) -> Option<u8> {
        loop {
            match reap::next() {
                Change::Ended(pid, ended) if self.is_server(pid) => {
                    if let Some(code) = self.server_ended(ended) {
                        return Some(code);
                    }
                }
                Change::Stopped(pid, signal) if self.is_server(pid) && signal.is_job_control() => {
                    self.suspended =
                        job::server_stopped(self.order.server, signal, self.order.foreground);
                }
                Change::Ended(..) | Change::Stopped(..) => {}
                Change::Quiet => return self.look(false),
                Change::Childless => return self.look(true),
            }
        }
    }

    fn is_server(&self, pid: process::Pid) -> bool {
        self.server == Server::Runs && pid == self.order.server
    }

    fn server_ended(&mut self, ended: Ended) -> Option<u8> {
        self.server = Server::Gone;
        // A SIGCONT is for nobody now: the server's number may be somebody else's.
        self.suspended = false;
        self.inbox.clear();
        if self.order.foreground {
            job::take_back(self.order.server);
        }
        let took = Took(self.started.elapsed());
        self.say(Level::Info, "ended", format_args!("the server ended after {took}: {ended}"));
        // With nothing left there is nothing to say or do; `look` finds that out.
        let action = self.machine.on(Event::ServerEnded(ended));
        if self.is_alone() { self.on(Event::NothingLeft, 0) } else { self.act(action, 0) }
    }

    /// Whether nothing is left, the rest of the batch that ended with the server included.
    fn is_alone(&self) -> bool {
        loop {
            match reap::next() {
                Change::Ended(..) | Change::Stopped(..) => {}
                Change::Quiet => return false,
                Change::Childless => return self.nothing_left(),
            }
        }
    }

    fn nothing_left(&self) -> bool {
        leftovers::none_without_children(self.order.server, self.order.adopts)
    }

    fn look(&mut self, childless: bool) -> Option<u8> {
        match self.server {
            Server::Runs if childless => self.lost_server(),
            Server::Gone | Server::Killing if childless && self.nothing_left() => {
                self.on(Event::NothingLeft, 0)
            }
            Server::Runs | Server::Gone => None,
            Server::Killing => {
                // Those whose parents have died since are ours now.
                leftovers::signal(self.order.server, self.order.adopts, Signal::KILL);
                None
            }
        }
    }

    /// We have no child and never saw the server end. It cannot happen; waiting for ever would be
    /// the worst answer if it did.
    fn lost_server(&mut self) -> Option<u8> {
        self.say(Level::Error, "lost", format_args!("the server vanished without an exit code"));
        self.server_ended(Ended::Exited(crate::exit::Exit::Internal.code()))
    }

    fn signal(&mut self, signal: Signal, sender: u32) -> Option<u8> {
        if signal == Signal::CONT && std::mem::take(&mut self.suspended) {
            job::continued(self.order.server);
            return None;
        }
        self.on(Event::Signal(signal), sender)
    }

    fn on(&mut self, event: Event, sender: u32) -> Option<u8> {
        let action = self.machine.on(event);
        self.act(action, sender)
    }

    fn say(&self, level: Level, event: &str, message: fmt::Arguments<'_>) {
        self.order.voice.say(level, event, message);
    }
}
