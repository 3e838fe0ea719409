//! `scheme://user:password@host:port,…/database?key=value`, as leniently as any driver reads it.
//!
//! RFC 3986 splits at the first `/`, `?` or `#`, but people paste passwords unescaped, and each
//! framework accepts a different set of them. The cut is therefore looked for from the right.

mod cut;

use percent_encoding::percent_decode_str;

pub(super) use cut::split_port;
use cut::{split_query, split_userinfo};

use super::{
    Note, Problem,
    draft::{Draft, Pair, is_placeholder},
    parameter,
};

/// Names under which frameworks file Postgres, without a `+driver`.
const POSTGRES: &[&str] = &[
    "postgres",
    "postgresql",
    "postgis",
    "pgsql",
    "psql",
    "pg",
    "ecto",
    "cockroachdb",
    "cockroach",
    "timescaledb",
    "timescale",
];

/// A text that begins with a scheme.
pub(super) struct Address<'a> {
    /// In lower case, without `jdbc:`.
    pub(super) scheme: String,
    /// What follows `scheme://`.
    rest: &'a str,
    slashes: bool,
    jdbc: bool,
}

/// Splits the scheme off; `None` if the text has none.
pub(super) fn address(text: &str) -> Option<Address<'_>> {
    let (scheme, rest) = text.split_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-' | '_');
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(plain) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    if scheme == "jdbc" {
        return address(rest).map(|address| Address { jdbc: true, ..address });
    }
    let after = rest.strip_prefix("//");
    // `postgres:5432` is a host and its port; `sqlite:app.db` has no slashes.
    let is_port = || rest.chars().all(|c| c.is_ascii_digit()) && !rest.is_empty();
    let meant = scheme.starts_with("sqlite") || (is_postgres(&scheme) && !is_port());
    (after.is_some() || meant).then(|| Address {
        scheme,
        rest: after.unwrap_or(rest),
        slashes: after.is_some(),
        jdbc: false,
    })
}

/// Whether a scheme, with or without `+driver`, means Postgres.
pub(super) fn is_postgres(scheme: &str) -> bool {
    POSTGRES.contains(&scheme.split('+').next().unwrap_or_default())
}

/// Reads all of an address.
pub(super) fn read(
    address: &Address<'_>,
    draft: &mut Draft,
    notes: &mut Vec<Note>,
) -> Result<(), Problem> {
    refuse_foreign(&address.scheme, &draft.source)?;
    let query = match (address.slashes, address.jdbc) {
        (true, _) => read_usual(address.rest, draft, notes)?,
        (false, true) => read_database_only(address.rest, draft)?,
        (false, false) => return Err(without_slashes(address.rest, &draft.source)),
    };
    if address.scheme.ends_with("+ssl") {
        let source = draft.source.clone();
        draft.offer("sslmode", "require", &source);
    }
    // pgjdbc decodes as forms do (`URLCoder`, java.net.URLDecoder), in which `+` is a blank.
    let query = if address.jdbc { query.replace('+', " ") } else { query.to_owned() };
    let pairs = pairs(&query, &draft.source)?;
    draft.apply(&pairs, notes)
}

/// `postgres:/u@h/d`, or PDO's `pgsql:host=…;dbname=…`.
fn without_slashes(rest: &str, source: &str) -> Problem {
    let is_list = rest.split_once('=').is_some_and(|(key, _)| parameter::is_keyword(key));
    let what = if is_list { "a PDO string" } else { "no `//` behind the scheme" };
    Problem::new("url-malformed", source, what)
        .hint("write postgres://user:password@host:5432/database, or host=… dbname=… user=…")
}

/// `user:password@hosts/database?parameters`; gives the parameters.
fn read_usual<'a>(
    rest: &'a str,
    draft: &mut Draft,
    notes: &mut Vec<Note>,
) -> Result<&'a str, Problem> {
    let (before, query) = split_query(rest);
    let (userinfo, place) = split_userinfo(before);
    if let Some(userinfo) = userinfo {
        read_userinfo(userinfo, draft, notes)?;
    }
    read_place(place, draft)?;
    Ok(query.unwrap_or_default())
}

/// pgjdbc's `jdbc:postgresql:database?parameters`, whose host is `localhost` (`Driver.parseURL`).
fn read_database_only<'a>(rest: &'a str, draft: &mut Draft) -> Result<&'a str, Problem> {
    let source = draft.source.clone();
    let (database, query) = rest.split_once('?').unwrap_or((rest, ""));
    draft.offer("host", "localhost", &source);
    draft.offer("dbname", &decode(database.trim_start_matches('/'), &source)?, &source);
    Ok(query)
}

