//! What variables and files add.

use super::*;

#[test]
fn gaps_are_filled_in_libpqs_order_and_origins_kept() {
    let variables = |name: &str| match name {
        "DATABASE_USER" => Some("du".to_owned()),
        "DATABASE_PASSWORD" => Some("dp".to_owned()),
        "PGUSER" => Some("pu".to_owned()),
        "PGPASSWORD" => Some("pp".to_owned()),
        "PGHOST" => Some("ph".to_owned()),
        "PGPORT" => Some("7".to_owned()),
        "PGDATABASE" => Some("pd".to_owned()),
        "PGSSLMODE" => Some("disable".to_owned()),
        _ => None,
    };
    let read = |text| Connection::parse(text, "DATABASE_URL", &variables).unwrap().0;
    assert_eq!(fields(&read("postgres://u:p@h:1/d")), "u:p@h:1/d");
    assert_eq!(fields(&read("postgres://h/d")), "du:dp@h:7/d");
    assert_eq!(fields(&read("postgres:///")), "du:dp@ph:7/pd");
    let connection = read("postgres://h/d");
    assert_eq!(connection.origin("host"), Some("DATABASE_URL"));
    assert_eq!(connection.origin("user"), Some("DATABASE_USER"));
    assert_eq!(connection.origin("port"), Some("PGPORT"));
    assert_eq!(connection.origin("sslmode"), Some("PGSSLMODE"));
    assert_eq!(connection.ssl.mode, SslMode::Disable);
}

#[test]
fn every_variable_of_libpq_fills_its_field() {
    let with = |name: &'static str, value: &'static str| {
        let variables = move |asked: &str| (asked == name).then(|| value.to_owned());
        Connection::parse("postgres://u@/d", "DATABASE_URL", &variables).unwrap().0
    };
    for (name, value, hosts) in [
        ("PGHOST", "a,b", "a:5432,b:5432"),
        ("PGHOST", "/dir", "/dir/.s.PGSQL.5432"),
        ("PGHOSTADDR", "10.0.0.1", "10.0.0.1:5432"),
    ] {
        assert_eq!(fields(&with(name, value)), format!("u:-@{hosts}/d"), "{name}");
    }
    assert_eq!(with("PGOPTIONS", "-cx=1").options.as_deref(), Some("-cx=1"));
    assert_eq!(with("PGAPPNAME", "x").application_name.as_deref(), Some("x"));
    assert_eq!(with("PGCONNECT_TIMEOUT", "7").connect_timeout, Some(Duration::from_secs(7)));
    assert_eq!(with("PGTARGETSESSIONATTRS", "primary").attributes, SessionAttributes::Primary);
    assert_eq!(with("PGSSLMODE", "verify-ca").ssl.mode, SslMode::VerifyCa);
    assert_eq!(with("PGSSLROOTCERT", "/ca").ssl.roots, Roots::File("/ca".into()));
    assert_eq!(with("PGSSLMINPROTOCOLVERSION", "TLSv1.3").ssl.versions, TlsVersions::Only13);
    assert_eq!(with("PGSSLMAXPROTOCOLVERSION", "TLSv1.2").ssl.versions, TlsVersions::Only12);
    assert!(!with("PGSSLSNI", "0").ssl.sni);
    assert!(with("PGLOADBALANCEHOSTS", "random").shuffled);
    assert_eq!(with("PGREQUIRESSL", "1").ssl.mode, SslMode::Require);
    assert_eq!(with("PGREQUIRESSL", "0").ssl.mode, SslMode::Prefer);
    assert_eq!(with("PGCHANNELBINDING", "require").ssl.channel_binding, ChannelBinding::Require);
}

/// Where to connect; the name is for TLS and messages (PostgreSQL manual, 34.1.2, `hostaddr`).
#[test]
fn an_address_from_a_variable_counts_for_the_host_of_a_text() {
    let variables = |asked: &str| (asked == "PGHOSTADDR").then(|| "10.0.0.1".to_owned());
    let read = |text| Connection::parse(text, "DATABASE_URL", &variables).map(|read| read.0.hosts);
    let tcp = |name: &str, address: &str| Host::Tcp {
        name: name.to_owned(),
        port: 5432,
        address: Some(address.parse().unwrap()),
    };
    assert_eq!(read("postgres://u@h/d"), Ok(vec![tcp("h", "10.0.0.1")]));
    assert_eq!(read("postgres://u@/d?host=/tmp"), Ok(vec![tcp("10.0.0.1", "10.0.0.1")]));
    assert_eq!(read("postgres://u@h/d?hostaddr=10.0.0.2"), Ok(vec![tcp("h", "10.0.0.2")]));
    assert_eq!(read("postgres://u@h1,h2/d").map_err(|problem| problem.id), Err("url-hosts"));
}

