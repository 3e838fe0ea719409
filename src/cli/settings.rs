//! The one table of settings. Flags, variables, keys of `init.toml`, `init help env`, `init config`
//! and the warning about unknown names all come from it.
//!
//! It stands under `cli` because flags are made from it; `config` gives the values their types.

/// One thing a user can set.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The variable: `APP_INIT_WAIT_TIMEOUT`, or a bare name that users already have.
    pub(crate) name: &'static str,
    /// A second variable that counts when the first is unset.
    pub(crate) alias: Option<&'static str>,
    pub(crate) kind: Kind,
    /// As a user would type it; `None` is unset.
    pub(crate) default: Option<&'static str>,
    /// One line for `init help env`.
    pub(crate) help: &'static str,
}

/// What a value may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Holds credentials: never printed, and no flag, because `ps` shows flags.
    Secret,
    Text,
    /// A boolean, or one of these words.
    Switch(&'static [&'static str]),
    /// One of these words.
    Choice(&'static [&'static str]),
    Duration,
    /// Separated by commas or blanks.
    List,
    Command,
    Path,
}

impl Setting {
    /// `APP_INIT_WAIT_TIMEOUT` without its prefix, in lower case: the key in `init.toml`.
    pub(crate) fn key(&self) -> String {
        self.name.trim_start_matches(PREFIX).to_ascii_lowercase()
    }

    /// The long flag without its dashes; `None` for secrets.
    pub(crate) fn flag(&self) -> Option<String> {
        (self.kind != Kind::Secret).then(|| self.key().replace('_', "-"))
    }
}

/// What our own names start with.
pub(crate) const PREFIX: &str = "APP_INIT_";

/// What app-init tells its children; an outer app-init may have set them for us.
pub(crate) const EXPORTED: [&str; 3] = ["APP_INIT_MODE", "APP_INIT_STEP", "APP_INIT_NPROC"];

/// The setting of that variable name.
pub(crate) fn find(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name || setting.alias == Some(name))
}

/// Every setting in the order of the manual.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    GROUPS.iter().flat_map(|(_, settings)| settings.iter())
}

/// Those that `init.toml` may give: all but the two that say where to look before it is read.
pub(crate) fn in_file() -> impl Iterator<Item = &'static Setting> {
    all().filter(|setting| !matches!(setting.name, "APP_INIT_CONFIG" | "APP_INIT_ENV_FILE"))
}

const fn row(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    help: &'static str,
) -> Setting {
    Setting { name, alias: None, kind, default, help }
}

const ON_FAILURE: Kind = Kind::Choice(&["abort", "continue"]);

