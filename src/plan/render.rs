//! `init plan`: the same plan as text and as JSON. Never shows a secret.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Action, End, Phase, Plan, Source, Wait, Watch, Work};
use crate::{config::target::Target, log};

/// Something that a command of the plan needs and that is not there or cannot be used.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    /// `migrate`, `etl`, the name of a step, `server`.
    pub(crate) subject: String,
    pub(crate) why: String,
    pub(crate) hint: Option<String>,
}

impl Plan {
    /// One line a phase, aligned; then what follows, and what is `missing` for it. `columns` are those
    /// of a terminal.
    pub(crate) fn text(&self, missing: &[Missing], columns: Option<usize>) -> String {
        let others = ["server", "missing"].map(str::len);
        let width = self.phases.iter().map(|phase| phase.name.len()).chain(others).max();
        let width = width.unwrap_or_default();
        let line = |name: &str, what: &str| line(name, width, &log::fit(what, width + 4, columns));
        let mut text = format!("mode {}\n\n", self.mode);
        for phase in &self.phases {
            text.push_str(&line(&phase.name, &phase.outcome()));
        }
        text.push_str(&match &self.end {
            End::Exit => line("exit", ""),
            End::Server(server) => line("server", &server.command.source),
        });
        for (index, missing) in missing.iter().enumerate() {
            text.push_str(if index == 0 { "\n" } else { "" });
            text.push_str(&line("missing", &format!("{}: {}", missing.subject, missing.why)));
            text.push_str(
                &missing.hint.as_ref().map_or_else(String::new, |hint| line("hint", hint)),
            );
        }
        text
    }

    pub(crate) fn json(&self, missing: &[Missing]) -> Value {
        let end = match &self.end {
            End::Exit => Value::Null,
            End::Server(server) => Value::from(server.command.source.as_str()),
        };
        let phases: Vec<Value> = self.phases.iter().map(Phase::json).collect();
        let missing: Vec<Value> = missing.iter().map(Missing::json).collect();
        json!({ "mode": self.mode, "phases": phases, "server": end, "missing": missing })
    }
}

impl Missing {
    fn json(&self) -> Value {
        json!({ "subject": self.subject, "message": self.why, "hint": self.hint })
    }
}

fn line(name: &str, width: usize, what: &str) -> String {
    format!("  {name:width$}  {what}").trim_end().to_owned() + "\n"
}

impl Phase {
    fn outcome(&self) -> String {
        match &self.action {
            Action::Skip(reason) => format!("skip: {reason}"),
            Action::Do(work) => work.text(),
        }
    }

    fn json(&self) -> Value {
        match &self.action {
            Action::Skip(reason) => {
                json!({ "name": self.name, "action": "skip", "reason": reason })
            }
            Action::Do(work) => json!({ "name": self.name, "action": "do", "what": work.text() }),
        }
    }
}

impl Work {
    /// What it does, in one line.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Dirs(dirs) => {
                let paths = dirs.paths.iter().map(|path| path.display().to_string());
                paths.collect::<Vec<_>>().join(", ")
            }
            Self::User(user) => user.describe(),
            Self::Wait(wait) => {
                let targets: Vec<String> =
                    wait.targets.iter().map(|one| target(one, wait)).collect();
                format!("for {}, at most {}", targets.join(", "), limit(wait.timeout))
            }
            Self::Migrate(migrate) if migrate.check_only => match &migrate.source {
                Source::Folder(_) => {
                    format!("until {} is applied by others", source(&migrate.source))
                }
                Source::Command(step) => format!("until others have run {}", step.command.source),
            },
            Self::Migrate(migrate) => {
                let watched = migrate.watch.as_ref().map(Watch::text).unwrap_or_default();
                let unlocked = if migrate.lock.take { "" } else { ", without the lock" };
                let limit = at_most(migrate.files.timeout);
                format!("{}{watched}{unlocked}{limit}", source(&migrate.source))
            }
            Self::Seed(seed) => {
                let once = match (&seed.once, seed.force) {
                    (Some(_), true) => ", even if it was seeded before",
                    (Some(_), false) => ", once per database",
                    (None, _) => "",
                };
                format!("{}{once}", source(&seed.source))
            }
            Self::Step(step) => step.command.source.clone(),
        }
    }
}

impl Watch {
    fn text(&self) -> String {
        let paths: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        match paths.as_slice() {
            [first @ .., last] if !first.is_empty() => {
                format!(", unless {} and {last} are unchanged", first.join(", "))
            }
            paths => format!(", unless {} is unchanged", paths.concat()),
        }
    }
}

fn target(target: &Target, wait: &Wait) -> String {
    let writable = if wait.writes_to(target) { " (writable)" } else { "" };
    format!("{target}{writable}")
}

fn source(source: &Source) -> String {
    match source {
        Source::Folder(path) => format!("folder {}", path.display()),
        Source::Command(step) => step.command.source.clone(),
    }
}

/// Nothing where there is no limit.
fn at_most(timeout: Option<Duration>) -> String {
    timeout.map_or_else(String::new, |_| format!(", at most {}", limit(timeout)))
}

fn limit(limit: Option<Duration>) -> String {
    limit.map_or_else(|| "for ever".into(), |limit| humantime::format_duration(limit).to_string())
}
