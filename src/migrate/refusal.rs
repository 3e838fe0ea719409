//! How a query is made to fail where it must not go on.

/// Settings that nobody has: asking for one is an error (42704), which also says in the server's
/// log what happened.
pub(super) const FENCED: &str = "app_init.another_session_is_applying_a_migration";
pub(super) const ALREADY: &str = "app_init.this_file_was_applied_meanwhile";
pub(super) const UNRECORDED: &str = "app_init.what_was_recorded_is_not_there";

/// An expression that fails, when it is evaluated and not before: the function is not immutable.
pub(super) fn error(setting: &str) -> String {
    format!("pg_catalog.current_setting('{setting}')")
}

/// A statement that fails if the query has a row.
pub(super) fn if_any(query: &str, setting: &str) -> String {
    format!("SELECT CASE WHEN EXISTS ({query}) THEN {} END", error(setting))
}

/// A statement that fails if the query has none.
pub(super) fn if_none(query: &str, setting: &str) -> String {
    format!("SELECT CASE WHEN NOT EXISTS ({query}) THEN {} END", error(setting))
}
