//! What a plan will want from each database. Pure.

use std::path::PathBuf;

use crate::{
    config::{Config, database::Connection, target::Target},
    plan::{Action, Migrate, Plan, Seed, Source, Work},
};

/// What is wanted from one database.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// Something will be migrated or seeded: only a primary that takes writes will do.
    pub(super) writable: bool,
    /// The leader lock will be taken.
    pub(super) lock: bool,
    pub(super) native: Option<Native>,
    /// The schema in which something will be remembered.
    pub(super) markers: Option<String>,
    /// The command's version tables, as the settings name them.
    pub(super) tables: Vec<String>,
}

/// A folder of migrations that app-init applies, or compares.
#[derive(Clone, Debug)]
pub(super) struct Native {
    pub(super) folder: PathBuf,
    pub(super) lock_name: Option<String>,
    pub(super) strict: bool,
    /// Apply nothing, wait until somebody else has.
    pub(super) check_only: bool,
}

/// Everything to try, each target once.
pub(super) fn targets(config: &Config, plan: Option<&Plan>) -> Vec<Target> {
    let works: Vec<&Work> = plan.into_iter().flat_map(works).collect();
    let waited = works.iter().find_map(|work| match work {
        Work::Wait(wait) => Some(wait.targets.clone()),
        _ => None,
    });
    let usual = || config.database.iter().map(target).collect();
    let mut targets = waited.unwrap_or_else(usual);
    targets.extend(works.into_iter().filter_map(connection).map(target));
    let mut seen = Vec::new();
    targets.retain(|target| {
        let name = name(target);
        let new = !seen.contains(&name);
        seen.push(name);
        new
    });
    targets
}

fn target(connection: &Connection) -> Target {
    Target::Database(Box::new(connection.clone()))
}

/// A database counts once for each user.
fn name(target: &Target) -> String {
    match target {
        Target::Database(connection) => connection.name(),
        other => other.to_string(),
    }
}

fn works(plan: &Plan) -> impl Iterator<Item = &Work> {
    plan.phases.iter().filter_map(|phase| match &phase.action {
        Action::Do(work) => Some(work),
        Action::Skip(_) => None,
    })
}

fn connection(work: &Work) -> Option<&Connection> {
    match work {
        Work::Migrate(migrate) => migrate.connection.as_ref(),
        Work::Seed(seed) => seed.connection.as_ref(),
        _ => None,
    }
}

impl Needs {
    /// What the plan wants from this connection.
    pub(super) fn of(plan: Option<&Plan>, wanted: &Connection) -> Self {
        let mut needs = Self::default();
        let name = wanted.name();
        let of_it = |work: &&Work| connection(work).is_some_and(|known| known.name() == name);
        for work in plan.into_iter().flat_map(works).filter(of_it) {
            match work {
                Work::Migrate(migrate) => needs.migrate(migrate),
                Work::Seed(seed) => needs.seed(seed),
                _ => {}
            }
        }
        needs
    }

    fn migrate(&mut self, migrate: &Migrate) {
        let applies = !migrate.check_only;
        self.writable |= applies;
        self.lock |= applies && migrate.lock.take;
        match &migrate.source {
            Source::Folder(folder) => {
                self.native = Some(Native {
                    folder: folder.clone(),
                    lock_name: migrate.lock.name.clone(),
                    strict: migrate.strict,
                    check_only: migrate.check_only,
                });
            }
            Source::Command(_) => {
                if let Some(watch) = &migrate.watch {
                    self.markers = Some(migrate.schema.clone());
                    self.tables.clone_from(&watch.tables);
                }
            }
        }
    }

    fn seed(&mut self, seed: &Seed) {
        self.writable = true;
        self.lock |= seed.lock.take;
        if seed.once.is_some() {
            self.markers = Some(seed.schema.clone());
        }
    }
}
