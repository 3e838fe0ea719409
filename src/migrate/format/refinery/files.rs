//! refinery's files: which count, what their names mean, and what is wrong with the rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    fs, io,
    path::{Path, PathBuf},
};

use refinery_core::{MigrationType, error::Kind, find_migration_files, parse_migration_name};

use crate::{
    migrate::{
        error::MigrateError,
        format::{Migration, Problem, Version},
    },
    phrase,
};

/// Reads the folder and everything below it; migrations come in the order of their versions.
/// # Errors
/// `Folder` if it cannot be read; `Problems` with every file that is misnamed, unreadable or
/// shares its version with another.
pub(crate) fn scan(folder: &Path) -> Result<Vec<Migration>, MigrateError> {
    let unreadable = |error: &io::Error| MigrateError::Folder {
        what: "migrations",
        folder: folder.to_owned(),
        why: phrase::system(error),
    };
    let folder_path = folder.canonicalize().map_err(|error| unreadable(&error))?;
    let all = files(&folder_path).map_err(|error| unreadable(&error))?;
    let recognised = match find_migration_files(&folder_path, MigrationType::Sql) {
        Ok(paths) => once(paths),
        Err(error) => {
            return Err(match error.kind() {
                Kind::InvalidMigrationPath(_, error) => unreadable(error),
                _ => unreadable(&io::ErrorKind::Other.into()),
            });
        }
    };
    let mut problems: Vec<Problem> = once(all)
        .iter()
        .filter(|path| recognised.binary_search(path).is_err())
        .filter_map(|path| misnamed(path))
        .filter_map(|(path, problem)| (!is_among(path, &recognised)).then_some(problem))
        .collect();
    let mut migrations = Vec::new();
    for path in &recognised {
        match migration(path) {
            Ok(migration) => migrations.push(migration),
            Err(problem) => problems.push(problem),
        }
    }
    migrations.sort_by(|one, other| one.version.cmp(&other.version));
    problems.extend(duplicates(&migrations));
    if problems.is_empty() { Ok(migrations) } else { Err(MigrateError::Problems(problems)) }
}

/// Each file once, by name and real path, sorted: a mounted Kubernetes `ConfigMap` shows every file
/// twice, in a hidden folder of the day and as a link to it. The outermost path is kept.
fn once(paths: impl IntoIterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut named: BTreeMap<Option<OsString>, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        named.entry(path.file_name().map(OsStr::to_owned)).or_default().push(path);
    }
    let mut paths: Vec<PathBuf> = named.into_values().flat_map(different).collect();
    paths.sort();
    paths
}

/// Of paths that end in one name, those that are different files. One alone is not looked at.
fn different(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    if paths.len() > 1 {
        let mut seen = BTreeSet::new();
        paths.sort_by_key(|path| path.components().count());
        paths.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    }
    paths
}

/// Every file below the folder. refinery skips folders that it may not read, and those behind a link; a
/// migration in one of them must not be skipped silently.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    below(folder, &mut vec![folder.canonicalize()?], &mut found)?;
    Ok(found)
}

/// `way` leads there, so that a link to a folder on it is not followed for ever.
fn below(folder: &Path, way: &mut Vec<PathBuf>, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_dir() {
            found.push(path);
            continue;
        }
        let real = path.canonicalize()?;
        if !way.contains(&real) {
            way.push(real);
            below(&path, way, found)?;
            way.pop();
        }
    }
    Ok(())
}

/// Whether that file is there under another path, too.
fn is_among(path: &Path, others: &[PathBuf]) -> bool {
    let Ok(real) = path.canonicalize() else { return false };
    others.iter().any(|other| other.canonicalize().is_ok_and(|other| other == real))
}

/// Names the SQL files below the folder that are no migrations by their names: somebody may count on them.
pub(crate) fn say_left_out(folder: &Path) {
    let is_sql = |path: &PathBuf| path.extension().is_some_and(|it| it.eq_ignore_ascii_case("sql"));
    let name = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    let all = once(files(folder).unwrap_or_default());
    let names = all.iter().filter(|path| is_sql(path)).filter_map(name);
    let names: Vec<String> = names.filter(|name| !is_meant(name)).collect();
    if !names.is_empty() {
        tracing::warn!(
            phase = "migrate",
            event = "left_out",
            "no migrations by their names, and left out: {}; a migration is called V1__what_it_does.sql",
            phrase::listed(&names)
        );
    }
}

/// Whether a file that refinery would skip was meant as a migration.
fn misnamed(path: &Path) -> Option<(&Path, Problem)> {
    let file = path.file_name()?.to_string_lossy().into_owned();
    let lower = file.to_ascii_lowercase();
    let (stem, extension) = lower.rsplit_once('.')?;
    let why = match extension {
        _ if !is_meant(&lower) => return None,
        "sql" if is_behind_link(path) => {
            return Some((path, Problem::Linked { file: path.display().to_string() }));
        }
        "sql" => "refinery would skip it",
        "rs" if stem.contains("__") => "app-init cannot run Rust migrations",
        _ => return None,
    };
    Some((path, Problem::Name { file, why }))
}

fn is_meant(name: &str) -> bool {
    let rest = name.strip_prefix(['v', 'u', 'V', 'U']);
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether a link leads to its folder, of a path below a real one.
fn is_behind_link(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.canonicalize().is_ok_and(|real| real != folder))
}

fn migration(path: &Path) -> Result<Migration, Problem> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let file = path.display().to_string();
    let (version, name) =
        version(&stem).map_err(|why| Problem::Name { file: file.clone(), why })?;
    let text = fs::read_to_string(path)
        .map_err(|error| Problem::Content { file: file.clone(), why: phrase::unread(&error) })?;
    if text.contains('\0') {
        return Err(Problem::Content { file, why: "it holds a zero byte".into() });
    }
    Ok(Migration {
        version: Version::Number(version),
        name,
        any_order: stem.starts_with('U'),
        label: stem,
        path: path.to_owned(),
        text,
    })
}

/// Version and name of a stem. refinery-core reads what fits 32 bits; the rest is read here.
pub(super) fn version(stem: &str) -> Result<(i64, String), &'static str> {
    match parse_migration_name(stem) {
        Ok((_, version, name)) => Ok((version.into(), name)),
        Err(error) if matches!(error.kind(), Kind::InvalidVersion) => {
            let (digits, name) = stem[1..].split_once("__").ok_or("it has no `__`")?;
            let version = digits.parse().map_err(|_| "its version is no whole 64-bit number")?;
            Ok((version, name.to_owned()))
        }
        Err(_) => Err("it has no version and name"),
    }
}

fn duplicates(migrations: &[Migration]) -> Vec<Problem> {
    let mut files: BTreeMap<&Version, Vec<String>> = BTreeMap::new();
    for migration in migrations {
        files.entry(&migration.version).or_default().push(migration.path.display().to_string());
    }
    files
        .into_iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(version, files)| Problem::Duplicate { version: version.clone(), files })
        .collect()
}
