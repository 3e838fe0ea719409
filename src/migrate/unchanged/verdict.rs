//! What was recorded against what is there: whether the command has anything to do. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::content::{COMMAND, Names, Parts};
use crate::migrate::error::ANOTHER_SCHEMA;

/// Version tables, `schema.name`, and the fingerprint of the rows of each.
pub(super) type Tables = BTreeMap<String, String>;

/// One success that was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Hash of command line and files.
    pub(super) hash: String,
    /// As the command left them; empty if none was found.
    pub(super) tables: Tables,
    /// Those among them that runs of this command have changed; empty if none was seen to change.
    pub(super) own: BTreeSet<String>,
    /// Of what the hash was made.
    pub(super) parts: Parts,
    /// Of everything that was watched.
    pub(super) names: Names,
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
    /// Tables that the settings name and that are there: a record without them does not know them.
    pub(super) named: BTreeSet<String>,
    /// Recorded tables that are not in the schema which the address names: another tenant's.
    pub(super) foreign: BTreeSet<String>,
}

impl Records {
    /// Says that this run was one of another tenant's, whose files may be the same.
    pub(super) fn of_another(&self, record: &Record) -> Option<String> {
        let table = record.tables.keys().next().filter(|table| self.foreign.contains(*table))?;
        let (since, by) = (&record.since, &record.by);
        Some(format!(
            "the run recorded on {since} by {by} {ANOTHER_SCHEMA}, it left the version table `{table}`: \
             tenants that share a database need an APP_INIT_LOCK_NAME each"
        ))
    }
}

/// What was there before the command ran.
#[derive(Clone, Debug, Default)]
pub(crate) struct Before {
    /// `None` if they could not be read.
    pub(super) tables: Option<Tables>,
    /// What runs of this command had changed by then.
    pub(super) own: BTreeSet<String>,
}

