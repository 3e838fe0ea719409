//! What a text leaves open: libpq's variables, the password file, the defaults.

use std::path::{Path, PathBuf};

use super::super::{Host, Lookup, Note, Problem, draft::Draft, parameter, parts, passfile};

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
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslsni", "PGSSLSNI"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
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
    ("sslcertmode", "PGSSLCERTMODE"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
];

/// Where servers put their socket: Debian's and the official image's, then Postgres' own default.
const SOCKET_DIRECTORIES: &[&str] = &["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// Builtin default in the list of origins.
const DEFAULT: &str = "default";

/// Refuses the variables that demand what cannot be met, unless the text says otherwise.
pub(super) fn refuse_demands(draft: &Draft, variables: Lookup) -> Result<(), Problem> {
    DEMANDS.iter().filter(|(keyword, _)| !draft.has(keyword)).try_for_each(|(keyword, name)| {
        parameter::refuse(keyword, &variables(name).unwrap_or_default(), name)
    })
}

pub(super) fn fill_variables(draft: &mut Draft, variables: Lookup) {
    let ours = [("user", "DATABASE_USER"), ("password", "DATABASE_PASSWORD")];
    for (keyword, name) in ours.iter().chain(VARIABLES) {
        let value = variables(name).unwrap_or_default();
        draft.offer(keyword, parts::part(keyword, &value), name);
    }
    // Deprecated, and only without PGSSLMODE (PostgreSQL manual, 34.15).
    if variables("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
        draft.offer("sslmode", "require", "PGREQUIRESSL");
    }
}

pub(super) fn fill_defaults(draft: &mut Draft) -> Result<(), Problem> {
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
        let port = draft.value("port").unwrap_or("5432").to_owned();
        draft.offer("host", usual_host(&port, Path::exists), DEFAULT);
    }
    draft.offer("port", "5432", DEFAULT);
    draft.offer("sslmode", default_ssl_mode(draft), DEFAULT);
    Ok(())
}

/// A directory with a socket for the port, else `localhost`. libpq has one directory built in, and
/// takes `localhost` only where there are no such sockets (PostgreSQL manual, 34.1.2, `host`).
pub(in super::super) fn usual_host(port: &str, exists: impl Fn(&Path) -> bool) -> &'static str {
    let socket = |directory: &str| Path::new(directory).join(format!(".s.PGSQL.{port}"));
    let found = SOCKET_DIRECTORIES.iter().find(|directory| exists(&socket(directory)));
    found.unwrap_or(&"localhost")
}

/// `sslrootcert=system` makes full verification the default (PostgreSQL manual, 34.1.2).
fn default_ssl_mode(draft: &Draft) -> &'static str {
    if draft.value("sslrootcert") == Some("system") { "verify-full" } else { "prefer" }
}

/// `passfile`, then `PGPASSFILE`, then `~/.pgpass`, for the first host.
pub(super) fn fill_password(
    draft: &mut Draft,
    hosts: &[Host],
    variables: Lookup,
    notes: &mut Vec<Note>,
) {
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
