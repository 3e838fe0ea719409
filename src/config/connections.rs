//! Which databases are meant: a URL, or the parts that stand for one.

use super::{
    database::{self, Connection, Note},
    environment::Environment,
    file::Raw,
    problem::{Problem, Problems},
    secret::Secret,
    sources::Sources,
    target::Target,
};
use crate::cli::settings;

/// Connections and what is remarkable about them.
#[derive(Default)]
pub(crate) struct Connections {
    pub(crate) database: Option<Connection>,
    pub(crate) migrate: Option<Connection>,
    /// Whether any was named at all; one that cannot be read is `None` above.
    pub(crate) named: bool,
    pub(crate) warnings: Vec<String>,
    pub(crate) notes: Vec<String>,
}

impl Connections {
    /// Reads `DATABASE_URL`, else the parts; and `MIGRATE_DATABASE_URL`.
    pub(crate) fn read(sources: &Sources, problems: &mut Problems) -> Self {
        let lookup = |name: &str| variable(sources, name);
        let mut found = Self::default();
        let main =
            url(sources, "DATABASE_URL", &lookup).or_else(|| Connection::from_parts(&lookup));
        found.named = main.is_some();
        found.database = main.and_then(|read| found.note(read, problems));
        let migrate = url(sources, "MIGRATE_DATABASE_URL", &lookup);
        found.named |= migrate.is_some() || is_in_a_file(sources);
        found.migrate = migrate.and_then(|read| found.note(read, problems));
        for connection in [&mut found.database, &mut found.migrate].into_iter().flatten() {
            remark_on_quotes(connection, sources);
        }
        found
    }

    fn note(&mut self, read: Read, problems: &mut Problems) -> Option<Connection> {
        match read {
            Ok((connection, notes)) => {
                let (warnings, others) =
                    notes.iter().partition::<Vec<_>, _>(|note| note.is_warning());
                self.warnings.extend(warnings.into_iter().map(ToString::to_string));
                self.notes.extend(others.into_iter().map(ToString::to_string));
                Some(connection)
            }
            Err(problem) => {
                problems.push(wrong(&problem));
                None
            }
        }
    }
}

/// The one thing that is done to a password: what wraps it may be a part of it.
fn remark_on_quotes(connection: &mut Connection, sources: &Sources) {
    let name = connection.origin("password").unwrap_or_default();
    if sources.unquoted.contains(&name) && !name.ends_with("_URL") {
        connection.password_remark = connection.password_remark.or(Some(
            "the quotes round the password were taken off: write them twice if they belong to it",
        ));
    }
}

/// Whether the address lies in a file that could not be read, which is told already.
fn is_in_a_file(sources: &Sources) -> bool {
    let set = |name| sources.environment.get(name).is_some_and(|path| !path.is_empty());
    ["DATABASE_URL_FILE", "MIGRATE_DATABASE_URL_FILE"].into_iter().any(set)
}

/// Somebody gave a user or a password, but nothing that says where the database is, so that it is
/// neither waited for nor found by the migrations.
pub(crate) fn incomplete(sources: &Sources) -> Option<String> {
    let names = Connection::parts_without_host(&|name| variable(sources, name))?;
    let family = match names.first()?.split_once('_') {
        Some((family, _)) => format!("{family}_"),
        None => "PG".to_owned(),
    };
    let (list, are) = (names.join(", "), if names.len() == 1 { "is" } else { "are" });
    Some(format!(
        "{list} {are} set, but no host, so no database is waited for: set {family}HOST, or DATABASE_URL"
    ))
}

type Read = Result<(Connection, Vec<Note>), database::Problem>;

/// The parser's mistake in the form of ours.
pub(crate) fn wrong(problem: &database::Problem) -> Problem {
    let own = Problem::config(problem.to_string());
    match &problem.hint {
        Some(hint) => own.hint(format!("{hint} [{}]", problem.id)),
        None => own,
    }
}

/// Variables as the parser of connections sees them: ours of every origin, others from the
/// environment.
fn variable(sources: &Sources, name: &str) -> Option<String> {
    let own = settings::find(name).and_then(|setting| sources.values.get(setting.name));
    match own.map(|value| &value.raw) {
        Some(Raw::Text(text)) => Some(text.clone()),
        _ => text(&sources.environment, name),
    }
}

/// A variable as text; `None` if unset or not UTF-8.
pub(crate) fn text(environment: &Environment, name: &str) -> Option<String> {
    environment.text(name).map(str::to_owned)
}

fn url(sources: &Sources, name: &str, lookup: database::Lookup<'_>) -> Option<Read> {
    let value = sources.values.get(name)?;
    let Raw::Text(text) = &value.raw else { return None };
    let setting = settings::find(name)?;
    Some(Connection::parse(text, &value.origin.subject(setting), lookup))
}

/// One word of what to wait for; `source` is where it was written.
pub(crate) fn target(
    word: &str,
    source: &str,
    database: Option<&Connection>,
    lookup: database::Lookup<'_>,
) -> Result<(Target, Vec<Note>), Problem> {
    Target::parse(word, source, database, lookup).map_err(|problem| wrong(&problem))
}

/// `MIGRATE_DATABASE_URL` as it was given.
pub(crate) fn migrate_url(sources: &Sources) -> Option<Secret> {
    match &sources.values.get("MIGRATE_DATABASE_URL")?.raw {
        Raw::Text(text) => Some(Secret::new(text.as_str())),
        Raw::List(_) => None,
    }
}
