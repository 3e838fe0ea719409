//! Hosts of all kinds, in the order to try.

use std::path::Path;

use super::*;

#[test]
fn hosts_of_all_kinds() {
    for (text, hosts) in [
        ("postgres://u@h1:1,h2:2/d", "h1:1,h2:2"),
        ("postgres://u@h1,h2:2/d", "h1:5432,h2:2"),
        ("postgres://u@h1,h2/d?port=7", "h1:7,h2:7"),
        ("postgres://u@/d?host=h1,h2&port=1,2", "h1:1,h2:2"),
        ("postgres://u@/d?host=h1:1&host=h2:2", "h1:1,h2:2"),
        ("postgres://u@[::1]:5/d", "[::1]:5"),
        ("postgres://u@[fe80::1]/d", "[fe80::1]:5432"),
        ("postgres://u@%2Fvar%2Frun%2Fpostgresql/d", "/var/run/postgresql/.s.PGSQL.5432"),
        ("postgres://u@/d?host=/dir", "/dir/.s.PGSQL.5432"),
        ("postgres://u@localhost/d?host=/dir&port=6", "/dir/.s.PGSQL.6"),
        (
            "postgres:///d?host=/cloudsql/proj:reg:inst&user=u",
            "/cloudsql/proj:reg:inst/.s.PGSQL.5432",
        ),
        ("host=h hostaddr=10.0.0.1 dbname=d user=u", "h:5432"),
        ("hostaddr=10.0.0.1 dbname=d user=u", "10.0.0.1:5432"),
        ("postgres://u@/d?hostaddr=10.0.0.1&port=6", "10.0.0.1:6"),
        ("postgres://u@h/d?hostaddr=10.0.0.1", "h:5432"),
        ("postgres://u@h/d?host=a&host=b", "b:5432"),
        ("jdbc:postgresql://h1:1,h2/d?user=u", "h1:1,h2:5432"),
        (
            "postgres://u@/d?host=%2Fcloudsql%2Fproj%3Areg%3Ainst",
            "/cloudsql/proj:reg:inst/.s.PGSQL.5432",
        ),
        ("postgres://u@my_db.svc.cluster.local./d", "my_db.svc.cluster.local.:5432"),
    ] {
        let connection = parsed(text);
        let found: Vec<String> = connection.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(found.join(","), hosts, "{text:?}");
        assert_eq!(connection.database, "d", "{text:?}");
    }
}

/// `PGHOST`, else a directory with the port's socket, else localhost.
#[test]
fn the_last_resorts_come_in_libpqs_order() {
    use crate::config::database::settle::usual_host;
    for (port, there, host) in [
        ("5432", vec![], "localhost"),
        ("5432", vec!["/tmp/.s.PGSQL.5432"], "/tmp"),
        ("5432", vec!["/run/postgresql/.s.PGSQL.5432", "/tmp/.s.PGSQL.5432"], "/run/postgresql"),
        (
            "5432",
            vec!["/var/run/postgresql/.s.PGSQL.5432", "/run/postgresql/.s.PGSQL.5432"],
            "/var/run/postgresql",
        ),
        ("6", vec!["/var/run/postgresql/.s.PGSQL.5432", "/tmp/.s.PGSQL.6"], "/tmp"),
        ("6", vec!["/tmp/.s.PGSQL.5432"], "localhost"),
    ] {
        let exists = |socket: &Path| there.iter().any(|path| socket == Path::new(path));
        assert_eq!(usual_host(port, exists), host, "{port} {there:?}");
    }
}

/// No server has a socket for port 1.
#[test]
fn what_names_no_host_gets_one() {
    let read = |text: &str, host: Option<&str>| {
        let variables = |name: &str| host.filter(|_| name == "PGHOST").map(str::to_owned);
        fields(&Connection::parse(text, "DATABASE_URL", &variables).unwrap().0)
    };
    for text in ["postgres:///d?user=u&port=1", "postgres://u@:1/d", "dbname=d user=u port=1"] {
        assert_eq!(read(text, None), "u:-@localhost:1/d", "{text}");
        assert_eq!(read(text, Some("ph")), "u:-@ph:1/d", "{text}");
        assert_eq!(read(text, Some("/dir")), "u:-@/dir/.s.PGSQL.1/d", "{text}");
        assert_eq!(read(text, Some("")), "u:-@localhost:1/d", "{text}");
    }
}
