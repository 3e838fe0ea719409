//! The variables whose values app-init itself uses.

use crate::cli::settings::{self, Kind, Setting};

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

/// Variables whose values app-init itself uses.
pub(crate) fn names_we_read() -> impl Iterator<Item = (&'static str, Kind)> {
    let names = |setting: &'static Setting| {
        [Some(setting.name), setting.alias].into_iter().flatten().map(|name| (name, setting.kind))
    };
    settings::all().flat_map(names).chain(DATABASE_PARTS.into_iter().map(|name| (name, Kind::Text)))
}
