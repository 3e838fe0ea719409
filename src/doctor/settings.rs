//! Settings: what config and plan found, and what is odd about the variables themselves.

use super::{
    finding::{Finding, Section},
    lint::{Oddity, oddity},
};
use crate::{
    config::{self, Config, environment::Environment, problem::Problems},
    plan::{Action, End, Plan},
};

/// `problems` are those of config and plan, required names included.
pub(super) fn look(
    config: &Config,
    plan: Option<&Plan>,
    problems: &Problems,
    given: &Environment,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        plan.into_iter().filter_map(|plan| mode(plan, problems)).collect();
    findings.extend(problems.iter().map(|problem| {
        let message = problem.to_string();
        let name = subject(&message);
        let finding = Finding::failure(Section::Settings, name, problem);
        let odd = || Some(odd_value(name, given.text(name)?)?.hint().to_owned());
        Finding { hint: finding.hint.clone().or_else(odd), ..finding }
    }));
    let of_targets = plan.into_iter().flat_map(Plan::notes).filter(|note| note.is_warning());
    let warnings = config.warnings.iter().cloned().chain(of_targets.map(ToString::to_string));
    findings.extend(
        warnings.map(|warning| Finding::warning(Section::Settings, subject(&warning), &warning)),
    );
    let odd: Vec<Finding> = given
        .iter()
        .filter_map(|(name, value)| {
            let (name, value) = (name.to_str()?, value.to_str()?);
            // What the settings say about a variable themselves is not said twice.
            (!findings.iter().any(|known| mentions(&known.message, name)))
                .then(|| odd(name, value))?
        })
        .collect();
    findings.extend(odd);
    findings
}

/// What a start would do. Where something is wrong, what follows is not known; `None` if nothing is.
fn mode(plan: &Plan, problems: &Problems) -> Option<Finding> {
    let works = plan.phases.iter().filter(|phase| matches!(phase.action, Action::Do(_)));
    let mut steps: Vec<&str> = works.map(|phase| phase.name.as_str()).collect();
    match &plan.end {
        End::Server(server) if !server.command.source.is_empty() => {
            steps.push(&server.command.source);
        }
        End::Exit if problems.is_empty() => steps.push("exit"),
        _ if steps.is_empty() => return None,
        _ => steps.push("…"),
    }
    Some(Finding::ok(Section::Settings, format!("mode {}", plan.mode), steps.join(", ")))
}

fn odd_value(name: &str, value: &str) -> Option<Oddity> {
    let kind = config::names_we_read().find(|(known, _)| *known == name).map(|(_, kind)| kind);
    oddity(name, value, kind)
}

fn odd(name: &str, value: &str) -> Option<Finding> {
    let oddity = odd_value(name, value)?;
    let message = format!("{name} {}", oddity.message());
    Some(Finding::warning(Section::Settings, name, message).hint(oddity.hint()))
}

/// The setting that a message begins with, else `settings`.
fn subject(message: &str) -> &str {
    let word = message.split([' ', ':', ',']).next().unwrap_or_default();
    let name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if word.len() > 1 && word.chars().all(name) { word } else { "settings" }
}

/// Whether the name stands in the message as a word.
fn mentions(message: &str, name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    message.split(|c: char| !letter(c)).any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_the_setting() {
        for (message, name) in [
            ("APP_INIT_MODE: unknown mode `x`", "APP_INIT_MODE"),
            ("SECRET_KEY is required", "SECRET_KEY"),
            ("mode api has no server", "settings"),
            ("A list", "settings"),
        ] {
            assert_eq!(subject(message), name, "{message:?}");
        }
        assert!(mentions("X_FILE: no", "X_FILE") && !mentions("X_FILE: no", "X"));
    }
}
