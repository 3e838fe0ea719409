//! Files as PostgreSQL reads them: where a statement, a string, a comment and a transaction end.

use crate::{
    migrate::{ask, folder, migrated},
    support::Postgres,
};

/// Statement by statement, so that it matters where they are cut.
#[test]
fn line_ends_and_strings_over_lines_are_those_of_the_server() {
    let url = Postgres::shared().database();
    let text = "-- app-init: no-transaction\r-- it's\rcreate table t (n serial, s text);\ninsert into t (s) values (E'a' -- it's\n  'b\\';c');\rinsert into t (s) values ('d')";
    migrated(&url, folder(&[("V1__x.sql", text)]).path());
    assert_eq!(ask(&url, "select string_agg(s, ' ' order by n) from t"), "ab';c d");
}
