//! Imports point one way: a module may use only those to its left, and the base.

use std::{collections::BTreeSet, fs, path::Path};

/// From left to right. What stands together in one row never imports one another.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["config"],
    &["postgres"],
    &["plan"],
    &["wait", "migrate", "step", "supervise", "healthcheck"],
    &["passthrough"],
    &["doctor"],
    &["run"],
    &["main"],
];

/// Any module may use these.
const BASE: &[&str] =
    &["exit", "failure", "diagnose", "dns", "process", "log", "phrase", "timeline"];

#[test]
fn imports_point_one_way() {
    let mut wrong = Vec::new();
    for (file, module) in modules(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for used in used_modules(&text) {
            if used != module && !may_use(&module, &used) {
                wrong.push(format!("{file}: `{module}` uses `{used}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "imports against the direction:\n{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_a_wrong_import() {
    assert!(may_use("run", "wait") && may_use("wait", "config") && may_use("cli", "exit"));
    assert!(!may_use("wait", "migrate") && !may_use("config", "plan") && !may_use("log", "config"));
    let text = "use crate::{\n    plan::Step,\n    process::{self, Events},\n};\nlet x = crate::run::go();";
    let used: Vec<String> = used_modules(text).into_iter().collect();
    assert_eq!(used, ["plan", "process", "run"]);
}

fn may_use(module: &str, used: &str) -> bool {
    let layer = |name| LAYERS.iter().position(|row| row.contains(&name));
    match (layer(module), layer(used)) {
        (_, None) => BASE.contains(&used) || module == "main",
        (None, Some(_)) => false,
        (Some(own), Some(other)) => other < own,
    }
}

/// Every source file with the top-level module it belongs to.
fn modules(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let first = path.strip_prefix(root).unwrap().components().next().unwrap();
                let module = first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
                found.push((path.display().to_string(), module));
            }
        }
    }
    assert!(found.len() > 10, "the sources are not where the test looks");
    found
}

/// The first names behind `crate::`, in single paths and in grouped imports.
fn used_modules(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    code.split("crate::").skip(1).flat_map(first_names).collect()
}

fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else { return vec![first_name(path)] };
    let mut depth = 0;
    let mut names = vec![String::new()];
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(letter),
            _ => {}
        }
    }
    names.iter().map(|name| first_name(name.trim())).filter(|name| !name.is_empty()).collect()
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}
