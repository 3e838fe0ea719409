//! A history that the search path leads to, in a schema that is closed to our role.
//!
//! Such a schema is left out of the search as if it were not there (PostgreSQL manual, 5.10.3), so the
//! history would look empty: who migrates would run all of it again, who waits would wait in vain.

use tokio_postgres::{Client, Error};

use super::TABLE;
use crate::migrate::{
    error::MigrateError,
    sql::{column, identifier, rows},
};

/// Says what to grant; `None` if there is no such history.
pub(super) async fn closed(client: &Client) -> Result<Option<MigrateError>, Error> {
    let found = rows(client, &query()).await?;
    let Some((schema, role)) = found.first().and_then(|row| column(row, 0).zip(column(row, 1)))
    else {
        return Ok(None);
    };
    let (on, to) = (identifier(&schema), identifier(&role));
    Ok(Some(MigrateError::Rights {
        doing: format!("read the migration history `{schema}.{TABLE}`"),
        role,
        grant: format!("GRANT USAGE ON SCHEMA {on} TO {to}; GRANT SELECT ON {on}.{TABLE} TO {to}"),
    }))
}

/// The schema and our role. Names in the path may be quoted, and one stands for the user's own.
fn query() -> String {
    format!(
        "SELECT n.nspname, current_user FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.regexp_split_to_table(pg_catalog.current_setting('search_path'), ',') AS part \
         ON n.nspname = replace(pg_catalog.btrim(part, ' \"'), '$user', current_user) \
         WHERE c.relname = '{TABLE}' AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
    )
}
