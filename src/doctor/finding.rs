//! One finding as data, and which of several is the worst.

use crate::{diagnose::Diagnosis, exit::Exit, failure::Failure, failure::sentence};

/// What was looked at. The order is that of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Settings,
    Files,
    Programs,
    Directories,
    Network,
    Database,
    Container,
}

impl Section {
    pub(crate) const ALL: [Self; 7] = [
        Self::Settings,
        Self::Files,
        Self::Programs,
        Self::Directories,
        Self::Network,
        Self::Database,
        Self::Container,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Files => "files",
            Self::Programs => "programs",
            Self::Directories => "directories",
            Self::Network => "network",
            Self::Database => "database",
            Self::Container => "container",
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Ok,
    /// Odd, or only sometimes a reason to fail.
    Warning,
    /// A start would fail because of it.
    Error,
}

impl Level {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was looked at. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) section: Section,
    /// What was looked at: a setting, a file, `db:5432 TCP`.
    pub(crate) subject: String,
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// The diagnosis' anchor in docs/troubleshooting.md; `None` for what is no connection.
    pub(crate) id: Option<&'static str>,
    /// How a start would end because of it; `Done` unless it is an error.
    pub(crate) exit: Exit,
}

impl Finding {
    pub(crate) fn ok(
        section: Section,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            section,
            subject: subject.into(),
            level: Level::Ok,
            message: message.into(),
            hint: None,
            id: None,
            exit: Exit::Done,
        }
    }

    pub(crate) fn warning(
        section: Section,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { level: Level::Warning, ..Self::ok(section, subject, message) }
    }

    pub(crate) fn error(
        section: Section,
        subject: impl Into<String>,
        message: impl Into<String>,
        exit: Exit,
    ) -> Self {
        Self { level: Level::Error, exit, ..Self::ok(section, subject, message) }
    }

    /// What would end a start, in the words it would end with.
    pub(crate) fn failure(
        section: Section,
        subject: impl Into<String>,
        failure: &(impl Failure + ?Sized),
    ) -> Self {
        let hint = failure.hint();
        Self { hint, ..Self::error(section, subject, sentence(failure), failure.exit()) }
    }

    /// A failed try at a target.
    pub(crate) fn diagnosis(
        section: Section,
        subject: impl Into<String>,
        diagnosis: &Diagnosis,
    ) -> Self {
        Self {
            id: Some(diagnosis.id()),
            hint: Some(diagnosis.hint.clone()),
            ..Self::error(section, subject, diagnosis.cause.clone(), diagnosis.exit())
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same as a warning: odd, but a start gets past it.
    pub(crate) fn tolerated(self) -> Self {
        match self.level {
            Level::Error => Self { level: Level::Warning, exit: Exit::Done, ..self },
            _ => self,
        }
    }
}

/// How the program ends: by the error a person has to act on before one that may pass by itself
/// (69, 75), and among equals by the one a start would meet first. Mistakes in the settings that would
/// end differently end with 78 together, as in a start.
pub(crate) fn worst(findings: &[Finding]) -> Exit {
    let errors = || findings.iter().filter(|finding| finding.level == Level::Error);
    let mut settings = errors().filter(|finding| finding.section == Section::Settings);
    if let Some(first) = settings.next() {
        let same = settings.all(|finding| finding.exit == first.exit);
        return if same { first.exit } else { Exit::Config };
    }
    errors().map(|finding| finding.exit).min_by_key(|exit| rank(*exit)).unwrap_or(Exit::Done)
}

/// The order of a start, but what may pass comes last: it needs nobody. The first of equals counts.
fn rank(exit: Exit) -> u8 {
    match exit {
        Exit::Directory | Exit::NoInput => 0,
        Exit::Migrate | Exit::Seed => 2,
        Exit::Etl | Exit::Step => 3,
        Exit::NotExecutable | Exit::NotFound => 4,
        Exit::NotReady | Exit::Lock => 5,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_worse_than_what_may_pass() {
        let error = |exit| Finding::error(Section::Network, "x", "y", exit);
        let setting = |exit| Finding::error(Section::Settings, "x", "y", exit);
        let fine = || Finding::ok(Section::Network, "x", "y");
        let odd = || error(Exit::Config).tolerated();
        for (findings, exit) in [
            (vec![], Exit::Done),
            (vec![fine(), odd()], Exit::Done),
            (vec![error(Exit::NotReady)], Exit::NotReady),
            (vec![error(Exit::NotReady), error(Exit::NotFound)], Exit::NotFound),
            (vec![odd(), error(Exit::Directory), error(Exit::Refused)], Exit::Directory),
            (vec![error(Exit::NotFound), error(Exit::Etl), error(Exit::Refused)], Exit::Refused),
            (vec![error(Exit::Directory), setting(Exit::NoInput)], Exit::NoInput),
            (vec![setting(Exit::NoInput), setting(Exit::Usage)], Exit::Config),
        ] {
            assert_eq!(worst(&findings), exit, "{findings:?}");
        }
    }
}
