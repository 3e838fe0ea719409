//! How a wait ends without success.

use std::{iter, time::Duration};

use thiserror::Error;

use crate::{
    diagnose::Diagnosis,
    exit::Exit,
    failure::{Failure, Missing},
    phrase::Took,
};

/// What was seen of a target that did not become ready.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) target: String,
    /// The most telling reason.
    pub(crate) diagnosis: Diagnosis,
    pub(crate) first: Option<Diagnosis>,
    pub(crate) last: Option<Diagnosis>,
    /// Other hosts of the same target and their reasons.
    pub(crate) others: Vec<(String, Diagnosis)>,
    /// What the name resolved to.
    pub(crate) addresses: Vec<String>,
    pub(crate) tries: u32,
    pub(crate) elapsed: Duration,
}

impl Report {
    /// The reason with everything that was seen on the way, the id last.
    fn reason(&self) -> String {
        let effort = effort(self.tries, self.elapsed);
        let diagnosis = &self.diagnosis;
        let mut text = format!("{} ({effort}", diagnosis.cause);
        for (when, seen) in [("first", &self.first), ("last", &self.last)] {
            if let Some(other) = seen.as_ref().filter(|seen| !seen.is_same(diagnosis)) {
                text.extend(["; at ", when, ": ", &other.cause]);
            }
        }
        if !self.addresses.is_empty() {
            text.extend(["; resolved to ", &self.addresses.join(", ")]);
        }
        for (host, other) in &self.others {
            text.extend(["; ", host, ": ", &other.cause]);
        }
        format!("{text}) [{}]", diagnosis.id())
    }

    fn line(&self) -> String {
        format!("{}: {}", self.target, self.reason())
    }
}

/// `3 tries in 1.2 s`.
pub(super) fn effort(number: u32, elapsed: Duration) -> String {
    format!("{} in {}", tries(number), Took(elapsed))
}

/// `3 tries`.
pub(super) fn tries(number: u32) -> String {
    let noun = if number == 1 { "try" } else { "tries" };
    format!("{number} {noun}")
}

/// Why the wait ended.
#[derive(Debug, Error)]
pub(crate) enum WaitError {
    /// The deadline passed; one report per target that is missing, never empty.
    #[error("not ready in time: {}", lines(reports))]
    TimedOut { reports: Vec<Report> },
    /// The target will never be ready as things are; `others` were not ready at that moment.
    #[error("{}", refused(report, others))]
    Refused { report: Box<Report>, others: Vec<Report> },
    #[error("a probe broke down")]
    Broken(#[source] tokio::task::JoinError),
}

fn lines(reports: &[Report]) -> String {
    reports.iter().map(Report::line).collect::<Vec<_>>().join("; ")
}

fn refused(report: &Report, others: &[Report]) -> String {
    match others {
        [] => report.line(),
        others => format!("{}; also not ready: {}", report.line(), lines(others)),
    }
}

impl WaitError {
    /// Of every target that was not ready, what explains the end best first.
    fn reports(&self) -> Vec<&Report> {
        match self {
            Self::TimedOut { reports } => reports.iter().collect(),
            Self::Refused { report, others } => iter::once(&**report).chain(others).collect(),
            Self::Broken(_) => Vec::new(),
        }
    }
}

impl Failure for WaitError {
    fn exit(&self) -> Exit {
        match self {
            Self::TimedOut { .. } => Exit::NotReady,
            Self::Refused { report, .. } => report.diagnosis.exit(),
            Self::Broken(_) => Exit::Internal,
        }
    }

    fn missing(&self) -> Option<Missing> {
        let reports = self.reports();
        let report = reports.first()?;
        Some(Missing {
            id: report.diagnosis.id(),
            target: report.target.clone(),
            attempts: report.tries,
            elapsed: report.elapsed,
            addresses: report.addresses.clone(),
        })
    }

    fn hint(&self) -> Option<String> {
        match self.reports().as_slice() {
            [] => None,
            [only] => Some(only.diagnosis.advice()),
            all => {
                let hint =
                    |report: &&Report| format!("{}: {}", report.target, report.diagnosis.advice());
                Some(all.iter().map(hint).collect::<Vec<_>>().join("\n"))
            }
        }
    }
}
