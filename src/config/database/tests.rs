//! Every dialect and every awkward password, read into fields.

use super::*;

const PASSWORD: &str = "s3cret-c4nary";

fn none(_: &str) -> Option<String> {
    None
}

fn parse(text: &str) -> Result<(Connection, Vec<Note>), Problem> {
    Connection::parse(text, "DATABASE_URL", &none)
}

fn parsed(text: &str) -> Connection {
    parse(text).map_or_else(|problem| panic!("{text:?}: {problem}"), |(connection, _)| connection)
}

/// `user:password@host:port,…/database`, the fields in one line.
fn fields(connection: &Connection) -> String {
    let hosts: Vec<String> = connection.hosts.iter().map(ToString::to_string).collect();
    let password = connection.password.as_ref().map_or("-", Secret::expose);
    format!("{}:{password}@{}/{}", connection.user, hosts.join(","), connection.database)
}

#[test]
fn every_dialect_gives_the_same_fields() {
    for text in [
        "postgres://u:p@h:5433/d",
        "postgresql://u:p@h:5433/d",
        "POSTGRES://u:p@h:5433/d",
        "postgresql+psycopg2://u:p@h:5433/d",
        "postgresql+psycopg://u:p@h:5433/d?application_name=x",
        "postgresql+asyncpg://u:p@h:5433/d",
        "postgresql+pg8000://u:p@h:5433/d",
        "postgis://u:p@h:5433/d",
        "pgsql://u:p@h:5433/d",
        "ecto://u:p@h:5433/d",
        "cockroachdb://u:p@h:5433/d",
        "postgres+ssl://u:p@h:5433/d",
        "jdbc:postgresql://h:5433/d?user=u&password=p",
        "jdbc:postgresql://h:5433/d?user=u&password=p&ssl=true&ApplicationName=x&loginTimeout=5",
        "postgres://u:p@h:5433/d?schema=public&connection_limit=5&pool_timeout=2&pgbouncer=true",
        "postgres://u:p@h:5433/d?statement_cache_size=0&socket_timeout=3&sslidentity=x&sslpassword=y",
        "postgres://u:p@h:5433/d?pool=5&timeout=5000&encoding=utf8&prepared_statements=false",
        "postgres://u:p@h:5433/d?checkout_timeout=5&reaping_frequency=1&variables[x]=1",
        "postgres://u:p@h:5433/d?ssl=true&pool_size=10&conn_max_age=60&serverVersion=15&charset=utf8",
        "postgres://u:p@h:5433/d?pool_max_conns=3&default_query_exec_mode=exec&supa=base&workaround=x",
        "postgres://u:p@h:5433/d?sslmode=",
        "postgres://u:p@h:5433/d?flag",
        "postgres://u:p@h:5433/d?&application_name=x",
        "postgres://u:p@h:5433/d?max_lifetime=30&idle_timeout=5&statement_timeout=9&uselibpqcompat=true",
        "postgres://u:p@h:5433/d?statement-cache-capacity=0&prepared_statement_cache_size=0",
        "postgres://u:p@h:5433/d?single_use_connections=true&sslaccept=strict",
        "postgres://u:p@h:5433/d?connect_timeout=1.5",
        "postgres://u:p@h:5433/d?channel_binding=prefer&options=-cx%3D1&load_balance_hosts=random",
        "postgres://u:p@h:5433/d?sslnegotiation=postgres&sslcertmode=allow&sslsni=1&gsslib=gssapi",
        "postgres://u:p@h:5433/d?fallback_application_name=x&ssl_min_protocol_version=TLSv1.2",
        "postgres://u:p@h:5433/d?keepalives_count=3&tcp_user_timeout=3000",
        "postgres://u:p@h:5433/d?gssencmode=disable&krbsrvname=x&client_encoding=utf8&replication=0",
        "postgres://u:p@h:5433/d \n",
        "\tpostgres://u:p@h:5433/d\r\n",
        "\"postgres://u:p@h:5433/d\"",
        "'postgres://u:p@h:5433/d'",
        "postgres://u:p@x/d?host=h&port=5433",
        "postgres://u:p@h:1/d?port=5433",
        "postgres://h:5433/d?user=u&password=p",
        "host=h port=5433 dbname=d user=u password=p",
        "host = 'h' port = 5433 dbname = d user = u password = 'p' sslmode=require",
        "Host=h;Port=5433;Database=d;Username=u;Password=p",
        "HOST=h;PORT=5433;DATABASE=d;USERNAME=u;PASSWORD='p';Trust Server Certificate=true",
        "Server=h;Port=5433;Database=d;User Id=u;Password=\"p\";SSL Mode=Prefer;Pooling=true;",
        "host=h;port=5433;database=d;uid=u;pwd=p;Search Path=x;Timeout=15",
    ] {
        assert_eq!(fields(&parsed(text)), "u:p@h:5433/d", "{text:?}");
    }
}

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