fn refuse_foreign(scheme: &str, source: &str) -> Result<(), Problem> {
    if scheme.starts_with("prisma+") {
        let problem = Problem::new("url-prisma", source, "a Prisma proxy address, not Postgres");
        return Err(problem.hint(
            "prisma+postgres:// is spoken over HTTP; give app-init the direct postgres:// address, as MIGRATE_DATABASE_URL or DIRECT_URL",
        ));
    }
    if is_postgres(scheme) {
        return Ok(());
    }
    let problem = Problem::new(
        "url-foreign",
        source,
        format!("`{scheme}` is not the scheme of a Postgres URL"),
    );
    Err(problem.hint("app-init speaks to Postgres: postgres://user:password@host:5432/database"))
}

fn read_userinfo(userinfo: &str, draft: &mut Draft, notes: &mut Vec<Note>) -> Result<(), Problem> {
    let source = draft.source.clone();
    let (user, password) = match userinfo.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (userinfo, None),
    };
    draft.offer("user", &decode(user, &source)?, &source);
    if let Some(password) = password {
        draft.offer("password", &decode(password, &source)?, &source);
        if let Some((character, code, remark)) = ambiguous(password) {
            draft.password_remark = Some(remark);
            draft.ambiguous = Some(character).filter(|c| matches!(c, '@' | '/' | '?' | '#'));
            notes.push(Note::Ambiguous { source, character, code });
        }
    }
    Ok(())
}

/// The first character at which some driver would cut the password or refuse it.
fn ambiguous(password: &str) -> Option<(char, &'static str, &'static str)> {
    const CHARACTERS: &[(char, &str, &str)] = &[
        ('@', "%40", "the password contains `@`: encode it as %40, other drivers split there"),
        ('/', "%2F", "the password contains `/`: encode it as %2F, other drivers split there"),
        ('?', "%3F", "the password contains `?`: encode it as %3F, other drivers split there"),
        ('#', "%23", "the password contains `#`: encode it as %23, other drivers split there"),
        ('[', "%5B", "the password contains `[`: encode it as %5B, other drivers refuse it"),
        (']', "%5D", "the password contains `]`: encode it as %5D, other drivers refuse it"),
        (' ', "%20", "the password contains a blank: encode it as %20, other drivers refuse it"),
    ];
    let found = CHARACTERS.iter().find(|(character, ..)| password.contains(*character));
    found.copied().or_else(|| {
        let remark = "the password contains a `%` that is no code: encode it as %25";
        bare_percent(password).then_some(('%', "%25", remark))
    })
}

fn bare_percent(text: &str) -> bool {
    text.match_indices('%').any(|(at, _)| {
        let code = text.as_bytes().get(at + 1..at + 3);
        !code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
    })
}

const NOT_YET: &str = "host or port is a placeholder that nobody replaced";

/// `host:port,host:port/database`.
fn read_place(place: &str, draft: &mut Draft) -> Result<(), Problem> {
    let source = draft.source.clone();
    let (hosts, database) = place.split_once('/').unwrap_or((place, ""));
    if hosts.contains("${") {
        return Err(Problem::placeholder(&source, NOT_YET));
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = split_port(host);
        if name.starts_with('[') != name.ends_with(']') {
            let problem =
                Problem::new("url-malformed", &source, "a bracket without its other half");
            return Err(problem.hint("write an IPv6 address as [::1]:5432"));
        }
        let name = name.trim_start_matches('[').trim_end_matches(']');
        names.push(decode(name, &source)?);
        ports.push(port.unwrap_or_default());
    }
    if ports.iter().any(|port| is_placeholder(port)) {
        return Err(Problem::placeholder(&source, NOT_YET));
    }
    if ports.iter().any(|port| !port.chars().all(|c| c.is_ascii_digit())) {
        return Err(Problem::new("url-malformed", &source, "the port is not a number").hint(
            "`@`, `:` and `/` in a password are written %40, %3A and %2F; what stands behind the last colon of the host is no port",
        ));
    }
    let join = |list: &[&str]| {
        if list.iter().all(|item| item.is_empty()) { String::new() } else { list.join(",") }
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    draft.offer("host", &join(&names), &source);
    draft.offer("port", &join(&ports), &source);
    draft.offer("dbname", &decode(database, &source)?, &source);
    Ok(())
}

/// The parameters. One without `=` is an empty value if its name is known, else the tail of a value
/// with an `&` in it, which may be a secret.
fn pairs(query: &str, source: &str) -> Result<Vec<Pair>, Problem> {
    query
        .split('&')
        .filter(|part| part.contains('=') || parameter::is_known(part))
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            Ok(Pair::new(decode(key, source)?, decode(value, source)?))
        })
        .collect()
}

/// Percent-decoding in which a `%` without two digits stands for itself.
fn decode(text: &str, source: &str) -> Result<String, Problem> {
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(text) if !text.contains('\0') => Ok(text.into_owned()),
        Ok(_) => {
            Err(Problem::new("url-malformed", source, "a part holds %00, which Postgres refuses"))
        }
        Err(_) => Err(Problem::new("url-malformed", source, "a part is not UTF-8 when decoded")),
    }
}
