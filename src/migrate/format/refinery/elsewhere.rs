//! A history that a stored search path has led away from: a file that stores another one for the
//! database or the role would make the next start begin anew.
//!
//! Whoever names a schema in the address means it, and a history of another role is another app's or
//! another tenant's: only what our own role has recorded of this image's files counts.

use tokio_postgres::{Client, Error};

use super::{TABLE, Table, Width, matches, recorded};
use crate::migrate::{
    format::{Migration, Problem},
    sql::{column, identifier, rows},
};

/// The history that knows files of this image, where ours knows none yet; `None` if there is none.
pub(super) async fn elsewhere(
    client: &Client,
    table: &Table,
    migrations: &[Migration],
    wanted: &str,
) -> Result<Option<Problem>, Error> {
    for candidate in rows(client, &query()).await? {
        let Some((schema, width)) = column(&candidate, 0).zip(column(&candidate, 1)) else {
            continue;
        };
        let name = format!("{}.{}", identifier(&schema), identifier(TABLE));
        let width = if width == "int8" { Width::Int8 } else { Width::Int4 };
        let other = Table { name, width: Some(width), ..table.clone() };
        // A table of that name that cannot be read so is none of refinery's.
        let applied = recorded(client, &other).await.unwrap_or_default();
        let known =
            migrations.iter().find(|file| applied.iter().any(|row| matches(file, row, width)));
        if let Some(known) = known {
            return Ok(Some(Problem::Elsewhere {
                label: known.label.clone(),
                table: TABLE,
                schema,
                wanted: wanted.to_owned(),
                is_begun: table.width.is_some(),
            }));
        }
    }
    Ok(None)
}

/// Schema and version type of each history of ours, if the search path was stored for the database
/// or the role and not named by the client. With a role of its own each tenant has its own
/// path; where it then takes a common one, that proves nothing.
fn query() -> String {
    format!(
        "SELECT n.nspname, t.typname FROM pg_catalog.pg_settings s, pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'version' \
         AND NOT a.attisdropped \
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typname IN ('int4', 'int8') \
         WHERE s.name = 'search_path' AND (s.source IN ('database', 'global') \
         OR s.source IN ('user', 'database user') AND current_user = session_user) \
         AND c.relname = '{TABLE}' AND c.relkind IN ('r', 'p') AND c.relpersistence <> 't' \
         AND pg_catalog.pg_get_userbyid(c.relowner) = current_user ORDER BY n.nspname"
    )
}
