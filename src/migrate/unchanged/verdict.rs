//! What was recorded against what is there: whether the command has anything to do. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::content::Parts;

/// Version tables, `schema.name`, and the fingerprint of the rows of each.
pub(super) type Tables = BTreeMap<String, String>;

/// One success that was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Hash of command line and files.
    pub(super) hash: String,
    /// As the command left them; empty if none was found.
    pub(super) tables: Tables,
    /// Of what the hash was made.
    pub(super) parts: Parts,
    /// UTC, RFC 3339.
    pub(super) since: String,
    /// The host that ran it.
    pub(super) by: String,
}

/// Everything that was recorded and is to be known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    /// The newest, whoever's it is.
    pub(super) latest: Option<Record>,
    /// The newest of this image.
    pub(super) ours: Option<Record>,
}

/// Whether the command has to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It has, and why.
    Run(String),
    /// It has nothing to do: `unchanged since … by …`.
    Unchanged(String),
    /// An image with other files has migrated further since, as a roll-back leaves it: since when and by whom.
    Ahead(String),
}

/// Decides for a replica that may migrate. `now` are the version tables as they are.
///
/// Only the state after the *last* recorded success counts: with other files run in between, the
/// command runs again, unless those left a newer version table, which an older image's tool could
/// only stumble over.
pub(super) fn verdict(records: &Records, now: &Tables) -> Verdict {
    let (Some(ours), Some(latest)) = (&records.ours, &records.latest) else {
        return Verdict::Run(nothing_recorded(records));
    };
    if ours.hash == latest.hash {
        return match changed(ours, now) {
            None => Verdict::Unchanged(format!("unchanged since {} by {}", ours.since, ours.by)),
            Some(why) => Verdict::Run(why),
        };
    }
    let moved_on = latest.tables != ours.tables && !latest.tables.is_empty();
    if moved_on && changed(latest, now).is_none() {
        return Verdict::Ahead(format!("migrated further on {} by {}", latest.since, latest.by));
    }
    Verdict::Run(format!("other files were run on {} by {}", latest.since, latest.by))
}

/// What a replica that may not migrate still waits for; `None` if it can start: this image's
/// migrations were run, and the version tables are as a recorded run left them.
pub(super) fn missing(records: &Records, now: &Tables) -> Option<String> {
    let (Some(ours), Some(latest)) = (&records.ours, &records.latest) else {
        return Some(nothing_recorded(records));
    };
    changed(latest, now).filter(|_| changed(ours, now).is_some())
}

fn nothing_recorded(records: &Records) -> String {
    match &records.latest {
        None => "no run of a migrate command is recorded in this database".into(),
        Some(other) => format!(
            "no run of this image's command and files is recorded, only of others, last on {} by {}",
            other.since, other.by
        ),
    }
}

/// The first table that is not as it was recorded.
fn changed(record: &Record, now: &Tables) -> Option<String> {
    let (table, _) = record.tables.iter().find(|(table, print)| now.get(*table) != Some(print))?;
    let verb = if now.contains_key(table) { "has changed" } else { "is gone" };
    Some(format!("the version table `{table}` {verb} since {} by {}", record.since, record.by))
}

impl Record {
    /// What the marker holds.
    pub(super) fn value(tables: &Tables, parts: &Parts) -> String {
        json!({ "tables": tables, "parts": parts }).to_string()
    }

    /// Tables and parts out of a marker's value; none for a value of another shape.
    pub(super) fn read(value: &str) -> (Tables, Parts) {
        let value = serde_json::from_str::<Value>(value).unwrap_or_default();
        let map = |name: &str| {
            let pairs = value[name].as_object().into_iter().flatten();
            let text =
                |(name, print): (&String, &Value)| Some((name.clone(), print.as_str()?.to_owned()));
            pairs.filter_map(text).collect()
        };
        (map("tables"), map("parts"))
    }

    /// What is not as it was then, of command line and watched paths.
    pub(super) fn changed_parts(&self, now: &Parts) -> Vec<String> {
        let names: BTreeSet<&String> = self.parts.keys().chain(now.keys()).collect();
        let differs = |name: &&String| self.parts.get(*name) != now.get(*name);
        names.into_iter().filter(differs).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(text: &str) -> Tables {
        let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(name, print)| (name.to_owned(), print.to_owned())).collect()
    }

    fn record(text: &str) -> Option<Record> {
        let (hash, rest) = text.split_once(' ').unwrap_or((text, ""));
        (!text.is_empty()).then(|| Record {
            hash: hash.into(),
            tables: tables(rest),
            parts: Parts::new(),
            since: "then".into(),
            by: "pod".into(),
        })
    }

    #[test]
    fn decides_by_the_last_success() {
        for (ours, latest, now, expected) in [
            ("", "", "", "run, wait"),
            ("", "B a=1", "a=1", "run, wait"),
            ("A a=1", "A a=1", "a=1", "unchanged, go"),
            ("A a=1", "A a=1", "a=1 k=9", "unchanged, go"), // another app's table
            ("A a=1", "A a=1", "a=0", "run, wait"),         // a downgrade by hand
            ("A a=1", "A a=1", "", "run, wait"),
            ("A", "A", "a=1", "unchanged, go"), // no version table is known
            ("A", "B", "", "run, go"),          // and so the order of versions is unknown
            ("A a=1", "B a=1", "a=1", "run, go"), // other files, same version
            ("A a=1", "B a=2", "a=2", "ahead, go"), // rolled back to A
            ("A a=1", "B a=2", "a=1", "run, go"), // B's migration undone by hand
            ("A a=1", "B a=2", "a=0", "run, wait"),
        ] {
            let records = Records { ours: record(ours), latest: record(latest) };
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
        let before = tables("public.alembic_version=ab12 app.knex_migrations=cd");
        let parts = tables("versions=ef");
        assert_eq!(Record::read(&Record::value(&before, &parts)), (before, parts));
        for other in ["done", "{}", "[1]"] {
            assert_eq!(Record::read(other), (Tables::new(), Parts::new()), "{other}");
        }
    }

    #[test]
    fn names_what_has_changed_come_or_gone() {
        let record = Record { parts: tables("ini=1 old=1 same=1"), ..Record::default() };
        assert_eq!(record.changed_parts(&tables("ini=2 new=1 same=1")), ["ini", "new", "old"]);
    }
}
