use super::*;

fn read(text: &str) -> Result<Script, String> {
    Script::read("V1__x", Path::new("/m/V1__x.sql"), text, Dialect::default())
        .map_err(|error| error.to_string())
}

#[test]
fn how_a_file_runs_follows_from_its_statements() {
    for (text, expected) in [
        ("create table t(); create index i on t(a)", Ok((Mode::Transaction, false))),
        ("create index concurrently i on t(a)", Ok((Mode::Statements, false))),
        ("-- app-init: no-transaction\nselect 1", Ok((Mode::Statements, false))),
        ("vacuum; reindex table concurrently t", Ok((Mode::Statements, false))),
        ("reindex (verbose, concurrently) table t", Ok((Mode::Statements, false))),
        ("reindex (verbose) table t", Ok((Mode::Transaction, false))),
        ("begin; select 1; commit;", Ok((Mode::Transaction, false))),
        ("select 1; commit; select 2", Ok((Mode::Transaction, true))),
        ("savepoint a; rollback to a; release a", Ok((Mode::Transaction, false))),
        (
            "select 1;\nrollback;",
            Err("cannot apply /m/V1__x.sql:2: `ROLLBACK` would undo it and still count"),
        ),
        (
            "copy t from stdin;\nto stdout\n\\.\ncopy (select 1) to stdout",
            Err(
                "cannot apply /m/V1__x.sql:4: nobody is there to take the rows of `COPY … TO STDOUT`",
            ),
        ),
        ("copy t (a) from stdout with csv; -- x\n1\n", Ok((Mode::Transaction, false))),
        (
            "copy t from stdin; select 1;\n1\n",
            Err(
                "cannot apply /m/V1__x.sql:1: the data of `COPY … FROM STDIN` begins in the next line, and more SQL stands in this one",
            ),
        ),
        (
            "select 1;\nbegin transaction isolation level repeatable read; commit",
            Err(
                "cannot apply /m/V1__x.sql:2: `BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ` comes too late: the file runs in app-init's own transaction, read committed",
            ),
        ),
        (
            "begin; set local transaction isolation level serializable; commit",
            Err(
                "cannot apply /m/V1__x.sql:1: `SET LOCAL TRANSACTION ISOLATION LEVEL SERIALIZABLE` comes too late: the file runs in app-init's own transaction, read committed",
            ),
        ),
        (
            "begin read only; commit",
            Err(
                "cannot apply /m/V1__x.sql:1: `BEGIN READ ONLY` keeps it from being recorded in the same transaction",
            ),
        ),
        (
            "-- app-init: no-transaction\nbegin; commit; begin read only; commit",
            Err(
                "cannot apply /m/V1__x.sql:2: `BEGIN READ ONLY` keeps it from being recorded in the same transaction",
            ),
        ),
        (
            "-- app-init: no-transaction\nbegin isolation level serializable; commit",
            Ok((Mode::Statements, false)),
        ),
        (
            "select 1; commit; begin isolation level serializable; commit",
            Ok((Mode::Transaction, true)),
        ),
        (
            "set session characteristics as transaction isolation level serializable",
            Ok((Mode::Transaction, false)),
        ),
        (
            "create table t();\n\nvacuum;",
            Err(
                "cannot apply /m/V1__x.sql:3: `VACUUM` cannot run in a transaction and `CREATE TABLE T` in line 1 should",
            ),
        ),
    ] {
        let found = read(text).map(|script| (script.mode, script.commits));
        assert_eq!(found, expected.map_err(str::to_owned), "{text:?}");
    }
}

#[test]
fn what_nothing_ends_is_refused_unless_only_the_server_can_tell() {
    let open = "nothing ends the string that begins here with `'`";
    for (text, line, why) in [
        (
            "select 1;\n/* /* */\nselect 2;",
            2,
            "nothing ends the comment that begins here with `/*`",
        ),
        ("select 1,\n  'it's';", 2, open),
        ("select \"a;", 1, "nothing ends the quoted name that begins here with `\"`"),
        ("do $do$ $DO$", 1, "nothing ends the string that begins here with `$do$`"),
        ("set standard_conforming_strings = on;\nselect 'a", 2, open),
        ("select 1;\n\0", 2, "it holds a zero byte"),
    ] {
        let expected = format!("cannot apply /m/V1__x.sql:{line}: {why}");
        assert_eq!(read(text).err(), Some(expected), "{text:?}");
    }
    for text in [
        "set standard_conforming_strings = off; select 'a\\'b'",
        "select set_config('standard_conforming_strings', 'off', false); select 'a\\'b'",
    ] {
        assert_eq!(read(text).err(), None, "{text:?}");
    }
    let dialect = Dialect { backslash: Backslash::Escape, ..Dialect::default() };
    let escaped = Script::read("x", Path::new("x"), "select 'a\\'b; '; select 2", dialect).unwrap();
    assert_eq!(escaped.statements.len(), 2);
}

