//! `APP_INIT_HEALTHCHECK_URL`: where an HTTP server is asked, and for what.

use hyper::Uri;

use super::{command::expand_text, environment::Environment, problem::Problem};

/// An `http://` URL in the parts that a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// As it was asked for, for messages.
    pub(crate) url: String,
    /// Name or address, without the brackets of an IPv6 one.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Host and port as the `Host` header has them.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) path: String,
}

impl Endpoint {
    /// Puts the variables in and reads the URL.
    pub(super) fn read(
        text: &str,
        environment: &Environment,
        nproc: usize,
    ) -> Result<Self, Problem> {
        Self::parse(&expand_text(text, environment, nproc)?)
    }

    fn parse(url: &str) -> Result<Self, Problem> {
        let url = url.trim();
        let wrong = || {
            Problem::config(format!("`{url}` is not a URL such as http://127.0.0.1:8000/health"))
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() == Some("https") {
            let problem = Problem::config(format!("`{url}`: https is not asked"));
            return Err(problem.hint("ask the plain port that the server has inside the container"));
        }
        let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http"));
        let authority = authority.ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            let problem = Problem::config("a URL with a user name or password is not asked");
            return Err(problem.hint("a health URL should need none"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        // `http://host:` and ports beyond 65535 have a colon and no port.
        let has_colon = authority.as_str().len() > authority.host().len();
        if host.is_empty() || (has_colon && authority.port_u16().is_none()) {
            return Err(wrong());
        }
        Ok(Self {
            url: url.to_owned(),
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_parts() {
        for (url, host, port, path) in [
            ("http://127.0.0.1:8000/health", "127.0.0.1", 8000, "/health"),
            ("http://localhost", "localhost", 80, "/"),
            ("http://[::1]:9/a?b=c", "::1", 9, "/a?b=c"),
            (" http://app:1/ ", "app", 1, "/"),
        ] {
            let found = Endpoint::parse(url).unwrap();
            assert_eq!((found.host.as_str(), found.port, found.path.as_str()), (host, port, path));
        }
        for url in [
            "",
            "app:80",
            "127.0.0.1",
            "ftp://a/",
            "http://",
            "http://a:99999/",
            "http://a:x/",
            "https://a/",
            "http://u:p@a/",
            "/health",
        ] {
            assert!(Endpoint::parse(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn the_port_comes_from_the_environment() {
        let default = "http://127.0.0.1:${PORT:-8000}/health";
        let with = |port: &str| Environment::new([("PORT".into(), port.into())]);
        let port = |environment| Endpoint::read(default, &environment, 1).map(|found| found.port);
        assert_eq!((port(with("9")), port(Environment::default())), (Ok(9), Ok(8000)));
        assert!(port(with("tcp://10.0.0.1:80")).is_err());
    }
}