#[test]
fn passwords_that_any_framework_accepts_unescaped() {
    for password in [
        "p@ss",
        "p:ss",
        "p/ss",
        "p#ss",
        "p?ss",
        "p%zz",
        "p%",
        "p[s]s",
        "p s",
        "p+ss",
        "p&s=s",
        "pässwörd",
        "a@b:c/d?e#f",
        "p@ss/w@rd",
        "p//ss",
        "::",
        "%",
        "a=b&c=d",
        "p;ss",
        "p'ss",
        "p\"s",
        "p\\ss",
        "p$1",
        "${x}y",
        "日本",
    ] {
        let connection = parsed(&format!("postgres://u:{password}@db:5433/app?sslmode=prefer"));
        assert_eq!(fields(&connection), format!("u:{password}@db:5433/app"), "{password:?}");
        let connection = parsed(&format!("postgres://u:{password}@db/app"));
        assert_eq!(fields(&connection), format!("u:{password}@db:5432/app"), "{password:?}");
    }
    let escaped = parsed("postgres://u:%40%2F%3A%25%23@db/app");
    assert_eq!(fields(&escaped), "u:@/:%#@db:5432/app");
    let query = parsed("postgres://db/app?user=u&password=p@ss");
    assert_eq!(fields(&query), "u:p@ss@db:5432/app");
}

#[test]
fn an_ambiguous_password_is_remarked_on() {
    for (password, code) in [("p@ss", "%40"), ("p/ss", "%2F"), ("p?ss", "%3F"), ("p%zz", "%25")] {
        let (connection, notes) = parse(&format!("postgres://u:{password}@db/app")).unwrap();
        assert!(notes.iter().any(|note| note.to_string().contains(code)), "{password} {notes:?}");
        assert!(connection.password_remark.is_some_and(|remark| remark.contains(code)));
    }
    assert_eq!(parse("postgres://u:p%40ss@db/app").unwrap().1, []);
}

#[test]
fn ssl_modes_and_their_other_spellings() {
    use SslMode::{Allow, Disable, NoVerify, Prefer, Require, VerifyCa, VerifyFull};
    for (query, mode) in [
        ("", Prefer),
        ("?sslmode=disable", Disable),
        ("?sslmode=allow", Allow),
        ("?sslmode=prefer", Prefer),
        ("?sslmode=require", Require),
        ("?sslmode=REQUIRE", Require),
        ("?sslmode=no-verify", NoVerify),
        ("?sslmode=verify-ca", VerifyCa),
        ("?sslmode=verify-full", VerifyFull),
        ("?sslmode=", Prefer),
        ("?ssl=true", Require),
        ("?ssl=false", Disable),
        ("?ssl=require", Require),
        ("?ssl=verify-full", VerifyFull),
        ("?ssl=verify-ca", VerifyCa),
        ("?ssl=prefer", Prefer),
        ("?ssl=no-verify", NoVerify),
        ("?ssl=true&sslmode=disable", Disable),
        ("?sslmode=require&sslaccept=accept_invalid_certs", NoVerify),
        ("?sslmode=require&sslaccept=strict", VerifyFull),
        ("?ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory", NoVerify),
        ("?sslrootcert=system", VerifyFull),
    ] {
        let connection = parsed(&format!("postgres://u@h/d{query}"));
        assert_eq!(connection.ssl.mode, mode, "{query}");
    }
    let npgsql = parsed("Host=h;Username=u;SSL Mode=VerifyFull");
    assert_eq!(npgsql.ssl.mode, VerifyFull);
    let trusting = parsed("Host=h;Username=u;SSL Mode=Require;Trust Server Certificate=true");
    assert_eq!(trusting.ssl.mode, NoVerify);
}

