//! `[steps.NAME]` and `[modes.NAME]`.

use toml::de::DeTable;

use super::{KNOWN_STEPS, ModeEntry, Reader, StepEntry, in_order};
use crate::cli::settings;

const STEP_KEYS: [&str; 5] = ["run", "wait", "when", "timeout", "on_failure"];
const MODE_KEYS: [&str; 3] = ["steps", "always", "exec"];

impl Reader<'_> {
    pub(super) fn step(&mut self, name: &str, at: usize, table: &DeTable<'_>) {
        if KNOWN_STEPS.contains(&name) {
            return self.known_step(name, table);
        }
        let mut step = StepEntry { name: name.into(), line: self.line(at), ..StepEntry::default() };
        for (key, span, value) in in_order(table) {
            match key {
                "run" => step.run = self.raw(value, key),
                "wait" => step.wait = self.list(value, key),
                "when" => step.when = self.when(value, name),
                "timeout" => step.timeout = self.text(value, key),
                "on_failure" => step.on_failure = self.text(value, key),
                _ => self.unknown(span.start, key, &format!("in `steps.{name}`"), STEP_KEYS),
            }
        }
        if step.run.is_none() && !table.contains_key("run") {
            self.wrong(at, &format!("`steps.{name}` has no `run`"));
        }
        self.file.steps.push(step);
    }

    /// `[steps.etl] run` is `APP_INIT_ETL_COMMAND`, and so on.
    pub(super) fn known_step(&mut self, name: &str, table: &DeTable<'_>) {
        let keys = [
            ("run", "COMMAND"),
            ("watch", "WATCH"),
            ("table", "TABLE"),
            ("wait", "WAIT_FOR"),
            ("timeout", "TIMEOUT"),
            ("on_failure", "ON_FAILURE"),
        ];
        let setting =
            |suffix| settings::find(&format!("APP_INIT_{}_{suffix}", name.to_uppercase()));
        let known: Vec<_> =
            keys.into_iter().filter_map(|(key, suffix)| Some((key, setting(suffix)?))).collect();
        for (key, span, value) in in_order(table) {
            match known.iter().find(|(known, _)| *known == key) {
                Some((_, setting)) => {
                    self.entry(setting, &format!("steps.{name}.{key}"), span.start, value);
                }
                None => self.unknown(
                    span.start,
                    key,
                    &format!("in `steps.{name}`"),
                    known.iter().map(|(name, _)| *name),
                ),
            }
        }
    }

    pub(super) fn mode(&mut self, name: &str, at: usize, table: &DeTable<'_>) {
        let mut mode = ModeEntry { name: name.into(), line: self.line(at), ..ModeEntry::default() };
        for (key, span, value) in in_order(table) {
            match key {
                "steps" => mode.steps = Some(self.list(value, key)),
                "always" => mode.always = Some(self.list(value, key)),
                "exec" if name == "api" => {
                    if let Some(setting) = settings::find("APP_INIT_API_COMMAND") {
                        self.entry(setting, "modes.api.exec", span.start, value);
                    }
                }
                "exec" => mode.exec = self.raw(value, key),
                _ => self.unknown(span.start, key, &format!("in `modes.{name}`"), MODE_KEYS),
            }
        }
        self.file.modes.push(mode);
    }
}
