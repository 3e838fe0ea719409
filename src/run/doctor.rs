//! `init doctor` on stdout; a stop signal ends it.

use std::io::IsTerminal;

use super::{
    Outside, ask,
    report::{ended, print},
};
use crate::{config::Config, doctor, exit::Exit, log};

/// Looks, and prints what was found; the code is that of the worst finding.
pub(super) fn report(outside: &Outside, config: &Config, json: bool) -> Exit {
    match ask(doctor::examine(config, &outside.environment)) {
        Ok(report) if json => shown(&format!("{:#}\n", report.json()), report.exit()),
        Ok(report) => {
            shown(&report.text(colour(outside), log::columns_of(&std::io::stdout())), report.exit())
        }
        Err(failure) => ended(&*failure),
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
