//! Where a value was found.

use std::path::PathBuf;

use crate::cli::settings::Setting;

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    /// The environment.
    Variable(String),
    /// The file that `X_FILE` names.
    SecretFile(PathBuf),
    EnvFile(PathBuf, usize),
    /// `init.toml`, or what takes its place; with the line, and the key with those of its tables.
    File(PathBuf, usize, String),
    /// Nobody named it: it lies where it usually does.
    Found,
}

impl Origin {
    /// The setting as the user wrote it, for the start of a message.
    pub(crate) fn subject(&self, setting: &Setting) -> String {
        match self {
            Self::Flag => format!("--{}", setting.flag().unwrap_or_default()),
            Self::Variable(name) => name.clone(),
            Self::Found => setting.name.to_owned(),
            Self::File(_, _, key) => format!("{key} ({self})"),
            Self::SecretFile(_) | Self::EnvFile(..) => format!("{} ({self})", setting.name),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag => out.write_str("flag"),
            Self::Variable(_) => out.write_str("environment"),
            Self::Found => out.write_str("found"),
            Self::SecretFile(path) => write!(out, "{}", path.display()),
            Self::EnvFile(path, line) | Self::File(path, line, _) => {
                write!(out, "{}:{line}", path.display())
            }
        }
    }
}
