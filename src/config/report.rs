//! `init config`: every setting with its value and where it came from. Secrets stay hidden.

use super::{
    connections::Connections,
    database::Connection,
    file::Raw,
    origin::Origin,
    sources::Sources,
    target::{self, Target},
};
use crate::{
    cli::{
        mask::mask,
        settings::{self, Kind, Setting},
    },
    log,
};

const HIDDEN: &str = "***";

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) name: &'static str,
    /// The line is about this field of the connection: libpq's keyword.
    pub(crate) field: Option<&'static str>,
    /// `None` is unset. Never a secret.
    pub(crate) value: Option<String>,
    /// `environment`, `flag`, a file with its line, `found` where it usually lies, or `default`.
    pub(crate) origin: String,
}

pub(super) fn shown(sources: &Sources, connections: &Connections) -> Vec<Shown> {
    settings::all()
        .flat_map(|setting| {
            let connection = connection(setting.name, connections);
            let fields = connection.map(|connection| fields(setting, sources, connection));
            let line = show(setting, sources, connection);
            std::iter::once(line).chain(fields.unwrap_or_default())
        })
        .collect()
}

fn connection<'a>(name: &str, connections: &'a Connections) -> Option<&'a Connection> {
    match name {
        "DATABASE_URL" => connections.database.as_ref(),
        "MIGRATE_DATABASE_URL" => connections.migrate.as_ref(),
        _ => None,
    }
}

/// The fields that come neither from the text itself nor from a default, each with where from.
fn fields(setting: &'static Setting, sources: &Sources, connection: &Connection) -> Vec<Shown> {
    let value = sources.values.get(setting.name);
    let text = value.map(|value| value.origin.subject(setting));
    let elsewhere = connection
        .origins
        .iter()
        .filter(|(_, origin)| Some(origin) != text.as_ref() && origin != "default");
    let shown = elsewhere.map(|(field, origin)| Shown {
        name: setting.name,
        field: Some(field),
        value: connection.field(field),
        origin: match sources.origin(origin) {
            Origin::Variable(_) => origin.clone(),
            file => format!("{origin} ({file})"),
        },
    });
    shown.collect()
}

fn show(setting: &'static Setting, sources: &Sources, connection: Option<&Connection>) -> Shown {
    let name = setting.name;
    let Some(value) = sources.values.get(name) else {
        let composed = connection.map(Connection::name);
        let origin = if composed.is_some() { "composed" } else { "default" };
        let value = composed.or_else(|| setting.default.map(str::to_owned));
        return Shown { name, field: None, value, origin: origin.to_owned() };
    };
    let text = match (setting.kind, connection, &value.raw) {
        (_, Some(connection), _) => connection.name(),
        (Kind::Secret, ..) => HIDDEN.to_owned(),
        (_, _, Raw::Text(text)) if name.ends_with("_WAIT_FOR") => targets(&target::targets(text)),
        (_, _, Raw::List(items)) if name.ends_with("_WAIT_FOR") => targets(items),
        (_, _, Raw::Text(text)) => mask(text),
        (_, _, Raw::List(items)) => mask(&items.join(" ")),
    };
    Shown { name, field: None, value: Some(text), origin: value.origin.to_string() }
}

/// Targets as they were written, less their passwords. Where one of them is none, an address may have
/// been cut at a blank of its password: then nothing up to there is shown.
fn targets(words: &[String]) -> String {
    let mut shown: Vec<String> = words.iter().map(|word| target(word)).collect();
    let credentials = words.iter().any(|word| word.contains('@'));
    let torn = shown.iter().rposition(|word| word == HIDDEN).filter(|_| credentials);
    shown[..torn.unwrap_or(0)].fill(HIDDEN.to_owned());
    shown.join(" ")
}

/// What is no target may be a piece of a password, and so may what stands behind a blank in a URL or
/// behind a `;` in keywords.
fn target(word: &str) -> String {
    let is_url = word.contains("://");
    match Target::parse(word, "", None, &|_| None) {
        _ if word.eq_ignore_ascii_case("database") => word.to_owned(),
        Ok((Target::Database(connection), _)) if !is_url => connection.name(),
        Ok(_) if !(is_url && word.contains(char::is_whitespace)) => mask(word),
        _ => HIDDEN.to_owned(),
    }
}

/// The report, aligned: what is set first, then what is left at its default. `columns` are those of a
/// terminal.
pub(crate) fn text(shown: &[Shown], columns: Option<usize>) -> String {
    let width = |of: fn(&Shown) -> usize| shown.iter().map(of).max().unwrap_or_default();
    let name = width(|line| line.name.len());
    let origin = width(|line| line.origin.len()).min(40);
    let (left, set): (Vec<_>, Vec<_>) = shown.iter().partition(|line| line.origin == "default");
    let row = |line: &Shown| {
        let nothing = if line.field.is_some() { "set" } else { "-" };
        let shown = line.value.as_deref().unwrap_or(nothing);
        let label = line.field.map_or(line.name.to_owned(), |field| format!("  {field}"));
        let shown = log::fit(shown, name + origin + 4, columns);
        format!("{label:name$}  {:origin$}  {shown}\n", line.origin)
    };
    set.into_iter().chain(left).map(row).collect()
}
