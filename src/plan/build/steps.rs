//! The ETL job and steps of one's own; what turns any command into a step.

use super::{Builder, StepPolicy, word::Word};
use crate::{
    config::command::Template,
    exit::Exit,
    plan::{Action, Step, Work, children::Role},
};

impl Builder<'_> {
    pub(super) fn step(&mut self, name: &str) -> Action {
        if let Some(skip) = self.skipped(name) {
            return skip;
        }
        if name == "etl" { self.etl() } else { self.own_step(name) }
    }

    pub(super) fn etl(&mut self) -> Action {
        let settings = &self.config.etl;
        if !self.demanded("etl") {
            return Action::Skip("RUN_ETL_ON_STARTUP is false".into());
        }
        let Some(template) = &settings.command else {
            let reason = "APP_INIT_ETL_COMMAND is unset";
            self.absent("etl", reason, "set it, or `run` of [steps.etl] in init.toml");
            return Action::Skip(reason.to_owned());
        };
        self.targets.extend(Word::list(&settings.wait_for));
        let policy = StepPolicy {
            timeout: settings.timeout,
            on_failure: settings.on_failure,
            exit: Exit::Etl,
        };
        let step = self.child("etl", template, &Role::Step("etl"), policy);
        step.map_or_else(Action::Skip, |step| Action::Do(Work::Step(step)))
    }

    pub(super) fn own_step(&mut self, name: &str) -> Action {
        let Some(step) = self.config.steps.iter().find(|step| step.name == name) else {
            return Action::Skip(format!("no step {name}")); // noted when init.toml was read
        };
        if let Some(switch) = step.when.as_ref().filter(|switch| !switch.on && !self.demanded(name))
        {
            return Action::Skip(format!("{} is false", switch.when.variable));
        }
        self.targets.extend(Word::list(&step.wait_for));
        let policy =
            StepPolicy { timeout: step.timeout, on_failure: step.on_failure, exit: Exit::Step };
        let made = self.child(name, &step.run, &Role::Step(name), policy);
        made.map_or_else(Action::Skip, |step| Action::Do(Work::Step(step)))
    }

    /// A step's command with its environment. What cannot be expanded is noted.
    pub(super) fn child(
        &mut self,
        name: &str,
        template: &Template,
        role: &Role<'_>,
        policy: StepPolicy,
    ) -> Result<Step, String> {
        let environment = self.children.environment(role);
        match template.expand(&environment, self.config.nproc) {
            Ok(command) => Ok(Step {
                name: name.to_owned(),
                command,
                environment,
                timeout: policy.timeout,
                on_failure: policy.on_failure,
                heartbeat: self.config.heartbeat,
                stop_grace: self.config.stop.grace,
                exit: policy.exit,
            }),
            Err(problem) => {
                self.problems.push(problem.at(template.subject()));
                Err(format!("{} cannot be expanded", template.subject()))
            }
        }
    }
}