/// libpq's order: the text, the service, then the variables (PostgreSQL manual, 34.17).
#[test]
fn a_service_counts_more_than_variables() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("services");
    std::fs::write(&path, "[s]\nhost=h\nuser=su\nsslmode=disable\n").unwrap();
    let variables = |asked: &str| match asked {
        "PGSERVICE" => Some("s".to_owned()),
        "PGSERVICEFILE" => Some(path.to_str().unwrap().to_owned()),
        "PGHOST" => Some("ph".to_owned()),
        "PGUSER" => Some("pu".to_owned()),
        "PGSSLMODE" => Some("require".to_owned()),
        "PGDATABASE" => Some(" pd ".to_owned()),
        _ => None,
    };
    let (connection, _) = Connection::from_parts(&variables).unwrap().unwrap();
    assert_eq!(fields(&connection), "su:-@h:5432/pd");
    assert_eq!(connection.ssl.mode, SslMode::Disable);
    let (connection, _) = Connection::parse("postgres://u@/d", "URL", &variables).unwrap();
    assert_eq!(fields(&connection), "u:-@h:5432/d");
}

#[test]
fn a_service_file_is_read_as_strictly_as_by_libpq() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("services");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let variables =
            |asked: &str| (asked == "PGSERVICEFILE").then(|| path.to_str().unwrap().to_owned());
        Connection::parse("postgres://u@/d?service=s", "URL", &variables)
    };
    assert!(read("[other]\nodd\n[s]\n\n# x\nhost=h\n[last]\nodd\n").is_ok());
    for (text, what) in [
        ("[s]\nhost=h\ns3cret\n", "line 3 holds no `=`"),
        ("[s]\nservice=t\n[t]\nhost=h\n", "line 2 names another service"),
    ] {
        assert_eq!(read(text).unwrap_err().what, what);
    }
}

#[test]
fn a_clients_certificate_may_come_from_variables() {
    let variables = |name: &str| match name {
        "PGSSLCERT" => Some("/c".to_owned()),
        "PGSSLKEY" => Some("/k".to_owned()),
        _ => None,
    };
    let (connection, _) = Connection::parse("postgres://u@h/d", "URL", &variables).unwrap();
    assert_eq!(connection.ssl.identity, Some(("/c".into(), "/k".into())));
}

/// Each way to name a password file or a service file, above the file of the home directory.
#[test]
fn the_files_can_be_named() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [
        (".pgpass", "*:*:*:*:home"),
        ("named", "*:*:*:*:named"),
        (".pg_service.conf", "[s]\nhost=home"),
        ("services", "[s]\nhost=named"),
        ("pg_service.conf", "[system]\nhost=system"),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let place = directory.path().to_str().unwrap();
    for (text, name, value, expected) in [
        ("postgres://u@h/d", "", "", "u:home@h:5432/d"),
        ("postgres://u@h/d", "PGPASSFILE", "DIR/named", "u:named@h:5432/d"),
        ("postgres://u@h/d?passfile=DIR/named", "", "", "u:named@h:5432/d"),
        ("Host=h;Username=u;Database=d;Passfile=DIR/named", "", "", "u:named@h:5432/d"),
        ("postgres://u@/d?service=s", "", "", "u:home@home:5432/d"),
        ("postgres://u@/d", "PGSERVICE", "s", "u:home@home:5432/d"),
        ("postgres://u@/d?service=s", "PGSERVICEFILE", "DIR/services", "u:home@named:5432/d"),
        ("postgres://u@/d?service=s&servicefile=DIR/services", "", "", "u:home@named:5432/d"),
        ("postgres://u@/d?service=system", "PGSYSCONFDIR", "DIR", "u:home@system:5432/d"),
    ] {
        let fill = |text: &str| text.replace("DIR", place);
        let variables = |asked: &str| match asked {
            "HOME" => Some(place.to_owned()),
            asked => (asked == name).then(|| fill(value)),
        };
        let (connection, _) = Connection::parse(&fill(text), "URL", &variables).unwrap();
        assert_eq!(fields(&connection), expected, "{text} {name}={value}");
    }
}

