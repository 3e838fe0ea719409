//! Redis and HTTP addresses as plain fields.

use std::{fmt, ops::RangeInclusive};

use percent_encoding::percent_decode_str;

use super::{Problem, host_and_port};
use crate::config::secret::Secret;

/// A Redis, or what speaks its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redis {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// `None` is the default user.
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: u32,
}

impl Redis {
    /// Reads what follows `redis://`: `[user][:password]@host[:port][/database]`; `?db=` goes
    /// before the path, as in redis-py.
    pub(super) fn parse(place: &str, tls: bool, source: &str) -> Result<Self, Problem> {
        let (userinfo, place) = match place.rsplit_once('@') {
            Some((userinfo, place)) => (userinfo, place),
            None => ("", place),
        };
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        let named = query.split('&').filter_map(|pair| pair.strip_prefix("db=")).next_back();
        let database = named.unwrap_or(path);
        let (host, port) = host_and_port(authority, Some(6379), source)?;
        let database = if database.is_empty() { Ok(0) } else { database.parse() };
        let database = database.map_err(|_| {
            Problem::new("target-unknown", source, "the number of the Redis database is no number")
                .hint("write redis://host:6379/0")
        })?;
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let password = Some(decoded(password)).filter(|password| !password.is_empty());
        let user = Some(decoded(user)).filter(|user| !user.is_empty());
        Ok(Self { host, port, tls, user, password: password.map(Secret::new), database })
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), Into::into)
}

/// The host as an address has it: an IPv6 address in brackets.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

impl fmt::Display for Redis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "redis {}:{}", bracketed(&self.host), self.port)?;
        if self.database == 0 { Ok(()) } else { write!(out, "/{}", self.database) }
    }
}

/// A page that must answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Http {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// Path and query; the query may hold a token and is never shown.
    pub(crate) path: Secret,
    /// What counts as ready; 200 to 299 unless said otherwise.
    pub(crate) status: RangeInclusive<u16>,
    /// Text that must stand in the answer.
    pub(crate) body: Option<String>,
}

impl Http {
    /// Reads what follows `http://`. The fragment, which is never sent, holds what to expect:
    /// `#status=204`, `#status=200-399`, `#body=ready`, joined by `&`.
    pub(super) fn parse(place: &str, tls: bool, source: &str) -> Result<Self, Problem> {
        let (place, fragment) = place.split_once('#').unwrap_or((place, ""));
        let cut = place.find(['/', '?']).unwrap_or(place.len());
        let (authority, path) = place.split_at(cut);
        if authority.contains('@') {
            return Err(Problem::new(
                "target-unknown",
                source,
                "a user in an HTTP address is not supported",
            ));
        }
        let (host, port) = host_and_port(authority, Some(if tls { 443 } else { 80 }), source)?;
        if path.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(Problem::new("target-unknown", source, "the path holds blanks; write %20"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let mut http =
            Self { host, port, tls, path: Secret::new(path), status: 200..=299, body: None };
        for wish in fragment.split('&').filter(|wish| !wish.is_empty()) {
            http.expect(wish, source)?;
        }
        Ok(http)
    }

    /// Where an answer's `Location` leads: an address of its own, or a path at the same place; what is
    /// expected stays. `None` if it is neither.
    pub(crate) fn redirected(&self, location: &str) -> Option<Self> {
        let location = location.split('#').next().unwrap_or_default();
        let to = match location.split_once("://") {
            Some((scheme, place)) if scheme.eq_ignore_ascii_case("http") => {
                Self::parse(place, false, "").ok()?
            }
            Some((scheme, place)) if scheme.eq_ignore_ascii_case("https") => {
                Self::parse(place, true, "").ok()?
            }
            _ => match location.strip_prefix("//") {
                Some(place) => Self::parse(place, self.tls, "").ok()?,
                None if location.starts_with('/') => {
                    Self { path: Secret::new(location), ..self.clone() }
                }
                None => return None,
            },
        };
        Some(Self { status: self.status.clone(), body: self.body.clone(), ..to })
    }

    fn expect(&mut self, wish: &str, source: &str) -> Result<(), Problem> {
        let unknown = || {
            Problem::new("target-unknown", source, "an HTTP expectation that is not understood")
                .hint("write #status=200, #status=200-399 or #body=text after the address")
        };
        match wish.split_once('=') {
            Some(("status", status)) => {
                let (first, last) = status.split_once('-').unwrap_or((status, status));
                let known = |number: &u16| (100..600).contains(number);
                let number =
                    |text: &str| text.parse::<u16>().ok().filter(known).ok_or_else(unknown);
                self.status = number(first)?..=number(last)?;
                if self.status.is_empty() {
                    return Err(unknown());
                }
            }
            Some(("body", text)) => self.body = Some(decoded(text)),
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

impl fmt::Display for Http {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let path = self.path.expose().split('?').next().unwrap_or_default();
        // `http://user:80/80@host` reads as a port: what follows may be a password.
        let path = if path.contains('@') { "/***" } else { path };
        write!(out, "{scheme}://{}:{}{path}", bracketed(&self.host), self.port)
    }
}
