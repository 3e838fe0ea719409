//! Adds the less important layers to a draft and gives every field its final type.

mod gaps;
mod hosts;
mod ssl;
mod tls_files;

use std::time::Duration;

#[cfg(test)]
pub(super) use gaps::usual_host;

use super::{
    Connection, Keepalive, Lookup, Note, Problem, Secret, SessionAttributes,
    draft::{Draft, is_placeholder},
    service,
};

/// Completes the draft. Variables and files only fill what is missing.
pub(super) fn settle(
    mut draft: Draft,
    variables: Lookup,
    notes: &mut Vec<Note>,
) -> Result<Connection, Problem> {
    service::fill(&mut draft, variables)?;
    gaps::refuse_demands(&draft, variables)?;
    gaps::fill_variables(&mut draft, variables);
    gaps::fill_defaults(&mut draft)?;
    refuse_placeholders(&draft)?;
    let hosts = hosts::hosts(&draft)?;
    if !draft.has("password") {
        gaps::fill_password(&mut draft, &hosts, variables, notes);
    }
    drop_for_pooler(&mut draft, notes);
    let ssl = ssl::ssl(&draft, variables)?;
    tls_files::note(&ssl, &draft, notes);
    Ok(Connection {
        user: text(&draft, "user").unwrap_or_default(),
        password: draft.value("password").map(Secret::new),
        database: text(&draft, "dbname").unwrap_or_default(),
        ssl,
        attributes: attributes(&draft)?,
        shuffled: shuffled(&draft)?,
        connect_timeout: seconds(&draft, "connect_timeout")?,
        keepalive: keepalive(&draft)?,
        options: text(&draft, "options"),
        application_name: text(&draft, "application_name"),
        search_path: text(&draft, "search_path").filter(|path| path != "public"),
        password_remark: draft.password_remark.or_else(|| remark(&draft)),
        ambiguous: draft.ambiguous,
        words: words(&draft),
        origins: draft.origins(),
        hosts,
    })
}

/// A user, a database, a host or a port that is none yet. A password may look like anything.
fn refuse_placeholders(draft: &Draft) -> Result<(), Problem> {
    let open = |keyword: &&str| {
        let lists = matches!(*keyword, "host" | "port");
        let value = draft.value(keyword).unwrap_or_default();
        value.split(|c| lists && matches!(c, ',' | ':')).any(is_placeholder)
    };
    match ["host", "port", "user", "dbname"].into_iter().find(open) {
        Some(keyword) => {
            let what = format!("the {} is a placeholder that nobody replaced", named(keyword));
            Err(Problem::placeholder(draft.blame(keyword), what))
        }
        None => Ok(()),
    }
}

fn named(keyword: &str) -> &str {
    if keyword == "dbname" { "database" } else { keyword }
}

/// A pooler refuses start-up options, and a session of its own it does not give: where the text says
/// that one stands in front (Prisma's `pgbouncer=true`), they are left out.
fn drop_for_pooler(draft: &mut Draft, notes: &mut Vec<Note>) {
    if !draft.value("pgbouncer").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return;
    }
    for keyword in ["options", "search_path"] {
        if draft.value(keyword).is_some_and(|value| value != "public") {
            notes.push(Note::Pooler { source: draft.blame(keyword).to_owned(), keyword });
            draft.replace(keyword, "", "");
        }
    }
}

/// What has been found to be one of a few words or a number, or the name of a service that there is.
fn words(draft: &Draft) -> Vec<(&'static str, String)> {
    const WORDS: &[&str] = &[
        "channel_binding",
        "connect_timeout",
        "load_balance_hosts",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslmode",
        "sslnegotiation",
        "target_session_attrs",
    ];
    let word = |keyword: &&'static str| Some((*keyword, text(draft, keyword)?));
    WORDS.iter().filter_map(word).collect()
}

fn text(draft: &Draft, keyword: &str) -> Option<String> {
    draft.value(keyword).map(str::to_owned)
}

fn attributes(draft: &Draft) -> Result<SessionAttributes, Problem> {
    match draft.value("target_session_attrs") {
        None | Some("any") => Ok(SessionAttributes::Any),
        Some("read-write") => Ok(SessionAttributes::ReadWrite),
        Some("read-only") => Ok(SessionAttributes::ReadOnly),
        Some("primary") => Ok(SessionAttributes::Primary),
        Some("standby") => Ok(SessionAttributes::Standby),
        Some("prefer-standby") => Ok(SessionAttributes::PreferStandby),
        Some(_) => Err(value_problem(
            draft,
            "target_session_attrs",
            "any, read-write, read-only, primary, standby or prefer-standby",
        )),
    }
}

/// JDBC and Npgsql write `true`.
fn shuffled(draft: &Draft) -> Result<bool, Problem> {
    let value = draft.value("load_balance_hosts").map(str::to_ascii_lowercase);
    match value.as_deref() {
        Some("random" | "true") => Ok(true),
        None | Some("disable" | "false") => Ok(false),
        Some(_) => Err(value_problem(draft, "load_balance_hosts", "disable or random")),
    }
}

/// A number that is none.
fn number_problem(draft: &Draft, keyword: &str) -> Problem {
    let what = format!("`{keyword}` is not a number");
    Problem::new("url-value", draft.blame(keyword), what)
}

/// The value itself is not repeated: in a mistyped text it may be a piece of the password.
fn value_problem(draft: &Draft, keyword: &str, known: &str) -> Problem {
    let what = format!("`{keyword}` is not one of {known}");
    Problem::new("url-value", draft.blame(keyword), what)
}

/// Seconds, with decimals; zero or less means no limit of its own.
fn seconds(draft: &Draft, keyword: &str) -> Result<Option<Duration>, Problem> {
    let Some(value) = draft.value(keyword) else { return Ok(None) };
    let seconds: f64 = value.trim().parse().map_err(|_| number_problem(draft, keyword))?;
    Ok(Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero()))
}

fn keepalive(draft: &Draft) -> Result<Keepalive, Problem> {
    let milliseconds = seconds(draft, "tcp_user_timeout")?.map(|thousand| thousand / 1000);
    let retries = seconds(draft, "keepalives_count")?.map(|count| count.as_secs());
    Ok(Keepalive {
        off: draft.value("keepalives") == Some("0"),
        idle: seconds(draft, "keepalives_idle")?,
        interval: seconds(draft, "keepalives_interval")?,
        retries: retries.and_then(|count| u32::try_from(count).ok()),
        user_timeout: milliseconds,
    })
}

/// What is remarkable about the password, without a word of it.
fn remark(draft: &Draft) -> Option<&'static str> {
    let password = draft.value("password")?;
    let blank = password.trim().len() != password.len();
    let quoted = password.starts_with(['"', '\'']) || password.ends_with(['"', '\'']);
    if blank {
        Some("the password begins or ends with a blank or a line end")
    } else if quoted && password.len() > 1 {
        Some("the password begins or ends with a quote character")
    } else if password.contains("${") || is_placeholder(password) {
        Some("the password looks like a placeholder that nobody replaced")
    } else if !password.contains('%') {
        None
    } else if draft.is_url && draft.origin("password") == Some(draft.source.as_str()) {
        Some("the password contains `%`: in a URL it is written %25")
    } else {
        Some(
            "the password contains `%`, which stands for itself there: codes such as %40 are read only in a URL",
        )
    }
}
