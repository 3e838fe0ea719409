//! What the text says about TLS.

use super::*;

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
    for text in [
        "postgres://u@h/d?sslrootcert=/ca&sslcert=/c&sslkey=/k",
        "host=h user=u sslrootcert=/ca sslcert=/c sslkey=/k",
        "jdbc:postgresql://h/d?user=u&sslrootcert=/ca&sslcert=/c&sslkey=/k",
        "Host=h;Username=u;Root Certificate=/ca;SSL Certificate=/c;SSL Key=/k",
    ] {
        let ssl = parsed(text).ssl;
        assert_eq!(ssl.roots, Roots::File("/ca".into()), "{text}");
        assert_eq!(ssl.identity, Some(("/c".into(), "/k".into())), "{text}");
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

/// As in libpq, `~/.postgresql/root.crt` makes `require` verify.
#[test]
fn the_usual_root_file_counts_if_it_is_there() {
    let home = tempfile::tempdir().unwrap();
    let usual = home.path().join(".postgresql/root.crt");
    let path = home.path().to_str().unwrap().to_owned();
    let variables = move |name: &str| (name == "HOME").then(|| path.clone());
    let roots =
        |text: &str| Connection::parse(text, "DATABASE_URL", &variables).unwrap().0.ssl.roots;
    assert_eq!(roots("postgres://u@h/d"), Roots::System);
    std::fs::create_dir(usual.parent().unwrap()).unwrap();
    std::fs::write(&usual, "").unwrap();
    assert_eq!(roots("postgres://u@h/d"), Roots::File(usual));
    assert_eq!(roots("postgres://u@h/d?sslrootcert=/ca"), Roots::File("/ca".into()));
    assert_eq!(roots("postgres://u@h/d?sslrootcert=system"), Roots::System);
}
