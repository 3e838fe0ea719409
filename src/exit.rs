//! The exit-code table: every way a start can end, its code and its reason word.
//!
//! The same word stands in the log's `reason` field, in the termination message and in
//! `init help exit-codes`. Which failure ends how is said by each phase's error enum.

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All that was asked for is done.
    Done,
    /// The command line cannot be understood.
    Usage,
    /// A file that was named is missing or unreadable.
    NoInput,
    /// A dependency was not ready in time.
    NotReady,
    /// A bug in app-init itself.
    Internal,
    /// A directory is missing and cannot be made, or is not writable.
    Directory,
    /// The leader lock was not obtained in time, or was lost.
    Lock,
    /// The database refused credentials or rights.
    Refused,
    /// The settings are invalid.
    Config,
    /// A migration or the migrate command failed.
    Migrate,
    /// A seed failed.
    Seed,
    /// The ETL job failed.
    Etl,
    /// A step of `init.toml` failed.
    Step,
    /// A step ran past its timeout.
    Timeout,
    /// The server command was found and cannot be run.
    NotExecutable,
    /// The server command was not found.
    NotFound,
    /// A stop signal with this number ended a phase, or the server.
    Signal(i32),
}

impl Exit {
    /// The code the process ends with; `128 + N` for a signal, as shells have it (XCU 2.8.2).
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Usage => 64,
            Self::NoInput => 66,
            Self::NotReady => 69,
            Self::Internal => 70,
            Self::Directory => 73,
            Self::Lock => 75,
            Self::Refused => 77,
            Self::Config => 78,
            Self::Migrate => 80,
            Self::Seed => 81,
            Self::Etl => 82,
            Self::Step => 83,
            Self::Timeout => 84,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
            // Linux numbers signals from 1 to 64, so the sum always fits.
            Self::Signal(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
        }
    }

    /// One stable word for logs, dashboards and alerts.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Usage => "usage",
            Self::NoInput => "file_missing",
            Self::NotReady => "not_ready",
            Self::Internal => "internal",
            Self::Directory => "directory",
            Self::Lock => "lock",
            Self::Refused => "refused",
            Self::Config => "config",
            Self::Migrate => "migrate_failed",
            Self::Seed => "seed_failed",
            Self::Etl => "etl_failed",
            Self::Step => "step_failed",
            Self::Timeout => "timeout",
            Self::NotExecutable => "not_executable",
            Self::NotFound => "not_found",
            Self::Signal(_) => "signal",
        }
    }
}

/// `init help exit-codes`: code, reason word, meaning, whether a retry helps.
pub(crate) const TABLE: &[(&str, &str, &str, &str)] = &[
    ("0", "done", "all done, or the server exited 0", ""),
    ("64", "usage", "the command line cannot be understood", "no"),
    ("66", "file_missing", "a file that was named is missing or unreadable", "no"),
    ("69", "not_ready", "a dependency was not ready in time", "yes"),
    ("70", "internal", "a bug in app-init", "no"),
    ("73", "directory", "a directory is missing or not writable", "no"),
    ("75", "lock", "the migration lock was not obtained in time, or lost", "yes"),
    ("77", "refused", "the database refused credentials or rights", "no"),
    ("78", "config", "the settings are invalid", "no"),
    ("80", "migrate_failed", "a migration failed", "no"),
    ("81", "seed_failed", "a seed failed", "no"),
    ("82", "etl_failed", "the ETL job failed", "no"),
    ("83", "step_failed", "a step of init.toml failed", "no"),
    ("84", "timeout", "a step ran past its timeout", "maybe"),
    ("126", "not_executable", "the server command cannot be executed", "no"),
    ("127", "not_found", "the server command was not found", "no"),
    ("128+N", "signal", "ended by signal N", ""),
    ("other", "server", "the server's own code", ""),
];