/// Headings of `init help env` and what stands under them.
pub(crate) const GROUPS: &[(&str, &[Setting])] = &[
    (
        "Database",
        &[
            row(
                "DATABASE_URL",
                Kind::Secret,
                None,
                "else composed from DATABASE_*, POSTGRES_*, PG*",
            ),
            row("DATABASE_USER", Kind::Text, None, "the user, where the URL names none"),
            row("DATABASE_PASSWORD", Kind::Secret, None, "the password, where the URL has none"),
            Setting {
                name: "MIGRATE_DATABASE_URL",
                alias: Some("DIRECT_URL"),
                kind: Kind::Secret,
                default: None,
                help: "for lock, migrate, seed; hidden from the server",
            },
        ],
    ),
    (
        "Switches",
        &[
            row(
                "AUTORUN_MIGRATIONS",
                Kind::Switch(&["wait"]),
                Some("true"),
                "true, false, or wait: start once others have migrated",
            ),
            row(
                "SEED_ON_START",
                Kind::Switch(&["once"]),
                Some("false"),
                "false, true, or once: once per database",
            ),
            row(
                "RUN_ETL_ON_STARTUP",
                Kind::Switch(&[]),
                Some("false"),
                "true makes `init api` behave as `init all`",
            ),
            row(
                "APP_INIT_MODE",
                Kind::Text,
                Some("api"),
                "the mode when the command line names none",
            ),
            row(
                "APP_INIT_SKIP",
                Kind::List,
                None,
                "break glass: wait, lock, migrate, seed, etl, dirs",
            ),
        ],
    ),
    (
        "Commands and folders",
        &[
            row("APP_INIT_API_COMMAND", Kind::Command, None, "the server"),
            row(
                "APP_INIT_MIGRATIONS",
                Kind::Path,
                None,
                "folder of SQL migrations; /migrations or ./migrations if there",
            ),
            row(
                "APP_INIT_MIGRATE_COMMAND",
                Kind::Command,
                None,
                "or the app's own tool: alembic upgrade head",
            ),
            row(
                "APP_INIT_MIGRATE_WATCH",
                Kind::List,
                None,
                "files that decide the command's outcome; unchanged = skip it",
            ),
            row(
                "APP_INIT_MIGRATE_TABLE",
                Kind::List,
                None,
                "the command's version table; those of known tools are found",
            ),
            row(
                "APP_INIT_MIGRATE_STRICT",
                Kind::Switch(&[]),
                Some("false"),
                "refuse a database that is ahead of this image",
            ),
            row(
                "APP_INIT_SEEDS",
                Kind::Path,
                None,
                "folder of .sql files; /seeds or ./seeds if there",
            ),
            row("APP_INIT_SEED_COMMAND", Kind::Command, None, "or a command that seeds"),
            row("APP_INIT_SEED_ID", Kind::Text, Some("1"), "change it to let `once` run again"),
            row("APP_INIT_ETL_COMMAND", Kind::Command, None, "the ETL job"),
        ],
    ),
    (
        "Waiting",
        &[
            row(
                "APP_INIT_WAIT_FOR",
                Kind::List,
                None,
                "targets, all in parallel; the database if known",
            ),
            row("APP_INIT_SEED_WAIT_FOR", Kind::List, None, "more targets, only when it will seed"),
            row(
                "APP_INIT_ETL_WAIT_FOR",
                Kind::List,
                None,
                "more targets, only when the ETL will run",
            ),
            row("APP_INIT_WAIT_TIMEOUT", Kind::Duration, Some("60s"), "for all targets together"),
            row(
                "APP_INIT_WAIT_FATAL_GRACE",
                Kind::Duration,
                Some("10s"),
                "how long a refused password is tolerated",
            ),
        ],
    ),
    (
        "Locks, limits, failures",
        &[
            row(
                "APP_INIT_LOCK_TIMEOUT",
                Kind::Duration,
                Some("15m"),
                "how long to queue behind another replica",
            ),
            row(
                "APP_INIT_LOCK_NAME",
                Kind::Text,
                None,
                "namespace of lock and markers; the database's name",
            ),
            row("APP_INIT_SCHEMA", Kind::Text, Some("app_init"), "where markers are kept"),
            row(
                "APP_INIT_MIGRATE_TIMEOUT",
                Kind::Duration,
                Some("forever"),
                "limit of the migrate step",
            ),
            row(
                "APP_INIT_MIGRATE_LOCK_TIMEOUT",
                Kind::Duration,
                Some("3s"),
                "how long a statement of a file waits for a table lock",
            ),
            row(
                "APP_INIT_MIGRATE_LOCK_RETRY",
                Kind::Duration,
                Some("5m"),
                "how long a file that got no table lock is tried again",
            ),
            row(
                "APP_INIT_MIGRATE_STATEMENT_TIMEOUT",
                Kind::Duration,
                None,
                "limit of a statement of a file; unset is the server's",
            ),
            row("APP_INIT_SEED_TIMEOUT", Kind::Duration, Some("forever"), "limit of the seed step"),
            row("APP_INIT_ETL_TIMEOUT", Kind::Duration, Some("forever"), "limit of the ETL job"),
            row("APP_INIT_SEED_ON_FAILURE", ON_FAILURE, Some("abort"), "abort or continue"),
            row("APP_INIT_ETL_ON_FAILURE", ON_FAILURE, Some("abort"), "abort or continue"),
        ],
    ),
    (
        "Before the start",
        &[
            row("APP_INIT_REQUIRE", Kind::List, None, "names that must be set and not empty"),
            row("APP_INIT_DIRS", Kind::List, None, "directories that must exist and be writable"),
            row("APP_INIT_USER", Kind::Text, None, "name|uid[:gid] to become, if started as root"),
            row(
                "APP_INIT_CONFIG",
                Kind::Path,
                None,
                "/etc/app-init/init.toml or ./init.toml if there",
            ),
            row(
                "APP_INIT_ENV_FILE",
                Kind::Path,
                None,
                "file of NAME=value lines, below the environment",
            ),
        ],
    ),
    (
        "The server",
        &[
            row(
                "APP_INIT_HANDOFF",
                Kind::Choice(&["auto", "supervise", "exec"]),
                Some("auto"),
                "supervise, exec, or auto: supervise as PID 1",
            ),
            row(
                "APP_INIT_STOP_DELAY",
                Kind::Duration,
                Some("0"),
                "wait before a stop signal is forwarded",
            ),
            row(
                "APP_INIT_STOP_GRACE",
                Kind::Duration,
                Some("forever"),
                "after a stop: SIGKILL to the group",
            ),
            row(
                "APP_INIT_LEFTOVER_GRACE",
                Kind::Duration,
                Some("5s"),
                "for what still runs when the server has ended",
            ),
            row(
                "APP_INIT_SIGNAL_TARGET",
                Kind::Choice(&["child", "group"]),
                Some("child"),
                "who gets forwarded signals: child or group",
            ),
            row("APP_INIT_SIGNAL_MAP", Kind::List, None, "TERM=QUIT replaces, X= drops"),
            row("APP_INIT_SUCCESS_CODES", Kind::List, None, "exit codes that become 0: 143"),
            row(
                "APP_INIT_SIGNALS_INHERIT",
                Kind::Switch(&[]),
                Some("false"),
                "keep ignored signals ignored (nohup)",
            ),
            row(
                "APP_INIT_HEALTHCHECK_URL",
                Kind::Text,
                Some("http://127.0.0.1:${PORT:-8000}/health"),
                "what `--ready` asks",
            ),
        ],
    ),
    (
        "Output",
        &[
            row(
                "APP_INIT_LOG_FORMAT",
                Kind::Choice(&["text", "json"]),
                Some("text"),
                "text or json, on stderr",
            ),
            row(
                "APP_INIT_LOG_LEVEL",
                Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
                Some("info"),
                "error warn info debug trace; also -q -v -vv",
            ),
            row(
                "APP_INIT_HEARTBEAT",
                Kind::Duration,
                Some("15s"),
                "interval of the line for a long wait or step",
            ),
            row(
                "APP_INIT_TERMINATION_LOG",
                Kind::Path,
                Some("/dev/termination-log"),
                "reason of a failure, where writable",
            ),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_in_three_places() {
        let wait = find("APP_INIT_WAIT_TIMEOUT").unwrap();
        assert_eq!(
            (wait.key().as_str(), wait.flag().as_deref()),
            ("wait_timeout", Some("wait-timeout"))
        );
        let bare = find("AUTORUN_MIGRATIONS").unwrap();
        assert_eq!(bare.flag().as_deref(), Some("autorun-migrations"));
        assert_eq!(
            find("DATABASE_URL").unwrap().flag(),
            None,
            "a password must not be an argument"
        );
        assert_eq!(find("DIRECT_URL"), find("MIGRATE_DATABASE_URL"));
    }

    #[test]
    fn no_two_settings_share_a_spelling() {
        let mut keys: Vec<String> = all().map(Setting::key).collect();
        keys.sort();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