#[test]
fn what_the_server_would_read_in_another_encoding_is_refused() {
    for (text, is_refused) in [
        ("select 1;\nset client_encoding = 'LATIN1'; select 'ü'", true),
        ("select 1;\nset client_encoding to win1252; copy t from stdin;\nü\n\\.\n", true),
        ("select 1;\nset names 'latin1'; select 'ü'", true),
        ("set client_encoding = 'LATIN1'; -- ü\nselect 'u'", false),
        ("set client_encoding = 'LATIN1'; reset client_encoding; select 'ü'", false),
        ("select 'ü'; set client_encoding = 'LATIN1'", false),
        ("set client_encoding = 'UTF-8'; set names 'utf8'; select 'ü'", false),
        ("set client_encoding = 'SQL_ASCII'; set client_encoding to default; select 'ü'", false),
    ] {
        let why = "cannot apply /m/V1__x.sql:2: the file is UTF-8, and this has the server read it as something else";
        assert_eq!(read(text).err().as_deref(), is_refused.then_some(why), "{text}");
    }
}

#[test]
fn what_only_psql_reads_is_blanked_in_place() {
    for (text, sent) in [
        ("\u{feff}select 1", " select 1"),
        (
            "\\restrict aB9\nselect 1;\n\\unrestrict aB9\n",
            "             \nselect 1;\n               \n",
        ),
        ("\\restrict aB9\rselect 1;\r", "             \rselect 1;\r"),
        ("select 'x\n\\restrict a'", "select 'x\n\\restrict a'"),
        ("begin;\nselect 1;\ncommit;\n", "     ;\nselect 1;\n      ;\n"),
        ("begin/*ü*/;select 'ü';commit/*ü*/;", "          ;select 'ü';           ;"),
        (
            "start transaction isolation level read committed, read write; commit",
            "                                                            ;       ",
        ),
    ] {
        assert_eq!(read(text).unwrap().text, sent, "{text:?}");
    }
}

#[test]
fn a_limit_that_an_older_server_lacks_is_not_lifted() {
    let read = |text, lacks_transaction_timeout| {
        let dialect = Dialect { lacks_transaction_timeout, ..Dialect::default() };
        let script = Script::read("x", Path::new("x"), text, dialect).unwrap();
        (script.text, script.left_out)
    };
    let dump = "-- dump\nSET transaction_timeout = 0;\nselect 1";
    let left_out = dump.replace("SET transaction_timeout = 0", &" ".repeat(27));
    assert_eq!(read(dump, true), (left_out, Some(2)));
    assert_eq!(read(dump, false), (dump.to_owned(), None));
    let other = "SET transaction_timeout = 5; select 'SET transaction_timeout = 0'";
    assert_eq!(read(other, true), (other.to_owned(), None));
}

#[test]
fn places_are_lines_of_the_file() {
    let script = read("-- ü\nselect 1;\nselect\n  boom();\nalter role a password 'x y';").unwrap();
    let place = |position, statement| script.place(0, position, statement);
    // The tenth character is the `e` of the first statement.
    assert_eq!(place(Some(10), Some(0)).0, "/m/V1__x.sql:2");
    let boom = script.text.chars().position(|c| c == 'b').unwrap() + 1;
    assert_eq!(place(Some(boom), None), ("/m/V1__x.sql:4".into(), Some("select boom()".into())));
    assert_eq!(place(None, Some(1)).0, "/m/V1__x.sql:3");
    assert_eq!(place(None, Some(2)).1.unwrap(), "alter role a password …");
    assert_eq!(place(None, None), ("/m/V1__x.sql".into(), None));
    assert_eq!(place(Some(9999), None).0, "/m/V1__x.sql:5");
}

/// Only what ends its transaction or says how its strings are read goes in as few pieces as it can.
#[test]
fn a_script_goes_in_pieces() {
    for (text, expected) in [
        ("-- nothing", vec![]),
        ("select 1; -- x\n select 2", vec!["0:select 1", "1:select 2"]),
        (
            "select 1;\ncopy t from stdin;\n1\n\\.\nselect 2;\n",
            vec!["0:select 1", "1<1", "2:select 2"],
        ),
        ("begin; select 1; commit", vec!["0:select 1"]),
        ("select 1; commit; select 2", vec!["0:select 1; commit; select 2"]),
        (
            "commit;\ncopy t from stdin;\n1\n\\.\nselect 2;a",
            vec!["0:commit;", "1<1", "2:select 2;a"],
        ),
        (
            "set standard_conforming_strings = off; select 'a\\'; b'",
            vec!["0:set standard_conforming_strings = off; select 'a\\'; b'"],
        ),
    ] {
        let script = read(text).unwrap();
        let text = |range: Range<usize>| script.text[range].trim().to_owned();
        let piece = |piece| match piece {
            Piece::Query { range, first } => format!("{first}:{}", text(range)),
            Piece::Copy { statement, data } => format!("{statement}<{}", text(data)),
        };
        let pieces: Vec<String> = script.pieces().into_iter().map(piece).collect();
        assert_eq!(pieces, expected, "{}", script.text);
    }
}
