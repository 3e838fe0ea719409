//! Migrations and seeds: a folder or a command, with lock, connection and limits.

use std::time::Duration;

use super::{Builder, StepPolicy, word::Word};
use crate::{
    config::{
        Provision,
        database::Connection,
        problem::Problem,
        types::{Autorun, OnFailure, SeedSwitch},
    },
    diagnose::SET_DATABASE,
    exit::Exit,
    plan::{Action, FilePolicy, LockPolicy, Migrate, Seed, Source, Work, children::Role},
};

/// The shortest wait to record a file.
const MOMENT: Duration = Duration::from_secs(1);

impl Builder<'_> {
    pub(super) fn migrate(&mut self) -> Action {
        let settings = &self.config.migrate;
        if let Some(skip) = self.skipped("migrate") {
            return skip;
        }
        if settings.switch == Autorun::No && !self.demanded("migrate") {
            return Action::Skip("AUTORUN_MIGRATIONS is false".into());
        }
        match self.migration() {
            Action::Do(Work::Migrate(work)) if !work.check_only => {
                let connection = work.connection.as_ref().map(Connection::written);
                Action::Do(Work::Migrate(Migrate { connection, ..work }))
            }
            other => other,
        }
    }

    pub(super) fn migration(&mut self) -> Action {
        let settings = &self.config.migrate;
        let step = StepPolicy {
            timeout: settings.timeout,
            on_failure: OnFailure::Abort,
            exit: Exit::Migrate,
        };
        let check_only = settings.switch == Autorun::Wait && !self.demanded("migrate");
        let source = match self.source("migrate", &settings.provision, step) {
            Ok(source) => source,
            Err(reason) => {
                self.nothing_to_wait_for(check_only, &reason);
                return Action::Skip(reason);
            }
        };
        let connection = self.config.migrate_connection().cloned();
        if connection.is_none() && matches!(source, Source::Folder(_)) {
            return self.no_database("migrate");
        }
        let watch = match self.watch(&source, connection.is_some(), check_only) {
            Ok(watch) => watch,
            Err(reason) => return Action::Skip(reason),
        };
        Action::Do(Work::Migrate(Migrate {
            source,
            connection,
            lock: self.lock(),
            schema: self.config.lock.schema.clone(),
            watch,
            files: self.files(settings.timeout),
            strict: settings.strict,
            check_only,
        }))
    }

    pub(super) fn seed(&mut self) -> Action {
        let settings = &self.config.seed;
        if let Some(skip) = self.skipped("seed") {
            return skip;
        }
        if settings.switch == SeedSwitch::No && !self.demanded("seed") {
            return Action::Skip("SEED_ON_START is false".into());
        }
        let step = StepPolicy {
            timeout: settings.timeout,
            on_failure: settings.on_failure,
            exit: Exit::Seed,
        };
        let source = match self.source("seed", &settings.provision, step) {
            Ok(source) => source,
            Err(reason) => return Action::Skip(reason),
        };
        let connection = self.config.migrate_connection().map(Connection::written);
        // `init seed` honours the marker too, so that a second call does no harm.
        let once = settings.switch != SeedSwitch::EachStart;
        if connection.is_none() && (once || matches!(source, Source::Folder(_))) {
            return self.no_database("seed");
        }
        self.targets.extend(Word::list(&settings.wait_for));
        Action::Do(Work::Seed(Seed {
            source,
            connection,
            lock: self.lock(),
            schema: self.config.lock.schema.clone(),
            files: self.files(settings.timeout),
            once: once.then(|| settings.id.clone()),
            force: self.config.request.force,
            on_failure: settings.on_failure,
        }))
    }

    pub(super) fn no_database(&mut self, step: &str) -> Action {
        let reason = "no database is known".to_owned();
        if !self.config.database_named {
            let problem = Problem::config(format!("{step}: {reason}"));
            self.problems.push(problem.hint(SET_DATABASE));
        }
        Action::Skip(reason)
    }

    pub(super) fn source(
        &mut self,
        name: &str,
        provision: &Provision,
        policy: StepPolicy,
    ) -> Result<Source, String> {
        match provision {
            Provision::Folder(path) => Ok(Source::Folder(path.clone())),
            Provision::Command(template) => {
                let role = Role::Database(name);
                self.child(name, template, &role, policy)
                    .map(|step| Source::Command(Box::new(step)))
            }
            Provision::Nothing(reason) => {
                let name_of_folder =
                    if name == "migrate" { "APP_INIT_MIGRATIONS" } else { "APP_INIT_SEEDS" };
                let hint =
                    format!("set {name_of_folder} or APP_INIT_{}_COMMAND", name.to_uppercase());
                self.absent(name, reason, &hint);
                Err(reason.clone())
            }
        }
    }

    pub(super) fn lock(&self) -> LockPolicy {
        LockPolicy {
            name: self.config.lock.name.clone(),
            timeout: self.config.lock.timeout,
            take: self.skipped("lock").is_none(),
        }
    }

    pub(super) fn files(&self, timeout: Option<Duration>) -> FilePolicy {
        let settings = &self.config.migrate;
        FilePolicy {
            lock_timeout: settings.lock_timeout,
            lock_retry: settings.lock_retry,
            // The server itself locks a table for a moment when it vacuums.
            record_timeout: self.config.lock.timeout.map(|limit| limit.max(MOMENT)),
            statement_timeout: settings.statement_timeout,
            timeout,
            heartbeat: self.config.heartbeat,
        }
    }
}
