//! Small pieces of SQL: quoting, and rows as the simple protocol returns them.
//!
//! Everything here and in the rest of `migrate` speaks the simple protocol: it needs no prepared
//! statement, so it works through a transaction pooler, and it holds no snapshot between queries.

use std::time::Duration;

use tokio_postgres::{Client, Error, SimpleQueryMessage, SimpleQueryRow};

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
