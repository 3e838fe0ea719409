//! What can be waited for.

mod list;
mod service;

use std::{fmt, path::PathBuf};

use list::FOREIGN;
pub(crate) use list::targets;
pub(crate) use service::{Http, Redis};

use super::{
    database::{self, Connection, Lookup, Note, Problem},
    types::nearest,
};
use crate::diagnose::SET_DATABASE;

/// One dependency.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Database(Box<Connection>),
    /// A port that accepts.
    Tcp {
        host: String,
        port: u16,
    },
    /// A socket that accepts.
    Unix(PathBuf),
    /// A path that exists.
    File(PathBuf),
    /// A name that has an address.
    Dns(String),
    Redis(Redis),
    Http(Http),
}

impl Target {
    /// Reads one word of `APP_INIT_WAIT_FOR` or `init wait`; `source` is where it was written.
    ///
    /// `database` stands for `database`, the connection the settings give, if any.
    pub(crate) fn parse(
        word: &str,
        source: &str,
        database: Option<&Connection>,
        variables: Lookup,
    ) -> Result<(Self, Vec<Note>), Problem> {
        let word = word.trim();
        if word.eq_ignore_ascii_case("database") {
            let connection = database.cloned().ok_or_else(|| no_database(source))?;
            return Ok((Self::Database(Box::new(connection)), Vec::new()));
        }
        if word.is_empty() {
            return Err(Problem::new("target-unknown", source, "an empty word, no target")
                .hint("a variable that it was meant to come from may not be set"));
        }
        if database::is_placeholder(word) {
            return Err(Problem::placeholder(source, "a placeholder that nobody replaced"));
        }
        if Connection::recognises(word) {
            let (connection, notes) = Connection::parse(word, source, variables)?;
            return Ok((Self::Database(Box::new(connection)), notes));
        }
        let target = match word.split_once("://") {
            Some((scheme, place)) => with_scheme(&scheme.to_ascii_lowercase(), place, source),
            None => plain(word, source),
        };
        target.map(|target| (target, Vec::new()))
    }
}

/// What a target can be, for hints.
const KINDS: &str = "known are: database, postgres://…, redis[s]://…, http[s]://…, tcp://host:port, unix:///path, file:///path, dns://name, host:port";

fn no_database(source: &str) -> Problem {
    Problem::new("target-database", source, "`database` is waited for, but no database is set")
        .hint(SET_DATABASE)
}

fn with_scheme(scheme: &str, place: &str, source: &str) -> Result<Target, Problem> {
    match scheme {
        // The address family is the name server's choice, as for any other target.
        "tcp" | "tcp4" | "tcp6" => tcp(place.trim_end_matches('/'), source),
        "redis" | "valkey" => Redis::parse(place, false, source).map(Target::Redis),
        "rediss" | "valkeys" => Redis::parse(place, true, source).map(Target::Redis),
        "http" => Http::parse(place, false, source).map(Target::Http),
        "https" => Http::parse(place, true, source).map(Target::Http),
        "unix" => path(place, source).map(Target::Unix),
        "file" => path(place, source).map(Target::File),
        "dns" => name(place, source).map(Target::Dns),
        _ => Err(unknown(scheme, source)),
    }
}

/// Only a known word is shown: anything else before `://` may be a piece of a password.
fn unknown(scheme: &str, source: &str) -> Problem {
    // Behind a comma in a password anything may look like a scheme, so only known ones are shown.
    let plain = FOREIGN.contains(&scheme);
    let what = if plain {
        format!("cannot wait for `{scheme}://` targets")
    } else {
        "not a target".into()
    };
    Problem::new("target-unknown", source, what).hint(KINDS)
}

/// `host:port`, or what was meant by something else.
fn plain(word: &str, source: &str) -> Result<Target, Problem> {
    let problem = |what| Problem::new("target-unknown", source, what);
    if ["unix:", "file:"].iter().any(|scheme| word.starts_with(scheme)) {
        return Err(problem("no `//` behind the scheme")
            .hint("write three slashes: unix:///run/app.sock, file:///run/ready"));
    }
    let near = nearest(word, ["database"]).is_some();
    tcp(word, source).map_err(|wrong| match near {
        true => problem("a target without a port").hint("did you mean `database`?"),
        false if source.starts_with("init wait") && !word.contains(':') => {
            problem("a target without a port")
                .hint(format!("{KINDS}; a command stands behind `--`"))
        }
        false => wrong,
    })
}

fn path(place: &str, source: &str) -> Result<PathBuf, Problem> {
    if place.starts_with('/') {
        return Ok(PathBuf::from(place));
    }
    Err(Problem::new("target-unknown", source, "the path is not absolute")
        .hint("write three slashes: unix:///run/app.sock, file:///run/ready"))
}

fn name(place: &str, source: &str) -> Result<String, Problem> {
    let name = place.trim_end_matches('/');
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.is_empty() && name.chars().all(plain) {
        return Ok(name.to_owned());
    }
    Err(Problem::new("target-unknown", source, "no host name").hint("write dns://name"))
}

