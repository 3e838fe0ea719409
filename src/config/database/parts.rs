//! A connection composed from `DATABASE_*`, `POSTGRES_*`, `DB_*` and `PG*` variables.

use super::{Lookup, draft::Draft};

/// Keyword and the variables that give it, the first one set wins.
const PARTS: &[(&str, &[&str])] = &[
    (
        "host",
        &[
            "DATABASE_HOST",
            "DATABASE_HOSTNAME",
            "POSTGRES_HOST",
            "POSTGRES_HOSTNAME",
            "POSTGRES_SERVER",
            "DB_HOST",
            "DB_HOSTNAME",
            "PGHOST",
        ],
    ),
    ("port", &["DATABASE_PORT", "POSTGRES_PORT", "DB_PORT", "PGPORT"]),
    (
        "user",
        &[
            "DATABASE_USER",
            "DATABASE_USERNAME",
            "POSTGRES_USER",
            "POSTGRES_USERNAME",
            "DB_USER",
            "DB_USERNAME",
            "PGUSER",
        ],
    ),
    (
        "password",
        &[
            "DATABASE_PASSWORD",
            "DATABASE_PASS",
            "POSTGRES_PASSWORD",
            "DB_PASSWORD",
            "DB_PASS",
            "PGPASSWORD",
        ],
    ),
    (
        "dbname",
        &[
            "DATABASE_NAME",
            "DATABASE_DB",
            "POSTGRES_DB",
            "POSTGRES_DATABASE",
            "DB_NAME",
            "DB_DATABASE",
            "PGDATABASE",
        ],
    ),
    ("sslmode", &["DATABASE_SSLMODE", "POSTGRES_SSLMODE", "DB_SSLMODE", "PGSSLMODE"]),
];

/// The parts as a draft; `None` unless a variable names a host or a service.
pub(super) fn collect(variables: Lookup) -> Option<Draft> {
    let given = given(variables);
    if !is_located(&given, variables) {
        return None;
    }
    let mut draft = Draft::default();
    for (keyword, name, value) in given {
        draft.offer(keyword, part(keyword, &value), name);
    }
    let other = if has_service(variables) { "PGSERVICE" } else { "PGHOSTADDR" };
    draft.source = draft.origin("host").unwrap_or(other).to_owned();
    Some(draft)
}

/// The variables of user, password and database, where a user or a password is given and nothing
/// says on which host. A lone name of a database may be a file's.
pub(super) fn without_host(variables: Lookup) -> Option<Vec<&'static str>> {
    let mut given = given(variables);
    let located = is_located(&given, variables);
    given.retain(|(keyword, ..)| matches!(*keyword, "user" | "password" | "dbname"));
    let meant = given.iter().any(|(keyword, ..)| *keyword != "dbname");
    (meant && !located).then(|| given.into_iter().map(|(_, name, _)| name).collect())
}

/// Keyword, variable and value of each part that is set. Those of libpq count less than its service
/// file, and come later (PostgreSQL manual, 34.17).
fn given(variables: Lookup) -> Vec<(&'static str, &'static str, String)> {
    let foreign = laravel_means_another_database(variables);
    let service = has_service(variables);
    let first = |(keyword, names): &(&'static str, &'static [&'static str])| {
        let ours = names.iter().filter(|name| {
            let left_out =
                (foreign && name.starts_with("DB_")) || (service && name.starts_with("PG"));
            !left_out
        });
        ours.copied().find_map(|name| Some((*keyword, name, set(variables, name)?)))
    };
    PARTS.iter().filter_map(first).collect()
}

fn is_located(given: &[(&str, &str, String)], variables: Lookup) -> bool {
    given.iter().any(|(keyword, ..)| *keyword == "host")
        || set(variables, "PGHOSTADDR").is_some()
        || has_service(variables)
}

fn has_service(variables: Lookup) -> bool {
    set(variables, "PGSERVICE").is_some()
}

fn set(variables: Lookup, name: &str) -> Option<String> {
    variables(name).filter(|value| !value.trim().is_empty())
}

/// A value without blanks round it, a password without line ends behind it.
///
/// Docker links and Kubernetes services set `POSTGRES_PORT=tcp://10.0.0.1:5432`.
pub(super) fn part<'a>(keyword: &str, value: &'a str) -> &'a str {
    if keyword == "password" {
        return value.trim_end_matches(['\n', '\r']);
    }
    let value = value.trim();
    match value.strip_prefix("tcp://") {
        Some(place) if keyword == "port" => place.rsplit(':').next().unwrap_or_default(),
        _ => value,
    }
}

/// `DB_CONNECTION=mysql` beside `DB_HOST` is not about Postgres.
fn laravel_means_another_database(variables: Lookup) -> bool {
    ["DB_CONNECTION", "DB_ENGINE", "DB_DIALECT", "DB_TYPE"].iter().any(|name| {
        set(variables, name).is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            ["mysql", "maria", "sqlite", "mssql", "sqlserver", "sqlsrv", "oracle", "mongo"]
                .iter()
                .any(|other| value.contains(other))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_for_no_database_names_all_that_is_looked_at_for_a_host() {
        let (_, hosts) = PARTS.iter().find(|(keyword, _)| *keyword == "host").unwrap();
        for name in *hosts {
            assert!(crate::diagnose::SET_DATABASE.contains(name), "{name}");
        }
    }
}
