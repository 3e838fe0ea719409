//! What our role may do with the markers, and what to grant where that is too little. The answers are pure.

use tokio_postgres::SimpleQueryRow;

use crate::migrate::sql::{column, identifier, literal};

/// How schema and table of the markers stand, as our role sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one answer of the catalogue")]
pub(in crate::migrate) struct Standing {
    pub(in crate::migrate) role: String,
    pub(in crate::migrate) database: String,
    pub(super) may_create_schema: bool,
    pub(super) has_schema: bool,
    pub(super) may_use: bool,
    pub(super) may_create_table: bool,
    pub(in crate::migrate) has_table: bool,
    pub(super) may_read: bool,
    pub(super) may_write: bool,
}

/// Columns of the one row that `query` returns.
pub(in crate::migrate) const COLUMNS: usize = 9;

/// Asks the catalogue only: looking a name up in a schema that is closed to us would be an error.
pub(in crate::migrate) fn query(schema: &str) -> String {
    format!(
        "SELECT current_user, pg_catalog.current_database(), \
         pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'), \
         n.oid IS NOT NULL, pg_catalog.has_schema_privilege(n.oid, 'USAGE'), \
         pg_catalog.has_schema_privilege(n.oid, 'CREATE'), c.oid IS NOT NULL, \
         pg_catalog.has_table_privilege(c.oid, 'SELECT'), \
         pg_catalog.has_table_privilege(c.oid, 'INSERT') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE') \
         FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = {} \
         LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'marker'",
        literal(schema)
    )
}

impl Standing {
    pub(in crate::migrate) fn of(row: &SimpleQueryRow) -> Self {
        let yes = |index| column(row, index).as_deref() == Some("t");
        Self {
            role: column(row, 0).unwrap_or_default(),
            database: column(row, 1).unwrap_or_default(),
            may_create_schema: yes(2),
            has_schema: yes(3),
            may_use: yes(4),
            may_create_table: yes(5),
            has_table: yes(6),
            may_read: yes(7),
            may_write: yes(8),
        }
    }

    /// What is missing to read the markers, as statements for who may grant it; `None` if nothing
    /// is, or there are no markers.
    pub(in crate::migrate) fn to_read(&self, schema: &str) -> Option<String> {
        if !self.has_table {
            return None;
        }
        let table = format!("{}.marker", identifier(schema));
        let mut grants =
            self.grant(!self.may_use, "USAGE", &format!("SCHEMA {}", identifier(schema)));
        grants.extend(self.grant(!self.may_read, "SELECT", &table));
        joined(&grants)
    }

    /// The same for making and writing them.
    pub(super) fn to_write(&self, schema: &str) -> Option<String> {
        let (role, quoted) = (identifier(&self.role), identifier(schema));
        if !self.has_schema {
            let database = identifier(&self.database);
            return (!self.may_create_schema).then(|| {
                format!(
                    "GRANT CREATE ON DATABASE {database} TO {role}; or, so that it need not have that right: \
                     CREATE SCHEMA {quoted} AUTHORIZATION {role}"
                )
            });
        }
        let on_schema = format!("SCHEMA {quoted}");
        let mut grants = self.grant(!self.may_use, "USAGE", &on_schema);
        if self.has_table {
            let short = !self.may_read || !self.may_write;
            grants.extend(self.grant(
                short,
                "SELECT, INSERT, UPDATE, DELETE",
                &format!("{quoted}.marker"),
            ));
        } else {
            grants.extend(self.grant(!self.may_create_table, "CREATE", &on_schema));
        }
        joined(&grants)
    }

    fn grant(&self, is_missing: bool, right: &str, what: &str) -> Vec<String> {
        let grant = || format!("GRANT {right} ON {what} TO {}", identifier(&self.role));
        is_missing.then(grant).into_iter().collect()
    }
}

fn joined(grants: &[String]) -> Option<String> {
    (!grants.is_empty()).then(|| grants.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a right: d create on the database, s schema, u usage, c create, t table, r, w.
    fn standing(rights: &str) -> Standing {
        let has = |letter| rights.contains(letter);
        Standing {
            role: "app".into(),
            database: "db".into(),
            may_create_schema: has('d'),
            has_schema: has('s'),
            may_use: has('u'),
            may_create_table: has('c'),
            has_table: has('t'),
            may_read: has('r'),
            may_write: has('w'),
        }
    }

    #[test]
    fn names_exactly_what_is_missing() {
        for (rights, read, write) in [
            (
                "",
                "",
                "GRANT CREATE ON DATABASE \"db\" TO \"app\"; or, so that it need not have that right: CREATE SCHEMA \"x\" AUTHORIZATION \"app\"",
            ),
            ("d", "", ""),
            ("su", "", "GRANT CREATE ON SCHEMA \"x\" TO \"app\""),
            (
                "s",
                "",
                "GRANT USAGE ON SCHEMA \"x\" TO \"app\"; GRANT CREATE ON SCHEMA \"x\" TO \"app\"",
            ),
            ("suc", "", ""),
            ("sutr", "", "GRANT SELECT, INSERT, UPDATE, DELETE ON \"x\".marker TO \"app\""),
            (
                "st",
                "GRANT USAGE ON SCHEMA \"x\" TO \"app\"; GRANT SELECT ON \"x\".marker TO \"app\"",
                "GRANT USAGE ON SCHEMA \"x\" TO \"app\"; GRANT SELECT, INSERT, UPDATE, DELETE ON \"x\".marker TO \"app\"",
            ),
            ("sutrw", "", ""),
        ] {
            let standing = standing(rights);
            assert_eq!(standing.to_read("x").unwrap_or_default(), read, "read with {rights:?}");
            assert_eq!(standing.to_write("x").unwrap_or_default(), write, "write with {rights:?}");
        }
    }
}
