//! Small pieces of SQL: quoting, and rows as the simple protocol returns them.
//!
//! Everything here and in the rest of `migrate` speaks the simple protocol: it needs no prepared
//! statement, so it works through a transaction pooler, and it holds no snapshot between queries.

use std::time::Duration;

use tokio_postgres::{Client, Error, SimpleQueryMessage, SimpleQueryRow};

/// Whether row-level security counts for our role at the relation `c` and no policy lets it read
/// there: then no row is seen, and that is no error (PostgreSQL manual, 5.9).
pub(super) const HIDDEN: &str = "pg_catalog.row_security_active(c.oid) AND NOT EXISTS (SELECT \
    FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive \
    AND p.polcmd IN ('r', '*') AND (0 = ANY (p.polroles) OR EXISTS (SELECT \
    FROM pg_catalog.unnest(p.polroles) AS r WHERE pg_catalog.pg_has_role(r, 'USAGE'))))";

/// A string constant, whatever `standard_conforming_strings` says (PostgreSQL manual, 4.1.2.2).
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A quoted identifier (PostgreSQL manual, 4.1.1).
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A query of one row, after which the rest of its transaction waits no longer than that for a
/// locked table; `None` is for ever.
pub(super) fn wait_for_locks(limit: Option<Duration>) -> String {
    format!("SELECT pg_catalog.set_config('lock_timeout', '{}', true)", lock_timeout(limit))
}

/// The value of `lock_timeout`, where zero is no limit and more than 31 bits are refused.
pub(super) fn lock_timeout(limit: Option<Duration>) -> i32 {
    limit.map_or(0, |limit| i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1))
}

/// Runs one or several statements and returns the rows of all of them.
pub(crate) async fn rows(client: &Client, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    let messages = client.simple_query(sql).await?;
    Ok(messages
        .into_iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .collect())
}

/// The first column of the first row; `None` for no row and for NULL.
pub(super) async fn scalar(client: &Client, sql: &str) -> Result<Option<String>, Error> {
    Ok(rows(client, sql).await?.first().and_then(|row| column(row, 0)))
}

/// One column as text; `None` if it is NULL or not there.
pub(crate) fn column(row: &SimpleQueryRow, index: usize) -> Option<String> {
    row.try_get(index).ok().flatten().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_so_that_nothing_ends_early() {
        for (text, quoted) in
            [("a", "'a'"), ("it's", "'it''s'"), ("a\\", " E'a\\\\'"), ("\\'", " E'\\\\'''")]
        {
            assert_eq!(literal(text), quoted, "{text:?}");
        }
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }
}
