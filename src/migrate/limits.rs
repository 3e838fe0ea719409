//! What is said of time limits: whose limit it was, and what to do about it. Pure.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::{
    cause::Cause,
    error::{MigrateError, ScriptFailure},
    lock::spoken,
    script::{Mode, Script},
};
use crate::{phrase::lasting, plan::FilePolicy};

/// What kept a file from its tables: `could not lock a table within 3s`.
pub(super) fn kept_out(script: &Script, policy: FilePolicy, error: &MigrateError) -> String {
    if cause(error).is_some_and(|cause| cause.is(&[SqlState::T_R_DEADLOCK_DETECTED])) {
        return "was in a deadlock".into();
    }
    let own = sets(script, "lock_timeout") || sets(script, "nowait");
    // Outside a transaction only the file itself has a limit.
    let usual = Some(policy.lock_timeout).filter(|_| script.mode == Mode::Transaction);
    match script.lock_timeout.or(usual) {
        Some(limit) if !own => format!("could not lock a table within {}", spoken(limit)),
        _ => "could not lock a table in the time that its statements allow".into(),
    }
}

/// The error of a file that was tried for so long.
pub(super) fn spent(mut error: MigrateError, took: Duration, limit: Duration) -> MigrateError {
    if let MigrateError::Script(failure) = &mut error {
        let ScriptFailure { left, hint, .. } = failure.as_mut();
        let tried = format!("tried again and again for {}", lasting(took));
        *left = Some(left.take().map_or_else(|| tried.clone(), |left| format!("{left}; {tried}")));
        *hint = Some(format!(
            "end who has the table, or raise APP_INIT_MIGRATE_LOCK_RETRY ({}), for which a file is tried again; \
             `-- app-init: lock_timeout=10s` at its top makes each try wait longer",
            spoken(limit)
        ));
    }
    error
}

const OTHER: &str = "`-- app-init: statement_timeout=10m` (or off) at the top of the file";

/// What to do about a statement that was cancelled; `None` if this one was not.
pub(super) fn cancelled(script: &Script, policy: FilePolicy, cause: &Cause) -> Option<String> {
    if !cause.is(&[SqlState::QUERY_CANCELED]) {
        return None;
    }
    let ours = |limit: &Duration| !limit.is_zero() && !sets(script, "statement_timeout");
    let of_file = script.statement_timeout.filter(ours);
    let of_setting = policy.statement_timeout.filter(ours);
    Some(match (of_file, of_setting) {
        (Some(limit), _) => {
            format!("the file's own limit is statement_timeout={}: raise it", spoken(limit))
        }
        (None, Some(limit)) if script.statement_timeout.is_none() => format!(
            "the limit is APP_INIT_MIGRATE_STATEMENT_TIMEOUT={}: raise it, or put {OTHER}",
            spoken(limit)
        ),
        _ if sets(script, "statement_timeout") => {
            "the file sets statement_timeout itself: raise it there".into()
        }
        _ => format!(
            "app-init set no limit: it is the statement_timeout of role, database or server, unless somebody cancelled it; \
             for another limit put {OTHER}"
        ),
    })
}

/// Whether a statement of the script speaks of it.
fn sets(script: &Script, name: &str) -> bool {
    let texts = script.statements.iter().map(|statement| &script.text[statement.range.clone()]);
    texts.map(str::to_ascii_lowercase).any(|text| text.contains(name))
}

fn cause(error: &MigrateError) -> Option<&Cause> {
    match error {
        MigrateError::Script(failure) => Some(&failure.cause),
        MigrateError::Database { cause, .. } => Some(cause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::migrate::dialect::Dialect;

    #[test]
    fn a_limit_is_named_only_if_it_is_the_one_that_counts() {
        let policy = FilePolicy {
            lock_timeout: Duration::from_secs(3),
            lock_retry: None,
            record_timeout: None,
            statement_timeout: None,
            timeout: None,
            heartbeat: None,
        };
        let late = MigrateError::Database { doing: String::new(), cause: Cause::text("late") };
        for (text, said) in [
            ("alter table t add a int", "within 3s"),
            ("-- app-init: lock_timeout=500ms\nalter table t add a int", "within 500ms"),
            ("set local LOCK_TIMEOUT = '1s'; alter table t add a int", "its statements allow"),
            ("select set_config('lock_timeout', '1s', true); select 1", "its statements allow"),
            ("lock table t nowait", "its statements allow"),
            ("vacuum t", "its statements allow"),
            ("-- app-init: lock_timeout=1m\nvacuum t", "within 1m"),
        ] {
            let script =
                Script::read("V1__a", Path::new("V1__a.sql"), text, Dialect::default()).unwrap();
            let told = kept_out(&script, policy, &late);
            assert!(told.ends_with(said), "{text:?} gives {told}");
        }
    }
}
