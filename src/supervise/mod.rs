//! Hand-off: the server is started, then we become its minimal supervisor, or the server itself.
//!
//! `inbox` tells what happens, `machine` decides, `serve` acts, `leftovers` ends what the server left,
//! `job` minds the terminal, `order` is what the supervisor is told, `voice` its log lines.

mod inbox;
mod job;
mod leftovers;
mod machine;
pub(crate) mod order;
pub(crate) mod serve;
pub(crate) mod voice;

use std::{convert::Infallible, path::PathBuf, time::Duration};

use thiserror::Error;

use crate::{
    exit::Exit,
    failure::Failure,
    plan::{Handoff, Server, SignalState},
    process::{
        self, Adoption, Inherited, Pid, Unrunnable,
        launch::{self, Needs},
        program,
        spawn::{self, Signals, Start, Stdin},
        terminal::Terminal,
        unrunnable::Reason,
    },
};

use order::Order;
use voice::{Level, Voice};

/// Why the server does not run.
#[derive(Debug, Error)]
pub(crate) enum HandOverError {
    #[error(transparent)]
    Unrunnable(#[from] Unrunnable),
}

impl Failure for HandOverError {
    fn exit(&self) -> Exit {
        match self {
            Self::Unrunnable(error) if error.reason.is_missing() => Exit::NotFound,
            Self::Unrunnable(_) => Exit::NotExecutable,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unrunnable(error) => error.reason.hint().map(str::to_owned),
        }
    }
}

/// When we execute ourselves anew to supervise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// At once: there was a preparation, whose memory and secrets are to go.
    AtOnce,
    /// Once the server has lived a while: there was none, and a short command shall not pay for it.
    Later,
}

/// Starts the server as its hand-off says and does not come back if all goes well.
///
/// To be called on the first thread, with all signals blocked and no runtime left. `Ok` is the exit
/// code of a server that was supervised in this process, because we could not be executed again.
pub(crate) fn hand_over(
    server: &Server,
    inherited: &Inherited,
    voice: Voice,
    renewal: Renewal,
) -> Result<u8, HandOverError> {
    match server.handoff {
        Handoff::Exec => exec(server, inherited).map(|never| match never {}),
        Handoff::Auto if !process::is_pid_1() => {
            exec(server, inherited).map(|never| match never {})
        }
        Handoff::Auto | Handoff::Supervise => supervise(server, inherited, voice, renewal),
    }
}

/// Becomes the server: same pid, mask and descriptors as if it had been started in our place.
fn exec(server: &Server, inherited: &Inherited) -> Result<Infallible, HandOverError> {
    let program = find(server)?;
    spawn::replace(&program, &server.command.argv, server.environment.iter(), inherited)
        .map_err(|reason| unrunnable(server, reason))
}

fn supervise(
    server: &Server,
    inherited: &Inherited,
    voice: Voice,
    renewal: Renewal,
) -> Result<u8, HandOverError> {
    let adoption = process::adopt_children();
    let terminal = Terminal::open().filter(Terminal::is_ours);
    let pid = start(server, inherited, terminal.is_some())?;
    if let Some(terminal) = terminal.as_ref().filter(|terminal| terminal.is_ours()) {
        // The launch did so before the program ran, which may have put a job of its own in front by
        // now. This is for a launch that could not.
        terminal.give_to(pid);
    }
    let adopts = adoption == Adoption::Adopts;
    if !adopts {
        voice.say(Level::Warn, "no_adoption", format_args!(
            "orphans of the server will not be collected: run app-init as PID 1 (docker run without --init, no shared PID namespace)"
        ));
    }
    let order = Order {
        server: pid,
        policy: server.stop.clone(),
        voice,
        foreground: terminal.is_some(),
        adopts,
        age: Duration::ZERO,
        refused: false,
    };
    drop(terminal);
    if renewal == Renewal::Later {
        return Ok(serve::serve_at_first(order));
    }
    let Err(reason) = spawn::replace_self(&order.encode());
    serve::in_process(voice, &reason);
    Ok(serve::serve(order))
}

fn start(server: &Server, inherited: &Inherited, foreground: bool) -> Result<Pid, HandOverError> {
    let program = find(server)?;
    let start = Start {
        program: &program,
        argv: &server.command.argv,
        stdin: Stdin::Inherit,
        signals: match server.stop.signals {
            SignalState::Default => Signals::Default,
            SignalState::Inherited => Signals::Inherited(inherited),
        },
    };
    let own_pid = rustix::process::getpid().as_raw_pid().to_string();
    let needs = Needs {
        die_with_parent: !process::is_pid_1(),
        foreground,
        ignore_child: server.stop.signals == SignalState::Inherited && inherited.ignores_child(),
        listen_pid: server.environment.text("LISTEN_PID") == Some(own_pid.as_str()),
    };
    launch::start(start, needs, server.environment.iter())
        .map_err(|reason| unrunnable(server, reason))
}

fn find(server: &Server) -> Result<PathBuf, HandOverError> {
    let words = &server.command.argv;
    let name = words.first().ok_or_else(|| unrunnable(server, Reason::NoSuchFile))?;
    program::find(name, server.environment.get("PATH")).map_err(|reason| unrunnable(server, reason))
}

fn unrunnable(server: &Server, reason: Reason) -> HandOverError {
    Unrunnable::new(&server.command.source, &server.command.argv, reason).into()
}