#[test]
fn keys_of_tls_that_are_honoured() {
    use TlsVersions::{All, Only12, Only13};
    for (query, versions) in [
        ("", All),
        ("ssl_min_protocol_version=TLSv1&ssl_max_protocol_version=TLSv1.3", All),
        ("ssl_min_protocol_version=TLSv1.2", All),
        ("ssl_min_protocol_version=tlsv1.3", Only13),
        ("ssl_max_protocol_version=TLSv1.2", Only12),
        ("ssl_min_protocol_version=TLSv1.1&ssl_max_protocol_version=TLSv1.2", Only12),
    ] {
        assert_eq!(parsed(&format!("postgres://u@h/d?{query}")).ssl.versions, versions, "{query}");
    }
    for (query, files) in [
        ("", None),
        ("sslcert=/c", Some(("/c", "/c"))),
        ("sslkey=/k", None),
        ("sslcert=/c&sslkey=/k", Some(("/c", "/k"))),
        ("sslcert=/c&sslkey=/k&sslcertmode=allow", Some(("/c", "/k"))),
        ("sslcert=/c&sslkey=/k&sslcertmode=disable", None),
    ] {
        let expected = files.map(|(certificate, key)| (certificate.into(), key.into()));
        assert_eq!(parsed(&format!("postgres://u@h/d?{query}")).ssl.identity, expected, "{query}");
    }
    for (query, sni) in [("", true), ("sslsni=1", true), ("sslsni=0", false), ("sslsni=", true)] {
        assert_eq!(parsed(&format!("postgres://u@h/d?{query}")).ssl.sni, sni, "{query}");
    }
    for text in [
        "postgres://u@h/d?channel_binding=require",
        "jdbc:postgresql://h/d?user=u&channelBinding=require",
        "Host=h;Username=u;Channel Binding=Require",
    ] {
        assert_eq!(parsed(text).ssl.channel_binding, ChannelBinding::Require, "{text}");
    }
}

#[test]
fn numbers_and_roles() {
    let connection = parsed(
        "postgres://u@h/d?connect_timeout=1.5&tcp_user_timeout=3000&keepalives_count=4&target_session_attrs=primary&schema=s",
    );
    assert_eq!(connection.connect_timeout, Some(Duration::from_millis(1500)));
    assert_eq!(connection.keepalive.user_timeout, Some(Duration::from_secs(3)));
    assert_eq!(connection.keepalive.retries, Some(4));
    assert_eq!(connection.attributes, SessionAttributes::Primary);
    assert_eq!(connection.search_path.as_deref(), Some("s"));
}

#[test]
fn each_dialects_name_for_the_time_the_role_and_the_program_is_known() {
    for text in [
        "postgres://u@h/d?connect_timeout=15&target_session_attrs=standby&application_name=x",
        "jdbc:postgresql://h/d?user=u&connectTimeout=15&targetServerType=secondary&ApplicationName=x",
        "jdbc:postgresql://h/d?user=u&loginTimeout=15&targetServerType=slave&ApplicationName=x",
        "Host=h;Username=u;Timeout=15;Target Session Attributes=standby;Application Name=x",
        "host=h user=u connect_timeout=15 target_session_attrs=standby application_name=x",
    ] {
        let connection = parsed(text);
        assert_eq!(connection.connect_timeout, Some(Duration::from_secs(15)), "{text}");
        assert_eq!(connection.attributes, SessionAttributes::Standby, "{text}");
        assert_eq!(connection.application_name.as_deref(), Some("x"), "{text}");
    }
}

#[test]
fn what_was_cut_off_round_a_value_is_remarked_on() {
    let trimmed = || Note::Trimmed { source: "DATABASE_URL".to_owned() };
    let unquoted = || Note::Unquoted { source: "DATABASE_URL".to_owned() };
    for (text, expected) in [
        ("postgres://u@h/d", vec![]),
        ("postgres://u@h/d ", vec![trimmed()]),
        ("postgres://u@h/d\n", vec![trimmed()]),
        ("postgres://u@h/d\r\n", vec![trimmed()]),
        (" postgres://u@h/d", vec![trimmed()]),
        ("'postgres://u@h/d'", vec![unquoted()]),
        ("\"postgres://u@h/d\"\r", vec![trimmed(), unquoted()]),
    ] {
        let (connection, notes) = parse(text).unwrap();
        assert_eq!(connection.database, "d", "{text:?}");
        assert_eq!(notes, expected, "{text:?}");
    }
}

