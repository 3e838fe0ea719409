//! What a name that is not known suggests.

use super::{Row, table};

/// What the spelling of a name suggests if the failure is that nobody knows it, or nothing.
pub(crate) fn remark(row: &Row, name: &str) -> &'static str {
    if row != &table::DNS_UNKNOWN {
        ""
    } else if name.contains('_') {
        "`_` is no character of a host name (RFC 1123), and some resolvers refuse it"
    } else if name.contains(char::is_whitespace) {
        "the name holds a blank"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_name_is_remarked_on() {
        let unknown = |name| remark(&table::DNS_UNKNOWN, name);
        assert!(unknown("my_db").contains("`_`"));
        assert!(unknown("my db").contains("blank"));
        assert_eq!(unknown("db.example"), "");
        assert_eq!(remark(&table::REFUSED, "my_db"), "");
    }
}
