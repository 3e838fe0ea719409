//! What our role may do, and what the configured steps need. Pure.

use super::{
    finding::{Finding, Section},
    needs::Needs,
};
use crate::exit::Exit;

/// One row; catalogues only.
pub(super) const QUESTION: &str = "SELECT current_user, pg_catalog.current_schema(), \
    pg_catalog.has_schema_privilege(pg_catalog.current_schema()::pg_catalog.text, 'CREATE'), \
    pg_catalog.has_table_privilege(pg_catalog.to_regclass('refinery_schema_history')::pg_catalog.oid, 'SELECT'), \
    pg_catalog.has_table_privilege(pg_catalog.to_regclass('refinery_schema_history')::pg_catalog.oid, 'INSERT'), \
    pg_catalog.has_function_privilege('pg_catalog.pg_try_advisory_xact_lock(bigint)', 'EXECUTE')";

/// What our role may do. `None` where the thing does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    user: String,
    /// The first schema of `search_path` that exists.
    schema: Option<String>,
    create_in_schema: bool,
    read_history: Option<bool>,
    write_history: Option<bool>,
    lock: bool,
}

impl Rights {
    pub(super) fn read(row: &[Option<String>]) -> Self {
        let text = |index: usize| row.get(index).cloned().flatten();
        let may = |index: usize| text(index).map(|answer| answer == "t");
        Self {
            user: text(0).unwrap_or_default(),
            schema: text(1),
            create_in_schema: may(2) == Some(true),
            read_history: may(3),
            write_history: may(4),
            lock: may(5) == Some(true),
        }
    }
}

/// One finding for each right that a configured step needs.
pub(super) fn judge(place: &str, rights: &Rights, needs: &Needs) -> Vec<Finding> {
    let mut findings = Vec::new();
    if needs.lock {
        findings.push(lock(place, rights));
    }
    if let Some(native) = &needs.native {
        findings.extend(history(place, rights, !native.check_only));
    }
    findings
}

fn lock(place: &str, rights: &Rights) -> Finding {
    let subject = format!("{place} lock");
    if rights.lock {
        return Finding::ok(Section::Database, subject, "advisory locks are allowed");
    }
    let message = format!("role `{}` may not take advisory locks", rights.user);
    denied(
        subject,
        message,
        format!(
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_try_advisory_xact_lock(bigint) TO {}",
            quoted(&rights.user)
        ),
    )
}

/// Where migrations are recorded: the table, or else the right to make it.
fn history(place: &str, rights: &Rights, writes: bool) -> Option<Finding> {
    let subject = format!("{place} history");
    let user = &rights.user;
    let to = quoted(user);
    match (rights.read_history, rights.write_history, &rights.schema) {
        (Some(true), Some(written), _) if written || !writes => {
            let may = if writes { "read and written" } else { "read" };
            let message = format!("`refinery_schema_history` can be {may}");
            Some(Finding::ok(Section::Database, subject, message))
        }
        (Some(_), ..) => {
            let (may, grant) =
                if writes { ("read and write", "SELECT, INSERT") } else { ("read", "SELECT") };
            let message = format!("role `{user}` may not {may} `refinery_schema_history`");
            Some(denied(
                subject,
                message,
                format!("GRANT {grant} ON refinery_schema_history TO {to}"),
            ))
        }
        (None, ..) if !writes => None,
        (None, _, Some(schema)) if rights.create_in_schema => {
            let message = format!("will be made in schema `{schema}`");
            Some(Finding::ok(Section::Database, subject, message))
        }
        (None, _, Some(schema)) => {
            let message = format!("role `{user}` may not create tables in schema `{schema}`");
            let grant = format!(
                "GRANT CREATE ON SCHEMA {} TO {to} (since PostgreSQL 15 only the database's owner has it for public), or set MIGRATE_DATABASE_URL to a role that has it",
                quoted(schema)
            );
            Some(denied(subject, message, grant))
        }
        (None, _, None) => {
            let message = format!("no schema of the search_path of role `{user}` exists");
            let hint = "create the schema, or correct `search_path` of the role or the address";
            Some(denied(subject, message, hint.to_owned()))
        }
    }
}

fn denied(subject: String, message: String, hint: String) -> Finding {
    Finding::error(Section::Database, subject, message, Exit::Refused).hint(hint)
}

/// As it is to be typed; plain names need no quotes (PostgreSQL manual, 4.1.1).
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{finding::Level, needs::Native},
        *,
    };

    fn needs() -> Needs {
        let native =
            Native { folder: "/m".into(), lock_name: None, strict: false, check_only: false };
        Needs {
            writable: true,
            lock: true,
            native: Some(native),
            markers: Some("app_init".into()),
            ..Needs::default()
        }
    }

    fn all() -> Rights {
        let mut row: Vec<Option<String>> =
            ["u", "public", "t"].map(|text| Some(text.to_owned())).to_vec();
        row.extend([None, None, Some("t".to_owned())]);
        Rights::read(&row)
    }

    fn wrong(rights: &Rights) -> Vec<String> {
        let findings = judge("d", rights, &needs());
        let errors = findings.into_iter().filter(|finding| finding.level == Level::Error);
        errors.map(|finding| format!("{} {}", finding.message, finding.hint.unwrap())).collect()
    }

    #[test]
    fn each_missing_right_has_its_grant() {
        assert_eq!(wrong(&all()), Vec::<String>::new());
        for (rights, grant) in [
            (Rights { lock: false, ..all() }, "GRANT EXECUTE"),
            (Rights { create_in_schema: false, ..all() }, "GRANT CREATE ON SCHEMA public TO u"),
            (Rights { schema: None, ..all() }, "search_path"),
            (
                Rights { read_history: Some(true), write_history: Some(false), ..all() },
                "GRANT SELECT, INSERT ON refinery_schema_history TO u",
            ),
        ] {
            let wrong = wrong(&rights);
            assert!(wrong.len() == 1 && wrong[0].contains(grant), "{rights:?}: {wrong:?}");
        }
    }

    #[test]
    fn names_are_quoted_where_they_must_be() {
        for (name, typed) in [("app", "app"), ("My App", "\"My App\""), ("a\"b", "\"a\"\"b\"")] {
            assert_eq!(quoted(name), typed, "{name:?}");
        }
    }
}