/// libpq takes both as part of the database's name; the refusal that follows has a hint.
#[test]
fn a_second_slash_and_a_fragment_belong_to_the_database() {
    assert_eq!(parsed("postgres://u@h/a/b").database, "a/b");
    assert_eq!(parsed("postgres://u@h/app#frag").database, "app#frag");
}

#[test]
fn a_named_schema_becomes_a_start_up_option_unless_a_pooler_stands_in_front() {
    for (query, options) in [
        ("schema=public", None),
        ("schema=app", Some("-csearch_path=app")),
        ("schema=My App", Some("-csearch_path=\"My\\ App\"")),
        ("currentSchema=a,b", Some("-csearch_path=a,b")),
        ("schema=app&options=-cx=1", Some("-csearch_path=app -cx=1")),
        ("schema=app&options=-cx=1&pgbouncer=true", None),
        ("options=-cx=1&pgbouncer=false", Some("-cx=1")),
    ] {
        let (connection, notes) = parse(&format!("postgres://u@h/d?{query}")).unwrap();
        assert_eq!(connection.start_up_options().as_deref(), options, "{query}");
        let dropped = notes.iter().filter(|note| matches!(note, Note::Pooler { .. })).count();
        assert_eq!(dropped, if query.contains("pgbouncer=true") { 2 } else { 0 }, "{query}");
    }
}

#[test]
fn what_cannot_be_used_says_why() {
    for (text, id) in [
        ("", "url-empty"),
        ("  \n", "url-empty"),
        ("\"\"", "url-empty"),
        ("$DATABASE_URL", "url-placeholder"),
        ("${DATABASE_URL}", "url-placeholder"),
        ("<your database url>", "url-placeholder"),
        ("{{ .Values.url }}", "url-placeholder"),
        ("$PGURL\r\n", "url-placeholder"),
        ("'${DATABASE_URL}'", "url-placeholder"),
        ("mysql://u:p@h/d", "url-foreign"),
        ("mongodb://u:p@h/d", "url-foreign"),
        ("jdbc:mysql://h/d?user=u&password=p", "url-foreign"),
        ("sqlite:///app.db", "url-foreign"),
        ("sqlite:app.db", "url-foreign"),
        ("prisma+postgres://accelerate/?api_key=x", "url-prisma"),
        ("postgres://u:p@h:port/d", "url-malformed"),
        ("postgres://u:p@h:99999/d", "url-malformed"),
        ("postgres://u@h/d?sslmode=maybe", "url-value"),
        ("postgres://u@h/d?connect_timeout=soon", "url-value"),
        ("postgres://u@h/d?sslcrl=/x", "url-unsupported"),
        ("postgres://u@h/d?sslcrldir=/x", "url-unsupported"),
        ("postgres://u@h/d?require_auth=scram-sha-256", "url-unsupported"),
        ("host=/tmp user=u requirepeer=postgres", "url-unsupported"),
        ("postgres://u@h/d?gssencmode=require", "url-unsupported"),
        ("postgres://u@h/d?sslcertmode=require", "url-unsupported"),
        ("postgres://u@h/d?sslcertmode=perhaps", "url-value"),
        ("postgres://u@h/d?sslsni=maybe", "url-value"),
        ("postgres://u@h/d?ssl_max_protocol_version=TLSv1", "url-unsupported"),
        ("postgres://u@h/d?ssl_max_protocol_version=tlsv1.1", "url-unsupported"),
        ("postgres://u@h/d?ssl_max_protocol_version=SSLv3", "url-value"),
        (
            "postgres://u@h/d?ssl_min_protocol_version=TLSv1.3&ssl_max_protocol_version=TLSv1.2",
            "url-value",
        ),
        ("jdbc:postgresql://h/d?user=u&gssEncMode=require", "url-unsupported"),
        ("jdbc:postgresql://h/d?user=u&requireAuth=scram-sha-256", "url-unsupported"),
        ("Host=h;Username=u;Require Auth=ScramSHA256", "url-unsupported"),
        ("Host=h;Username=u;GSS Encryption Mode=Require", "url-unsupported"),
        ("Host=h;Username=u;Check Certificate Revocation=true", "url-unsupported"),
        ("postgres://u@h1,h2/d?port=1,2,3", "url-hosts"),
        ("host=h user", "url-malformed"),
        ("host=h password='x", "url-malformed"),
        ("just text", "url-malformed"),
        ("postgres://u@h/d?service=x", "service-missing"),
    ] {
        let problem = parse(text).err().unwrap_or_else(|| panic!("{text:?} is accepted"));
        assert_eq!(problem.id, id, "{text:?}: {problem}");
    }
}

