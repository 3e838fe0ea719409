//! What `init help` can be about; the lists are made from the tables that they tell of.

#[cfg(test)]
mod document;
mod texts;

use super::settings::{self, Setting};
use crate::{exit, log};
use texts::{COMPLETIONS, CONFIG, DOCTOR, ENV, HEALTHCHECK, MODES, PLAN, STATUS, TOP, WAIT};

/// What `init help` can be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    Top,
    Env,
    ExitCodes,
    Modes,
    Config,
    Wait,
    Plan,
    Status,
    Healthcheck,
    Doctor,
    Completions,
    Setting(&'static Setting),
    /// No topic; the command line is refused.
    Unknown(String),
}

impl Topic {
    /// The topic of that word, or of a command with `--help`.
    pub(crate) fn find(word: &str) -> Option<Self> {
        Some(match word {
            "env" => Self::Env,
            "exit-codes" => Self::ExitCodes,
            "modes" | "api" | "all" | "etl" | "migrate" | "seed" => Self::Modes,
            "config" => Self::Config,
            "wait" => Self::Wait,
            "plan" => Self::Plan,
            "status" => Self::Status,
            "healthcheck" => Self::Healthcheck,
            "doctor" => Self::Doctor,
            "completions" => Self::Completions,
            "help" | "version" => Self::Top,
            _ => return None,
        })
    }

    pub(crate) fn named(word: String) -> Self {
        let setting = || settings::find(&word).map(Self::Setting);
        Self::find(&word).or_else(setting).unwrap_or(Self::Unknown(word))
    }

    /// The text for stdout; it ends with a newline.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Top => TOP.to_owned(),
            Self::Env => env(),
            Self::ExitCodes => exit_codes(),
            Self::Modes => MODES.to_owned(),
            Self::Config => config(),
            Self::Wait => WAIT.to_owned(),
            Self::Plan => PLAN.to_owned(),
            Self::Status => STATUS.to_owned(),
            Self::Healthcheck => HEALTHCHECK.to_owned(),
            Self::Doctor => DOCTOR.to_owned(),
            Self::Completions => COMPLETIONS.to_owned(),
            Self::Setting(setting) => about(setting),
            Self::Unknown(_) => String::new(),
        }
    }
}

/// Of a terminal that nobody has made wider.
const COLUMNS: usize = 80;

fn env() -> String {
    let group = |(title, group): &(&str, &[Setting])| {
        let width = group.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
        let lines: String = group.iter().map(|setting| line(setting, width)).collect();
        format!("\n{title}\n{lines}")
    };
    let groups: String = settings::GROUPS.iter().map(group).collect();
    format!("{ENV}{groups}\nTold to children: {}\n", settings::EXPORTED.join(", "))
}

fn line(setting: &Setting, width: usize) -> String {
    let alias = setting.alias.map(|alias| format!("; or {alias}")).unwrap_or_default();
    let default = setting.default.map(|default| format!(" [{default}]")).unwrap_or_default();
    let text = log::hang(&format!("{}{alias}{default}", setting.help), width + 4, COLUMNS);
    format!("  {:width$}  {text}\n", setting.name)
}

/// One setting below its group's title, with the other places where it may stand.
fn about(setting: &Setting) -> String {
    let of = |(_, group): &&(&str, &[Setting])| group.contains(setting);
    let title = settings::GROUPS.iter().find(of).map_or("", |(title, _)| title);
    let flag = setting.flag().map(|flag| (format!("--{flag}"), "the same as a flag"));
    let in_file = settings::in_file().any(|other| other == setting);
    let key = in_file.then(|| (setting.key(), "the same in init.toml"));
    let places: Vec<_> = [flag, key].into_iter().flatten().collect();
    let names = places.iter().map(|(name, _)| name.len());
    let width = names.chain([setting.name.len()]).max().unwrap_or_default();
    let row = |(name, text): &(String, &str)| format!("  {name:width$}  {text}\n");
    let others: String = places.iter().map(row).collect();
    format!("{title}\n{}{others}", line(setting, width))
}

fn exit_codes() -> String {
    let rows = exit::TABLE.iter().map(|(code, reason, meaning, retry)| {
        let retry = if retry.is_empty() { "-" } else { retry };
        format!("{code:<6} {reason:<14} {retry:<5} {meaning}\n")
    });
    format!("code   reason         retry meaning\n{}", rows.collect::<String>())
}

fn config() -> String {
    let keys: Vec<String> =
        settings::in_file().map(|setting| format!("{:<25}", setting.key())).collect();
    let row = |row: &[String]| format!("  {}", row.join(" ")).trim_end().to_owned() + "\n";
    format!("{CONFIG}{}", keys.chunks(3).map(row).collect::<String>())
}
