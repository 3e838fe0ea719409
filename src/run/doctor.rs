//! `init doctor` on stdout; a stop signal ends it.

use std::io::IsTerminal;

use super::{Outside, report::print, runtime, tell};
use crate::{config::Config, doctor, exit::Exit, log, process::Events};

/// Looks, and prints what was found; the code is that of the worst finding.
pub(super) fn report(outside: &Outside, config: &Config, json: bool) -> Exit {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(failure) => return tell(&*failure),
    };
    let report = runtime.block_on(async {
        let Ok(mut events) = Events::open() else {
            return Ok(doctor::examine(config, &outside.environment).await);
        };
        tokio::select! {
            report = doctor::examine(config, &outside.environment) => Ok(report),
            signal = events.stop() => Err(signal),
        }
    });
    // A name lookup may still hang in getaddrinfo(3); nobody waits for it.
    runtime.shutdown_background();
    match report {
        Ok(report) if json => shown(&format!("{:#}\n", report.json()), report.exit()),
        Ok(report) => shown(&report.text(colour(outside)), report.exit()),
        Err(signal) => Exit::Signal(signal.number()),
    }
}

fn shown(text: &str, exit: Exit) -> Exit {
    match print(text) {
        Exit::Done => exit,
        failed => failed,
    }
}

fn colour(outside: &Outside) -> bool {
    let lookup = |name: &str| outside.environment.text(name).map(str::to_owned);
    log::colour(std::io::stdout().is_terminal(), lookup)
}
