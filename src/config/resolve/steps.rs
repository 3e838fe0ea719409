//! The ETL job and the steps of one's own.

use crate::config::{
    EtlSettings, Step, Switch, Targets, duration,
    file::{StepEntry, When},
    problem::Problem,
    types::{OnFailure, boolean},
    values::{Reader, template},
};

pub(super) fn etl(reader: &mut Reader<'_>) -> EtlSettings {
    EtlSettings {
        on_startup: reader.is_true("RUN_ETL_ON_STARTUP"),
        command: reader.command("APP_INIT_ETL_COMMAND"),
        wait_for: reader.targets("APP_INIT_ETL_WAIT_FOR").unwrap_or_default(),
        timeout: reader.limit("APP_INIT_ETL_TIMEOUT"),
        on_failure: reader.on_failure("APP_INIT_ETL_ON_FAILURE"),
    }
}

pub(super) fn own_steps(reader: &mut Reader<'_>) -> Vec<Step> {
    let sources = reader.sources;
    sources.file.steps.iter().filter_map(|entry| own_step(reader, entry)).collect()
}

/// `None` if it has no command that can be read; that is noted.
fn own_step(reader: &mut Reader<'_>, entry: &StepEntry) -> Option<Step> {
    let file = reader.sources.file.path.display();
    let place = format!("{file}:{}: steps.{}", entry.line, entry.name);
    let when = entry.when.as_ref().map(|when| switch(reader, when));
    let timeout = entry.timeout.as_deref().map_or(Ok(None), duration::parse);
    let timeout = timeout.map_err(Problem::config);
    let on_failure = on_failure(entry.on_failure.as_deref());
    let run = entry.run.as_ref().map(|run| template(run, &format!("{place}.run"))).transpose();
    let run = run.map_err(|problem| reader.problems.push(problem)).ok();
    let mut wrong =
        |what: &str, problem: Problem| reader.problems.push(problem.at(&format!("{place}.{what}")));
    let timeout = timeout.map_err(|problem| wrong("timeout", problem)).ok();
    let on_failure = on_failure.map_err(|problem| wrong("on_failure", problem)).ok();
    if matches!(entry.name.as_str(), "serve" | "launch") {
        let taken = Problem::config("this name is taken by a process of app-init");
        wrong("run", taken.hint("name the step otherwise: `init healthcheck` goes by it"));
    }
    Some(Step {
        name: entry.name.clone(),
        run: run??,
        wait_for: Targets { words: entry.wait.clone(), subject: format!("{place}.wait") },
        when,
        timeout: timeout?,
        on_failure: on_failure?,
    })
}

fn on_failure(text: Option<&str>) -> Result<OnFailure, Problem> {
    match text {
        None | Some("abort") => Ok(OnFailure::Abort),
        Some("continue") => Ok(OnFailure::Continue),
        Some(other) => Err(Problem::config(format!("`{other}` is not abort or continue"))),
    }
}

/// How a step's own variable stands. Empty is unset, as with every boolean.
fn switch(reader: &mut Reader<'_>, when: &When) -> Switch {
    let text = reader.sources.environment.text(&when.variable).unwrap_or_default().trim();
    let on = if text.is_empty() { Some(when.default) } else { boolean(text) };
    if on.is_none() {
        let problem = Problem::config(format!("{}: `{text}` is not true or false", when.variable));
        reader.problems.push(problem);
    }
    Switch { when: when.clone(), on: on.unwrap_or_default() }
}
