//! `init.toml`: what the image says about itself. Each mistake has its line.
//!
//! The keys of `[steps.migrate]`, `[steps.seed]`, `[steps.etl]` and `modes.api.exec` are other ways to
//! write a setting; steps and modes of one's own become `StepEntry` and `ModeEntry`.

use std::{ops::Range, path::PathBuf};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{problem::Problem, problem::Problems, types::nearest};
use crate::cli::settings::{self, Kind, Setting};

/// What a file says.
#[derive(Default)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) settings: Vec<Entry>,
    /// In the order of the file.
    pub(crate) steps: Vec<StepEntry>,
    pub(crate) modes: Vec<ModeEntry>,
}

/// A setting and where it stands.
pub(crate) struct Entry {
    pub(crate) setting: &'static Setting,
    pub(crate) value: Raw,
    pub(crate) line: usize,
}

/// A value before it has a type. Has no `Debug`: it may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Raw {
    Text(String),
    List(Vec<String>),
}

/// `[steps.NAME]`.
#[derive(Default)]
pub(crate) struct StepEntry {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) run: Option<Raw>,
    pub(crate) wait: Vec<String>,
    pub(crate) when: Option<When>,
    pub(crate) timeout: Option<String>,
    pub(crate) on_failure: Option<String>,
}

/// `when = { env = "NAME", default = false }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) variable: String,
    pub(crate) default: bool,
}

/// `[modes.NAME]`.
#[derive(Default)]
pub(crate) struct ModeEntry {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) steps: Option<Vec<String>>,
    pub(crate) always: Option<Vec<String>>,
    pub(crate) exec: Option<Raw>,
}

/// Steps that app-init knows; what stands in their tables are settings.
const KNOWN_STEPS: [&str; 4] = ["wait", "migrate", "seed", "etl"];
const STEP_KEYS: [&str; 5] = ["run", "wait", "when", "timeout", "on_failure"];
const MODE_KEYS: [&str; 3] = ["steps", "always", "exec"];

/// The names of the modes in a file's text; nothing if the text is no TOML.
pub(crate) fn mode_names(text: &str) -> Vec<String> {
    let Ok(root) = DeTable::parse(text) else { return Vec::new() };
    let modes = root.get_ref().get("modes").and_then(|modes| modes.get_ref().as_table());
    modes.map_or_else(Vec::new, |modes| in_order(modes).map(|(name, ..)| name.to_owned()).collect())
}

/// Reads the whole file and reports every mistake in it.
pub(crate) fn parse(path: impl Into<PathBuf>, text: &str, problems: &mut Problems) -> File {
    let mut reader = Reader { text, file: File { path: path.into(), ..File::default() }, problems };
    match DeTable::parse(text) {
        Ok(root) => reader.root(root.get_ref()),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            reader.wrong(at, &format!("no TOML: {}", error.message()));
        }
    }
    reader.file
}

type Item<'a, 'i> = (&'a str, Range<usize>, &'a Spanned<DeValue<'i>>);

/// The entries as they stand in the file; the map itself sorts by name.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> impl Iterator<Item = Item<'a, 'i>> {
    let mut items: Vec<Item<'a, 'i>> =
        table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
    items.sort_by_key(|(_, span, _)| span.start);
    items.into_iter()
}

