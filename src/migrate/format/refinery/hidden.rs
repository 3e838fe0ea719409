//! A history whose rows are hidden from our role by row-level security: it would look empty, and who
//! migrates would run all of it again, who waits would wait in vain.

use super::TABLE;
use crate::migrate::{error::MigrateError, sql::identifier};

/// Whether row-level security counts for our role at the relation `c` and no policy lets it read
/// there: then no row is seen, and that is no error (PostgreSQL manual, 5.9).
pub(super) const HIDDEN: &str = "pg_catalog.row_security_active(c.oid) AND NOT EXISTS (SELECT \
    FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive \
    AND p.polcmd IN ('r', '*') AND (0 = ANY (p.polroles) OR EXISTS (SELECT \
    FROM pg_catalog.unnest(p.polroles) AS r WHERE pg_catalog.pg_has_role(r, 'USAGE'))))";

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
