//! What our role may do with the history.

use tokio_postgres::SimpleQueryRow;

use super::{TABLE, Table};
use crate::migrate::{
    error::MigrateError,
    sql::{column, identifier},
};

/// Our role, whether it may add rows to the history `c` (for each column or for some), and whether it
/// may make one where it would be made.
pub(super) const COLUMNS: &str = "current_user, \
    pg_catalog.has_any_column_privilege(c.oid, 'INSERT'), \
    pg_catalog.has_schema_privilege(pg_catalog.current_schema()::pg_catalog.text, 'CREATE')";

/// The same as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Rights {
    role: String,
    record: bool,
    create: bool,
}

impl Rights {
    /// From the row whose columns begin there.
    pub(super) fn of(row: &SimpleQueryRow, first: usize) -> Self {
        let may = |index| column(row, first + index).as_deref() == Some("t");
        Self { role: column(row, first).unwrap_or_default(), record: may(1), create: may(2) }
    }
}

impl Table {
    /// The error of who may not read it.
    pub(super) fn closed(&self) -> MigrateError {
        let doing = format!("read the migration history {}", self.name);
        self.lacks(doing, &format!("SELECT ON {}", self.name))
    }

    /// Whether our role may record what it applies: better known before anything has run.
    /// # Errors
    /// `Rights` says what to grant.
    pub(crate) fn may_record(&self) -> Result<(), MigrateError> {
        let schema = identifier(&self.schema);
        match self.width {
            Some(_) if !self.rights.record => {
                let doing = format!("record migrations in {}", self.name);
                Err(self.lacks(doing, &format!("SELECT, INSERT ON {}", self.name)))
            }
            None if !self.rights.create => {
                let doing = format!("create the migration history `{TABLE}` in schema {schema}");
                Err(self.lacks(doing, &format!("CREATE ON SCHEMA {schema}")))
            }
            _ => Ok(()),
        }
    }

    fn lacks(&self, doing: String, what: &str) -> MigrateError {
        let role = self.rights.role.clone();
        let grant = format!("GRANT {what} TO {}", identifier(&role));
        MigrateError::Rights { doing, role, grant }
    }
}
