//! Connection settings as plain fields, read leniently from every dialect in the wild.
//!
//! tokio-postgres' own parser never sees user text: it rejects most dialects, reads some of them
//! differently and prints passwords in its errors. Here a dialect (`url`, `keywords`, `ado`) becomes
//! pairs, `parameter` says what each pair means, `draft` collects them, `settle` makes them final.

mod ado;
mod draft;
mod host;
mod keywords;
mod parameter;
mod parts;
mod passfile;
mod problem;
mod service;
mod settle;
#[cfg(test)]
mod tests;
mod url;

use std::{path::PathBuf, time::Duration};

pub(crate) use host::Host;
pub(crate) use problem::{Note, Problem};

use super::secret::Secret;
use draft::Draft;
pub(crate) use draft::is_placeholder;

/// Looks a variable up; `None` if unset. `X_FILE` is already resolved behind it.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// libpq's sslmode plus node's `no-verify` (PostgreSQL manual, 34.19.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SslMode {
    Disable,
    /// Clear first; TLS if the server refuses that.
    Allow,
    /// TLS first; clear if the server has none.
    Prefer,
    Require,
    /// Encrypts and verifies nothing, even where a root certificate is given.
    NoVerify,
    VerifyCa,
    VerifyFull,
}

/// Whom to trust for a server certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Only a verifying mode needs them: the system's roots and the bundled ones.
    System,
    /// Only the certificates in this PEM file, as libpq has it.
    File(PathBuf),
}

/// What a server must be to count (PostgreSQL manual, 34.1.2, `target_session_attrs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionAttributes {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
    /// None of libpq's: something will be written there, so it is a primary, whatever else would do.
    Written,
}

/// SCRAM channel binding (PostgreSQL manual, 34.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// The versions of TLS that may be spoken, of the two that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsVersions {
    All,
    Only12,
    Only13,
}

/// How TLS is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ssl {
    pub(crate) mode: SslMode,
    pub(crate) roots: Roots,
    /// PEM files of the client's certificate and key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    pub(crate) versions: TlsVersions,
    /// Whether the server is told the name that is connected to.
    pub(crate) sni: bool,
    /// Begin with TLS instead of asking first (`sslnegotiation=direct`, server 17 and later).
    pub(crate) direct: bool,
    pub(crate) channel_binding: ChannelBinding,
}

/// TCP keepalive as the text asked for it; `None` leaves the kernel's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keepalive {
    pub(crate) off: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) retries: Option<u32>,
    /// How long sent data may stay unacknowledged (tcp(7), `TCP_USER_TIMEOUT`).
    pub(crate) user_timeout: Option<Duration>,
}

