//! What of a statement may be shown: SQL holds passwords, too. Pure.

use crate::cli::mask::mask;

/// The beginning of a statement on one line.
pub(super) fn excerpt(statement: &str) -> String {
    const LENGTH: usize = 100;
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let known = discreet(&line);
    let shown: String = known.chars().take(LENGTH).collect();
    if shown.len() < known.len() { shown + " …" } else { shown }
}

/// SQL without what follows the word PASSWORD, and without the passwords of addresses.
pub(super) fn discreet(sql: &str) -> String {
    let secret = sql.to_ascii_uppercase().find("PASSWORD").map(|at| at + "PASSWORD".len());
    match secret.filter(|at| *at < sql.len()) {
        Some(at) => addresses(&sql[..at]) + " …",
        None => addresses(sql),
    }
}

/// A text whose addresses show no password. One without an address may hold `:` and `@` as SQL does,
/// and is left alone.
pub(super) fn addresses(text: &str) -> String {
    if text.contains("//") { mask(text) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_shown() {
        for (statement, shown) in [
            ("select  1,\n 2", "select 1, 2"),
            ("alter role a password 'x'", "alter role a password …"),
            ("select password", "select password"),
            ("select a::int from t where b ~ '@'", "select a::int from t where b ~ '@'"),
            (
                "create subscription s connection 'postgresql://u:x@h/d' publication p",
                "create subscription s connection 'postgresql://u:***@h/d' publication p",
            ),
            (
                "select dblink('postgres://u:x@h/d', 'alter role a password x')",
                "select dblink('postgres://u:***@h/d', 'alter role a password …",
            ),
        ] {
            assert_eq!(excerpt(statement), shown, "{statement}");
        }
        let long = "x".repeat(101);
        assert_eq!(excerpt(&long), format!("{} …", &long[1..]));
    }
}
