//! Files that the settings name: migrations, seeds, watched paths, certificates, secrets.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::finding::{Finding, Section};
use crate::{
    config::{
        Config,
        database::{Connection, Roots, SslMode},
        environment::Environment,
    },
    diagnose::{Diagnosis, Facts, table},
    exit::Exit,
    migrate::{self, MigrateError, format::refinery},
    phrase::{counted, unread},
    plan::{Action, Plan, Source, Work},
    postgres::tls::files::{ENCRYPTED, is_encrypted},
};

pub(super) fn look(config: &Config, plan: Option<&Plan>, given: &Environment) -> Vec<Finding> {
    let mut findings = secrets(config, given);
    // A step of the image's own may make what is watched.
    let mut after_own_step = false;
    for phase in plan.iter().flat_map(|plan| &plan.phases) {
        match &phase.action {
            Action::Do(Work::Migrate(migrate)) => match &migrate.source {
                Source::Folder(folder) => findings.push(migrations(folder, migrate.check_only)),
                Source::Command(_) => {
                    let paths = migrate.watch.iter().flat_map(|watch| &watch.paths);
                    findings.extend(paths.map(|path| watched(path, after_own_step)));
                }
            },
            Action::Do(Work::Seed(seed)) => {
                if let Source::Folder(folder) = &seed.source {
                    findings.push(seeds(folder));
                }
            }
            Action::Do(Work::Step(_)) => after_own_step = true,
            _ => {}
        }
    }
    let connections = config.database.iter().chain(&config.migrate_database);
    findings.extend(connections.flat_map(certificates));
    findings
}

/// Each `X_FILE` that was read; those that could not be are among the settings' problems.
fn secrets(config: &Config, given: &Environment) -> Vec<Finding> {
    let read = given.iter().filter_map(|(name, path)| {
        let name = name.to_str()?;
        let variable = name.strip_suffix("_FILE")?;
        let gone = config.environment.get(name).is_none();
        let became = config.environment.get(variable)?;
        gone.then(|| secret(name, Path::new(path), became))
    });
    read.collect()
}

fn secret(name: &str, path: &Path, value: &OsStr) -> Finding {
    if value.is_empty() {
        let message = format!("`{}` is empty", path.display());
        return Finding::warning(Section::Files, name, message);
    }
    Finding::ok(Section::Files, name, format!("`{}` can be read", path.display()))
}

fn migrations(folder: &Path, is_awaited: bool) -> Finding {
    let subject = "migrations";
    match refinery::scan(folder) {
        Err(failure) => Finding::failure(Section::Files, subject, &failure),
        Ok(found) => match found.as_slice() {
            [] if is_awaited => {
                let failure = MigrateError::NoFiles { folder: folder.to_owned() };
                Finding::failure(Section::Files, subject, &failure)
            }
            [] => Finding::warning(
                Section::Files,
                subject,
                format!("`{}` holds no migration", folder.display()),
            )
            .hint(migrate::NO_FILES),
            [one] => Finding::ok(Section::Files, subject, one.label.clone()),
            [first, .., last] => Finding::ok(
                Section::Files,
                subject,
                format!("{} files, {} to {}", found.len(), first.label, last.label),
            ),
        },
    }
}

fn seeds(folder: &Path) -> Finding {
    let sql = |path: &PathBuf| path.extension() == Some(OsStr::new("sql"));
    let files = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).filter(sql).collect());
    let files: Vec<PathBuf> = match files {
        Ok(files) => files,
        Err(error) => return unreadable("seeds", folder, &error),
    };
    for file in &files {
        if let Err(error) = fs::File::open(file) {
            return unreadable("seeds", file, &error);
        }
    }
    match files.len() {
        0 => Finding::warning(
            Section::Files,
            "seeds",
            format!("`{}` holds no .sql file", folder.display()),
        ),
        count => {
            let message = format!("{} in `{}`", counted(count, "file"), folder.display());
            Finding::ok(Section::Files, "seeds", message)
        }
    }
}

fn watched(path: &Path, may_be_made: bool) -> Finding {
    let subject = "APP_INIT_MIGRATE_WATCH";
    match fs::metadata(path) {
        Ok(_) => Finding::ok(Section::Files, subject, format!("`{}` is there", path.display())),
        Err(error) if may_be_made => unreadable(subject, path, &error).tolerated(),
        Err(error) => unreadable(subject, path, &error),
    }
}

/// Root certificates, client certificate and key, as far as the connection names any.
fn certificates(connection: &Connection) -> Vec<Finding> {
    let ssl = &connection.ssl;
    let mut named: Vec<(&str, &Path)> = Vec::new();
    if let Roots::File(path) = &ssl.roots {
        named.push(("sslrootcert", path));
    }
    if let Some((certificate, key)) = &ssl.identity {
        named.extend([("sslcert", certificate.as_path()), ("sslkey", key.as_path())]);
    }
    let shown = ssl.identity.as_ref().is_some_and(|(certificate, _)| certificate.exists());
    let demanded = |what: &str| match what {
        "sslrootcert" => matches!(ssl.mode, SslMode::VerifyCa | SslMode::VerifyFull),
        _ => shown,
    };
    let found = |(what, path): (&str, &Path)| {
        let finding = certificate(what, path);
        if path.exists() || demanded(what) { finding } else { finding.tolerated() }
    };
    named.into_iter().map(found).collect()
}

fn certificate(what: &str, path: &Path) -> Finding {
    match fs::read(path) {
        Ok(bytes) if what == "sslkey" && is_encrypted(&bytes) => {
            tls_file(what, &format!("`{}` {ENCRYPTED}", path.display()))
        }
        // A key may be in DER form, which begins with a sequence (ITU-T X.690, 8.9).
        Ok(bytes) if what == "sslkey" && bytes.starts_with(&[0x30]) => {
            Finding::ok(Section::Files, what, format!("`{}` can be read", path.display()))
        }
        Ok(bytes) if bytes.windows(11).any(|window| window == b"-----BEGIN ") => {
            Finding::ok(Section::Files, what, format!("`{}` can be read", path.display()))
        }
        Ok(_) => tls_file(what, &format!("`{}` is not in PEM form", path.display())),
        Err(error) => tls_file(what, &format!("`{}`: {}", path.display(), unread(&error))),
    }
}

fn tls_file(what: &str, text: &str) -> Finding {
    let facts = Facts { text: text.to_owned(), ..Facts::default() };
    Finding::diagnosis(Section::Files, what, &Diagnosis::new(&table::TLS_FILE, &facts))
}

fn unreadable(subject: &str, path: &Path, error: &io::Error) -> Finding {
    let message = format!("cannot read `{}`: {}", path.display(), unread(error));
    Finding::error(Section::Files, subject, message, Exit::NoInput)
}
