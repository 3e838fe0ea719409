//! What a server's error report means.
//!
//! By SQLSTATE, because texts are translated (`lc_messages`); by text only for the codes that stand
//! for many things: 08P01, which poolers use for all, 28000, and 57P03's detail.

use super::{Row, table};

/// What an `ErrorResponse` says (PostgreSQL manual, 55.8).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report<'a> {
    pub(crate) code: &'a str,
    pub(crate) message: &'a str,
    pub(crate) detail: Option<&'a str>,
}

/// The row for a report that came before the session was ready.
pub(crate) fn row(report: Report) -> &'static Row {
    match report.code {
        "57P03" => cannot_connect_now(report),
        "57P01" | "57P02" | "57P05" => &table::CUT,
        "53300" if report.message.contains(" for ") && !report.message.contains("reserved") => {
            &table::LIMIT
        }
        "53300" => &table::FULL,
        "53000" | "53100" | "53200" | "53400" | "58030" => &table::RESOURCES,
        "28P01" => &table::PASSWORD,
        "28000" => refused_login(report.message),
        "3D000" => &table::NO_DATABASE,
        "55000" | "42501" => &table::DATABASE_CLOSED,
        "42704" | "22023" | "55P02" | "42602" => &table::OPTION,
        "25006" => &table::READ_ONLY,
        "08P01" | "08000" | "08004" | "08006" => pooler(report.message),
        "0A000" => &table::PROTOCOL,
        _ => &table::SERVER,
    }
}

/// 57P03: the postmaster answered, so this is progress; only a closed standby stays closed.
fn cannot_connect_now(report: Report) -> &'static Row {
    let both = format!("{} {}", report.message, report.detail.unwrap_or_default());
    if both.contains("Hot standby mode is disabled") {
        &table::STANDBY_CLOSED
    } else if both.contains("shutting down") {
        &table::SHUTTING_DOWN
    } else if both.contains("recovery") {
        &table::RECOVERING
    } else {
        &table::STARTING
    }
}

/// 28000: roles and `pg_hba.conf`. An unknown text, perhaps translated, is some rule's refusal.
fn refused_login(message: &str) -> &'static Row {
    if message.contains("does not exist") {
        &table::NO_ROLE
    } else if message.contains("not permitted to log in") {
        &table::NO_LOGIN
    } else if message.contains("no pg_hba.conf entry") {
        let clear = message.contains("no encryption") || message.contains("SSL off");
        if clear { &table::NO_RULE_CLEAR } else { &table::NO_RULE }
    } else if message.contains("client certificate") {
        &table::CERTIFICATE_WANTED
    } else {
        &table::REJECTED
    }
}

