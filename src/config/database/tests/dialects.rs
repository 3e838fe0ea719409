//! Every dialect gives the same fields.

use super::*;

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
fn numbers_and_roles() {
    let connection = parsed(
        "postgres://u@h/d?connect_timeout=1.5&tcp_user_timeout=3000&keepalives_count=4&target_session_attrs=primary&schema=s",
    );
    assert_eq!(connection.connect_timeout, Some(Duration::from_millis(1500)));
    assert_eq!(connection.keepalive.user_timeout, Some(Duration::from_secs(3)));
    assert_eq!(connection.keepalive.retries, Some(4));
    assert_eq!(connection.attributes, SessionAttributes::Primary);
    assert_eq!(connection.search_path.as_deref(), Some("s"));
    let kept = "host=h user=u keepalives=0 keepalives_idle=5 keepalives_interval=6";
    for retries in ["keepalives_count=7", "keepalives_retries=7"] {
        let expected = Keepalive {
            off: true,
            idle: Some(Duration::from_secs(5)),
            interval: Some(Duration::from_secs(6)),
            retries: Some(7),
            user_timeout: None,
        };
        assert_eq!(parsed(&format!("{kept} {retries}")).keepalive, expected, "{retries}");
    }
}

#[test]
fn every_kind_of_server_can_be_wanted() {
    use SessionAttributes::{Any, PreferStandby, Primary, ReadOnly, ReadWrite, Standby};
    for (query, wanted) in [
        ("", Any),
        ("target_session_attrs=any", Any),
        ("target_session_attrs=read-write", ReadWrite),
        ("target_session_attrs=read-only", ReadOnly),
        ("target_session_attrs=primary", Primary),
        ("target_session_attrs=standby", Standby),
        ("target_session_attrs=prefer-standby", PreferStandby),
        ("targetServerType=any", Any),
        ("targetServerType=primary", Primary),
        ("targetServerType=master", Primary),
        ("targetServerType=preferSecondary", PreferStandby),
        ("targetServerType=preferSlave", PreferStandby),
    ] {
        let connection = parsed(&format!("jdbc:postgresql://h/d?user=u&{query}"));
        assert_eq!(connection.attributes, wanted, "{query}");
    }
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
    let npgsql = parsed("Host=h;Username=u;Search Path=app;Options=-cx=1");
    assert_eq!(npgsql.start_up_options().as_deref(), Some("-csearch_path=app -cx=1"));
}

/// pgjdbc's `Driver.parseURL`: the database alone, and values decoded as a form's.
#[test]
fn jdbc_names_the_database_alone_and_means_a_blank_by_a_plus() {
    let connection = parsed("jdbc:postgresql:app?user=u&password=a+b%2Bc");
    assert_eq!(fields(&connection), "u:a b+c@localhost:5432/app");
    assert_eq!(fields(&parsed("postgres://u:a+b@h/d")), "u:a+b@h:5432/d");
}

/// An `@` that is no end of user information.
#[test]
fn an_at_sign_in_a_path_or_a_name_is_left_there() {
    let connection =
        parsed("postgres://u:p@h/d?sslmode=verify-full&sslrootcert=/home/ca@v1/root.crt");
    assert_eq!(fields(&connection), "u:p@h:5432/d");
    assert_eq!(connection.ssl.roots, Roots::File("/home/ca@v1/root.crt".into()));
    let connection = parsed("postgres://u:p@h:5433/d?application_name=me@home/x");
    assert_eq!(fields(&connection), "u:p@h:5433/d");
    assert_eq!(connection.application_name.as_deref(), Some("me@home/x"));
    assert_eq!(fields(&parsed("postgres://u@h/a@b")), "u:-@h:5432/a@b");
    assert_eq!(fields(&parsed("postgres://me@server@h/d")), "me@server:-@h:5432/d");
}