struct Reader<'t> {
    text: &'t str,
    file: File,
    problems: &'t mut Problems,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }

    fn wrong(&mut self, at: usize, message: &str) {
        self.report(at, Problem::config(message));
    }

    fn report(&mut self, at: usize, problem: Problem) {
        let place = format!("{}:{}", self.file.path.display(), self.line(at));
        self.problems.push(problem.at(&place));
    }

    fn unknown<'a>(
        &mut self,
        at: usize,
        key: &str,
        table: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let problem = Problem::config(format!("unknown key `{key}` in {table}"));
        let problem = match nearest(key, known.iter().copied()) {
            Some(name) => problem.hint(format!("did you mean `{name}`?")),
            None if known.len() < 8 => problem.hint(format!("known are {}", known.join(", "))),
            None => problem.hint("`init help config` lists the keys"),
        };
        self.report(at, problem);
    }

    fn root(&mut self, root: &DeTable<'_>) {
        for (key, span, value) in in_order(root) {
            match key {
                "steps" => self.tables(value, "steps", Self::step),
                "modes" => self.tables(value, "modes", Self::mode),
                _ => self.setting(key, span.start, value),
            }
        }
    }

    fn tables(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        what: &str,
        read: fn(&mut Self, &str, usize, &DeTable<'_>),
    ) {
        let Some(all) = value.get_ref().as_table() else {
            return self.wrong(value.span().start, &format!("`{what}` is not a table of tables"));
        };
        for (name, span, value) in in_order(all) {
            match value.get_ref().as_table() {
                Some(table) => read(self, name, span.start, table),
                None => self.wrong(span.start, &format!("`{what}.{name}` is not a table")),
            }
        }
    }

    fn setting(&mut self, key: &str, at: usize, value: &Spanned<DeValue<'_>>) {
        if let Some(setting) = settings::in_file().find(|setting| setting.key() == key) {
            return self.entry(setting, at, value);
        }
        let keys: Vec<String> = settings::in_file().map(Setting::key).collect();
        let known = keys.iter().map(String::as_str).chain(["steps", "modes"]);
        self.unknown(at, key, "the top level", known);
    }

    fn entry(&mut self, setting: &'static Setting, at: usize, value: &Spanned<DeValue<'_>>) {
        let Some(value) = self.raw(value, &setting.key()) else { return };
        let line = self.line(at);
        if matches!(value, Raw::List(_)) && !matches!(setting.kind, Kind::List | Kind::Command) {
            return self.wrong(at, &format!("`{}` is not a list", setting.key()));
        }
        if let Some(other) = self.file.settings.iter().find(|entry| entry.setting == setting) {
            let message =
                format!("`{}` is given twice, first in line {}", setting.key(), other.line);
            return self.wrong(at, &message);
        }
        self.file.settings.push(Entry { setting, value, line });
    }

    fn step(&mut self, name: &str, at: usize, table: &DeTable<'_>) {
        if KNOWN_STEPS.contains(&name) {
            return self.known_step(name, table);
        }
        let mut step = StepEntry { name: name.into(), line: self.line(at), ..StepEntry::default() };
        for (key, span, value) in in_order(table) {
            match key {
                "run" => step.run = self.raw(value, key),
                "wait" => step.wait = self.list(value, key),
                "when" => step.when = self.when(value),
                "timeout" => step.timeout = self.text(value, key),
                "on_failure" => step.on_failure = self.text(value, key),
                _ => self.unknown(span.start, key, &format!("`steps.{name}`"), STEP_KEYS),
            }
        }
        if step.run.is_none() && !table.contains_key("run") {
            self.wrong(at, &format!("`steps.{name}` has no `run`"));
        }
        self.file.steps.push(step);
    }

    /// `[steps.etl] run` is `APP_INIT_ETL_COMMAND`, and so on.
    fn known_step(&mut self, name: &str, table: &DeTable<'_>) {
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
            match known.iter().find(|(name, _)| *name == key) {
                Some((_, setting)) => self.entry(setting, span.start, value),
                None => self.unknown(
                    span.start,
                    key,
                    &format!("`steps.{name}`"),
                    known.iter().map(|(name, _)| *name),
                ),
            }
        }
    }

    fn mode(&mut self, name: &str, at: usize, table: &DeTable<'_>) {
        let mut mode = ModeEntry { name: name.into(), line: self.line(at), ..ModeEntry::default() };
        for (key, span, value) in in_order(table) {
            match key {
                "steps" => mode.steps = Some(self.list(value, key)),
                "always" => mode.always = Some(self.list(value, key)),
                "exec" if name == "api" => {
                    if let Some(setting) = settings::find("APP_INIT_API_COMMAND") {
                        self.entry(setting, span.start, value);
                    }
                }
                "exec" => mode.exec = self.raw(value, key),
                _ => self.unknown(span.start, key, &format!("`modes.{name}`"), MODE_KEYS),
            }
        }
        self.file.modes.push(mode);
    }

    fn when(&mut self, value: &Spanned<DeValue<'_>>) -> Option<When> {
        let mut when = When::default();
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(value.span().start, "`when` is not `{ env = \"NAME\", default = false }`");
            return None;
        };
        for (key, span, value) in in_order(table) {
            match (key, value.get_ref()) {
                ("env", DeValue::String(name)) => when.variable = name.to_string(),
                ("default", DeValue::Boolean(default)) => when.default = *default,
                ("env" | "default", _) => {
                    self.wrong(span.start, &format!("`{key}` of `when` has the wrong type"));
                }
                _ => self.unknown(span.start, key, "`when`", ["env", "default"]),
            }
        }
        if when.variable.is_empty() {
            self.wrong(value.span().start, "`when` names no `env`");
            return None;
        }
        Some(when)
    }

    fn raw(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<Raw> {
        match value.get_ref() {
            DeValue::Array(_) => Some(Raw::List(self.list(value, key))),
            _ => self.text(value, key).map(Raw::Text),
        }
    }

    fn text(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Boolean(value) => Some(value.to_string()),
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            other => {
                self.wrong(
                    value.span().start,
                    &format!("`{key}` is a {} and should be a text", other.type_str()),
                );
                None
            }
        }
    }

    fn list(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Vec<String> {
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(value.span().start, &format!("`{key}` is not a list"));
            return Vec::new();
        };
        items.iter().filter_map(|item| self.text(item, key)).collect()
    }
}