fn tcp(place: &str, source: &str) -> Result<Target, Problem> {
    let (host, port) = host_and_port(place, None, source)?;
    Ok(Target::Tcp { host, port })
}

/// `name:port` or `[v6]:port`; the port may be left out if there is a usual one.
fn host_and_port(place: &str, usual: Option<u16>, source: &str) -> Result<(String, u16), Problem> {
    let malformed = |what| Problem::new("target-unknown", source, what).hint(KINDS);
    let (host, port) = split_port(place);
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0),
        None => Some(usual.ok_or_else(|| malformed("a target without a port"))?),
    };
    let port = port.ok_or_else(|| malformed("the port is not a number from 1 to 65535"))?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if bare.is_empty() || !bare.chars().all(plain) || (bare == host && bare.contains(':')) {
        return Err(malformed("not a target"));
    }
    Ok((bare.to_owned(), port))
}

fn split_port(place: &str) -> (&str, Option<&str>) {
    match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    }
}

/// Kind and place, as messages name it. Never a secret.
impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(connection) => write!(out, "database {}", connection.place()),
            Self::Tcp { host, port } if host.contains(':') => write!(out, "tcp [{host}]:{port}"),
            Self::Tcp { host, port } => write!(out, "tcp {host}:{port}"),
            Self::Unix(path) => write!(out, "socket {}", path.display()),
            Self::File(path) => write!(out, "file {}", path.display()),
            Self::Dns(name) => write!(out, "name {name}"),
            Self::Redis(redis) => redis.fmt(out),
            Self::Http(http) => http.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_recognised_and_named_without_secrets() {
        for (word, name) in [
            ("tcp://db:5432", "tcp db:5432"),
            ("TCP://db:5432/", "tcp db:5432"),
            ("tcp4://db:5432", "tcp db:5432"),
            ("tcp6://[::1]:5432", "tcp [::1]:5432"),
            ("db:5432", "tcp db:5432"),
            ("[::1]:80", "tcp [::1]:80"),
            ("postgres:5432", "tcp postgres:5432"),
            ("postgres://u:p@db/app", "database db:5432/app"),
            ("redis://cache", "redis cache:6379"),
            ("redis://:s3cret@cache:7000/2", "redis cache:7000/2"),
            ("redis://cache?db=9", "redis cache:6379/9"),
            ("redis://cache/1?timeout=1&db=2", "redis cache:6379/2"),
            ("rediss://user:s3@cret@cache", "redis cache:6379"),
            ("http://api:8080/health?x=1", "http://api:8080/health"),
            ("https://api", "https://api:443/"),
            ("https://[::1]", "https://[::1]:443/"),
            ("redis://[::1]", "redis [::1]:6379"),
            ("http://api/ready#status=204&body=ok", "http://api:80/ready"),
            ("unix:///run/app.sock", "socket /run/app.sock"),
            ("file:///run/ready", "file /run/ready"),
            ("dns://db.internal", "name db.internal"),
        ] {
            let target = Target::parse(word, "TARGET", None, &|_| None);
            let named = target.map(|(target, _)| target.to_string());
            assert_eq!(named.as_deref(), Ok(name), "{word}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_target_is_told() {
        for (word, what) in [
            ("db", "a target without a port"),
            ("", "an empty word, no target"),
            ("${URL}", "a placeholder that nobody replaced"),
            ("tcp://db", "a target without a port"),
            ("db:port", "the port is not a number from 1 to 65535"),
            ("db:0", "the port is not a number from 1 to 65535"),
            ("redis://db:65536", "the port is not a number from 1 to 65535"),
            ("a b:80", "not a target"),
            ("mysql://db", "cannot wait for `mysql://` targets"),
            ("unix://run/x", "the path is not absolute"),
            ("unix:/run/x", "no `//` behind the scheme"),
            ("http://api#status=600", "an HTTP expectation that is not understood"),
            ("redis://db?db=x", "the number of the Redis database is no number"),
            ("redis://db/cache", "the number of the Redis database is no number"),
            ("http://api#status=ok", "an HTTP expectation that is not understood"),
            ("http://api#status=399-200", "an HTTP expectation that is not understood"),
            ("http://api#header=x", "an HTTP expectation that is not understood"),
            ("http://u@api", "a user in an HTTP address is not supported"),
        ] {
            let problem = Target::parse(word, "TARGET", None, &|_| None).map(|(target, _)| target);
            assert_eq!(problem.expect_err(word).what, what, "{word}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused_without_repeating_it() {
        for word in [
            "",
            "db",
            "db:port",
            "db:0",
            "::1:80",
            "ftp://s3cret@h",
            "database",
            "unix://run/x",
            "http://u:s3cret@h/",
            "redis://:s3cret@h:x",
            "redis://h/s3cret",
            "s3cret://x y",
            "http://h/#status=s3cret",
            "dns://a b",
            "a@s3cret:80",
        ] {
            let problem = Target::parse(word, "TARGET", None, &|_| None).map(|(target, _)| target);
            let text = problem.expect_err(word).to_string();
            assert!(word.starts_with("s3cret") || !text.contains("s3cret"), "{word}: {text}");
        }
    }
}
