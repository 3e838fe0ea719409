//! `init config`: every setting with its value and where it came from. Secrets stay hidden.

use super::{connections::Connections, file::Raw, sources::Sources};
use crate::cli::{
    mask::mask,
    settings::{self, Kind, Setting},
};

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    /// `None` is unset. Never a secret.
    pub(crate) value: Option<String>,
    /// `environment`, `flag`, a file with its line, or `default`.
    pub(crate) origin: String,
}

pub(super) fn shown(sources: &Sources, connections: &Connections) -> Vec<Shown> {
    settings::all().map(|setting| show(setting, sources, connections)).collect()
}

fn show(setting: &'static Setting, sources: &Sources, connections: &Connections) -> Shown {
    let name = setting.name;
    let connection = match name {
        "DATABASE_URL" => connections.database.as_ref(),
        "MIGRATE_DATABASE_URL" => connections.migrate.as_ref(),
        _ => None,
    };
    let Some(value) = sources.values.get(name) else {
        let composed = connection.map(super::database::Connection::name);
        let origin = if composed.is_some() { "composed" } else { "default" };
        let value = composed.or_else(|| setting.default.map(str::to_owned));
        return Shown { name, value, origin: origin.to_owned() };
    };
    let text = match (setting.kind, connection, &value.raw) {
        (_, Some(connection), _) => connection.name(),
        (Kind::Secret, ..) => "***".to_owned(),
        (_, _, Raw::Text(text)) => mask(text),
        (_, _, Raw::List(items)) => mask(&items.join(" ")),
    };
    Shown { name, value: Some(text), origin: value.origin.to_string() }
}

/// The report, aligned for a terminal: what is set first, then what is left at its default.
pub(crate) fn text(shown: &[Shown]) -> String {
    let width = |of: fn(&Shown) -> usize| shown.iter().map(of).max().unwrap_or_default();
    let name = width(|line| line.name.len());
    let value = width(|line| line.value.as_ref().map_or(1, String::len)).min(48);
    let (left, set): (Vec<_>, Vec<_>) = shown.iter().partition(|line| line.origin == "default");
    let row = |line: &Shown| {
        let shown = line.value.as_deref().unwrap_or("-");
        format!("{:name$}  {shown:value$}  {}\n", line.name, line.origin)
    };
    set.into_iter().chain(left).map(row).collect()
}
