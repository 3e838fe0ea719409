//! What is refused, and what is only noted.

use super::*;

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
        ("$(DATABASE_URL)", "url-placeholder"),
        ("postgres://u:p@$(DB_HOST)/d", "url-placeholder"),
        ("postgres://u:p@$HOST/d", "url-placeholder"),
        ("postgres://u:p@${HOST}:${PORT}/d", "url-placeholder"),
        ("postgres://u:p@h:${PORT}/d", "url-placeholder"),
        ("postgres://${USER}:p@h/d", "url-placeholder"),
        ("postgres://u:p@h/${DB}", "url-placeholder"),
        ("host=${HOST} user=u", "url-placeholder"),
        ("$PGURL\r\n", "url-placeholder"),
        ("'${DATABASE_URL}'", "url-placeholder"),
        ("postgres://u:p@${HOST}/d", "url-placeholder"),
        ("postgres://u:p@${HOST}:5432/d", "url-placeholder"),
        ("postgres://u:p@h:${PORT}/d", "url-placeholder"),
        ("postgres://u:p@${HOST:-db}/d", "url-placeholder"),
        ("host=$DB_HOST user=u", "url-placeholder"),
        ("host=h port=$DB_PORT user=u", "url-placeholder"),
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
        ("postgres://u@h/d?sslnegotiation=direct", "url-value"),
        ("postgres://u@h/d?sslnegotiation=direct&sslmode=prefer", "url-value"),
        ("postgres://u@h/d?load_balance_hosts=sometimes", "url-value"),
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
        ("postgres:5432", "url-malformed"),
        ("pgsql:host=h;dbname=d", "url-malformed"),
        ("postgres://u:p@[::1:5432/d", "url-malformed"),
        ("host=h;port=1;dbname=d", "url-malformed"),
        ("host=\"h\" user=u", "url-malformed"),
        ("jdbc:postgresql://h/d?user=u&targetServerType=bogus", "url-value"),
        ("postgres:/u:p@h/d", "url-malformed"),
        ("postgres:u:p@h/d", "url-malformed"),
        ("postgres://u@h/d?service=x", "service-missing"),
    ] {
        let problem = parse(text).err().unwrap_or_else(|| panic!("{text:?} is accepted"));
        assert_eq!(problem.id, id, "{text:?}: {problem}");
    }
}

#[test]
fn what_is_no_host_is_told_in_its_own_words() {
    for (text, what) in [
        ("pgsql:host=h;dbname=d", "a PDO string"),
        ("host=h;port=1;dbname=d", "the host name goes on behind a `;`"),
        ("host=\"h\" user=u", "the host name holds quotes"),
        ("postgres://u:p@[::1:5432/d", "a bracket without its other half"),
    ] {
        assert_eq!(parse(text).unwrap_err().what, what, "{text}");
    }
    let host = |asked: &str| (asked == "POSTGRES_HOST").then(|| "postgres://u:p@h/d".to_owned());
    let problem = Connection::from_parts(&host).unwrap().unwrap_err();
    assert_eq!(problem.source, "POSTGRES_HOST");
    assert_eq!(problem.what, "an address, where a host name alone belongs");
}

#[test]
fn what_is_not_ours_is_noted_not_refused() {
    let (_, notes) = parse("postgres://u:p@h/d?pool_max_conns=3&frobnicate=1").unwrap();
    assert_eq!(
        notes[0].to_string(),
        "DATABASE_URL: ignored the parameters pool_max_conns, frobnicate"
    );
    for text in
        ["postgres://u@h/d?password=a&b=c", "jdbc:postgresql://h/d?user=u&trustStorePassword=a&b=c"]
    {
        let names = match &parse(text).unwrap().1[..] {
            [Note::Ignored { names, .. }] => names.clone(),
            notes => panic!("{text}: {notes:?}"),
        };
        assert!(!names.iter().any(|name| name == "b"), "{text}: {names:?}");
    }
    assert_eq!(
        parse("postgres://u@h/d?apikey=a&Tail").unwrap().1[0].to_string(),
        "DATABASE_URL: ignored the parameters apikey"
    );
    let (connection, notes) = parse("host=h user=u password= dbname=app").unwrap();
    assert_eq!(connection.password, Some(Secret::new("dbname=app")));
    assert!(matches!(notes[..], [Note::Swallowed { .. }]), "{notes:?}");
    let (connection, notes) = parse("host=h user=u password=p;dbname=app").unwrap();
    assert_eq!(connection.password, Some(Secret::new("p;dbname=app")));
    assert!(matches!(notes[..], [Note::Swallowed { .. }]), "{notes:?}");
}
