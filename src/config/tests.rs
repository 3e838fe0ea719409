//! Settings from every source at once, without a disk.

mod addresses;
mod mistakes;
mod sources;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use super::{Config, environment::Environment, files::Files, mode_names, resolve};
use crate::{cli::Cli, failure::Failure};

/// An image: its files, its environment, the words it is started with.
#[derive(Default)]
pub(crate) struct Image {
    files: BTreeMap<PathBuf, String>,
    variables: Vec<(OsString, OsString)>,
}

impl Image {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.to_owned());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.into()));
        self
    }

    /// What `init WORDS` makes of it on six CPUs.
    pub(crate) fn start(self, words: &str) -> Config {
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        let environment = Environment::new(self.variables.clone());
        let modes = mode_names(&words, &environment, &self);
        let cli = Cli::parse(words, &modes).unwrap();
        resolve(&cli, &environment, &self, 6)
    }
}

impl Files for Image {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.clone().into_bytes())
    }

    fn is_file(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file.parent() == Some(path))
    }

    fn here(&self) -> Option<PathBuf> {
        Some("/app".into())
    }
}

/// Value and origin as `init config` shows them.
fn shown(config: &Config, name: &str) -> (String, String) {
    let line = config.shown.iter().find(|line| line.name == name).unwrap();
    (line.value.clone().unwrap_or_default(), line.origin.clone())
}

fn messages(config: &Config) -> Vec<String> {
    let told = config.problems.iter().chain(config.missing.iter());
    told.map(|problem| format!("{problem}; {}", problem.hint().unwrap_or_default())).collect()
}

fn child(config: &Config, name: &str) -> Option<String> {
    config.environment.text(name).map(str::to_owned)
}