#[test]
fn a_demand_that_cannot_be_met_is_refused_from_a_variable_too() {
    for (name, value, refused) in [
        ("PGSSLCRL", "/crl", true),
        ("PGSSLCRLDIR", "/crl", true),
        ("PGREQUIREAUTH", "scram-sha-256", true),
        ("PGREQUIREPEER", "postgres", true),
        ("PGGSSENCMODE", "require", true),
        ("PGGSSENCMODE", "prefer", false),
        ("PGREQUIREAUTH", "", false),
        ("PGSSLCERTMODE", "require", true),
        ("PGSSLCERTMODE", "allow", false),
        ("PGSSLCERTMODE", "disable", false),
        ("PGSSLMAXPROTOCOLVERSION", "TLSv1.1", true),
        ("PGSSLMAXPROTOCOLVERSION", "TLSv1.2", false),
        ("PGSSLSNI", "0", false),
    ] {
        let variables = |asked: &str| (asked == name).then(|| value.to_owned());
        let read = Connection::parse("postgres://u@h/d", "DATABASE_URL", &variables);
        let said = read.err().map(|problem| (problem.id, problem.source));
        assert_eq!(said, refused.then(|| ("url-unsupported", name.to_owned())), "{name}={value}");
    }
}

#[test]
fn parts_make_a_connection_and_an_encoded_url() {
    let compose = |list: &[(&str, &str)]| {
        let list: Vec<(String, String)> =
            list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let variables =
            move |name: &str| list.iter().find(|(known, _)| known == name).map(|(_, v)| v.clone());
        Connection::from_parts(&variables).map(|outcome| outcome.unwrap().0)
    };
    assert!(compose(&[("POSTGRES_USER", "u"), ("POSTGRES_DB", "d")]).is_none());
    let connection = compose(&[
        ("POSTGRES_HOST", "db"),
        ("POSTGRES_PORT", "tcp://10.0.0.1:5433"),
        ("POSTGRES_USER", "u"),
        ("POSTGRES_PASSWORD", "p@/:ss"),
        ("POSTGRES_DB", "d"),
    ])
    .unwrap();
    assert_eq!(fields(&connection), "u:p@/:ss@db:5433/d");
    assert_eq!(fields(&connection), "u:p@/:ss@db:5433/d");
    assert_eq!(connection.name(), "db:5433/d as u");
    let django = compose(&[("DB_HOST", "h"), ("DB_NAME", "d"), ("DB_USER", "u")]).unwrap();
    assert_eq!(fields(&django), "u:-@h:5432/d");
    assert!(compose(&[("DB_CONNECTION", "mysql"), ("DB_HOST", "h")]).is_none());
}

#[test]
fn the_password_file_and_the_service_file_are_read() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str, mode: u32| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    file(".pgpass", "h:5432:d:u:from-file\n", 0o600);
    file(".pg_service.conf", "# x\n[other]\nhost=o\n[mine]\nhost=h\ndbname=d\nuser=u\n", 0o644);
    let home = directory.path().to_str().unwrap().to_owned();
    let variables = move |name: &str| (name == "HOME").then(|| home.clone());
    let read = |text| Connection::parse(text, "DATABASE_URL", &variables).unwrap();
    assert_eq!(fields(&read("postgres://u@h/d").0), "u:from-file@h:5432/d");
    assert_eq!(fields(&read("service=mine").0), "u:from-file@h:5432/d");
    assert_eq!(fields(&read("postgres:///x?service=mine").0), "u:-@h:5432/x");
    file(".pgpass", "h:5432:d:u:from-file\n", 0o644);
    let (connection, notes) = read("postgres://u@h/d");
    assert_eq!(connection.password, None);
    assert!(matches!(notes[..], [Note::PasswordFile { .. }]), "{notes:?}");
}
