//! docs/settings.md, made from the tables; a test keeps it true.

use super::{
    super::settings::{self, Setting},
    config,
    texts::MODES,
};
use crate::exit;

/// docs/settings.md: what `init help env`, `exit-codes`, `modes` and `config` say.
fn document() -> String {
    let groups: String =
        settings::GROUPS.iter().map(|(title, group)| table(title, group)).collect();
    let exits: String = exit::TABLE.iter().map(exit_row).collect();
    let children = settings::EXPORTED.map(|name| format!("`{name}`")).join(", ");
    format!(
        "{HEAD}{groups}\nSteps and server are told {children}: the mode, the step that runs (the server sees none), \
         and the number of CPUs that the container may use.\n\n{EXITS}{exits}\n## Modes\n\n```text\n{MODES}```\n\
         \n## `init.toml`\n\n```text\n{}```\n",
        config()
    )
}

fn table(title: &str, group: &[Setting]) -> String {
    let rows: String = group.iter().map(row).collect();
    format!("\n## {title}\n\n| name | default | meaning |\n|---|---|---|\n{rows}")
}

fn row(setting: &Setting) -> String {
    let alias = setting.alias.map(|alias| format!(", `{alias}`")).unwrap_or_default();
    let default = setting.default.map_or("-".to_owned(), |default| format!("`{default}`"));
    format!("| `{}`{alias} | {default} | {} |\n", setting.name, cell(setting.help))
}

fn exit_row((code, reason, meaning, retry): &(&str, &str, &str, &str)) -> String {
    let retry = if retry.is_empty() { "-" } else { retry };
    format!("| {code} | `{reason}` | {meaning} | {retry} |\n")
}

/// Without what Markdown would take for its own.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*")
}

const HEAD: &str = "\
# Settings and exit codes

Made from `src/cli/settings.rs`, `src/exit.rs` and the texts of `init help`; `UPDATE_DOCS=1 cargo test the_document` writes it anew. `init config`
prints every setting with its value and where that came from, and `init config --check` fails a build on a mistake.

- **Where from**: a flag counts most, then the variable or its `_FILE`, then `APP_INIT_ENV_FILE`, then `init.toml`, then the default.
  `APP_INIT_WAIT_TIMEOUT=30s` is `--wait-timeout 30s` and, in `init.toml`, `wait_timeout = \"30s\"`. Every mistake is told at once, before anything is touched.
- **Files**: `X_FILE` names a file that holds the value of `X`, for every setting here, and for any other variable whose file lies under `/run/secrets`.
  One line end at the end of the file does not count. Children see `X`. Both set is an error.
- **Secrets** are no flags, because `/proc` shows flags to others: set `DATABASE_URL` or `DATABASE_URL_FILE`.
- **Durations**: `500ms`, `30s`, `5m`, `1h`, a bare number of seconds, or `forever`. **Booleans**: `true`, `yes`, `on`, `1` and `false`, `no`, `off`, `0`, in any
  case. **Lists**: by commas or blanks. An empty value is unset.
- **Commands** are words as a shell quotes them, or a JSON array; no shell is involved. `${X}`, `${X:-default}`, `${X:+if set}`, `${X:?message}` and
  `${?X:word if X is true}` are expanded inside a word, at each start; [in a Dockerfile](operations.md#commands-in-env) they need a backslash.
";

const EXITS: &str = "\
## Exit codes

The reason stands in the JSON log and begins the termination message. The last column says whether it helps to start again with nothing changed.

| code | reason | meaning | retry |
|---|---|---|---|
";

#[test]
fn the_document_of_the_settings_is_made_from_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    if option_env!("UPDATE_DOCS").is_some() {
        std::fs::write(path, document()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == document(),
        "docs/settings.md is stale: UPDATE_DOCS=1 cargo test the_document"
    );
}