/// How to reach one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    /// In the order they were written; never empty.
    pub(crate) hosts: Vec<Host>,
    /// Each try takes the hosts in another order (`load_balance_hosts`).
    pub(crate) shuffled: bool,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) database: String,
    pub(crate) ssl: Ssl,
    pub(crate) attributes: SessionAttributes,
    /// Bound of one attempt; `None` is our own.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) keepalive: Keepalive,
    /// Server settings for the session, `-c name=value` (PostgreSQL manual, 34.1.2, `options`).
    pub(crate) options: Option<String>,
    /// What the text asks to be shown in `pg_stat_activity`; `None` is the caller's choice.
    pub(crate) application_name: Option<String>,
    /// Prisma's `schema`, JDBC's `currentSchema`: where the app's tables are. `None` is also
    /// `public`, where they are anyway.
    pub(crate) search_path: Option<String>,
    /// Where each field came from, by libpq's keyword: `("user", "DATABASE_URL")`.
    pub(crate) origins: Vec<(&'static str, String)>,
    /// Values of fields that are one of a few words, or a number, for `init config`.
    pub(crate) words: Vec<(&'static str, String)>,
    /// What is remarkable about the password's spelling, for a hint when it is refused.
    pub(crate) password_remark: Option<&'static str>,
    /// The character of the password at which other drivers would cut the address.
    pub(crate) ambiguous: Option<char>,
}

impl Connection {
    /// Reads a URL, a libpq keyword string or an ADO list; `source` is the setting it came from.
    ///
    /// What the text leaves open comes, in libpq's order, from its service file, from
    /// `DATABASE_USER` and `DATABASE_PASSWORD`, from `PG*` variables, the password file, defaults.
    pub(crate) fn parse(
        text: &str,
        source: &str,
        variables: Lookup,
    ) -> Result<(Self, Vec<Note>), Problem> {
        let mut notes = Vec::new();
        let draft = Draft::read(text, source, &mut notes)?;
        let connection = settle::settle(draft, variables, &mut notes)?;
        Ok((connection, notes))
    }

    /// Whether a text is meant as a Postgres address, in whatever dialect; it may still be wrong.
    pub(crate) fn recognises(text: &str) -> bool {
        Draft::recognises(text)
    }

    /// Composes a connection from `DATABASE_*`, `POSTGRES_*`, `DB_*` and `PG*`.
    ///
    /// `None` if no variable names a host, a socket or a service: then nobody asked for a database.
    pub(crate) fn from_parts(variables: Lookup) -> Option<Result<(Self, Vec<Note>), Problem>> {
        let draft = parts::collect(variables)?;
        let mut notes = Vec::new();
        let settled = settle::settle(draft, variables, &mut notes);
        Some(settled.map(|connection| (connection, notes)))
    }

    /// The variables of a user, a password and a database for which `from_parts` finds no host.
    pub(crate) fn parts_without_host(variables: Lookup) -> Option<Vec<&'static str>> {
        parts::without_host(variables)
    }

    /// The same for who takes the lock or writes: of several hosts, or addresses of a name, some may be
    /// standbys, and a lock that is taken there keeps nobody out. A kind that was asked for stays.
    pub(crate) fn written(&self) -> Self {
        use SessionAttributes::{Any, PreferStandby, Written};
        let attributes = match self.attributes {
            Any | PreferStandby => Written,
            asked => asked,
        };
        Self { attributes, ..self.clone() }
    }

    /// Host, database and user, for messages: `db:5432/app as user`. Never a secret.
    pub(crate) fn name(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        format!("{}/{} as {}", hosts.join(","), self.database, self.user)
    }

    /// Host and database, for the line of a target: `db:5432/app`.
    pub(crate) fn place(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        format!("{}/{}", hosts.join(","), self.database)
    }

    /// `options` with the search path in front, so that what the text says itself wins.
    pub(crate) fn start_up_options(&self) -> Option<String> {
        // A blank or backslash inside a value is escaped (PostgreSQL manual, 34.1.2, `options`).
        let escaped = |path: &str| path.replace('\\', "\\\\").replace(' ', "\\ ");
        let path =
            self.search_path.as_deref().map(|path| format!("-csearch_path={}", escaped(path)));
        let parts: Vec<String> = path.into_iter().chain(self.options.clone()).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// The search path that the text names itself, as it is written there; `None` if it leaves that
    /// to the server.
    pub(crate) fn named_path(&self) -> Option<String> {
        let options = self.start_up_options()?;
        let (_, path) = options.rsplit_once("search_path=")?;
        path.split(' ').next().map(str::to_owned)
    }

    /// A field as `init config` shows it; `None` for one whose value is of no interest or secret.
    pub(crate) fn field(&self, keyword: &str) -> Option<String> {
        let hosts =
            |of: fn(&Host) -> String| self.hosts.iter().map(of).collect::<Vec<_>>().join(",");
        match keyword {
            "host" => Some(hosts(Host::name)),
            "port" => Some(hosts(|host| host.port().to_string())),
            "user" => Some(self.user.clone()),
            "dbname" => Some(self.database.clone()),
            "password" => Some("***".to_owned()),
            _ => self.words.iter().find(|(name, _)| *name == keyword).map(|(_, word)| word.clone()),
        }
    }

    /// Where a field came from, by libpq's keyword.
    pub(crate) fn origin(&self, keyword: &str) -> Option<&str> {
        self.origins.iter().find(|(name, _)| *name == keyword).map(|(_, origin)| origin.as_str())
    }
}
