//! `X_FILE`: docker and Kubernetes secrets become the variable `X`.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use super::{
    environment::Environment,
    files::Files,
    names::names_we_read,
    origin::Origin,
    problem::{Problem, Problems},
};
use crate::{cli::settings, phrase::unread};

/// Where docker and Kubernetes mount secrets.
const MOUNT: &str = "/run/secrets";

/// Names ending in `_FILE` whose programs want the file itself, wherever it lies.
const OF_THEIR_OWN: [&str; 5] = [
    "SSL_CERT_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// Replaces each `X_FILE` that is ours, or lies under `/run/secrets`, by `X`.
///
/// One trailing newline is removed, because editors and `echo` leave one.
pub(crate) fn read(
    environment: &mut Environment,
    origins: &mut BTreeMap<String, Origin>,
    files: &impl Files,
    problems: &mut Problems,
) {
    for (name, path) in found(environment) {
        let variable = format!("{name}_FILE");
        if environment.get(&name).is_some_and(|value| !value.is_empty()) {
            problems.push(
                Problem::config(format!("{name} and {variable} are both set"))
                    .hint("keep one of them"),
            );
            continue;
        }
        match files.read(&path) {
            Ok(bytes) => {
                environment.set(&name, OsString::from_vec(without_newline(bytes)));
                environment.remove(&variable);
                origins.insert(name, Origin::SecretFile(path));
            }
            Err(error) => problems.push(unreadable(&variable, &name, &path, &error)),
        }
    }
}

/// Base names and paths.
fn found(environment: &Environment) -> Vec<(String, PathBuf)> {
    let pairs = environment.iter().filter_map(|(variable, path)| {
        let variable = variable.to_str()?;
        let name = variable.strip_suffix("_FILE")?;
        let path = Path::new(path);
        let left_alone = OF_THEIR_OWN.contains(&variable) || settings::find(variable).is_some();
        let ours = names_we_read().any(|(known, _)| known == name) || path.starts_with(MOUNT);
        let fits = !name.is_empty() && !path.as_os_str().is_empty() && ours && !left_alone;
        fits.then(|| (name.to_owned(), path.to_owned()))
    });
    pairs.collect()
}

fn without_newline(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}

fn unreadable(variable: &str, name: &str, path: &Path, error: &std::io::Error) -> Problem {
    let shown = String::from_utf8_lossy(path.as_os_str().as_bytes());
    Problem::no_input(format!("{variable}: cannot read `{shown}`: {}", unread(error)))
        .hint(format!("mount the secret there, or set {name} itself"))
}
