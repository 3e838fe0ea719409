//! What statements build, drop or detach concurrently. Pure.

use super::{script::Script, split::tokens};

/// An index that a statement builds concurrently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// As the catalogue has it.
    pub(super) name: String,
    /// As it is written, for `to_regclass`: an index lives in its table's schema.
    pub(super) table: String,
}

/// What a statement builds concurrently, or drops so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Builds {
    Nothing,
    Named(Index),
    /// Left to the server to name: a broken one could not be told from others.
    Unnamed,
    /// Indexes that are there already: those of this table, or this index; as it is written.
    Again(String),
    /// None: it drops this one concurrently, as it is written.
    Drops(String),
}

pub(super) fn builds(script: &Script, statement: usize) -> Builds {
    let statement = &script.statements[statement];
    let tokens = || tokens(&script.text[statement.range.clone()]);
    match statement.words.first().map_or("", String::as_str) {
        "CREATE" if statement.refuses_transaction() => creates(&tokens()),
        "REINDEX" => recreates(&tokens()),
        "DROP" if statement.refuses_transaction() => drops(&tokens()),
        _ => Builds::Nothing,
    }
}

/// `REINDEX INDEX CONCURRENTLY i`, or with the word among options in parentheses.
fn recreates(tokens: &[&str]) -> Builds {
    let find = |words: &[&str]| {
        tokens.iter().position(|token| words.iter().any(|word| token.eq_ignore_ascii_case(word)))
    };
    match (find(&["CONCURRENTLY"]), find(&["INDEX", "TABLE"])) {
        (Some(word), Some(kind)) => Builds::Again(dotted(tokens, word.max(kind) + 1)),
        _ => Builds::Nothing,
    }
}

/// `DROP INDEX CONCURRENTLY IF EXISTS i`; there can be no second one (manual, DROP INDEX).
fn drops(tokens: &[&str]) -> Builds {
    let at = behind_concurrently(tokens);
    at.map_or(Builds::Nothing, |at| {
        Builds::Drops(dotted(tokens, if is(tokens, at, "IF") { at + 2 } else { at }))
    })
}

fn is(tokens: &[&str], at: usize, word: &str) -> bool {
    tokens.get(at).is_some_and(|it| it.eq_ignore_ascii_case(word))
}

fn behind_concurrently(tokens: &[&str]) -> Option<usize> {
    (0..tokens.len()).find(|at| is(tokens, *at, "CONCURRENTLY")).map(|at| at + 1)
}

fn creates(tokens: &[&str]) -> Builds {
    let Some(mut at) = behind_concurrently(tokens) else { return Builds::Nothing };
    if is(tokens, at, "IF") {
        at += 3;
    }
    if is(tokens, at, "ON") {
        return Builds::Unnamed;
    }
    let name = tokens.get(at).map(|name| folded(name)).unwrap_or_default();
    at += if is(tokens, at + 2, "ONLY") { 3 } else { 2 };
    Builds::Named(Index { name, table: dotted(tokens, at) })
}

/// A partition that a statement detaches concurrently; names as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Detaches {
    pub(super) table: String,
    pub(super) partition: String,
}

pub(super) fn detaches(script: &Script, statement: usize) -> Option<Detaches> {
    let statement = &script.statements[statement];
    let is_one = statement.refuses_transaction() && statement.words.iter().any(|it| it == "DETACH");
    let tokens = tokens(&script.text[statement.range.clone()]);
    let find = |word: &str| tokens.iter().position(|token| token.eq_ignore_ascii_case(word));
    let table = find("ONLY").or(find("EXISTS")).or(find("TABLE")).filter(|_| is_one)?;
    let partition = find("PARTITION")?;
    Some(Detaches { table: dotted(&tokens, table + 1), partition: dotted(&tokens, partition + 1) })
}

/// A name that may have a schema in front, as it is written.
fn dotted(tokens: &[&str], mut at: usize) -> String {
    let mut name = String::new();
    while let Some(token) = tokens.get(at) {
        name.push_str(token);
        if tokens.get(at + 1) != Some(&".") {
            break;
        }
        name.push('.');
        at += 2;
    }
    name
}

/// A name as the catalogue stores it (manual, 4.1.1).
fn folded(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::steps::tests::script, *};

    #[test]
    fn finds_the_index_that_is_built_or_dropped() {
        let named = |name: &str, table: &str| {
            Builds::Named(Index { name: name.into(), table: table.into() })
        };
        for (text, expected) in [
            ("create index concurrently I_x on T (a)", named("i_x", "T")),
            (
                "create unique index concurrently if not exists \"I\"\"x\" on only s.\"T\" using btree (a)",
                named("I\"x", "s.\"T\""),
            ),
            ("create index concurrently on t (a)", Builds::Unnamed),
            ("create index i on t (a)", Builds::Nothing),
            ("reindex table t", Builds::Nothing),
            ("reindex table concurrently s.T", Builds::Again("s.T".into())),
            ("reindex (verbose, concurrently) index i;", Builds::Again("i".into())),
            ("drop index concurrently s.\"I\";", Builds::Drops("s.\"I\"".into())),
            ("drop index concurrently if exists i cascade", Builds::Drops("i".into())),
            ("drop index i", Builds::Nothing),
            ("create database d", Builds::Nothing),
        ] {
            assert_eq!(builds(&script(text), 0), expected, "{text:?}");
        }
    }

    #[test]
    fn finds_the_partition_that_is_detached() {
        for (text, expected) in [
            ("alter table s.t detach partition \"P 1\" concurrently", Some(("s.t", "\"P 1\""))),
            ("alter table if exists only t detach partition s.p concurrently", Some(("t", "s.p"))),
            ("alter table t detach partition p", None),
            ("vacuum", None),
        ] {
            let expected = expected.map(|(table, partition)| Detaches {
                table: table.into(),
                partition: partition.into(),
            });
            assert_eq!(detaches(&script(text), 0), expected, "{text:?}");
        }
    }
}
