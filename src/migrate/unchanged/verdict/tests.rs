//! Decisions by what was recorded and what is there.

use super::*;

fn tables(text: &str) -> Tables {
    let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, print)| (name.to_owned(), print.to_owned())).collect()
}

/// `HASH [names] [table=print]…`, where `HASH` may have `/COMMAND` behind it.
fn record(text: &str) -> Option<Record> {
    let mut words = text.split_whitespace();
    let hash = words.next()?;
    let (letters, rest): (Vec<_>, Vec<_>) = words.partition(|word| !word.contains('='));
    let command = hash.split_once('/').map_or("up", |(_, command)| command);
    Some(Record {
        hash: hash.into(),
        tables: tables(&rest.join(" ")),
        parts: [(COMMAND, command), ("mig", hash)].map(|(a, b)| (a.into(), b.into())).into(),
        names: letters.concat().chars().map(String::from).collect(),
        since: "then".into(),
        by: "pod".into(),
        ..Record::default()
    })
}

#[test]
fn decides_by_the_last_success() {
    for (ours, latest, now, expected) in [
        ("", "", "", "run, wait"),
        ("", "B 12 a=1", "a=1", "run, wait"),
        ("A 1 a=1", "A 1 a=1", "a=1", "unchanged, go"),
        ("A 1 a=1", "A 1 a=1", "a=1 k=9", "unchanged, go"), // another app's table
        ("A 1 a=1", "A 1 a=1", "a=0", "run, wait"),         // a downgrade by hand
        ("A 1 a=1", "A 1 a=1", "", "run, wait"),
        ("A 1", "A 1", "a=1", "unchanged, go"), // no version table is known
        ("A 1", "B 12", "", "run, go"),         // and so the order of versions is unknown
        ("A 12", "B 1", "", "run, go"),
        ("A 1", "A/down 1", "", "run, wait"), // not even the command is ours
        ("A 1 a=1", "B 12 a=1", "a=1", "run, go"), // other files, same version
        ("A 1 a=1", "B 12 a=2", "a=2", "ahead, go"), // rolled back to A
        ("A 1 a=1", "B 12 a=2", "a=1", "run, go"), // B's migration undone by hand
        ("A 1 a=1", "B 12 a=2", "a=0", "run, wait"),
        // B, its migration undone by hand, an older image with or without a fix, B again.
        ("B 12 a=2", "A 1 a=1", "a=1", "run, wait"),
        ("B 12 a=2", "A 13 a=1", "a=1", "run, wait"),
        // The same files: which of the two is further is anybody's guess.
        ("A 1 a=1", "B 1 a=2", "a=2", "run, wait"),
        ("A 1 a=1", "B/down 12 a=2", "a=2", "run, wait"),
        // A record without names, and one that has lost a table of ours.
        ("A a=1", "B 12 a=2", "a=2", "run, wait"),
        ("A 1 a=1", "B a=2", "a=2", "run, wait"),
        ("A 1 a=1", "B 12 k=2", "k=2", "run, wait"),
        ("A 1", "B 12 a=2", "a=2", "ahead, go"), // the table came with B
    ] {
        let records = Records { ours: record(ours), latest: record(latest), ..Records::default() };
        let now = tables(now);
        let told = match verdict(&records, &now) {
            Verdict::Run(_) => "run",
            Verdict::Unchanged(_) => "unchanged",
            Verdict::Ahead(_) => "ahead",
        };
        let served = if missing(&records, &now).is_none() { "go" } else { "wait" };
        assert_eq!(format!("{told}, {served}"), expected, "{ours} / {latest} / {now:?}");
    }
}

#[test]
fn a_record_survives_its_marker() {
    let before = Record {
        tables: tables("public.alembic_version=ab12 app.knex_migrations=cd"),
        parts: tables("versions=ef"),
        own: ["public.alembic_version".to_owned()].into(),
        names: Names::from(["0a".to_owned()]),
        by: "a-pod-whose-name-is-longer-than-an-application-name-can-be-7d9f8c6b5-x2k4p".into(),
        ..Record::default()
    };
    assert_eq!(Record::read(&before.value()), before);
    for other in ["done", "{}", "[1]"] {
        assert_eq!(Record::read(other), Record::default(), "{other}");
    }
}

#[test]
fn names_what_has_changed_come_or_gone() {
    let record = Record { parts: tables("ini=1 old=1 same=1"), ..Record::default() };
    assert_eq!(record.changed_parts(&tables("ini=2 new=1 same=1")), ["ini", "new", "old"]);
}

#[test]
fn who_waits_looks_at_the_tables_that_the_command_has_changed() {
    let own = |before: Option<&str>, known: &[&str], now: &str| {
        let own = known.iter().map(|table| (*table).to_owned()).collect();
        Before { tables: before.map(tables), own }.own(&tables(now))
    };
    assert_eq!(own(Some("k=1"), &[], "a=1 k=1"), ["a".to_owned()].into());
    assert_eq!(own(Some("a=1 k=1"), &["b"], "a=2 b=1 k=1"), ["a", "b"].map(Into::into).into());
    assert_eq!(own(Some("a=1 k=1"), &["gone"], "a=1 k=1"), [].into());
    assert_eq!(own(None, &["a"], "a=2 k=1"), ["a".to_owned()].into());
    for (known, now, expected) in [
        ("a", "a=1 k=2", "go"), // another app has migrated
        ("a", "a=1", "go"),
        ("a", "a=2 k=1", "wait"),
        ("", "a=1 k=2", "wait"), // the command was never seen to change any
    ] {
        let mut ours = record("A 1 a=1 k=1").unwrap();
        ours.own = known.split_whitespace().map(str::to_owned).collect();
        let records =
            Records { ours: Some(ours.clone()), latest: Some(ours), ..Records::default() };
        let told = if missing(&records, &tables(now)).is_none() { "go" } else { "wait" };
        assert_eq!(told, expected, "own: {known}, now: {now}");
        assert!(matches!(verdict(&records, &tables(now)), Verdict::Run(_)), "{now}");
    }
}

/// A table that the settings name and the later run did not look at may have been taken back since.
#[test]
fn what_is_named_since_must_have_been_looked_at() {
    for (named, expected) in [("a", "ahead"), ("k", "run")] {
        let (ours, latest) = (record("A 1 a=1"), record("B 12 a=2"));
        let named = [named.to_owned()].into();
        let records = Records { latest, ours, named, ..Records::default() };
        let is_ahead = matches!(verdict(&records, &tables("a=2 k=1")), Verdict::Ahead(_));
        assert_eq!(if is_ahead { "ahead" } else { "run" }, expected, "{:?}", records.named);
    }
}
