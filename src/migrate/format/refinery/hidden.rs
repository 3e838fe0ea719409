//! A history whose rows are hidden from our role by row-level security: it would look empty, and who
//! migrates would run all of it again, who waits would wait in vain.

use super::TABLE;
use crate::migrate::{error::MigrateError, sql::identifier};

/// Says what to run. `role` is ours.
pub(super) fn hidden(schema: &str, role: String) -> MigrateError {
    let table = format!("{}.{TABLE}", identifier(schema));
    let policy = "CREATE POLICY app_init ON";
    MigrateError::Rights {
        doing: format!(
            "read the migration history `{schema}.{TABLE}`, whose rows are hidden by row-level security"
        ),
        grant: format!(
            "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY (or {policy} {table} TO {} USING (true))",
            identifier(&role)
        ),
        role,
    }
}
