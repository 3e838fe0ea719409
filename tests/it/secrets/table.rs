//! Every place in every output, none left to chance.

use super::{
    Case, OUTPUTS, Output, command,
    places::{BESIDE, NAMES, SETTINGS, SHAPES, VARIABLES, WORDS},
};
use crate::support::{CANARY, free_port};

/// The variables of a start, and the text of `DIR/file`.
type Place = (Vec<(String, String)>, &'static str);

#[test]
fn no_output_shows_a_password_from_any_place() {
    let port = free_port().to_string();
    let fill = |text: &str| text.replace("PORT", &port).replace("PW", CANARY);
    let mut cases = Vec::new();
    for (ways, (variables, file)) in places() {
        let variables: Vec<_> =
            variables.into_iter().map(|(name, value)| (name, fill(&value))).collect();
        for (way, output) in ways.iter().flat_map(|way| outputs(way)) {
            let tokens = [(); 3].map(|()| CANARY.to_owned());
            let variables = variables.clone();
            cases.push(Case { way, output, variables, file: fill(file), tokens });
        }
    }
    // Most of the time they wait.
    std::thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(8)) {
            scope.spawn(move || part.iter().for_each(|case| case.check("the table")));
        }
    });
}

/// `config` and a start print the same whatever the form of the log.
fn outputs(way: &'static str) -> impl Iterator<Item = (&'static str, Output)> {
    let once = matches!(way, "config" | "api");
    let outputs = OUTPUTS.into_iter().filter(move |output| !once || *output == Output::Verbose);
    outputs.map(move |output| (way, output))
}

/// With the commands that meet them.
fn places() -> impl Iterator<Item = (&'static [&'static str], Place)> {
    const SHOWING: &[&str] = &["config", "plan"];
    const CONNECTING: &[&str] = &["config", "plan", "wait"];
    const RUNNING: &[&str] = &["plan", "api"];
    const WAITED_FOR: &[&str] = &["DATABASE_URL", "MIGRATE_DATABASE_URL", "APP_INIT_WAIT_FOR"];
    addresses()
        .map(|(setting, place)| {
            (if WAITED_FOR.contains(&setting) { CONNECTING } else { SHOWING }, place)
        })
        .chain(beside().chain(variables()).map(|place| (CONNECTING, place)))
        .chain(words().map(|place| (RUNNING, place)))
}

fn addresses() -> impl Iterator<Item = (&'static str, Place)> {
    SHAPES.iter().flat_map(|shape| {
        SETTINGS.iter().map(move |setting| {
            let is_command = setting.ends_with("COMMAND");
            let value = if is_command { command(shape) } else { (*shape).to_owned() };
            (*setting, (owned(&[(setting, &value)]), ""))
        })
    })
}

fn beside() -> impl Iterator<Item = Place> {
    BESIDE.iter().map(|(variables, file)| (owned(variables), *file))
}

fn variables() -> impl Iterator<Item = Place> {
    VARIABLES.iter().flat_map(|name| {
        let place = [("DATABASE_HOST", "127.0.0.1"), ("DATABASE_PORT", "PORT")];
        let with = |name: &str, value| owned(&[place[0], place[1], (name, value)]);
        [(with(name, "PW"), ""), (with(&format!("{name}_FILE"), "DIR/file"), "PW\n")]
    })
}

fn words() -> impl Iterator<Item = Place> {
    WORDS.iter().flat_map(|words| {
        NAMES
            .iter()
            .map(|name| (owned(&[("APP_INIT_API_COMMAND", &words.replace("NAME", name))]), ""))
    })
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