#[test]
fn what_is_not_ours_is_noted_not_refused() {
    let (_, notes) = parse("postgres://u:p@h/d?pool_max_conns=3&frobnicate=1").unwrap();
    assert_eq!(
        notes[0].to_string(),
        "DATABASE_URL: ignored the parameters pool_max_conns, frobnicate"
    );
    let (_, notes) = parse("postgres://u@h/d?password=a&b=c").unwrap();
    assert!(matches!(&notes[..], [Note::Ignored { names, unnamed: 1, .. }] if names.is_empty()));
    let (connection, notes) = parse("host=h user=u password= dbname=app").unwrap();
    assert_eq!(connection.password, Some(Secret::new("dbname=app")));
    assert!(matches!(notes[..], [Note::Swallowed { .. }]), "{notes:?}");
    let (connection, notes) = parse("host=h user=u password=p;dbname=app").unwrap();
    assert_eq!(connection.password, Some(Secret::new("p;dbname=app")));
    assert!(matches!(notes[..], [Note::Swallowed { .. }]), "{notes:?}");
}

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
    assert!(with("PGSSLNEGOTIATION", "direct").ssl.direct);
    assert_eq!(with("PGCHANNELBINDING", "require").ssl.channel_binding, ChannelBinding::Require);
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

/// A small deterministic generator (Marsaglia's xorshift), so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// Whatever the password and wherever it stands: no message shows a piece of it.
#[test]
fn no_message_shows_a_piece_of_a_password() {
    const AWKWARD: &[&str] = &[
        "@", ":", "/", "?", "#", "%", "%4", "%zz", "[", "]", " ", "'", "\"", "\\", "&", "=", ";",
        ",", "+", "$", "{", "}", "<", ">", "|", "é", "\t", "@db", "?x=", "&ssl=", ".", "-",
    ];
    const SHAPES: &[&str] = &[
        "postgres://user:{}@db:5432/app",
        "postgres://user:{}@db/app?sslmode=require&nonsense=1",
        "postgres://user:{}@h1:1,h2:2/app?target_session_attrs=any",
        "postgresql+psycopg2://user:{}@db/app",
        "postgres://:{}@db/app",
        "postgres://db/app?user=user&password={}",
        "postgres://user@db/app?sslmode=require&password={}",
        "postgres://user@db/app?password={}&frob=1",
        "jdbc:postgresql://db:5432/app?user=user&password={}&ssl=true",
        "host=db dbname=app user=user password={}",
        "host=db password='{}' dbname=app",
        "host=db password={} dbname=app sslmode=maybe",
        "Host=db;Username=user;Password={};Database=app",
        "Server=db;Password=\"{}\";Database=app;User Id=user",
        "\"postgres://user:{}@db/app\"",
        "postgres://user:{}@db:port/app",
        "postgres://user:{}@/app",
        "mysql://user:{}@db/app",
        "user:{}@db/app",
        "{}",
    ];
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..4000 {
        let mut password = String::new();
        for _ in 0..=numbers.below(4) {
            password.push_str(PASSWORD);
            password.push_str(AWKWARD[numbers.below(AWKWARD.len())]);
            password.push_str(AWKWARD[numbers.below(AWKWARD.len())]);
        }
        let text = SHAPES[round % SHAPES.len()].replace("{}", &password);
        let shown = match parse(&text) {
            // A host that is read from a password with `@` in front of a `,` or a blank is ours to
            // avoid as well: the name is printed.
            Ok((connection, notes)) => {
                let told: Vec<String> = notes.iter().map(ToString::to_string).collect();
                format!("{connection:?} {notes:?} {told:?}")
            }
            Err(problem) => format!("{problem:?} {problem}"),
        };
        assert!(!shown.contains("c4nary"), "{text}\n{shown}");
    }
}