impl Before {
    /// What runs of this command have changed by now.
    pub(super) fn own(self, now: &Tables) -> BTreeSet<String> {
        let Self { tables, mut own } = self;
        if let Some(before) = tables {
            let changed = now.iter().filter(|(table, print)| before.get(*table) != Some(print));
            own.extend(changed.map(|(table, _)| table.clone()));
        }
        own.retain(|table| now.contains_key(table));
        own
    }
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
/// Only the state after the *last* recorded success counts: with anything else run in between, the
/// command runs again, unless `is_ahead` is sure. A tool that has nothing to do does nothing.
pub(super) fn verdict(records: &Records, now: &Tables) -> Verdict {
    let (Some(ours), Some(latest)) = (&records.ours, &records.latest) else {
        return Verdict::Run(nothing_recorded(records));
    };
    if ours.hash == latest.hash {
        let why = records.of_another(ours).or_else(|| changed(ours, now));
        return match why.or_else(|| unknown(ours, &records.named)) {
            None => Verdict::Unchanged(format!("unchanged since {} by {}", ours.since, ours.by)),
            Some(why) => Verdict::Run(why),
        };
    }
    if is_ahead(ours, latest, now) && unknown(latest, &records.named).is_none() {
        return Verdict::Ahead(format!("migrated further on {} by {}", latest.since, latest.by));
    }
    Verdict::Run(others_ran(latest))
}

/// Whether a later image has certainly migrated further than ours did, as a roll-back leaves it.
///
/// This skips the command, so all of these have to hold, and where one does not, the command runs:
/// - this image's own run is recorded, so its migrations are known to work;
/// - the last recorded run is of the same command line and watched paths: a `downgrade`, or another
///   app in the same database, is no later run of ours;
/// - it had every watched file that we have, by name, and more: its tool knew all our migrations. An
///   image with fewer files, or with the same ones, may as well have left them out or taken them back;
/// - it left the version tables otherwise than we did, and none of ours is missing there;
/// - they are exactly like that now, so nobody has taken anything back by hand since.
fn is_ahead(ours: &Record, latest: &Record, now: &Tables) -> bool {
    latest.is_of_the_same(ours)
        && !ours.names.is_empty()
        && ours.names.is_subset(&latest.names)
        && ours.names.len() < latest.names.len()
        && !latest.tables.is_empty()
        && latest.tables != ours.tables
        && ours.tables.keys().all(|table| latest.tables.contains_key(table))
        && changed(latest, now).is_none()
}

/// What a replica that may not migrate still waits for; `None` if it can start: this image's
/// migrations were run, and the version tables are as that run left them, or certainly further.
///
/// Of the version tables those count that this command was seen to change: a replica that has
/// nobody to migrate for it must not wait for another app's table to change back. One that may
/// migrate looks at all of them, as it does no harm to run the command once more.
///
/// Where no version table is known, a later run of the same command is taken for what it nearly
/// always is, a newer or an older image: waiting would hold up every roll-out and roll-back.
pub(super) fn missing(records: &Records, now: &Tables) -> Option<String> {
    let (Some(ours), Some(latest)) = (&records.ours, &records.latest) else {
        return Some(nothing_recorded(records));
    };
    let differs = || ours.own_tables().find_map(|table| changed_in(ours, table, now));
    let why = records.of_another(ours).or_else(differs);
    let is_known = !ours.tables.is_empty() || latest.is_of_the_same(ours);
    if is_ahead(ours, latest, now) || (is_known && why.is_none()) {
        return None;
    }
    Some(match why {
        Some(why) if ours.hash == latest.hash => why,
        Some(why) => format!("{}; {why}", others_ran(latest)),
        None => others_ran(latest),
    })
}

fn others_ran(latest: &Record) -> String {
    format!("another command or other files were run on {} by {}", latest.since, latest.by)
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
    record.tables.keys().find_map(|table| changed_in(record, table, now))
}

/// Says which of these tables the run knew nothing of, so that it cannot be known to be as it was.
fn unknown(record: &Record, named: &BTreeSet<String>) -> Option<String> {
    let table = named.iter().find(|table| !record.tables.contains_key(*table))?;
    let (since, by) = (&record.since, &record.by);
    Some(format!("the run recorded on {since} by {by} did not look at the version table `{table}`"))
}

/// Says that this table is not as it was recorded.
fn changed_in(record: &Record, table: &str, now: &Tables) -> Option<String> {
    if now.get(table) == record.tables.get(table) {
        return None;
    }
    let run = format!("the run recorded on {} by {}", record.since, record.by);
    Some(if now.contains_key(table) {
        format!("the version table `{table}` is not as {run} left it")
    } else {
        format!("the version table `{table}` is gone, which {run} left")
    })
}

impl Record {
    /// What the marker holds.
    pub(super) fn value(&self) -> String {
        json!({
            "tables": self.tables,
            "own": self.own,
            "parts": self.parts,
            "names": self.names,
            "host": self.by,
        })
        .to_string()
    }

    /// Out of a marker's value; nothing is known from a value of another shape.
    pub(super) fn read(value: &str) -> Self {
        let value = serde_json::from_str::<Value>(value).unwrap_or_default();
        let map = |name: &str| {
            let pairs = value[name].as_object().into_iter().flatten();
            let text =
                |(name, print): (&String, &Value)| Some((name.clone(), print.as_str()?.to_owned()));
            pairs.filter_map(text).collect()
        };
        let set = |name: &str| {
            let items = value[name].as_array().into_iter().flatten();
            items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        Self {
            tables: map("tables"),
            own: set("own"),
            parts: map("parts"),
            names: set("names"),
            by: value["host"].as_str().unwrap_or_default().to_owned(),
            ..Self::default()
        }
    }

    /// The command's own version tables; all of them if it was not seen to change any.
    fn own_tables(&self) -> impl Iterator<Item = &String> {
        let is_own = |table: &&String| self.own.is_empty() || self.own.contains(*table);
        self.tables.keys().filter(is_own)
    }

    /// Whether both are runs of one command line that watches the same paths, of one app.
    pub(super) fn is_of_the_same(&self, other: &Self) -> bool {
        self.parts.get(COMMAND) == other.parts.get(COMMAND)
            && self.parts.keys().eq(other.parts.keys())
    }

    /// What is not as it was then, of command line and watched paths.
    pub(super) fn changed_parts(&self, now: &Parts) -> Vec<String> {
        let names: BTreeSet<&String> = self.parts.keys().chain(now.keys()).collect();
        let differs = |name: &&String| self.parts.get(*name) != now.get(*name);
        names.into_iter().filter(differs).cloned().collect()
    }
}

#[cfg(test)]
mod tests;
