//! What follows the last phase: nothing, or the server and its words.

use super::Builder;
use crate::{
    config::{command::CommandLine, environment::Environment, modes::ModeEnd, problem::Problem},
    plan::{End, Server, children::Role},
};

impl Builder<'_> {
    pub(super) fn end(&mut self) -> End {
        let words = self.config.request.words.clone();
        let appended = words.first().is_some_and(|word| word.as_encoded_bytes().starts_with(b"-"));
        let environment = self.children.environment(&Role::Server);
        let command = if !words.is_empty() && !appended {
            Some(CommandLine::verbatim(words))
        } else {
            if appended && matches!(self.mode.end, ModeEnd::Exit) {
                let problem = Problem::usage(format!(
                    "mode {} has no server to add words to",
                    self.mode.name
                ));
                self.problems.push(
                    problem.hint(format!("give the whole command: init {} -- CMD", self.mode.name)),
                );
            }
            self.configured(&environment)
                .map(|command| if appended { command.and(words) } else { command })
        };
        command.map_or(End::Exit, |command| {
            End::Server(Box::new(Server {
                command,
                environment,
                handoff: self.config.handoff,
                stop: self.config.stop.clone(),
            }))
        })
    }

    fn configured(&mut self, environment: &Environment) -> Option<CommandLine> {
        let template = match &self.mode.end {
            ModeEnd::Exit => return None,
            ModeEnd::Exec(template) => Some(template),
            ModeEnd::Api => self.config.api.as_ref(),
        };
        let Some(template) = template else {
            let problem = Problem::config(format!(
                "mode {} has no server: APP_INIT_API_COMMAND is unset",
                self.mode.name
            ));
            let hint = format!("set it, or give the command: init {} -- CMD", self.mode.name);
            self.problems.push(problem.hint(hint));
            return None;
        };
        let expanded = template.expand(environment, self.config.nproc);
        expanded.map_err(|problem| self.problems.push(problem.at(template.subject()))).ok()
    }
}
