//! Where values come from: flags, environment, secret files, the env file, `init.toml`, in that order.
//!
//! Also owns what the environment becomes on its way to the children: files read, quotes taken off.

use std::{collections::BTreeMap, ffi::OsString};

use super::{
    env_file,
    environment::Environment,
    expand::is_auto,
    file::{self, File, Raw},
    files::Files,
    locate::{MIGRATIONS, SEEDS, named, read_text, usual_file},
    misspelt,
    names::names_we_read,
    origin::Origin,
    problem::{Problem, Problems},
    secret_files,
};
use crate::cli::{
    Cli,
    settings::{self, Kind, Setting},
};

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
    /// Variables round whose values quotes were taken off.
    pub(crate) unquoted: Vec<&'static str>,
    /// Of variables that do not come from the process's own environment.
    origins: BTreeMap<String, Origin>,
}

/// Collects all values; the highest source of each wins.
pub(crate) fn gather(
    cli: &Cli,
    environment: &Environment,
    files: &impl Files,
    nproc: usize,
    problems: &mut Problems,
) -> Sources {
    let mut sources = Sources::new(environment);
    secret_files::read(&mut sources.environment, &mut sources.origins, files, problems);
    sources.add_env_file(cli, files, problems);
    sources.take_off_quotes();
    sources.warn_of_blanks();
    sources.count_workers(nproc);
    sources.warnings.extend(misspelt::warnings(&sources.environment));
    sources.read_file(cli, files, problems);
    for setting in settings::all() {
        if let Some(value) = sources.find(cli, setting, problems) {
            sources.values.insert(setting.name, value);
        }
    }
    sources.add_found(files);
    sources
}

/// Collects the values of these settings from the environment alone; no file is read.
pub(crate) fn variables(
    names: &[&str],
    environment: &Environment,
    problems: &mut Problems,
) -> Sources {
    let mut sources = Sources::new(environment);
    sources.take_off_quotes();
    for setting in names.iter().filter_map(|name| settings::find(name)) {
        if let Some(value) = sources.variable(setting, problems) {
            sources.values.insert(setting.name, value);
        }
    }
    sources
}

impl Sources {
    fn new(environment: &Environment) -> Self {
        Self {
            values: BTreeMap::new(),
            environment: environment.clone(),
            file: File::default(),
            warnings: Vec::new(),
            unquoted: Vec::new(),
            origins: BTreeMap::new(),
        }
    }

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

    /// What `docker run --env-file` leaves; for commands and lists only if nothing but the wrapping
    /// is quoted.
    fn take_off_quotes(&mut self) {
        for (name, kind) in names_we_read() {
            let Some(value) = self.environment.text(name) else { continue };
            let value = value.trim();
            let Some(inner) = env_file::unquoted(value).map(str::to_owned) else { continue };
            // An address of nothing but quotes was meant to be one, and is refused later.
            let nothing = name.ends_with("DATABASE_URL") && inner.trim().is_empty();
            let inside = matches!(kind, Kind::Command | Kind::List) && inner.contains(&value[..1]);
            if nothing || inside {
                continue;
            }
            self.environment.set(name, inner);
            self.unquoted.push(name);
            self.warnings.push(format!(
                "{name} is wrapped in quotes, which `docker run --env-file` does not take off: using what is inside"
            ));
        }
    }

    /// What an editor, `echo` or a file with CRLF leaves round a value that is read without it.
    fn warn_of_blanks(&mut self) {
        let is_address = |kind, name| kind == Kind::Secret || settings::find(name).is_none();
        for (name, _) in names_we_read().filter(|(name, kind)| is_address(*kind, name)) {
            let text = self.environment.text(name).unwrap_or_default();
            if cut(name, text).len() < text.len() && !text.trim().is_empty() {
                self.warnings
                    .push(format!("{name}: blanks or a line end round the value are cut off"));
            }
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

    fn read_file(&mut self, cli: &Cli, files: &impl Files, problems: &mut Problems) {
        let named = named(cli, &self.environment, "APP_INIT_CONFIG");
        let Some(path) = named.or_else(|| usual_file(files)) else { return };
        match read_text(files, &path, "APP_INIT_CONFIG") {
            Ok(text) => self.file = file::parse(path, &text, problems),
            Err(problem) => problems.push(problem),
        }
    }

    /// What counts because it is there: `init.toml`, and a folder whose command nobody gives instead.
    fn add_found(&mut self, files: &impl Files) {
        let unset = |name: &str| !self.values.contains_key(name);
        let folders = [MIGRATIONS, SEEDS]
            .into_iter()
            .filter(|folder| unset(folder.setting) && unset(folder.command))
            .filter_map(|folder| Some((folder.setting, folder.find(files)?)));
        let file = unset("APP_INIT_CONFIG").then(|| usual_file(files)).flatten();
        let found: Vec<_> = folders.chain(file.map(|path| ("APP_INIT_CONFIG", path))).collect();
        let value = |path| Value { raw: Raw::Text(path), origin: Origin::Found };
        self.values.extend(found.into_iter().map(|(name, path)| (name, value(path))));
    }

    fn find(&self, cli: &Cli, setting: &Setting, problems: &mut Problems) -> Option<Value> {
        if let Some(text) = cli.flag(setting.name) {
            return Some(Value { raw: Raw::Text(text.to_owned()), origin: Origin::Flag });
        }
        self.variable(setting, problems).or_else(|| {
            let entry = self.file.settings.iter().find(|entry| entry.setting == setting)?;
            let origin = Origin::File(self.file.path.clone(), entry.line, entry.key.clone());
            Some(Value { raw: entry.value.clone(), origin })
        })
    }

    fn variable(&self, setting: &Setting, problems: &mut Problems) -> Option<Value> {
        let set = |name: &&str| self.environment.get(name).is_some_and(|value| !value.is_empty());
        let name = [Some(setting.name), setting.alias].into_iter().flatten().find(set)?;
        match self.environment.text(name).map(|text| cut(name, text)) {
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

/// The value as it is read: of a password only line ends are no part.
fn cut<'a>(name: &str, text: &'a str) -> &'a str {
    let password = ["PASSWORD", "_PASS"].iter().any(|end| name.ends_with(end));
    if password { text.trim_end_matches(['\n', '\r']) } else { text.trim() }
}
