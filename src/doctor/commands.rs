//! Programs: each configured command's program, and the files it names.

use std::{ffi::OsStr, path::Path};

use super::{
    finding::{Finding, Section},
    script::{self, Needed},
};
use crate::{
    config::{command::CommandLine, environment::Environment},
    exit::Exit,
    plan::{Action, End, Plan, Source, Step, Work},
    process::{
        program,
        unrunnable::{Reason, Unrunnable, foresee},
    },
};

/// One command of the plan.
pub(super) struct Asked<'a> {
    /// `migrate`, `etl`, the name of a step, `server`.
    pub(super) subject: &'a str,
    pub(super) command: &'a CommandLine,
    pub(super) environment: &'a Environment,
    /// How a start ends if it cannot run; `None` for the server: 126 or 127.
    pub(super) exit: Option<Exit>,
    /// A step of the image's own runs before it, and may make what it needs.
    pub(super) after_own_step: bool,
}

/// Every command that a start of this plan would run.
pub(super) fn look(plan: &Plan) -> Vec<Finding> {
    let commands = commands(plan);
    // A command that cannot be expanded is among the settings' problems.
    let real = commands.iter().filter(|asked| !asked.command.source.is_empty());
    real.flat_map(|asked| std::iter::once(program(asked)).chain(files(asked))).collect()
}

pub(super) fn commands(plan: &Plan) -> Vec<Asked<'_>> {
    let mut found = Vec::new();
    let mut after_own_step = false;
    for phase in &plan.phases {
        let Action::Do(work) = &phase.action else { continue };
        let Some(step) = step(work) else { continue };
        found.push(Asked {
            subject: &phase.name,
            command: &step.command,
            environment: &step.environment,
            exit: Some(step.exit),
            after_own_step,
        });
        after_own_step |= step.exit == Exit::Step;
    }
    if let End::Server(server) = &plan.end {
        found.push(Asked {
            subject: "server",
            command: &server.command,
            environment: &server.environment,
            exit: None,
            after_own_step,
        });
    }
    found
}

fn step(work: &Work) -> Option<&Step> {
    match work {
        Work::Step(step) => Some(step),
        Work::Migrate(migrate) => command(&migrate.source),
        Work::Seed(seed) => command(&seed.source),
        _ => None,
    }
}

fn command(source: &Source) -> Option<&Step> {
    match source {
        Source::Command(step) => Some(step),
        Source::Folder(_) => None,
    }
}

fn program(asked: &Asked<'_>) -> Finding {
    let command = asked.command;
    let name = command.argv.first().map_or(OsStr::new(""), |word| word.as_os_str());
    let path = asked.environment.get("PATH");
    let found = program::find(name, path);
    match found.and_then(|file| foresee(&file, path).map_or(Ok(file), Err)) {
        Ok(file) if is_written(command, name) => {
            let message = format!("`{}` is {}", name.to_string_lossy(), shown(&file));
            Finding::ok(Section::Programs, asked.subject, message)
        }
        Ok(_) => Finding::ok(Section::Programs, asked.subject, "the program is there"),
        Err(reason) => unrunnable(asked, reason),
    }
}

fn unrunnable(asked: &Asked<'_>, reason: Reason) -> Finding {
    let of_server = if reason.is_missing() { Exit::NotFound } else { Exit::NotExecutable };
    let hint = reason.hint();
    let failed = Unrunnable::new(&asked.command.source, &asked.command.argv, reason);
    let exit = asked.exit.unwrap_or(of_server);
    let finding = Finding::error(Section::Programs, asked.subject, failed.to_string(), exit);
    let finding = Finding { hint: hint.map(str::to_owned), ..finding };
    if asked.after_own_step { finding.tolerated() } else { finding }
}

/// PATH's `./bin/x` without the `./` that the search puts there.
fn shown(file: &Path) -> String {
    file.strip_prefix("./").unwrap_or(file).display().to_string()
}

fn files(asked: &Asked<'_>) -> Vec<Finding> {
    let alembic = asked.environment.get("ALEMBIC_CONFIG").map(|_| "alembic");
    let prisma = names_schema().then_some("prisma");
    let elsewhere: Vec<&str> = alembic.into_iter().chain(prisma).collect();
    let needed = script::needed(&asked.command.argv, &elsewhere);
    needed.into_iter().map(|needed| file(asked, &needed)).collect()
}

/// Whether package.json has `"prisma": { "schema": … }`.
fn names_schema() -> bool {
    let text = std::fs::read("package.json").unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    manifest["prisma"]["schema"].is_string()
}

fn file(asked: &Asked<'_>, needed: &Needed) -> Finding {
    let path = needed.any.first().map(String::as_str).unwrap_or_default();
    let written = !needed.argument || is_written(asked.command, OsStr::new(path));
    let name = if written { format!("`{path}`") } else { "its argument".to_owned() };
    if needed.any.iter().any(|path| Path::new(path).exists()) {
        return Finding::ok(
            Section::Programs,
            asked.subject,
            format!("{} {name} is there", needed.what),
        );
    }
    let message = format!("{} {name} does not exist", needed.what);
    let exit = asked.exit.unwrap_or(Exit::NotFound);
    let finding = Finding::error(Section::Programs, asked.subject, message, exit)
        .hint("COPY it into the image, or correct the path: it counts from the working directory");
    if asked.after_own_step { finding.tolerated() } else { finding }
}

/// Whether the word stands in the command as the user wrote it. One that came from a variable may be
/// a secret, and is not shown.
pub(super) fn is_written(command: &CommandLine, word: &OsStr) -> bool {
    command.source.contains(&*word.to_string_lossy())
}
