//! What is asked for on stdout: help, settings, plan, status. Nothing is changed by any of them.

use std::io::{ErrorKind, Write};

use super::{note, prepare::Result, tell, tell_all};
use crate::{
    config::{self, Config},
    diagnose::SET_DATABASE,
    doctor,
    exit::Exit,
    failure::Failure,
    log, migrate, plan,
};

/// What was asked for on stdout. A reader that went away (`init help | head`) is no failure.
pub(super) fn print(text: &str) -> Exit {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Exit::Internal,
        _ => Exit::Done,
    }
}

/// `init config`: the report comes first, so that a mistake is seen beside its setting.
pub(super) fn settings(config: &Config, check: bool) -> Exit {
    if !check {
        print(&config::report(&config.shown, log::columns_of(&std::io::stdout())));
    }
    note(config);
    match config.check() {
        Err(problems) => tell_all(&problems),
        Ok(()) if check || config.missing.is_empty() => Exit::Done,
        Ok(()) => tell_all(&config.missing),
    }
}

/// `init plan`: what would run and why, and which programs and files are missing for it.
pub(super) fn plan(config: &Config, json: bool) -> Exit {
    match plan::plan(config) {
        Ok(plan) => {
            let missing = doctor::missing(config, &plan);
            print(&if json {
                format!("{:#}\n", plan.json(&missing))
            } else {
                plan.text(&missing, log::columns_of(&std::io::stdout()))
            })
        }
        Err(problems) => tell_all(&problems),
    }
}

/// `init status`: folder or command against the database. With `exit_code`, anything but up to date is a failure.
pub(super) fn status(config: &Config, json: bool, exit_code: bool) -> Exit {
    let work = match plan::migration(config) {
        Ok(work) => work,
        Err(problems) => return tell_all(&problems),
    };
    match read_status(work.as_ref()) {
        Ok(status) => {
            let columns = log::columns_of(&std::io::stdout());
            let text = if json { format!("{:#}\n", status.json()) } else { status.text(columns) };
            let printed = print(&text);
            if exit_code && !status.is_current() { Exit::Migrate } else { printed }
        }
        Err(failure) => ended(&*failure),
    }
}

/// A stop was said when it came; everything else is told.
pub(super) fn ended(failure: &dyn Failure) -> Exit {
    match failure.exit() {
        Exit::Signal(_) => failure.exit(),
        _ => tell(failure),
    }
}

fn read_status(work: Option<&plan::Migrate>) -> Result<migrate::status::Status> {
    let Some(work) = work else {
        return Err(nothing(
            "nothing migrates the schema",
            "set APP_INIT_MIGRATIONS or APP_INIT_MIGRATE_COMMAND",
        ));
    };
    let Some(connection) = &work.connection else {
        return Err(nothing("no database is known", SET_DATABASE));
    };
    Ok(super::ask(migrate::status::status(work, connection))??)
}

fn nothing(why: &str, hint: &str) -> Box<dyn Failure> {
    config::problem::Problem::config(format!("status: {why}")).hint(hint).into()
}
