//! `init.toml`: what the image says about itself. Each mistake has its line.
//!
//! The keys of `[steps.migrate]`, `[steps.seed]`, `[steps.etl]` and `modes.api.exec` are other ways to
//! write a setting; steps and modes of one's own become `StepEntry` and `ModeEntry`.

mod tables;
mod values;

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
    /// With its tables, as it stands there: `steps.etl.run`.
    pub(crate) key: String,
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
        place: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<&str> = known.into_iter().collect();
        let problem = Problem::config(format!("unknown key `{key}` {place}"));
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
            return self.entry(setting, key, at, value);
        }
        let keys: Vec<String> = settings::in_file().map(Setting::key).collect();
        let known = keys.iter().map(String::as_str).chain(["steps", "modes"]);
        self.unknown(at, key, "at the top level", known);
    }

    fn entry(
        &mut self,
        setting: &'static Setting,
        key: &str,
        at: usize,
        value: &Spanned<DeValue<'_>>,
    ) {
        let Some(value) = self.raw(value, key) else { return };
        let line = self.line(at);
        if matches!(value, Raw::List(_)) && !matches!(setting.kind, Kind::List | Kind::Command) {
            return self.wrong(at, &format!("`{key}` is not a list"));
        }
        if let Some(other) = self.file.settings.iter().find(|entry| entry.setting == setting) {
            let message =
                format!("`{key}` is the same as `{}` in line {}: keep one", other.key, other.line);
            return self.wrong(at, &message);
        }
        self.file.settings.push(Entry { setting, value, line, key: key.to_owned() });
    }
}
