//! The grammar of the command line, and what was found by it to `Cli`. clap's own types end here.

use clap::{Arg, ArgAction, ArgMatches, builder::ValueParser};

use super::{
    Asked, Cli, Command, Healthcheck, MODES, WORDS, help::Topic, settings, usage::UsageError,
};

pub(super) fn grammar(modes: &[String]) -> clap::Command {
    let own = modes.iter().map(String::as_str).filter(|mode| !WORDS.contains(mode));
    let starts = MODES.into_iter().chain(own).map(|mode| command(mode).arg(server()));
    let starts = starts.map(|start| match start.get_name() {
        "seed" => start.arg(switch("force")),
        _ => start,
    });
    command("init")
        .args(settings::all().filter_map(flag))
        .arg(switch("quiet").short('q').global(true))
        .arg(Arg::new("verbose").short('v').long("verbose").action(ArgAction::Count).global(true))
        .arg(switch("help").short('h').global(true))
        .arg(switch("version").short('V'))
        .arg(server())
        .subcommands(starts)
        .subcommands([
            command("wait")
                .arg(Arg::new("target").num_args(0..).action(ArgAction::Append))
                .arg(Arg::new("timeout").long("timeout").conflicts_with("APP_INIT_WAIT_TIMEOUT"))
                .arg(server()),
            command("plan").arg(Arg::new("mode")).arg(switch("json")),
            command("doctor").arg(Arg::new("mode")).arg(switch("json")),
            command("config").arg(switch("check")),
            command("status").arg(switch("json")).arg(switch("exit-code")),
            command("healthcheck")
                .arg(switch("live"))
                .arg(switch("ready").conflicts_with("live"))
                .arg(Arg::new("url").long("url").conflicts_with("APP_INIT_HEALTHCHECK_URL"))
                .arg(Arg::new("timeout").long("timeout").default_value("3s"))
                .arg(Arg::new("expect-status").long("expect-status").default_value("200-299")),
            command("help").arg(Arg::new("topic")),
            command("completions").arg(Arg::new("shell").default_value("")),
            command("version"),
        ])
}

fn command(name: &str) -> clap::Command {
    clap::Command::new(name.to_owned())
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
}

fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// What stands after `--`.
fn server() -> Arg {
    Arg::new("server").last(true).num_args(1..).value_parser(ValueParser::os_string())
}

fn flag(setting: &'static settings::Setting) -> Option<Arg> {
    Some(Arg::new(setting.name).long(setting.flag()?).global(true).allow_hyphen_values(true))
}

pub(super) fn read(matches: &ArgMatches) -> Cli {
    let (name, inner) =
        matches.subcommand().map_or((None, matches), |(name, inner)| (Some(name), inner));
    let text = |id: &str| inner.get_one::<String>(id).cloned();
    let mut flags: Vec<(&'static str, String)> = settings::all()
        .filter(|setting| setting.flag().is_some())
        .filter_map(|setting| Some((setting.name, text(setting.name)?)))
        .collect();
    let command = if inner.get_flag("help") {
        Command::Help(name.and_then(Topic::find).unwrap_or(Topic::Top))
    } else if matches.get_flag("version") {
        Command::Version
    } else {
        asked(name, inner)
    };
    if name == Some("wait") {
        flags.extend(text("timeout").map(|timeout| ("APP_INIT_WAIT_TIMEOUT", timeout)));
    }
    if name == Some("healthcheck") {
        flags.extend(text("url").map(|url| ("APP_INIT_HEALTHCHECK_URL", url)));
    }
    Cli { command, flags, quiet: inner.get_flag("quiet"), verbose: inner.get_count("verbose") }
}

fn asked(name: Option<&str>, inner: &ArgMatches) -> Command {
    let text = |id: &str| inner.get_one::<String>(id).cloned();
    let words = || inner.get_many("server").into_iter().flatten().cloned().collect();
    match name {
        Some("wait") => {
            let targets = inner.get_many("target").into_iter().flatten().cloned().collect();
            Command::Wait { targets, words: words() }
        }
        Some("plan") => Command::Plan { mode: text("mode"), json: inner.get_flag("json") },
        Some("doctor") => Command::Doctor { mode: text("mode"), json: inner.get_flag("json") },
        Some("config") => Command::Config { check: inner.get_flag("check") },
        Some("status") => {
            Command::Status { json: inner.get_flag("json"), exit_code: inner.get_flag("exit-code") }
        }
        Some("healthcheck") => Command::Healthcheck(Healthcheck {
            question: if inner.get_flag("live") { Asked::Live } else { Asked::Ready },
            url: text("url").is_some(),
            timeout: text("timeout").unwrap_or_default(),
            expect_status: text("expect-status").unwrap_or_default(),
        }),
        Some("help") => Command::Help(text("topic").map_or(Topic::Top, Topic::named)),
        Some("version") => Command::Version,
        Some("completions") => Command::Completions(text("shell").unwrap_or_default()),
        mode => Command::Start {
            mode: mode.map(str::to_owned),
            words: words(),
            force: mode == Some("seed") && inner.get_flag("force"),
        },
    }
}

/// The completion script of a shell, from the same grammar that reads the command line.
pub(super) fn completions(shell: &str, modes: &[String]) -> Result<String, UsageError> {
    let known: clap_complete::Shell = shell.parse().map_err(|_| UsageError {
        message: if shell.is_empty() {
            "`init completions` needs the name of a shell".into()
        } else {
            format!("no completions for a shell `{shell}`")
        },
        hint: "there are some for bash, zsh, fish, elvish and powershell".into(),
    })?;
    let mut script = Vec::new();
    clap_complete::generate(known, &mut grammar(modes), "init", &mut script);
    Ok(String::from_utf8_lossy(&script).into_owned())
}
