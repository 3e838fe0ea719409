//! A connection composed from `DATABASE_*`, `POSTGRES_*`, `DB_*` and `PG*` variables.

use super::{Lookup, Problem, draft::Draft};

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
pub(super) fn collect(variables: Lookup) -> Option<Result<Draft, Problem>> {
    let mut draft = Draft::default();
    let foreign = laravel_means_another_database(variables);
    for (keyword, names) in PARTS {
        let first = names
            .iter()
            .filter(|name| !(foreign && name.starts_with("DB_")))
            .find_map(|name| Some((name, set(variables, name)?)));
        if let Some((name, value)) = first {
            draft.offer(keyword, part(keyword, &value), name);
        }
    }
    let elsewhere = ["PGHOSTADDR", "PGSERVICE"].iter().any(|name| set(variables, name).is_some());
    if !draft.has("host") && !elsewhere {
        return None;
    }
    draft.source = draft.origin("host").unwrap_or("PGHOSTADDR").to_owned();
    Some(Ok(draft))
}

fn set(variables: Lookup, name: &str) -> Option<String> {
    variables(name).filter(|value| !value.trim().is_empty())
}

/// Docker links and Kubernetes services set `POSTGRES_PORT=tcp://10.0.0.1:5432`.
fn part<'a>(keyword: &str, value: &'a str) -> &'a str {
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
