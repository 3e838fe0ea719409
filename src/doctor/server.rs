//! What a server says about itself, and what that means for a start. Pure.

use super::{
    finding::{Finding, Section},
    needs::Needs,
};
use crate::diagnose::{Diagnosis, Facts as Words, table};

/// One row. Names are qualified: a `search_path` may lead elsewhere.
pub(super) const QUESTION: &str = "SELECT pg_catalog.current_setting('server_version_num'), \
    pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery(), \
    pg_catalog.current_setting('transaction_read_only'), \
    pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()), \
    (SELECT pg_catalog.pg_encoding_to_char(encoding) FROM pg_catalog.pg_database \
     WHERE datname = pg_catalog.current_database()), \
    (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database), \
    pg_catalog.current_setting('max_connections'), \
    pg_catalog.current_setting('superuser_reserved_connections')";

/// The oldest server that is tested, as `server_version_num`.
const OLDEST: u32 = 120_000;

/// Clocks that differ by less are set alike: TLS, tokens and log lines do not mind, in seconds.
const SKEW: f64 = 5.0;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Facts {
    number: u32,
    version: String,
    in_recovery: bool,
    read_only: bool,
    /// How far its clock is ahead of ours, in seconds.
    ahead: f64,
    encoding: String,
    /// Sessions there are, and how many an ordinary role may have in all.
    used: u32,
    slots: u32,
}

impl Facts {
    /// `ours`: our clock while the server answered, seconds since 1970. `None` if the answer is none.
    pub(super) fn read(row: &[Option<String>], ours: f64) -> Option<Self> {
        let text = |index: usize| row.get(index)?.as_deref();
        let number = |index: usize| text(index)?.parse::<u32>().ok();
        Some(Self {
            number: number(0)?,
            version: text(1)?.split(' ').next()?.to_owned(),
            in_recovery: text(2)? == "t",
            read_only: text(3)? == "on",
            ahead: text(4)?.parse::<f64>().ok()? - ours,
            encoding: text(5)?.to_owned(),
            used: number(6)?,
            slots: number(7)?.saturating_sub(number(8)?),
        })
    }
}

/// One finding for each thing that matters.
pub(super) fn judge(place: &str, facts: &Facts, needs: &Needs) -> Vec<Finding> {
    vec![
        version(place, facts),
        role(place, facts, needs.writable),
        encoding(place, facts),
        slots(place, facts),
        clock(place, facts),
    ]
}

fn version(place: &str, facts: &Facts) -> Finding {
    let subject = format!("{place} version");
    let message = format!("PostgreSQL {}", facts.version);
    if facts.number >= OLDEST {
        return Finding::ok(Section::Database, subject, message);
    }
    let message = format!("{message} is older than what app-init is tested with");
    Finding::warning(Section::Database, subject, message).hint("12 and later are supported")
}

fn role(place: &str, facts: &Facts, writable: bool) -> Finding {
    let subject = format!("{place} role");
    let what = match (facts.in_recovery, facts.read_only) {
        (true, _) => "a standby",
        (false, true) => "a primary that is read-only for us",
        (false, false) => "a primary that takes writes",
    };
    if writable && (facts.in_recovery || facts.read_only) {
        let diagnosis = Diagnosis::new(&table::READ_ONLY, &Words::default());
        return Finding::diagnosis(Section::Database, subject, &diagnosis);
    }
    Finding::ok(Section::Database, subject, what)
}

fn encoding(place: &str, facts: &Facts) -> Finding {
    let subject = format!("{place} encoding");
    if facts.encoding == "UTF8" {
        return Finding::ok(Section::Database, subject, "UTF8");
    }
    let message = format!("{}, and SQL files are read as UTF-8", facts.encoding);
    Finding::warning(Section::Database, subject, message)
        .hint("characters that the database's encoding lacks are an error, or stored unchecked")
}

fn slots(place: &str, facts: &Facts) -> Finding {
    let subject = format!("{place} connections");
    let message = format!("{} of {} in use", facts.used, facts.slots);
    // A tenth, but at least one for the lock and one for the work.
    if facts.used + (facts.slots / 10).max(2) <= facts.slots {
        return Finding::ok(Section::Database, subject, message);
    }
    Finding::warning(Section::Database, subject, message).hint(
        "max_connections is nearly used up: compare it with pool size times replicas, or put a pooler in front",
    )
}

fn clock(place: &str, facts: &Facts) -> Finding {
    let subject = format!("{place} clock");
    if facts.ahead.abs() < SKEW {
        return Finding::ok(Section::Database, subject, "agrees with ours");
    }
    let direction = if facts.ahead > 0.0 { "ahead of" } else { "behind" };
    let message = format!("{:.0} s {direction} ours", facts.ahead.abs());
    Finding::warning(Section::Database, subject, message)
        .hint("one of the two is wrong: certificates and tokens depend on the time")
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, *};

    const ROW: [&str; 9] =
        ["150008", "15.8 (Debian)", "f", "off", "100.0", "UTF8", "3", "100", "3"];

    fn warned(changes: &[(usize, &str)], writable: bool) -> Vec<String> {
        let mut row = ROW.map(|text| Some(text.to_owned()));
        for (at, text) in changes {
            row[*at] = Some((*text).to_owned());
        }
        let facts = Facts::read(&row, 100.0).unwrap();
        let needs = Needs { writable, ..Needs::default() };
        let odd = |finding: &Finding| finding.level != Level::Ok;
        let findings = judge("d", &facts, &needs);
        findings
            .into_iter()
            .filter(odd)
            .map(|finding| format!("{}: {}", finding.subject, finding.message))
            .collect()
    }

    #[test]
    fn each_oddity_is_a_finding() {
        for (changes, writable, found) in [
            (&[][..], true, None),
            (&[(0, "110020"), (1, "11.20")], true, Some("d version: PostgreSQL 11.20 is older")),
            (&[(2, "t"), (3, "on")], true, Some("d role: the server is read-only")),
            (&[(2, "t"), (3, "on")], false, None),
            (&[(4, "160.2")], true, Some("d clock: 60 s ahead of ours")),
            (&[(4, "90.0")], true, Some("d clock: 10 s behind ours")),
            (&[(5, "SQL_ASCII")], true, Some("d encoding: SQL_ASCII")),
            (&[(6, "89")], true, Some("d connections: 89 of 97 in use")),
            (&[(6, "88")], true, None),
        ] {
            let warned = warned(changes, writable);
            match (found, warned.as_slice()) {
                (None, []) => {}
                (Some(found), [one]) if one.starts_with(found) => {}
                (found, warned) => panic!("{changes:?}: {warned:?} instead of {found:?}"),
            }
        }
        assert_eq!(Facts::read(&[], 0.0), None);
    }
}
