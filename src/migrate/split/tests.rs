use super::*;

fn statements(text: &str) -> Vec<Statement> {
    split(text, Backslash::Letter).statements
}

fn texts(text: &str) -> Vec<&str> {
    statements(text).iter().map(|statement| &text[statement.range.clone()]).collect()
}

#[test]
fn splits_where_the_server_would() {
    for (text, expected) in [
        ("", &[][..]),
        (" ;; -- nothing\n; /* ; */", &[]),
        ("select 1; select 2", &["select 1", "select 2"]),
        ("select ';';select 2;", &["select ';'", "select 2"]),
        ("select 'it''s;';x", &["select 'it''s;'", "x"]),
        ("select 'a\\';x", &["select 'a\\'", "x"]),
        ("select E'a\\';x';y", &["select E'a\\';x'", "y"]),
        ("select \"a;\"\"b\";y", &["select \"a;\"\"b\"", "y"]),
        ("select $$;$$;y", &["select $$;$$", "y"]),
        ("select $a$;$$;$b$;$a$;y", &["select $a$;$$;$b$;$a$", "y"]),
        ("select a$b$c;y$b$", &["select a$b$c", "y$b$"]),
        ("select $1;y", &["select $1", "y"]),
        ("select 1 /* a /* ; */ ; */ ;y", &["select 1 /* a /* ; */ ; */", "y"]),
        ("select 1 -- ;\n;y", &["select 1 -- ;\n", "y"]),
        (
            "create rule r as on insert to t do (a; b);y",
            &["create rule r as on insert to t do (a; b)", "y"],
        ),
        ("select 'ü;' ; ß;", &["select 'ü;'", "ß"]),
        ("select $ü$;$ü$;y", &["select $ü$;$ü$", "y"]),
        (
            "create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end; y",
            &[
                "create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end",
                "y",
            ],
        ),
        (
            "begin; select case when true then 1 end; end; y",
            &["begin", "select case when true then 1 end", "end", "y"],
        ),
        (
            "create function f() returns int begin atomic select 1 as end, t.end, case when true then 2 end as case from t; end; y",
            &[
                "create function f() returns int begin atomic select 1 as end, t.end, case when true then 2 end as case from t; end",
                "y",
            ],
        ),
        (
            "create procedure p() begin atomic end; create function \"end\"() begin atomic; select (1); end; y",
            &[
                "create procedure p() begin atomic end",
                "create function \"end\"() begin atomic; select (1); end",
                "y",
            ],
        ),
        ("select 1$$;$$;y", &["select 1$$;$$", "y"]),
        ("select 1E'\\';';y", &["select 1E'\\';'", "y"]),
        ("select 'open", &["select 'open"]),
        ("-- it's old\rselect 1;y -- ;\r;z", &["select 1", "y -- ;\r", "z"]),
        ("select E'a'\n'b\\';c';y", &["select E'a'\n'b\\';c'", "y"]),
        (
            "select e'a' -- it's\r\n-- ;\n 'b\\';';y",
            &["select e'a' -- it's\r\n-- ;\n 'b\\';'", "y"],
        ),
        ("select E'a' 'b\\';y", &["select E'a' 'b\\'", "y"]),
        ("select E'a'/*\n*/'b\\';y", &["select E'a'/*\n*/'b\\'", "y"]),
        ("select 'a'\n'b\\';y", &["select 'a'\n'b\\'", "y"]),
    ] {
        let found: Vec<&str> = texts(text).iter().map(|found| found.trim()).collect();
        let expected: Vec<&str> = expected.iter().map(|found| found.trim()).collect();
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn what_is_open_at_the_end_is_told_with_its_line() {
    for (text, expected) in [
        ("select 1; -- ' \" /* $$", None),
        ("select 1;\n\n/* a /* b */\n'", Some(("/*", 3))),
        ("/**/ /*/ */ select '/*'", None),
        ("select 1 */* 2", Some(("/*", 1))),
        ("select '\n', 'it''s\n;", Some(("'", 2))),
        ("select 'a\\'", None),
        ("select E'a\\'", Some(("'", 1))),
        ("select E'a'\n'b\\'", Some(("'", 1))),
        ("select N'a', U&'b', x'c", Some(("'", 1))),
        ("select U&\"a\"\", \nb", Some(("\"", 1))),
        ("do $$ $a$ $", Some(("$$", 1))),
        ("do\n$Body$ $body$;", Some(("$Body$", 2))),
        ("select $1, a$b$, $1a$", None),
        ("copy t from stdin;\n'/*\"$$\n", None),
    ] {
        let open = split(text, Backslash::Letter).open;
        let found = open.as_ref().map(|open| (&*open.with, open.line));
        assert_eq!(found, expected, "{text:?}");
    }
    for text in ["select 'a\\', b'", "select 'a'\n'\\'; /*'"] {
        assert_eq!(split(text, Backslash::Escape).open, None, "{text:?}");
        assert_ne!(split(text, Backslash::Letter).open, None, "{text:?}");
    }
}

#[test]
fn copy_data_belongs_to_its_statement() {
    let text = "copy t (a, b) from stdin;\n1\ta;b\n2\t'\n\\.\n\nselect 1;\ncopy t to stdout;\ncopy u from stdin;\n\\.\n";
    let found = statements(text);
    let data: Vec<Option<&str>> =
        found.iter().map(|statement| statement.data.clone().map(|range| &text[range])).collect();
    assert_eq!(data, [Some("1\ta;b\n2\t'\n"), None, None, Some("")]);
    let lines: Vec<usize> = found.iter().map(|statement| statement.line).collect();
    assert_eq!(lines, [1, 6, 7, 8]);
}

#[test]
fn words_are_those_outside_quotes_and_parentheses() {
    let found =
        statements("Create unique /* x */ index Concurrently \"select\" on t (a, lower(b))");
    assert_eq!(found[0].words, ["CREATE", "UNIQUE", "INDEX", "CONCURRENTLY", "ON", "T"]);
}

#[test]
fn no_text_makes_it_panic_or_overlap() {
    let parts = [
        "'",
        "\"",
        "$",
        "$$",
        "$a$",
        "/*",
        "*/",
        "--",
        "\n",
        "\\",
        "E",
        ";",
        "(",
        ")",
        "ü",
        "create function f() begin atomic",
        "end",
        "1",
        "\u{a0}",
        "copy t from stdin;",
    ];
    let mut seed = 1_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let index = usize::try_from(seed >> 33).unwrap() % parts.len();
            text += parts[index];
        }
        let mut at = 0;
        for statement in statements(&text) {
            assert!(statement.range.start >= at && statement.range.end <= text.len(), "{text:?}");
            at = statement.range.end;
        }
    }
}