/// pgbouncer's texts; older versions forward the server's own errors under the same code.
fn pooler(message: &str) -> &'static Row {
    const TEXTS: &[(&str, &Row)] = &[
        ("query_wait_timeout", &table::POOLER_SERVER),
        ("server login has been failing", &table::POOLER_SERVER),
        ("server_login_retry", &table::POOLER_SERVER),
        ("server conn crashed", &table::POOLER_SERVER),
        ("client_login_timeout", &table::POOLER_SERVER),
        ("pgbouncer cannot connect to server", &table::POOLER_SERVER),
        ("connect failed", &table::POOLER_SERVER),
        ("shutting down", &table::SHUTTING_DOWN),
        ("no more connections allowed", &table::POOLER_FULL),
        ("no such database", &table::POOLER_DATABASE),
        ("no such user", &table::POOLER_LOGIN),
        ("SASL authentication failed", &table::POOLER_LOGIN),
        ("auth failed", &table::POOLER_LOGIN),
        ("unsupported startup parameter", &table::POOLER_OPTION),
        // Its log has the reason: auth_query, auth_dbname, or auth_type=any without a user.
        ("bouncer config error", &table::POOLER_CONFIG),
        ("\" is disabled", &table::POOLER_CONFIG),
        // Postgres names the user, pgbouncer itself does not.
        ("password authentication failed for", &table::PASSWORD),
        ("password authentication failed", &table::POOLER_LOGIN),
        ("starting up", &table::STARTING),
        ("too many clients", &table::FULL),
        ("connection slots are reserved", &table::FULL),
        ("too many connections for", &table::LIMIT),
        ("no pg_hba.conf entry", &table::NO_RULE),
        ("SSL required", &table::NO_RULE_CLEAR),
    ];
    if message.contains("database \"") && message.contains("does not exist") {
        return &table::POOLER_NO_DATABASE;
    }
    if message.contains("role \"") && message.contains("does not exist") {
        return &table::NO_ROLE;
    }
    let known = TEXTS.iter().find(|(text, _)| message.contains(text));
    known.map_or(&table::PROTOCOL, |(_, row)| row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_report_has_its_row() {
        for (code, message, detail, id) in [
            ("57P03", "the database system is starting up", "", "pg-starting"),
            ("57P03", "das Datenbanksystem startet", "", "pg-starting"),
            (
                "57P03",
                "the database system is not yet accepting connections",
                "Consistent recovery state has not been yet reached.",
                "pg-recovering",
            ),
            ("57P03", "the database system is in recovery mode", "", "pg-recovering"),
            ("57P03", "the database system is shutting down", "", "pg-shutting-down"),
            (
                "57P03",
                "the database system is not accepting connections",
                "Hot standby mode is disabled.",
                "pg-standby-closed",
            ),
            ("57P01", "terminating connection due to administrator command", "", "pg-cut"),
            ("53300", "sorry, too many clients already", "", "pg-full"),
            (
                "53300",
                "remaining connection slots are reserved for non-replication superuser connections",
                "",
                "pg-full",
            ),
            ("53300", "too many connections for role \"x\"", "", "pg-limit"),
            ("53300", "too many connections for database \"x\"", "", "pg-limit"),
            ("53200", "out of memory", "", "pg-resources"),
            ("28P01", "password authentication failed for user \"x\"", "", "pg-password"),
            ("28000", "role \"x\" does not exist", "", "pg-no-role"),
            ("28000", "role \"x\" is not permitted to log in", "", "pg-no-login"),
            (
                "28000",
                "no pg_hba.conf entry for host \"10.0.0.2\", user \"u\", database \"d\", no encryption",
                "",
                "pg-hba-encryption",
            ),
            (
                "28000",
                "no pg_hba.conf entry for host \"10.0.0.2\", user \"u\", database \"d\", SSL off",
                "",
                "pg-hba-encryption",
            ),
            (
                "28000",
                "no pg_hba.conf entry for host \"10.0.0.2\", user \"u\", database \"d\", SSL encryption",
                "",
                "pg-no-hba",
            ),
            ("28000", "pg_hba.conf rejects connection for host \"h\"", "", "pg-rejected"),
            (
                "28000",
                "connection requires a valid client certificate",
                "",
                "pg-client-certificate",
            ),
            ("28000", "Peer authentication failed for user \"x\"", "", "pg-rejected"),
            ("3D000", "database \"x\" does not exist", "", "pg-no-database"),
            (
                "55000",
                "database \"x\" is not currently accepting connections",
                "",
                "pg-database-closed",
            ),
            ("42501", "permission denied for database \"x\"", "", "pg-database-closed"),
            ("42704", "unrecognized configuration parameter \"x\"", "", "pg-option"),
            ("22023", "invalid value for parameter \"x\"", "", "pg-option"),
            ("25006", "cannot execute CREATE TABLE in a read-only transaction", "", "pg-read-only"),
            ("08P01", "query_wait_timeout", "", "pooler-server"),
            (
                "08P01",
                "server login has been failing, try again later (server_login_retry)",
                "",
                "pooler-server",
            ),
            ("08P01", "no more connections allowed (max_client_conn)", "", "pooler-full"),
            ("08P01", "no such database: x", "", "pooler-database"),
            ("08P01", "SASL authentication failed", "", "pooler-login"),
            ("08P01", "unsupported startup parameter: options", "", "pooler-option"),
            ("08P01", "bouncer config error", "", "pooler-config"),
            ("08P01", "database \"x\" is disabled", "", "pooler-config"),
            ("08P01", "authentication database \"x\" is disabled", "", "pooler-config"),
            ("08P01", "database \"x\" does not exist", "", "pooler-no-database"),
            ("08P01", "password authentication failed", "", "pooler-login"),
            ("08P01", "password authentication failed for user \"x\"", "", "pg-password"),
            ("08P01", "invalid frontend message type 80", "", "pg-protocol"),
            ("0A000", "unsupported frontend protocol 3.9", "", "pg-protocol"),
            ("XX000", "something else", "", "pg-error"),
        ] {
            let detail = (!detail.is_empty()).then_some(detail);
            let found = row(Report { code, message, detail });
            assert_eq!(found.id, id, "{code} {message}");
        }
    }
}
