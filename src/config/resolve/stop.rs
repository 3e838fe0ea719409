//! How the server is started, and what reaches it until it ends.

use crate::{
    config::{
        types::{Handoff, SignalState, StopPolicy},
        values::Reader,
    },
    process::signal,
};

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
