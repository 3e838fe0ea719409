//! The minimal supervisor: one thread, one descriptor, no heap while the server runs.
//!
//! It must never panic or return while the server lives: when PID 1 ends, the kernel kills the
//! whole container (`pid_namespaces(7)`). docs/pid1.md says why it reads a signalfd.

use std::{
    fmt,
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

use crate::process::{
    self, Ended, Signal,
    descriptors::keep_stderr_only,
    events::from_others,
    reap::{self, Change},
    send,
    signal::SignalTarget,
    spawn,
    unrunnable::Reason,
};

use super::{
    job, leftovers,
    machine::{Action, Event, Machine},
    order::Order,
    voice::{Level, Voice},
};

/// How often to look for what cannot tell us that it ended, because it is not our child.
const LOOK: Duration = Duration::from_millis(20);

/// How long a server must live before it is worth an execution of ourselves: of a short command that
/// would be the larger part.
const RENEW_AFTER: Duration = Duration::from_secs(1);

/// Supervises the server until it and what it left have ended; returns the exit code.
pub(crate) fn serve(order: Order) -> u8 {
    leave_directory();
    Supervisor::new(order).run()
}

/// As `serve`, and becomes the minimal supervisor once the server has lived a while. For a process
/// that has no preparation to get rid of.
pub(crate) fn serve_at_first(order: Order) -> u8 {
    let mut supervisor = Supervisor::new(order);
    supervisor.set(RENEW_AFTER);
    supervisor.run()
}

/// Where we were started may be a mount that somebody wants to remove.
fn leave_directory() {
    drop(std::env::set_current_dir("/"));
}

/// Without a signalfd nothing can be done, and ending would be worst: it is tried until it works.
fn open_signals(order: &Order) -> SignalFd {
    loop {
        match SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_CLOEXEC) {
            Ok(source) => return source,
            Err(errno) => {
                order.voice.say(
                    Level::Error,
                    "signals",
                    format_args!("cannot read signals: {}", errno.desc()),
                );
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Runs,
    /// Collected: its pid may be somebody else's by now.
    Gone,
    /// Gone, and what it left has been sent SIGKILL; what appears now gets it too.
    Killing,
}

/// What ended a wait.
enum Wake {
    Signal {
        signal: Signal,
        sender: u32,
    },
    Deadline,
    /// Time to look again for what is left.
    Look,
}

struct Supervisor {
    order: Order,
    machine: Machine,
    source: SignalFd,
    deadline: Option<Instant>,
    server: Server,
    /// Stopped together with the server; the next SIGCONT is the shell's.
    suspended: bool,
    started: Instant,
    /// Our own pid.
    me: u32,
}

impl Supervisor {
    fn new(order: Order) -> Self {
        process::name("init:serve");
        keep_stderr_only();
        let (source, now) = (open_signals(&order), Instant::now());
        Self {
            machine: Machine::new(order.policy.clone()),
            started: now.checked_sub(order.age).unwrap_or(now),
            order,
            source,
            deadline: None,
            server: Server::Runs,
            suspended: false,
            me: std::process::id(),
        }
    }

    fn run(mut self) -> u8 {
        // Children may have ended before there was anybody to be told.
        let mut exit = self.collect();
        loop {
            if let Some(code) = exit {
                return code;
            }
            exit = match self.wait() {
                Wake::Signal { signal: Signal::CHLD, .. } | Wake::Look => self.collect(),
                Wake::Signal { signal, sender } => self.signal(signal, sender),
                Wake::Deadline => {
                    self.deadline = None;
                    self.on(Event::Deadline, 0)
                }
            };
        }
    }

    /// Sleeps until a signal, the deadline, or the next look at strangers.
    fn wait(&self) -> Wake {
        loop {
            if let Some(limit) = self.limit()
                && !self.readable_within(limit)
            {
                return if self.is_due() { Wake::Deadline } else { Wake::Look };
            }
            if let Ok(Some(about)) = self.source.read_signal()
                && let Some(signal) = from_others(about.ssi_signo, about.ssi_pid, self.me)
            {
                return Wake::Signal { signal, sender: about.ssi_pid };
            }
        }
    }

    /// How long to sleep at most; `None` is for ever, and no timer.
    fn limit(&self) -> Option<Duration> {
        let deadline = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let look = (self.server != Server::Runs).then_some(LOOK);
        [deadline, look].into_iter().flatten().min()
    }

    fn is_due(&self) -> bool {
        self.deadline.is_some_and(|at| at <= Instant::now())
    }

    fn readable_within(&self, limit: Duration) -> bool {
        // Rounded up: a deadline that is nearly there must not be polled for in a loop.
        let millis = limit.as_millis().saturating_add(1);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let mut wanted = [PollFd::new(self.source.as_fd(), PollFlags::POLLIN)];
        poll(&mut wanted, timeout).is_ok_and(|ready| ready > 0)
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
        self.deadline = None;
        if self.order.foreground {
            job::take_back(self.order.server);
        }
        let seconds = self.started.elapsed().as_secs_f64();
        self.say(
            Level::Info,
            "ended",
            format_args!("the server ended after {seconds:.1}s: {ended}"),
        );
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

    fn act(&mut self, action: Action, sender: u32) -> Option<u8> {
        match action {
            Action::Nothing => {}
            Action::Forward(signal) => self.forward(signal, sender),
            Action::Hold(delay) => {
                self.say(
                    Level::Info,
                    "hold",
                    format_args!("stop requested by pid {sender}: forwarding it in {delay:?}"),
                );
                self.set(delay);
            }
            Action::Stop(signal, grace) => {
                self.deadline = None;
                self.say(
                    Level::Info,
                    "stop",
                    format_args!("stop requested by pid {sender}: {signal} to the server"),
                );
                self.forward(signal, sender);
                if let Some(grace) = grace {
                    self.set(grace);
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
            return self.set(RENEW_AFTER);
        }
        self.order.age = self.started.elapsed();
        let Err(reason) = spawn::replace_self(&self.order.encode());
        in_process(self.order.voice, &reason);
        leave_directory();
    }

    fn set(&mut self, duration: Duration) {
        self.deadline = Instant::now().checked_add(duration);
    }

    /// A refused forward is said once and never ends us: the server may have changed its user.
    fn forward(&mut self, signal: Signal, sender: u32) {
        let server = self.order.server;
        let sent = match self.order.policy.target {
            SignalTarget::Child => send::to_process(server, signal),
            SignalTarget::Group => send::to_group(server, signal),
        };
        match sent {
            Ok(()) => self.say(
                Level::Debug,
                "forward",
                format_args!("{signal} from pid {sender} forwarded"),
            ),
            Err(error) if !std::mem::replace(&mut self.order.refused, true) => {
                self.say(
                    Level::Warn,
                    "forward",
                    format_args!(
                        "cannot send {signal} to the server (pid {}): {error}",
                        server.as_raw_pid()
                    ),
                );
            }
            Err(_) => {}
        }
    }

    fn kill(&mut self) {
        self.deadline = None;
        self.say(
            Level::Warn,
            "kill",
            format_args!("the server did not end in time: SIGKILL to its group"),
        );
        drop(send::to_group(self.order.server, Signal::KILL));
    }

    fn end_leftovers(&mut self, grace: Duration) {
        let count = self.signal_leftovers(Signal::TERM);
        // A stopped process cannot act on SIGTERM.
        self.signal_leftovers(Signal::CONT);
        self.say(
            Level::Info,
            "leftovers",
            format_args!("{}: SIGTERM, and up to {grace:?} to finish", Left(count)),
        );
        self.set(grace);
    }

    fn kill_leftovers(&mut self, patience: Duration) {
        self.server = Server::Killing;
        let count = self.signal_leftovers(Signal::KILL);
        self.say(Level::Warn, "leftovers_killed", format_args!("{}: SIGKILL", Left(count)));
        self.set(patience);
    }

    fn signal_leftovers(&self, signal: Signal) -> Option<usize> {
        leftovers::signal(self.order.server, self.order.adopts, signal)
    }

    fn say(&self, level: Level, event: &str, message: fmt::Arguments<'_>) {
        self.order.voice.say(level, event, message);
    }
}

/// Says that we go on as we are.
pub(super) fn in_process(voice: Voice, reason: &Reason) {
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
