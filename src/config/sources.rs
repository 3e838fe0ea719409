//! Where values come from: flags, environment, secret files, the env file, `init.toml`, in that order.
//!
//! Also owns what the environment becomes on its way to the children: files read, quotes taken off.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    env_file,
    environment::Environment,
    expand::is_auto,
    file::{self, File, Raw},
    files::Files,
    problem::{Problem, Problems},
    secret_files,
    types::nearest,
};
use crate::cli::{
    Cli,
    settings::{self, EXPORTED, Kind, PREFIX, Setting},
};

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    /// The environment.
    Variable(String),
    /// The file that `X_FILE` names.
    SecretFile(PathBuf),
    EnvFile(PathBuf, usize),
    /// `init.toml`, or what takes its place.
    File(PathBuf, usize),
}

impl Origin {
    /// The setting as the user wrote it, for the start of a message.
    pub(crate) fn subject(&self, setting: &Setting) -> String {
        match self {
            Self::Flag => format!("--{}", setting.flag().unwrap_or_default()),
            Self::Variable(name) => name.clone(),
            Self::File(..) => format!("{} ({self})", setting.key()),
            Self::SecretFile(_) | Self::EnvFile(..) => format!("{} ({self})", setting.name),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag => out.write_str("flag"),
            Self::Variable(_) => out.write_str("environment"),
            Self::SecretFile(path) => write!(out, "{}", path.display()),
            Self::EnvFile(path, line) | Self::File(path, line) => {
                write!(out, "{}:{line}", path.display())
            }
        }
    }
}

/// A value that some source gives. Has no `Debug`: it may be a secret.
pub(crate) struct Value {
    pub(crate) raw: Raw,
    pub(crate) origin: Origin,
}

/// Everything that was found.
pub(crate) struct Sources {
    pub(crate) values: BTreeMap<&'static str, Value>,
    /// What the children get, less what is not theirs.
    pub(crate) environment: Environment,
    pub(crate) file: File,
    pub(crate) warnings: Vec<String>,
    /// Of variables that do not come from the process's own environment.
    origins: BTreeMap<String, Origin>,
}

/// The `init.toml` that counts when none is named.
const DEFAULT_FILES: [&str; 2] = ["/etc/app-init/init.toml", "init.toml"];

/// Variables of which `config::database` composes a connection, when there is no URL.
const DATABASE_PARTS: [&str; 33] = [
    "DATABASE_HOST",
    "DATABASE_HOSTNAME",
    "DATABASE_PORT",
    "DATABASE_USERNAME",
    "DATABASE_PASS",
    "DATABASE_NAME",
    "DATABASE_DB",
    "DATABASE_SSLMODE",
    "POSTGRES_HOST",
    "POSTGRES_HOSTNAME",
    "POSTGRES_SERVER",
    "POSTGRES_PORT",
    "POSTGRES_USER",
    "POSTGRES_USERNAME",
    "POSTGRES_PASSWORD",
    "POSTGRES_DB",
    "POSTGRES_DATABASE",
    "POSTGRES_SSLMODE",
    "DB_HOST",
    "DB_HOSTNAME",
    "DB_PORT",
    "DB_USER",
    "DB_USERNAME",
    "DB_PASSWORD",
    "DB_PASS",
    "DB_NAME",
    "DB_DATABASE",
    "DB_SSLMODE",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGDATABASE",
];

/// Collects all values; the highest source of each wins.
pub(crate) fn gather(
    cli: &Cli,
    environment: &Environment,
    files: &impl Files,
    nproc: usize,
    problems: &mut Problems,
) -> Sources {
    let mut sources = Sources {
        values: BTreeMap::new(),
        environment: environment.clone(),
        file: File::default(),
        warnings: Vec::new(),
        origins: BTreeMap::new(),
    };
    secret_files::read(&mut sources.environment, &mut sources.origins, files, problems);
    sources.add_env_file(cli, files, problems);
    sources.take_off_quotes();
    sources.count_workers(nproc);
    sources.warn_of_unknown();
    sources.read_file(cli, files, problems);
    for setting in settings::all() {
        if let Some(value) = sources.find(cli, setting, problems) {
            sources.values.insert(setting.name, value);
        }
    }
    sources
}

/// The modes that `init.toml` defines, before the command line is understood.
///
/// A file that cannot be read defines none; `gather` reports it.
pub(crate) fn mode_names(
    words: &[OsString],
    environment: &Environment,
    files: &impl Files,
) -> Vec<String> {
    let set = || environment.text("APP_INIT_CONFIG").filter(|text| !text.trim().is_empty());
    let path =
        config_flag(words).or_else(|| set().map(str::to_owned)).or_else(|| usual_file(files));
    let text = path.and_then(|path| read_text(files, &path, "APP_INIT_CONFIG").ok());
    text.map_or_else(Vec::new, |text| file::mode_names(&text))
}

/// `--config PATH` or `--config=PATH`, in front of any `--`.
fn config_flag(words: &[OsString]) -> Option<String> {
    let mut words = words.iter().map_while(|word| word.to_str()).take_while(|word| *word != "--");
    let mut next = || words.next();
    while let Some(word) = next() {
        match word.strip_prefix("--config") {
            Some("") => return next().map(str::to_owned),
            Some(rest) if rest.starts_with('=') => return Some(rest[1..].to_owned()),
            _ => {}
        }
    }
    None
}

fn usual_file(files: &impl Files) -> Option<String> {
    DEFAULT_FILES.into_iter().find(|path| files.is_file(Path::new(path))).map(str::to_owned)
}

/// The path of a file that a flag or a variable names.
fn named(cli: &Cli, environment: &Environment, name: &str) -> Option<String> {
    let set = || environment.text(name).filter(|text| !text.trim().is_empty());
    cli.flag(name).or_else(set).map(str::to_owned)
}

