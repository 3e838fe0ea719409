//! Which files and folders count: by flag, variable or their usual place; and how files are read.

use std::{
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{environment::Environment, file, files::Files, problem::Problem};
use crate::{
    cli::{Cli, flag_value},
    phrase::unread,
};

/// The `init.toml` that counts when none is named.
const DEFAULT_FILES: [&str; 2] = ["/etc/app-init/init.toml", "init.toml"];

/// The modes that `init.toml` defines, before the command line is understood.
///
/// A file that cannot be read defines none; `gather` reports it.
pub(crate) fn mode_names(
    words: &[OsString],
    environment: &Environment,
    files: &impl Files,
) -> Vec<String> {
    let set = || environment.text("APP_INIT_CONFIG").filter(|text| !text.trim().is_empty());
    let path = flag_value(words, "config")
        .or_else(|| set().map(str::to_owned))
        .or_else(|| usual_file(files));
    let text = path.and_then(|path| read_text(files, &path, "APP_INIT_CONFIG").ok());
    text.map_or_else(Vec::new, |text| file::mode_names(&text))
}

/// A folder that counts if it is there, unless a command is given instead.
pub(super) struct UsualFolder {
    pub(super) setting: &'static str,
    /// In the root or in the working directory.
    pub(super) name: &'static str,
    pub(super) command: &'static str,
}

pub(super) const MIGRATIONS: UsualFolder = UsualFolder {
    setting: "APP_INIT_MIGRATIONS",
    name: "migrations",
    command: "APP_INIT_MIGRATE_COMMAND",
};

pub(super) const SEEDS: UsualFolder =
    UsualFolder { setting: "APP_INIT_SEEDS", name: "seeds", command: "APP_INIT_SEED_COMMAND" };

impl UsualFolder {
    pub(super) fn find(&self, files: &impl Files) -> Option<String> {
        let mut places = [format!("/{}", self.name), self.name.to_owned()].into_iter();
        places.find(|place| files.is_dir(Path::new(place)))
    }
}

pub(super) fn usual_file(files: &impl Files) -> Option<String> {
    DEFAULT_FILES.into_iter().find(|path| files.is_file(Path::new(path))).map(str::to_owned)
}

/// The path of a file that a flag or a variable names.
pub(super) fn named(cli: &Cli, environment: &Environment, name: &str) -> Option<String> {
    let set = || environment.text(name).filter(|text| !text.trim().is_empty());
    cli.flag(name).or_else(set).map(str::to_owned)
}

/// The text of the file that the setting `subject` names.
/// # Errors
/// 66 if it cannot be read, 78 if it is no text.
pub(super) fn read_text(files: &impl Files, path: &str, subject: &str) -> Result<String, Problem> {
    let bytes = files.read(Path::new(path)).map_err(|error| {
        let problem =
            Problem::no_input(format!("{subject}: cannot read `{path}`: {}", unread(&error)));
        match unread_hint(subject, Path::new(path), files.here(), error.kind()) {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Problem::config(format!("{subject}: `{path}` is not UTF-8 text")))
}

/// What to do about a file that is not there; `None` where the reason says enough. `here` is the
/// working directory.
fn unread_hint(
    subject: &str,
    path: &Path,
    here: Option<PathBuf>,
    why: ErrorKind,
) -> Option<String> {
    let here = here.filter(|_| path.is_relative());
    let place = here.map_or_else(String::new, |here| {
        format!("looked for from the working directory `{}`: ", here.display())
    });
    match why {
        ErrorKind::NotFound => Some(format!(
            "{place}copy the file into the image or mount it there, or leave {subject} out"
        )),
        ErrorKind::IsADirectory => Some(format!(
            "{place}docker makes a directory where the file to be mounted is not there on the host"
        )),
        _ => None,
    }
}
