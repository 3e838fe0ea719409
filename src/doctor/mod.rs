//! `init doctor`: everything a start would need, looked at once, every finding at once.
//!
//! Nothing is changed: no directory is made, no table, no lock is taken. What looks and what judges
//! are apart: `lint`, `left_out`, `script`, `rights`, `server` and `finding` decide and touch nothing.

mod commands;
mod container;
mod database;
mod directories;
mod files;
mod finding;
mod left_out;
mod lint;
mod module;
mod needs;
mod network;
mod render;
mod rights;
mod script;
mod server;
mod settings;
mod user;

use crate::{
    config::{Config, environment::Environment},
    plan::{self, Missing, Plan},
};

use finding::Level;
pub(crate) use render::Report;

/// What the commands of a plan need and what stands in their way, as far as files show it.
pub(crate) fn missing(config: &Config, plan: &Plan) -> Vec<Missing> {
    let found = user::as_server(config, || commands::look(plan));
    found
        .into_iter()
        .filter(|finding| finding.level != Level::Ok)
        .map(|finding| Missing {
            subject: finding.subject,
            why: finding.message,
            hint: finding.hint,
        })
        .collect()
}

/// Looks at everything that a start in this mode needs.
///
/// `given` is the environment as it came in, before quotes were taken off and secret files were
/// read. One try is made at each target, all at the same time, each within the budget of an attempt.
pub(crate) async fn examine(config: &Config, given: &Environment) -> Report {
    let (plan, problems) = plan::draft(config);
    let mut findings = settings::look(config, plan.as_ref(), &problems, given);
    findings.extend(plan.iter().flat_map(|plan| left_out::look(config, plan)));
    findings.extend(user::as_server(config, || files::look(config, plan.as_ref(), given)));
    let programs = || plan.iter().flat_map(commands::look).collect::<Vec<_>>();
    findings.extend(user::as_server(config, programs));
    if let Some(plan) = plan.as_ref().filter(|_| user::other(config).is_none()) {
        // Python's own start runs the image's code, which is not ours to run with root's rights.
        findings.extend(module::look(plan).await);
    }
    findings.extend(directories::look(config, plan.as_ref()));
    findings.extend(network::look(config, plan.as_ref()).await);
    findings.push(user::look(config));
    findings.extend(container::look(config));
    Report { mode: config.request.mode.clone(), findings }
}
