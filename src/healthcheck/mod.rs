//! `init healthcheck`: is this container alive, is it ready? For Docker's HEALTHCHECK and exec probes.
//!
//! `stage` reads from process names how far the start has come, `http` asks the server. Needs no shell,
//! no file of ours, no port of ours and no rights.

mod http;
mod stage;

use std::{fmt, time::Duration};

use crate::config::endpoint::Endpoint;
use http::HttpError;
pub(crate) use stage::Stage;
pub(crate) use stage::current as stage;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) question: Question,
    pub(crate) endpoint: Endpoint,
    /// For the whole answer, name lookup included.
    pub(crate) timeout: Duration,
    pub(crate) expected: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Would a restart help? `ask`: the URL has a say while serving, because it was named.
    Live { ask: bool },
    /// May requests be sent here?
    Ready,
}

/// Status codes that count as well, inclusive on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected(Vec<(u16, u16)>);

impl Expected {
    /// Reads `200-299` or `200,204,300-399`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a status or a range such as 200-299");
        let status = |text: &str| {
            let number = text.trim().parse().map_err(|_| wrong())?;
            if (100..=599).contains(&number) { Ok(number) } else { Err(wrong()) }
        };
        let range = |part: &str| -> Result<(u16, u16), String> {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let (low, high) = (status(low)?, status(high)?);
            if low <= high { Ok((low, high)) } else { Err(wrong()) }
        };
        text.split(',').map(range).collect::<Result<_, _>>().map(Self)
    }

    fn has(&self, status: u16) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&status))
    }
}

/// The answer and its reason; prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) passed: bool,
    line: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.line)
    }
}

impl Verdict {
    pub(crate) fn passed(line: impl Into<String>) -> Self {
        Self { passed: true, line: line.into() }
    }

    pub(crate) fn failed(line: impl Into<String>) -> Self {
        Self { passed: false, line: line.into() }
    }
}

/// What the stage alone decides; `None` asks the URL.
///
/// Where no app-init is seen the server has taken its place, and only its URL can tell anything.
pub(crate) fn by_stage(question: Question, stage: &Stage) -> Option<Verdict> {
    match (question, stage) {
        (Question::Live { .. }, Stage::Preparing(phase)) => {
            Some(Verdict::passed(format!("live: preparing, {phase}")))
        }
        (Question::Live { ask: false }, Stage::Serving) => {
            Some(Verdict::passed("live: the server runs"))
        }
        (Question::Ready, Stage::Preparing(phase)) => {
            Some(Verdict::failed(format!("not ready: preparing, {phase}")))
        }
        (Question::Live { ask: true } | Question::Ready, Stage::Serving) | (_, Stage::Over) => None,
    }
}

/// Asks the URL, once.
pub(crate) async fn by_url(check: &Check) -> Verdict {
    let (good, bad) = match check.question {
        Question::Live { .. } => ("live", "not live"),
        Question::Ready => ("ready", "not ready"),
    };
    let url = &check.endpoint.url;
    match http::status(&check.endpoint, check.timeout).await {
        Ok(status) if check.expected.has(status) => {
            Verdict::passed(format!("{good}: {url} answered {status}"))
        }
        Ok(status @ 300..=399) => Verdict::failed(format!(
            "{bad}: {url} answered {status}, and redirects are not followed"
        )),
        Ok(status) => Verdict::failed(format!("{bad}: {url} answered {status}")),
        Err(HttpError::Silent) => Verdict::failed(format!(
            "{bad}: {url} did not answer within {}",
            humantime::format_duration(check.timeout)
        )),
        Err(error) => Verdict::failed(format!("{bad}: {url}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_ranges() {
        for (text, status, good) in [
            ("200-299", 200, true),
            ("200-299", 299, true),
            ("200-299", 300, false),
            ("204", 204, true),
            ("204", 200, false),
            ("200, 301-399", 302, true),
            ("200,301-399", 300, false),
        ] {
            assert_eq!(Expected::parse(text).unwrap().has(status), good, "{text:?} {status}");
        }
        for text in ["", "2xx", "299-200", "99", "600", "200-", "-1", "200,,201"] {
            assert!(Expected::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_stage_decides_where_it_can() {
        let live = Question::Live { ask: false };
        let asked = Question::Live { ask: true };
        let preparing = Stage::Preparing("migrate".into());
        for (question, stage, passed) in [
            (live, &preparing, Some(true)),
            (asked, &preparing, Some(true)),
            (Question::Ready, &preparing, Some(false)),
            (live, &Stage::Serving, Some(true)),
            (asked, &Stage::Serving, None),
            (Question::Ready, &Stage::Serving, None),
            (live, &Stage::Over, None),
            (Question::Ready, &Stage::Over, None),
        ] {
            let verdict = by_stage(question, stage).map(|verdict| verdict.passed);
            assert_eq!(verdict, passed, "{question:?} {stage:?}");
        }
    }
}
