//! How the server is started, and what reaches it until it ends.

use crate::{
    config::{
        environment::Environment,
        problem::Problems,
        sources,
        types::{Handoff, SignalState, StopPolicy},
        values::Reader,
    },
    process::signal,
};

/// What counts for a program that is handed over as it is.
const NAMES: [&str; 8] = [
    "APP_INIT_HANDOFF",
    "APP_INIT_STOP_DELAY",
    "APP_INIT_STOP_GRACE",
    "APP_INIT_LEFTOVER_GRACE",
    "APP_INIT_SIGNAL_TARGET",
    "APP_INIT_SIGNAL_MAP",
    "APP_INIT_SUCCESS_CODES",
    "APP_INIT_SIGNALS_INHERIT",
];

/// The same settings for a program that nothing is prepared for: no file is read.
/// # Errors
/// Every one that cannot be read, at once.
pub(crate) fn of_environment(environment: &Environment) -> Result<(Handoff, StopPolicy), Problems> {
    let mut problems = Problems::default();
    let sources = sources::variables(&NAMES, environment, &mut problems);
    let mut reader = Reader { sources: &sources, problems: &mut problems };
    let found = (handoff(&mut reader), stop(&mut reader));
    problems.or(found)
}

pub(super) fn stop(reader: &mut Reader<'_>) -> StopPolicy {
    let inherit = reader.is_true("APP_INIT_SIGNALS_INHERIT");
    StopPolicy {
        delay: reader.span("APP_INIT_STOP_DELAY"),
        grace: reader.limit("APP_INIT_STOP_GRACE"),
        leftover: reader.span("APP_INIT_LEFTOVER_GRACE"),
        target: reader.parsed("APP_INIT_SIGNAL_TARGET", signal::parse_target, signal::TARGET_HINT),
        map: reader.parsed("APP_INIT_SIGNAL_MAP", signal::parse_map, signal::MAP_HINT),
        success: reader.parsed("APP_INIT_SUCCESS_CODES", signal::parse_codes, signal::CODES_HINT),
        signals: if inherit { SignalState::Inherited } else { SignalState::Default },
    }
}

pub(super) fn handoff(reader: &mut Reader<'_>) -> Handoff {
    match reader.word("APP_INIT_HANDOFF").as_str() {
        "supervise" => Handoff::Supervise,
        "exec" => Handoff::Exec,
        _ => Handoff::Auto,
    }
}
