//! Modes: which steps a start takes, which of them it demands, and what runs at the end.
//!
//! The built-in ones are values of the same syntax that `init.toml` uses.

use super::{
    Step,
    command::Template,
    file::{File, ModeEntry},
    problem::{Problem, Problems},
    types::nearest,
    values::template,
};

/// One way to start.
#[derive(Clone, Debug)]
pub(crate) struct Mode {
    pub(crate) name: String,
    /// Each runs as its switch says; in the order of the plan.
    pub(crate) steps: Vec<String>,
    /// These run whatever their switches say; all of them stand in `steps` too.
    pub(crate) always: Vec<String>,
    pub(crate) end: ModeEnd,
}

/// What a mode does when its steps are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModeEnd {
    Exit,
    /// The server of `APP_INIT_API_COMMAND`.
    Api,
    Exec(Template),
}

/// Name, steps, demanded steps, and whether the server follows; `None` takes api's steps.
type BuiltIn = (&'static str, Option<&'static [&'static str]>, &'static [&'static str], bool);

const BUILT_IN: [BuiltIn; 5] = [
    ("api", None, &[], true),
    ("all", None, &["etl"], true),
    ("etl", Some(&["wait", "migrate"]), &["etl"], false),
    ("migrate", Some(&["wait"]), &["migrate"], false),
    ("seed", Some(&["wait"]), &["seed"], false),
];

/// The steps every image has.
pub(crate) const STEPS: [&str; 4] = ["wait", "migrate", "seed", "etl"];

/// The built-in modes as the file changes them, then the file's own.
pub(crate) fn modes(file: &File, steps: &[Step], problems: &mut Problems) -> Vec<Mode> {
    let api = api_steps(file, steps);
    let mut modes: Vec<Mode> = BUILT_IN.iter().map(|mode| built_in(mode, &api)).collect();
    for entry in &file.modes {
        let place = format!("{}:{}", file.path.display(), entry.line);
        check_names(entry, steps, &place, problems);
        let known = modes.iter().position(|mode| mode.name == entry.name);
        let index = known.unwrap_or_else(|| {
            modes.push(Mode {
                name: entry.name.clone(),
                steps: api.clone(),
                always: Vec::new(),
                end: ModeEnd::Exit,
            });
            modes.len() - 1
        });
        change(&mut modes[index], entry, &place, problems);
    }
    modes
}

/// What the file says, else wait, migrate, seed, etl, and each own step that has a switch: one
/// without would surprise whoever wrote it for another mode.
fn api_steps(file: &File, steps: &[Step]) -> Vec<String> {
    let written =
        file.modes.iter().find(|mode| mode.name == "api").and_then(|mode| mode.steps.clone());
    written.unwrap_or_else(|| {
        let switched =
            steps.iter().filter(|step| step.when.is_some()).map(|step| step.name.clone());
        STEPS.into_iter().map(str::to_owned).chain(switched).collect()
    })
}

fn built_in((name, steps, always, server): &BuiltIn, api: &[String]) -> Mode {
    let own = |list: &[&str]| list.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>();
    let always = own(always);
    let steps = steps.map_or_else(|| api.to_vec(), own);
    let end = if *server { ModeEnd::Api } else { ModeEnd::Exit };
    Mode { name: (*name).to_owned(), steps: joined(steps, &always), always, end }
}

/// Demanded steps that are not listed come last.
fn joined(mut steps: Vec<String>, always: &[String]) -> Vec<String> {
    for step in always {
        if !steps.contains(step) {
            steps.push(step.clone());
        }
    }
    steps
}

fn change(mode: &mut Mode, entry: &ModeEntry, place: &str, problems: &mut Problems) {
    if let Some(always) = &entry.always {
        mode.always.clone_from(always);
    }
    if let Some(steps) = &entry.steps {
        mode.steps.clone_from(steps);
    }
    mode.steps = joined(std::mem::take(&mut mode.steps), &mode.always);
    let subject = format!("{place}: modes.{}.exec", mode.name);
    match entry.exec.as_ref().map(|exec| template(exec, &subject)) {
        Some(Ok(command)) => mode.end = ModeEnd::Exec(command),
        Some(Err(problem)) => problems.push(problem),
        None => {}
    }
}

fn check_names(entry: &ModeEntry, steps: &[Step], place: &str, problems: &mut Problems) {
    let known: Vec<&str> =
        STEPS.into_iter().chain(steps.iter().map(|step| step.name.as_str())).collect();
    for name in entry.steps.iter().chain(&entry.always).flatten() {
        if known.contains(&name.as_str()) {
            continue;
        }
        let problem = Problem::config(format!(
            "{place}: mode `{}` names an unknown step `{name}`",
            entry.name
        ));
        problems.push(match nearest(name, known.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => {
                problem.hint(format!("define [steps.{name}], or use one of {}", known.join(", ")))
            }
        });
    }
}
