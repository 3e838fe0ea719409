//! What a start leaves out although somebody may count on it. Pure.

use super::finding::{Finding, Section};
use crate::{
    config::{
        Config, Provision,
        types::{Autorun, SeedSwitch},
    },
    plan::{Action, Plan},
};

pub(super) fn look(config: &Config, plan: &Plan) -> Vec<Finding> {
    let migrate = Wanted {
        step: "migrate",
        switch: "AUTORUN_MIGRATIONS",
        on: config.migrate.switch != Autorun::No,
        what: "no migrations",
        provision: &config.migrate.provision,
        hint: "set APP_INIT_MIGRATIONS or APP_INIT_MIGRATE_COMMAND",
    };
    let seed = Wanted {
        step: "seed",
        switch: "SEED_ON_START",
        on: config.seed.switch != SeedSwitch::No,
        what: "no seeds",
        provision: &config.seed.provision,
        hint: "set APP_INIT_SEEDS or APP_INIT_SEED_COMMAND",
    };
    let empty = [migrate, seed].into_iter().filter_map(|wanted| wanted.finding(config, plan));
    broken_glass(config).into_iter().chain(empty).chain(no_target(config, plan)).collect()
}

/// It is for an emergency, and easily forgotten.
fn broken_glass(config: &Config) -> Option<Finding> {
    let names = config.skip.join(", ");
    let message = format!("APP_INIT_SKIP leaves out {names}");
    (!config.skip.is_empty()).then(|| {
        Finding::warning(Section::Settings, "APP_INIT_SKIP", message)
            .hint("it is for an emergency: remove it once that is over")
    })
}

/// A step that somebody switched on and nobody gave anything to do.
struct Wanted<'a> {
    step: &'a str,
    switch: &'a str,
    on: bool,
    what: &'a str,
    provision: &'a Provision,
    hint: &'a str,
}

impl Wanted<'_> {
    fn finding(&self, config: &Config, plan: &Plan) -> Option<Finding> {
        let Provision::Nothing(reason) = self.provision else { return None };
        let set = |name: &str| {
            let mut shown = config.shown.iter();
            shown.any(|line| line.name == name && line.origin != "default")
        };
        let wanted = self.on && set(self.switch) && is_left_out(plan, self.step);
        let message = format!("{} is on, but there are {}: {reason}", self.switch, self.what);
        wanted.then(|| Finding::warning(Section::Settings, self.switch, message).hint(self.hint))
    }
}

fn is_left_out(plan: &Plan, step: &str) -> bool {
    let mut phases = plan.phases.iter();
    phases.any(|phase| phase.name == step && matches!(phase.action, Action::Skip(_)))
}

/// A database may be named in a setting that cannot be read.
fn no_target(config: &Config, plan: &Plan) -> Option<Finding> {
    let unnamed = config.problems.is_empty() && !config.database_named && is_left_out(plan, "wait");
    let message = "nothing is waited for: no DATABASE_URL, no APP_INIT_WAIT_FOR";
    (unnamed && !config.skip.iter().any(|name| name == "wait"))
        .then(|| Finding::ok(Section::Network, "targets", message))
}
