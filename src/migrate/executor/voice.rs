//! What is said of a file before it runs, and while it is kept out.

use std::time::Duration;

use super::{Executor, Unit};
use crate::{
    migrate::{
        error::MigrateError,
        limits::kept_out,
        lock::milliseconds,
        script::{Mode, Script},
    },
    phrase::lasting,
};

impl Executor<'_> {
    pub(super) fn say_misplaced(&self, script: &Script) {
        for line in &script.misplaced {
            tracing::warn!(
                phase = self.scene.phase,
                event = "misplaced",
                "{}:{line}: an `app-init:` option counts only in a `--` line above the first statement: this one is ignored",
                script.file
            );
        }
    }

    pub(super) fn say_left_out(&self, script: &Script) {
        if let Some(line) = script.left_out {
            tracing::warn!(
                phase = self.scene.phase,
                event = "left_out",
                "{}: left out `SET transaction_timeout = 0` in line {line}: this server is older than what wrote the file, and has no such limit",
                script.label
            );
        }
    }

    /// In full when somebody else is in the way than was `said`, else in short.
    pub(super) fn say_blocked(
        &self,
        unit: &Unit<'_>,
        error: &MigrateError,
        took: Duration,
        said: &mut Option<String>,
    ) {
        let (script, phase) = (&unit.script, self.scene.phase);
        let what = kept_out(script, self.scene.policy, error);
        let holder = self.scene.progress.blocker();
        let holder = holder.map_or_else(String::new, |who| format!(", held by {who}"));
        let undone = if script.mode == Mode::Transaction { "rolled back, " } else { "" };
        let full = format!("{} {what}{holder}; {undone}trying again", script.label);
        let duration_ms = milliseconds(took);
        if said.as_ref() == Some(&full) {
            let took = lasting(took);
            tracing::info!(
                phase,
                event = "blocked",
                duration_ms,
                "{}: the same after {took}",
                script.label
            );
        } else {
            tracing::info!(phase, event = "blocked", duration_ms, "{full}");
            *said = Some(full);
        }
    }
}