/// Why a file cannot be read, without the error number.
pub(crate) fn why(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        std::io::ErrorKind::IsADirectory => "it is a directory".into(),
        kind => kind.to_string(),
    }
}

fn read_text(files: &impl Files, path: &str, subject: &str) -> Result<String, Problem> {
    let bytes = files.read(Path::new(path)).map_err(|error| {
        Problem::no_input(format!("{subject}: cannot read `{path}`: {}", why(&error)))
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Problem::config(format!("{subject}: `{path}` is not UTF-8 text")))
}

impl Sources {
    /// Where the variable of that name comes from.
    pub(crate) fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).cloned().unwrap_or_else(|| Origin::Variable(name.to_owned()))
    }

    /// Lines count below the environment, but above everything else.
    fn add_env_file(&mut self, cli: &Cli, files: &impl Files, problems: &mut Problems) {
        let Some(path) = named(cli, &self.environment, "APP_INIT_ENV_FILE") else { return };
        let text = match read_text(files, &path, "APP_INIT_ENV_FILE") {
            Ok(text) => text,
            Err(problem) => return problems.push(problem),
        };
        let lines = env_file::parse(&path, &text, problems);
        let mut origins: BTreeMap<String, Origin> = lines
            .iter()
            .map(|line| (line.name.clone(), Origin::EnvFile(path.clone().into(), line.number)))
            .collect();
        let pair = |line: env_file::Line| (OsString::from(line.name), OsString::from(line.value));
        let mut lower = Environment::new(lines.into_iter().map(pair));
        secret_files::read(&mut lower, &mut origins, files, problems);
        for (name, value) in lower.iter() {
            if !self.is_set(&name.to_string_lossy()) {
                self.environment.set(name, value);
                let name = name.to_string_lossy().into_owned();
                self.origins.extend(origins.remove_entry(&name));
            }
        }
    }

    /// An empty value of a setting is none; an empty value of the application's is its own affair.
    fn is_set(&self, name: &str) -> bool {
        let ours = settings::find(name).is_some();
        self.environment.get(name).is_some_and(|value| !ours || !value.is_empty())
    }

    /// What `docker run --env-file` leaves; for commands only if nothing but the wrapping is quoted.
    fn take_off_quotes(&mut self) {
        for (name, kind) in names_we_read() {
            let Some(value) = self.environment.text(name) else { continue };
            let value = value.trim();
            let Some(inner) = env_file::unquoted(value).map(str::to_owned) else { continue };
            if kind == Kind::Command && inner.contains(&value[..1]) {
                continue;
            }
            self.environment.set(name, inner);
            self.warnings.push(format!(
                "{name} is wrapped in quotes, which `docker run --env-file` does not take off: using what is inside"
            ));
        }
    }

    /// `auto` becomes a number that every server understands.
    fn count_workers(&mut self, nproc: usize) {
        for name in ["UVICORN_WORKERS", "WEB_CONCURRENCY"] {
            if self.environment.get(name).is_some_and(is_auto) {
                self.environment.set(name, nproc.to_string());
            }
        }
    }

    fn warn_of_unknown(&mut self) {
        let unknown = |name: &&str| {
            name.starts_with(PREFIX) && settings::find(name).is_none() && !EXPORTED.contains(name)
        };
        let names: Vec<String> = self
            .environment
            .iter()
            .filter_map(|(name, _)| name.to_str().filter(unknown).map(str::to_owned))
            .collect();
        for name in names {
            let near = nearest(&name, settings::all().map(|setting| setting.name));
            let advice = near.map_or_else(String::new, |near| format!(": did you mean {near}?"));
            self.warnings.push(format!("{name} is not a setting of app-init{advice}"));
        }
    }

    fn read_file(&mut self, cli: &Cli, files: &impl Files, problems: &mut Problems) {
        let named = named(cli, &self.environment, "APP_INIT_CONFIG");
        let Some(path) = named.or_else(|| usual_file(files)) else { return };
        match read_text(files, &path, "APP_INIT_CONFIG") {
            Ok(text) => self.file = file::parse(path, &text, problems),
            Err(problem) => problems.push(problem),
        }
    }

    fn find(&self, cli: &Cli, setting: &Setting, problems: &mut Problems) -> Option<Value> {
        if let Some(text) = cli.flag(setting.name) {
            return Some(Value { raw: Raw::Text(text.to_owned()), origin: Origin::Flag });
        }
        self.variable(setting, problems).or_else(|| {
            let entry = self.file.settings.iter().find(|entry| entry.setting == setting)?;
            let origin = Origin::File(self.file.path.clone(), entry.line);
            Some(Value { raw: entry.value.clone(), origin })
        })
    }

    fn variable(&self, setting: &Setting, problems: &mut Problems) -> Option<Value> {
        let set = |name: &&str| self.environment.get(name).is_some_and(|value| !value.is_empty());
        let name = [Some(setting.name), setting.alias].into_iter().flatten().find(set)?;
        match self.environment.text(name).map(str::trim) {
            Some("") => None,
            Some(text) => {
                Some(Value { raw: Raw::Text(text.to_owned()), origin: self.origin(name) })
            }
            None => {
                problems.push(Problem::config(format!("{name}: the value is not UTF-8 text")));
                None
            }
        }
    }
}

/// Variables whose values app-init itself uses.
pub(crate) fn names_we_read() -> impl Iterator<Item = (&'static str, Kind)> {
    let names = |setting: &'static Setting| {
        [Some(setting.name), setting.alias].into_iter().flatten().map(|name| (name, setting.kind))
    };
    settings::all().flat_map(names).chain(DATABASE_PARTS.into_iter().map(|name| (name, Kind::Text)))
}
