//! Words that depend on how an address is written.

use super::*;

/// The hint for a row about the connection that an address gives.
fn hint(row: &'static Row, text: &str) -> String {
    let (connection, _) = Connection::parse(text, "DATABASE_URL", &|_| None).unwrap();
    let said = format!("database \"{}\" does not exist", connection.database);
    ConnectError::new(row, &connection, &connection.hosts[0], &[], &said).diagnosis.hint
}

#[test]
fn another_database_than_ours_is_the_poolers() {
    let (connection, _) = Connection::parse("postgres://u@h/app", "X", &|_| None).unwrap();
    for (said, id) in [("\"app\"", "pg-no-database"), ("\"gone\"", "pooler-no-database")] {
        let said = format!("database {said} does not exist");
        let host = &connection.hosts[0];
        let error = ConnectError::new(&table::NO_DATABASE, &connection, host, &[], &said);
        assert_eq!(error.diagnosis.id(), id);
    }
}

#[test]
fn a_missing_database_is_explained_by_its_name() {
    const MARK: &str = "the name holds a character that usually ends it";
    for (text, words) in [
        ("postgres://u@h/a/b", MARK),
        ("postgres://u@h/app#frag", MARK),
        ("postgres://u@h/app&sslmode=disable", MARK),
        ("postgres://u@h/app%20", "the name begins or ends with a blank"),
        ("postgres://u@h/Shop", "names differ by upper and lower case"),
        ("postgres://u@h/app", "which comes from DATABASE_URL;"),
        ("postgres://u@h", "which comes from the user name, as no database is named"),
    ] {
        for row in [&table::NO_DATABASE, &table::POOLER_DATABASE] {
            let hint = hint(row, text);
            assert!(format!("{hint};").contains(words), "{text}: {hint}");
        }
    }
    let plain = hint(&table::NO_DATABASE, "postgres://u@h/app");
    assert!(plain.contains("POSTGRES_DB only counts when a volume is first initialised"));
}

#[test]
fn an_address_that_can_be_read_in_two_ways_is_doubted_whatever_fails() {
    for (password, doubt) in [("c4nary@x", true), ("c4n/ary", true), ("c4n[ary", false)] {
        let text = format!("postgres://u:{password}@h/d");
        let (connection, _) = Connection::parse(&text, "DATABASE_URL", &|_| None).unwrap();
        for row in [&table::DNS_UNKNOWN, &table::NO_DATABASE, &table::PASSWORD] {
            let error = ConnectError::new(row, &connection, &connection.hosts[0], &[], "");
            let said = error.diagnosis.cause.contains("can be read in two ways");
            let advised = error.diagnosis.hint.contains("other drivers split there");
            assert_eq!((said, advised), (doubt, doubt), "{password}: {error}");
            assert!(error.diagnosis.hint.matches("encode it as").count() <= 1, "{error}");
        }
    }
}

#[test]
fn a_refused_password_is_explained_by_its_spelling_and_not_shown() {
    for (password, words) in [
        ("c4nary@x", "encode it as %40"),
        ("c4nary/x", "encode it as %2F"),
        ("c4nary%zz", "encode it as %25"),
        ("c4nary%25", "the password contains `%`"),
        ("'c4nary'", "begins or ends with a quote character"),
        ("c4nary%0A", "begins or ends with a blank or a line end"),
        ("${c4nary}", "looks like a placeholder"),
        ("$c4nary", "looks like a placeholder"),
        ("c4nary", "it comes from DATABASE_URL"),
    ] {
        let hint = hint(&table::PASSWORD, &format!("postgres://u:{password}@h/d"));
        assert!(hint.contains(words), "{words}: {hint}");
        assert!(hint.contains("POSTGRES_PASSWORD only counts when a volume is first"));
        assert!(!hint.contains("c4nary"), "{hint}");
    }
}

#[test]
fn a_percent_is_explained_by_the_form_in_which_it_was_written() {
    for (text, in_url) in [
        ("postgres://u:c4nary%25@h/d", true),
        ("postgres://u@h/d?password=c4nary%25", true),
        ("Host=h;Username=u;Password=c4nary%40", false),
        ("host=h user=u dbname=d password=c4nary%40", false),
    ] {
        let hint = hint(&table::PASSWORD, text);
        assert_eq!(hint.contains("in a URL it is written %25"), in_url, "{text}: {hint}");
        assert_eq!(hint.contains("`%`, which stands for itself there"), !in_url, "{hint}");
    }
}
