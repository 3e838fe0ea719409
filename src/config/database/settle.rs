//! Adds the less important layers to a draft and gives every field its final type.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    ChannelBinding, Connection, Host, Keepalive, Lookup, Note, Problem, Roots, Secret,
    SessionAttributes, Ssl, SslMode, draft::Draft, parameter, passfile, service, url,
};
use crate::phrase::counted;

/// libpq's variables (PostgreSQL manual, 34.15).
const VARIABLES: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("options", "PGOPTIONS"),
    ("application_name", "PGAPPNAME"),
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
];

/// libpq's variables for demands that cannot be met: dropping them would be weaker than asked.
const DEMANDS: &[(&str, &str)] = &[
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("gssencmode", "PGGSSENCMODE"),
];

/// Where servers put their socket: Debian's and the official image's, then Postgres' own default.
const SOCKET_DIRECTORIES: &[&str] = &["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// Builtin default in the list of origins.
const DEFAULT: &str = "default";

/// Completes the draft. Variables and files only fill what is missing.
pub(super) fn settle(
    mut draft: Draft,
    variables: Lookup,
    notes: &mut Vec<Note>,
) -> Result<Connection, Problem> {
    service::fill(&mut draft, variables)?;
    for (keyword, name) in DEMANDS {
        parameter::refuse(keyword, &variables(name).unwrap_or_default(), name)?;
    }
    fill_variables(&mut draft, variables);
    fill_defaults(&mut draft)?;
    let hosts = hosts(&draft)?;
    if !draft.has("password") {
        fill_password(&mut draft, &hosts, variables, notes);
    }
    drop_for_pooler(&mut draft, notes);
    Ok(Connection {
        user: text(&draft, "user").unwrap_or_default(),
        password: draft.value("password").map(Secret::new),
        database: text(&draft, "dbname").unwrap_or_default(),
        ssl: ssl(&draft, variables)?,
        attributes: attributes(&draft)?,
        connect_timeout: seconds(&draft, "connect_timeout")?,
        keepalive: keepalive(&draft)?,
        options: text(&draft, "options"),
        application_name: text(&draft, "application_name"),
        search_path: text(&draft, "search_path").filter(|path| path != "public"),
        password_remark: draft.password_remark.or_else(|| remark(&draft)),
        origins: draft.origins(),
        hosts,
    })
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

fn text(draft: &Draft, keyword: &str) -> Option<String> {
    draft.value(keyword).map(str::to_owned)
}

fn fill_variables(draft: &mut Draft, variables: Lookup) {
    for (keyword, name) in [("user", "DATABASE_USER"), ("password", "DATABASE_PASSWORD")] {
        draft.offer(keyword, &variables(name).unwrap_or_default(), name);
    }
    let located = draft.has("host") || draft.has("hostaddr");
    for (keyword, name) in VARIABLES {
        // An address for another host than the one that the text names would lead astray.
        if !(located && matches!(*keyword, "host" | "hostaddr")) {
            draft.offer(keyword, &variables(name).unwrap_or_default(), name);
        }
    }
}

fn fill_defaults(draft: &mut Draft) -> Result<(), Problem> {
    if !draft.has("user") {
        let uid = nix::unistd::Uid::effective();
        let known = nix::unistd::User::from_uid(uid).ok().flatten();
        let user = known.ok_or_else(|| {
            Problem::new("url-no-user", &draft.source, "no user name")
                .hint("put it into the address, or set DATABASE_USER or PGUSER")
        })?;
        draft.offer("user", &user.name, "the name of the operating system's user");
    }
    let user = draft.value("user").unwrap_or_default().to_owned();
    draft.offer("dbname", &user, "the user name, as no database is named");
    if !draft.has("host") && !draft.has("hostaddr") {
        let directory = SOCKET_DIRECTORIES
            .iter()
            .find(|directory| Path::new(directory).join(".s.PGSQL.5432").exists());
        draft.offer("host", directory.unwrap_or(&"localhost"), DEFAULT);
    }
    draft.offer("port", "5432", DEFAULT);
    draft.offer("sslmode", default_ssl_mode(draft), DEFAULT);
    Ok(())
}

/// `sslrootcert=system` makes full verification the default (PostgreSQL manual, 34.1.2).
fn default_ssl_mode(draft: &Draft) -> &'static str {
    if draft.value("sslrootcert") == Some("system") { "verify-full" } else { "prefer" }
}

/// Pairs hosts with addresses and ports; one port serves all hosts.
fn hosts(draft: &Draft) -> Result<Vec<Host>, Problem> {
    let list = |keyword| -> Vec<&str> {
        draft.value(keyword).map(|value| value.split(',').collect()).unwrap_or_default()
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = names.len().max(addresses.len());
    if !addresses.is_empty() && !names.is_empty() && addresses.len() != names.len() {
        let what = "`host` and `hostaddr` name different numbers of hosts";
        return Err(Problem::new("url-hosts", draft.blame("hostaddr"), what));
    }
    if ports.len() != 1 && ports.len() != count {
        let what = format!("{} for {}", counted(ports.len(), "port"), counted(count, "host"));
        return Err(Problem::new("url-hosts", draft.blame("port"), what));
    }
    (0..count)
        .map(|at| {
            let name = names.get(at).copied().unwrap_or_default();
            let port = ports.get(at).or(ports.first()).copied().unwrap_or_default();
            host(draft, name.trim(), addresses.get(at).copied(), port.trim())
        })
        .collect()
}

/// One host. `name:port`, as `SQLAlchemy` has it, beats the list of ports.
fn host(draft: &Draft, name: &str, address: Option<&str>, port: &str) -> Result<Host, Problem> {
    let source = draft.blame("host");
    if name.starts_with('/') {
        return Ok(Host::Unix { directory: PathBuf::from(name), port: number(draft, port)? });
    }
    let (name, own) = url::split_port(name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let port = number(draft, own.filter(|own| !own.is_empty()).unwrap_or(port))?;
    let address = match address.filter(|address| !address.is_empty()) {
        None => None,
        Some(address) => Some(address.trim().parse::<IpAddr>().map_err(|_| {
            Problem::new("url-hosts", draft.blame("hostaddr"), "`hostaddr` is not an IP address")
        })?),
    };
    let name = match (name, address) {
        ("", Some(address)) => address.to_string(),
        ("", None) => "localhost".to_owned(),
        (name, _) => name.to_owned(),
    };
    if !is_host_name(&name) {
        return Err(Problem::new(
            "url-malformed",
            source,
            "the host name holds characters no host has",
        )
        .hint("`@`, `:`, `/`, `?` and `#` in a password are written %40, %3A, %2F, %3F and %23"));
    }
    Ok(Host::Tcp { name, port, address })
}

/// Strict, because the name is shown: what is no name may be a piece of a password.
fn is_host_name(name: &str) -> bool {
    let address = name.split('%').next().unwrap_or_default();
    address.parse::<std::net::Ipv6Addr>().is_ok()
        || name.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

fn number(draft: &Draft, port: &str) -> Result<u16, Problem> {
    if port.is_empty() {
        return Ok(5432);
    }
    port.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
        Problem::new(
            "url-malformed",
            draft.blame("port"),
            "the port is not a number from 1 to 65535",
        )
    })
}

/// `passfile`, then `PGPASSFILE`, then `~/.pgpass`, for the first host.
fn fill_password(draft: &mut Draft, hosts: &[Host], variables: Lookup, notes: &mut Vec<Note>) {
    let home = || variables("HOME").map(|home| PathBuf::from(home).join(".pgpass"));
    let Some(path) = draft.value("passfile").map(PathBuf::from).or_else(home) else { return };
    let found = hosts.iter().find_map(|host| {
        let (host, port) = match host {
            Host::Tcp { name, port, .. } => (name.as_str(), port),
            Host::Unix { directory, port } if is_default_directory(directory) => {
                ("localhost", port)
            }
            Host::Unix { directory, port } => (directory.to_str()?, port),
        };
        let key = passfile::Key {
            host,
            port: &port.to_string(),
            database: draft.value("dbname").unwrap_or_default(),
            user: draft.value("user").unwrap_or_default(),
        };
        passfile::read(&path, &key, notes)
    });
    if let Some(password) = found {
        draft.offer("password", password.expose(), &path.display().to_string());
    }
    notes.dedup();
}

fn is_default_directory(directory: &Path) -> bool {
    SOCKET_DIRECTORIES.iter().any(|known| Path::new(known) == directory)
}

fn ssl(draft: &Draft, variables: Lookup) -> Result<Ssl, Problem> {
    let mut mode = ssl_mode(draft)?;
    let roots = roots(draft, variables);
    if draft.value("sslrootcert") == Some("system") {
        // libpq refuses weaker modes with the system's roots; the stronger reading is safe.
        mode = if mode == SslMode::Disable { mode } else { SslMode::VerifyFull };
    }
    let path = |keyword| draft.value(keyword).map(PathBuf::from);
    let identity = match (path("sslcert"), path("sslkey")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(certificate), None) => Some((certificate.clone(), certificate)),
        _ => None,
    };
    Ok(Ssl {
        mode,
        roots,
        identity,
        only_13: only_13(draft)?,
        direct: direct(draft)?,
        channel_binding: channel_binding(draft)?,
    })
}

/// A root certificate file counts if it was named, or if libpq's default file is there.
fn roots(draft: &Draft, variables: Lookup) -> Roots {
    let default = || {
        let path = PathBuf::from(variables("HOME")?).join(".postgresql/root.crt");
        path.is_file().then_some(path)
    };
    match draft.value("sslrootcert") {
        Some("system") => Roots::System,
        Some(path) => Roots::File(PathBuf::from(path)),
        None => default().map_or(Roots::System, Roots::File),
    }
}

/// ADO writes `VerifyFull`, node `no-verify`; blanks, case and dashes do not matter.
fn ssl_mode(draft: &Draft) -> Result<SslMode, Problem> {
    let value = draft.value("sslmode").unwrap_or_default();
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_lowercase().as_str() {
        "disable" | "disabled" => Ok(SslMode::Disable),
        "allow" => Ok(SslMode::Allow),
        "" | "prefer" | "preferred" => Ok(SslMode::Prefer),
        "require" | "required" => Ok(SslMode::Require),
        "noverify" => Ok(SslMode::NoVerify),
        "verifyca" => Ok(SslMode::VerifyCa),
        "verifyfull" => Ok(SslMode::VerifyFull),
        _ => Err(value_problem(
            draft,
            "sslmode",
            "disable, allow, prefer, require, no-verify, verify-ca or verify-full",
        )),
    }
}

/// What is below 1.2 is never spoken, so that only 1.3 is a demand of its own.
fn only_13(draft: &Draft) -> Result<bool, Problem> {
    match draft.value("ssl_min_protocol_version") {
        Some("TLSv1.3") => Ok(true),
        None | Some("TLSv1" | "TLSv1.1" | "TLSv1.2") => Ok(false),
        Some(_) => Err(value_problem(
            draft,
            "ssl_min_protocol_version",
            "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3",
        )),
    }
}

fn direct(draft: &Draft) -> Result<bool, Problem> {
    match draft.value("sslnegotiation") {
        Some("direct") => Ok(true),
        None | Some("postgres") => Ok(false),
        Some(_) => Err(value_problem(draft, "sslnegotiation", "postgres or direct")),
    }
}

fn channel_binding(draft: &Draft) -> Result<ChannelBinding, Problem> {
    match draft.value("channel_binding") {
        None | Some("prefer") => Ok(ChannelBinding::Prefer),
        Some("disable") => Ok(ChannelBinding::Disable),
        Some("require") => Ok(ChannelBinding::Require),
        Some(_) => Err(value_problem(draft, "channel_binding", "disable, prefer or require")),
    }
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

/// The value itself is not repeated: in a mistyped text it may be a piece of the password.
fn value_problem(draft: &Draft, keyword: &str, known: &str) -> Problem {
    let what = format!("`{keyword}` is not one of {known}");
    Problem::new("url-value", draft.blame(keyword), what)
}

/// Seconds, with decimals; zero or less means no limit of its own.
fn seconds(draft: &Draft, keyword: &str) -> Result<Option<Duration>, Problem> {
    let Some(value) = draft.value(keyword) else { return Ok(None) };
    let seconds: f64 =
        value.trim().parse().map_err(|_| value_problem(draft, keyword, "a number of seconds"))?;
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
    } else if password.contains("${") || (password.starts_with('<') && password.ends_with('>')) {
        Some("the password looks like a placeholder that nobody replaced")
    } else if password.contains('%') {
        Some("the password contains `%`: in a URL it is written %25")
    } else {
        None
    }
}
