//! A start that must fail: its exit code, what it names, and that its lines are JSON when asked.

use std::{fs, path::Path};

use serde_json::Value;

use super::{Init, Postgres, init::Finished};

/// One way to get it wrong. `said` must all appear in what is printed.
pub(crate) struct Case {
    arguments: &'static [&'static str],
    variables: Vec<(&'static str, String)>,
    files: &'static [(&'static str, &'static str)],
    code: i32,
    reason: &'static str,
    said: Vec<String>,
}

pub(crate) fn case(
    arguments: &'static [&'static str],
    code: i32,
    reason: &'static str,
    said: &[&str],
) -> Case {
    let said = said.iter().map(|text| (*text).to_owned()).collect();
    Case { arguments, variables: Vec::new(), files: &[], code, reason, said }
}

impl Case {
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    pub(crate) fn files(mut self, files: &'static [(&'static str, &'static str)]) -> Self {
        self.files = files;
        self
    }

    /// Proves the case as text, as JSON, and at the debug level.
    pub(crate) fn prove(self) {
        let text = self.run("text", &[]);
        self.check(&text);
        let last = text.stderr.lines().rev().find(|line| line.starts_with("error: "));
        assert!(last.is_some(), "no `error:` line:\n{}", text.stderr);
        let json = self.run("json", &["-v"]);
        self.check(&json);
        self.check_json(&json);
    }

    fn run(&self, format: &str, more: &[&str]) -> Finished {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in self.files {
            write(&folder.path().join(name), content);
        }
        let mut init = Init::new(more.iter().chain(self.arguments)).current_dir(folder.path());
        init = init.env("APP_INIT_LOG_FORMAT", format).env("APP_INIT_WAIT_FATAL_GRACE", "200ms");
        for (name, value) in &self.variables {
            init = init.env(name, value);
        }
        init.run()
    }

    fn check(&self, end: &Finished) {
        assert_eq!(end.code, self.code, "{:?}:\n{}", self.arguments, end.stderr);
        for text in &self.said {
            assert!(end.stderr.contains(text), "{text:?} is missing in:\n{}", end.stderr);
        }
    }

    fn check_json(&self, end: &Finished) {
        let lines: Vec<Value> = end
            .stderr
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect();
        let failed = lines.iter().rev().find(|line| line["event"] == "failed");
        let failed = failed.unwrap_or_else(|| panic!("no failed event:\n{}", end.stderr));
        assert_eq!(failed["exit_code"], self.code, "{failed}");
        assert_eq!(failed["reason"], self.reason, "{failed}");
    }

    /// Like `prove`, for cases that leave something in the database.
    pub(crate) fn prove_on_fresh_databases(mut self) {
        self.check(&self.run("text", &[]));
        for (name, value) in &mut self.variables {
            if *name == "DATABASE_URL" {
                *value = Postgres::shared().database();
            }
        }
        let json = self.run("json", &["-v"]);
        self.check(&json);
        self.check_json(&json);
    }
}

pub(crate) fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}
