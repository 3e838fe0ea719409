//! Events to lines on stderr, as text for people or as JSON for machines. stdout is the children's.
//!
//! Fields are the same in both: `phase event status duration_ms reason exit_code hint`, and of a target
//! that was not ready `id target attempts elapsed_ms addresses`. Text shows
//! the phase and the message; what is in other fields is shown as `name=value` behind them.

mod status;
mod wrap;

pub(crate) use status::{
    allow as allow_status, columns, columns_of, end as end_status, show as status,
};
pub(crate) use wrap::{fit, hang};

use std::{
    fmt,
    io::Write,
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
};

use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Fields that text mode leaves to the message.
const IN_MESSAGE: [&str; 12] = [
    "message",
    "phase",
    "event",
    "status",
    "duration_ms",
    "reason",
    "exit_code",
    "id",
    "target",
    "attempts",
    "elapsed_ms",
    "addresses",
];

// Settings are known later than the first line (a usage error must already be JSON when asked), so
// format and level can change while the subscriber, of which there is one a process, stays.
static JSON: AtomicBool = AtomicBool::new(false);
static COLOUR: AtomicBool = AtomicBool::new(false);
static LEVEL: AtomicU8 = AtomicU8::new(2);

/// Starts logging; later calls only change format, level and colour.
pub(crate) fn configure(format: Format, level: Level, colour: bool) {
    JSON.store(format == Format::Json, Ordering::Relaxed);
    COLOUR.store(colour, Ordering::Relaxed);
    LEVEL.store(rank(level), Ordering::Relaxed);
    // A second subscriber is refused, which is what the doc promises.
    drop(tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Lines)));
}

/// The format in force, for what prints whole tables.
pub(crate) fn format() -> Format {
    if JSON.load(Ordering::Relaxed) { Format::Json } else { Format::Text }
}

/// Whether stderr wants colours: `FORCE_COLOR`, `NO_COLOR` and `TERM=dumb` beat what the stream is.
pub(crate) fn colour(terminal: bool, lookup: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| lookup(name).is_some_and(|value| !value.is_empty());
    if set("NO_COLOR") {
        return false;
    }
    set("FORCE_COLOR") || (terminal && lookup("TERM").is_some_and(|term| term != "dumb"))
}

fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 0,
        Level::WARN => 1,
        Level::INFO => 2,
        Level::DEBUG => 3,
        Level::TRACE => 4,
    }
}

struct Lines;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        // Libraries below us speak of things a reader of our log does not know, and may quote input.
        metadata.target().starts_with(env!("CARGO_BIN_NAME"))
            && rank(*metadata.level()) <= LEVEL.load(Ordering::Relaxed)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let level = *event.metadata().level();
        let line = match format() {
            Format::Json => json(level, fields.0),
            Format::Text => text(level, &fields.0),
        };
        status::make_room();
        // Nobody is left to tell when stderr is gone; the start goes on.
        drop(std::io::stderr().lock().write_all(line.as_bytes()));
    }
}

fn json(level: Level, mut fields: Map<String, Value>) -> String {
    let mut line = Map::new();
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    line.insert("ts".into(), now.into());
    line.insert("level".into(), level.as_str().to_ascii_lowercase().into());
    line.insert("msg".into(), fields.remove("message").unwrap_or_default());
    line.append(&mut fields);
    format!("{}\n", Value::Object(line))
}

fn text(level: Level, fields: &Map<String, Value>) -> String {
    let phase = fields.get("phase").map(|phase| format!("{}: ", plain(phase))).unwrap_or_default();
    let (line, hints) = words(fields);
    let columns = columns_of(&std::io::stderr());
    let indent = name(level).len() + phase.chars().count();
    let mut text = format!("{}{phase}{}", prefix(level), wrap::line(&line, indent, columns));
    for hint in hints {
        let hint = wrap::line(&hint, "hint: ".len(), columns);
        text.push_str(&format!("\n{} {hint}", paint("36", "hint:")));
    }
    text + "\n"
}

/// The message with further fields, and the hints.
fn words(fields: &Map<String, Value>) -> (String, Vec<String>) {
    let mut line = plain(fields.get("message").unwrap_or(&Value::Null));
    let mut hints = Vec::new();
    for (name, value) in fields.iter().filter(|(name, _)| !IN_MESSAGE.contains(&name.as_str())) {
        match name.as_str() {
            "hint" => hints.extend(plain(value).lines().map(str::to_owned)),
            _ => line.push_str(&format!(" {name}={}", plain(value))),
        }
    }
    (line, hints)
}

fn prefix(level: Level) -> String {
    let sgr = match level {
        Level::ERROR => "1;31",
        Level::WARN => "33",
        Level::INFO | Level::DEBUG | Level::TRACE => "2",
    };
    paint(sgr, name(level))
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error: ",
        Level::WARN => "warning: ",
        Level::INFO => "init: ",
        Level::DEBUG | Level::TRACE => "debug: ",
    }
}

/// Wraps a text in an SGR sequence (ECMA-48, 8.3.117) when stderr wants colours.
pub(crate) fn paint(sgr: &str, text: &str) -> String {
    if COLOUR.load(Ordering::Relaxed) {
        format!("\u{1b}[{sgr}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Collects an event's fields.
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_beats_the_terminal() {
        for (terminal, variables, wanted) in [
            (true, vec![("TERM", "xterm")], true),
            (true, vec![("TERM", "dumb")], false),
            (true, vec![], false),
            (true, vec![("TERM", "xterm"), ("NO_COLOR", "1")], false),
            (true, vec![("TERM", "xterm"), ("NO_COLOR", "")], true),
            (false, vec![("TERM", "xterm")], false),
            (false, vec![("FORCE_COLOR", "1")], true),
        ] {
            let lookup = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(colour(terminal, lookup), wanted, "{terminal} {variables:?}");
        }
    }

    #[test]
    fn text_shows_phase_message_and_other_fields() {
        let fields = serde_json::json!({
            "message": "run the migrate command", "phase": "migrate", "status": "ok", "pid": 7, "hint": "look"
        });
        let Value::Object(fields) = fields else { unreachable!() };
        assert_eq!(
            text(Level::INFO, &fields),
            "init: migrate: run the migrate command pid=7\nhint: look\n"
        );
    }
}
