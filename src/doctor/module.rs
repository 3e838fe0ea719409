//! Python modules: whether `python -m NAME` finds what it is to run.
//!
//! Only Python knows where it looks: virtual environments, `.pth` files, import hooks. So Python itself
//! is asked, with the options, environment and directory of the command; nothing of the module is run.

use std::{ffi::OsString, path::Path, time::Duration};

use super::{
    commands::{Asked, commands, is_written},
    finding::{Finding, Section},
};
use crate::{
    exit::Exit,
    plan::Plan,
    process::{program, question},
};

/// What Python is asked.
const PROGRAM: &str = include_str!("module.py");

/// A cold start of Python from a slow disk takes a second or two.
const LIMIT: Duration = Duration::from_secs(5);

/// Every command of the plan that names a module.
pub(super) async fn look(plan: &Plan) -> Vec<Finding> {
    let mut findings = Vec::new();
    for asked in commands(plan) {
        if let Some(module) = module(&asked.command.argv) {
            let answer = answer(&asked, &module).await;
            findings.extend(answer.and_then(|answer| finding(&asked, module.name, &answer)));
        }
    }
    findings
}

/// The module of a command.
#[derive(Debug, PartialEq, Eq)]
struct Module<'a> {
    /// `app.etl`.
    name: &'a str,
    /// How many words stand before `-m`: the interpreter and its options.
    words: usize,
}

/// Only where the command is the interpreter itself, with options that take no value.
fn module(argv: &[OsString]) -> Option<Module<'_>> {
    let word = |at: usize| argv.get(at).and_then(|word| word.to_str());
    let program = Path::new(word(0)?).file_name()?.to_str()?;
    let version = program.strip_prefix("python")?;
    if !version.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let plain = |at: &usize| word(*at).is_some_and(|word| PLAIN.contains(&word));
    let words = 1 + (1..argv.len()).take_while(plain).count();
    let name = word(words + 1).filter(|_| word(words) == Some("-m"))?;
    let letter = |c: char| c.is_alphanumeric() || c == '_';
    let dotted = name.split('.').all(|part| !part.is_empty() && part.chars().all(letter));
    dotted.then_some(Module { name, words })
}

/// Options of Python without a value; some of them change where it looks.
const PLAIN: [&str; 12] =
    ["-b", "-bb", "-B", "-d", "-E", "-I", "-O", "-OO", "-P", "-s", "-S", "-u"];

async fn answer(asked: &Asked<'_>, module: &Module<'_>) -> Option<String> {
    let environment = asked.environment;
    let interpreter = asked.command.argv.first()?;
    let file = program::find(interpreter, environment.get("PATH")).ok()?;
    let mut argv: Vec<OsString> = asked.command.argv.iter().take(module.words).cloned().collect();
    argv.extend(["-c", PROGRAM, module.name].map(OsString::from));
    let said = question::ask(&file, &argv, environment.iter(), LIMIT).await?;
    // What a start of Python prints by itself comes before.
    String::from_utf8(said).ok()?.lines().last().map(str::to_owned)
}

/// `None` where Python is not sure either.
fn finding(asked: &Asked<'_>, name: &str, answer: &str) -> Option<Finding> {
    let written = is_written(asked.command, name.as_ref());
    let called = |name: &str| if written { format!("`{name}`") } else { "its argument".to_owned() };
    if answer == "found" {
        let message = format!("the Python module {} is there", called(name));
        return Some(Finding::ok(Section::Programs, asked.subject, message));
    }
    let missing = answer.strip_prefix("missing ")?;
    let message = format!("the Python module {} does not exist", called(missing));
    let exit = asked.exit.unwrap_or(Exit::NotFound);
    let finding = Finding::error(Section::Programs, asked.subject, message, exit)
        .hint("install it in the image, or correct its name: your own are looked for from the working directory");
    Some(if asked.after_own_step { finding.tolerated() } else { finding })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_clearly_a_module_is_looked_for() {
        for (line, expected) in [
            ("python -m alembic upgrade head", Some(("alembic", 1))),
            ("/opt/venv/bin/python3.11 -u -I -m app.etl", Some(("app.etl", 3))),
            ("python3", None),
            ("python3 -m", None),
            ("python3 -W ignore -m x", None),
            ("python3 -c import -m x", None),
            ("python3 -m ../x", None),
            ("python3 -m .x", None),
            ("python3 main.py -m x", None),
            ("python-wrapper -m x", None),
            ("poetry run python -m x", None),
            ("env A=b python -m x", None),
        ] {
            let argv: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let found = module(&argv).map(|module| (module.name, module.words));
            assert_eq!(found, expected, "{line:?}");
        }
    }
}
