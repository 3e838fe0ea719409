//! TLS on the real binary: every `sslmode` means what it means in libpq, and an error says which
//! issuer, which names, which file.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::Arc,
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::support::{
    CANARY, Init, Postgres, certificates::Certificates, fake::Fake, init::Finished, unproved,
};

fn waiting(text: &str) -> Init {
    Init::new(["wait"])
        .env("DATABASE_URL", text)
        .env("APP_INIT_WAIT_FATAL_GRACE", "0")
        .env("APP_INIT_WAIT_TIMEOUT", "60s")
}

fn wait(text: &str) -> Finished {
    waiting(text).run()
}

/// A server with TLS that is up.
pub(crate) fn server(certificates: &Certificates, name: &str, more: &str) -> Postgres {
    let mut server = Postgres::prepared();
    certificates.give(&format!("{name}.crt"), server.data(), "server.crt");
    certificates.give(&format!("{name}.key"), server.data(), "server.key");
    certificates.give("ca.crt", server.data(), "ca.crt");
    server.configure(&format!("ssl = on\n{more}"));
    server.up();
    server
}

/// libpq's keyword form, to which a test adds.
fn base(server: &Postgres) -> String {
    format!("host=127.0.0.1 port={} dbname=postgres user=postgres password={CANARY}", server.port)
}

#[track_caller]
fn assert_ends(text: &str, code: i32, words: &[&str]) {
    let finished = wait(text);
    assert_eq!(finished.code, code, "{text}\n{}", finished.stderr);
    for word in words {
        assert!(finished.stderr.contains(word), "{text}: no {word}\n{}", finished.stderr);
    }
}

#[test]
fn every_sslmode_means_what_it_means_in_libpq() {
    let made = Certificates::made();
    let server = server(&made, "server", "");
    let base = base(&server);
    let named = format!("{base} host=db.example hostaddr=127.0.0.1");
    let (ca, other) = (made.path("ca.crt"), made.path("other.crt"));
    let (ca, other) = (ca.display(), other.display());
    for mode in ["disable", "allow", "prefer", "require"] {
        assert_ends(&format!("{base} sslmode={mode}"), 0, &[]);
    }
    for (more, code, words) in [
        ("sslmode=require channel_binding=require".into(), 0, vec![]),
        ("sslmode=disable channel_binding=require".into(), 78, vec!["[pg-channel-binding]"]),
        ("sslmode=no-verify sslrootcert=/nowhere".into(), 0, vec![]),
        (format!("sslmode=require sslrootcert={ca}"), 0, vec![]),
        // As in libpq, and with a warning.
        ("sslmode=require sslrootcert=/nowhere".into(), 0, vec!["`/nowhere` is missing, so"]),
        ("sslmode=prefer sslrootcert=/nowhere".into(), 0, vec!["`/nowhere` is missing, so"]),
        (format!("sslmode=require sslrootcert={other}"), 78, vec!["[tls-untrusted]"]),
        (format!("sslmode=verify-ca sslrootcert={ca}"), 0, vec![]),
        (
            format!("sslmode=verify-full sslrootcert={ca}"),
            78,
            vec!["it names db.example, 127.0.0.9", "[tls-name]"],
        ),
        (
            format!("sslmode=verify-ca sslrootcert={other}"),
            78,
            vec!["its issuer `CN=ca authority,O=Shop` is not in", "other.crt`", "[tls-untrusted]"],
        ),
        ("sslmode=verify-ca sslrootcert=/nowhere".into(), 66, vec!["`/nowhere`", "[tls-file]"]),
    ] {
        assert_ends(&format!("{base} {more}"), code, &words);
    }
    assert_ends(&format!("{named} sslmode=verify-full sslrootcert={ca}"), 0, &[]);
    let words = ["ca authority", "the system's roots", "[tls-untrusted]"];
    assert_ends(&format!("{named} sslmode=verify-full"), 78, &words);
    // As in libpq, a socket knows no TLS, whatever the mode.
    let socket = format!("{base} host=/tmp sslmode=verify-full");
    assert_ends(&socket, 0, &[]);
}

/// `inet_aton(3)` takes them, and with it libpq, for the certificate, too.
#[test]
fn an_old_form_of_an_address_is_one() {
    let made = Certificates::made();
    let server = server(&made, "server", "");
    let base = base(&server);
    let ca = made.path("ca.crt");
    for more in [
        "host=127.1 sslmode=disable".to_owned(),
        "host=2130706433 sslmode=require".to_owned(),
        format!("host=127.9 hostaddr=127.0.0.1 sslmode=verify-full sslrootcert={}", ca.display()),
    ] {
        assert_ends(&format!("{base} {more}"), 0, &[]);
    }
}

/// libpq looks at the common name where no alternative name is of the host's kind.
#[test]
fn a_common_name_counts_for_want_of_alternative_ones() {
    let made = Certificates::made();
    let ca = format!("sslmode=verify-full sslrootcert={}", made.path("ca.crt").display());
    for (name, id) in [("common", "[tls-name]"), ("mixed", "it names 127.0.0.9")] {
        let server = server(&made, name, "");
        let base = base(&server);
        assert_ends(&format!("{base} host=db.example hostaddr=127.0.0.1 {ca}"), 0, &[]);
        assert_ends(&format!("{base} host=other.example hostaddr=127.0.0.1 {ca}"), 78, &[id]);
        assert_ends(&format!("{base} {ca}"), 78, &[id]);
    }
    let server = server(&made, "common", "");
    let own = format!("sslmode=verify-full sslrootcert={}", made.path("common.crt").display());
    let named = format!("{} host=db.example hostaddr=127.0.0.1 {own}", base(&server));
    assert_ends(&named, 0, &[]);
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    let made = Certificates::made();
    let server = server(&made, "server", "");
    let base = format!("{} sslmode=verify-ca", base(&server));
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (name, text) in [("empty", "\n"), ("damaged", damaged), ("text", "x")] {
        fs::write(made.path(name), text).unwrap();
    }
    for (name, what) in [
        ("nobody.crt", "nobody.crt` is missing"),
        (".", "` is a directory"),
        ("empty", "empty` is empty"),
        ("text", "text` holds no PEM certificate"),
        ("ca.der", "ca.der` is in DER form"),
        ("damaged", "no usable root certificate in `"),
    ] {
        let text = format!("{base} sslrootcert={}", made.path(name).display());
        assert_ends(&text, 66, &[what, "[tls-file]"]);
    }
    let keyless = format!("{base} sslmode=require sslcert={}", made.path("client.crt").display());
    assert_ends(&keyless, 66, &["can be read, and `sslkey` is not set", "[tls-file]"]);
}

#[test]
fn a_server_has_to_send_the_chain_below_the_root() {
    let made = Certificates::made();
    let ca = format!("sslmode=verify-ca sslrootcert={}", made.path("ca.crt").display());
    let whole = server(&made, "chain", "");
    assert_ends(&format!("{} {ca}", base(&whole)), 0, &[]);
    let below = server(&made, "below", "");
    let words = [
        "its issuer `CN=middle authority` is not in",
        "the server sent no certificate but its own [tls-untrusted]",
        "has to send its certificate after its own",
    ];
    for part in &words {
        assert_ends(&format!("{} {ca}", base(&below)), 78, &[part]);
    }
}

#[test]
fn a_certificate_of_the_first_version_is_told() {
    let made = Certificates::made();
    let look = ["x509", "-noout", "-text", "-in"];
    let shown = Command::new("openssl").args(look).arg(made.path("old.crt")).output().unwrap();
    if !String::from_utf8_lossy(&shown.stdout).contains("Version: 1 ") {
        return unproved("openssl makes no certificates of version 1");
    }
    let server = server(&made, "old", "");
    let text = |root| format!("sslmode=verify-ca sslrootcert={}", made.path(root).display());
    for root in ["ca.crt", "old.crt"] {
        let told = ["it has X.509 version 1", "[tls-untrusted]"];
        assert_ends(&format!("{} {}", base(&server), text(root)), 78, &told);
    }
}

#[test]
fn an_expired_certificate_is_told_with_its_date() {
    let made = Certificates::made();
    let server = server(&made, "expired", "");
    let text = format!(
        "{} sslmode=verify-ca sslrootcert={}",
        base(&server),
        made.path("ca.crt").display()
    );
    assert_ends(&text, 78, &["it expired at 20", "[tls-time]"]);
    assert_ends(&format!("{} sslmode=require", base(&server)), 0, &[]);
}

#[test]
fn a_certificate_of_ours_is_shown_where_the_server_wants_one() {
    let made = Certificates::made();
    let mut server = server(&made, "server", "ssl_ca_file = 'ca.crt'");
    server.down();
    server.hba("local all all scram-sha-256\nhostssl all all all cert");
    server.launch();
    let with = |name: &str| {
        let (certificate, key) =
            (made.path(&format!("{name}.crt")), made.path(&format!("{name}.key")));
        let files = format!("sslcert={} sslkey={}", certificate.display(), key.display());
        format!("{} sslmode=require {files}", base(&server))
    };
    assert_ends(&with("client"), 0, &[]);
    assert_ends(&with("binary"), 0, &[]);
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(made.path("binary.key"), open).unwrap();
    assert_ends(&with("binary"), 0, &["warning: ", "binary.key` can be read by others"]);
    assert_ends(&with("stranger"), 77, &["UnknownCA", "[tls-client]"]);
    let none = format!("{} sslmode=require", base(&server));
    assert_ends(
        &none,
        77,
        &["requires a valid client certificate", "[pg-client-certificate]", "sslcert and sslkey"],
    );
    let missing = with("nobody");
    assert_ends(&missing, 77, &["nobody.crt` is missing, so", "[pg-client-certificate]"]);
    let keyless = format!("{none} sslcert={} sslkey=/nowhere", made.path("client.crt").display());
    assert_ends(&keyless, 66, &["`/nowhere` is missing", "[tls-file]"]);
    let swapped = format!(
        "{} sslmode=require sslcert={} sslkey={}",
        base(&server),
        made.path("client.crt").display(),
        made.path("stranger.key").display()
    );
    assert_ends(&swapped, 66, &["does not fit its key", "[tls-file]"]);
    for name in ["locked", "locked-old"] {
        let locked = format!("{} sslpassword={CANARY}", with(name));
        assert_ends(&locked, 66, &[&format!("{name}.key` is encrypted"), "[tls-file]"]);
    }
    // libpq's default files.
    let home = tempfile::tempdir().unwrap();
    let own = home.path().join(".postgresql");
    fs::create_dir(&own).unwrap();
    for kind in ["crt", "key"] {
        fs::copy(made.path(&format!("client.{kind}")), own.join(format!("postgresql.{kind}")))
            .unwrap();
    }
    for (more, code) in [("", 0), ("sslcertmode=disable", 77)] {
        let text = format!("{none} {more}");
        let finished = waiting(&text).env("HOME", home.path().to_str().unwrap()).run();
        assert_eq!(finished.code, code, "{more}\n{}", finished.stderr);
    }
    let kept = format!("{} sslcertmode=disable", with("client"));
    assert_ends(&kept, 77, &["connection requires a valid client certificate"]);
}

#[test]
fn a_minimum_version_above_the_servers_is_told() {
    let made = Certificates::made();
    let server = server(&made, "server", "ssl_max_protocol_version = 'TLSv1.2'");
    let base = format!("{} sslmode=require", base(&server));
    assert_ends(&format!("{base} ssl_min_protocol_version=TLSv1.2"), 0, &[]);
    let told =
        ["speaks no version of TLS that we offer", "[tls-failed]", "TLS 1.2 and 1.3, or the one"];
    assert_ends(&format!("{base} ssl_min_protocol_version=TLSv1.3"), 78, &told);
    assert_ends(&format!("{base} ssl_min_protocol_version=TLSv9"), 78, &["[url-value]"]);
}

#[test]
fn a_maximum_version_below_the_servers_is_told() {
    let made = Certificates::made();
    let server = server(&made, "server", "ssl_min_protocol_version = 'TLSv1.3'");
    let base = format!("{} sslmode=require", base(&server));
    assert_ends(&format!("{base} ssl_max_protocol_version=TLSv1.3"), 0, &[]);
    assert_ends(&format!("{base} ssl_max_protocol_version=TLSv1.2"), 78, &["[tls-failed]"]);
    let old = format!("{base} ssl_max_protocol_version=TLSv1.1");
    assert_ends(&old, 78, &["`ssl_max_protocol_version=TLSv1.1`", "[url-unsupported]"]);
}

#[test]
fn prefer_and_allow_follow_the_servers_rules() {
    let made = Certificates::made();
    for (rule, other) in [("hostssl", "hostnossl"), ("hostnossl", "hostssl")] {
        let mut server = server(&made, "server", "");
        server.down();
        server.hba(&format!(
            "local all all scram-sha-256\n{rule} all all all scram-sha-256\n{other} all all all reject"
        ));
        server.launch();
        for mode in ["prefer", "allow"] {
            assert_ends(&format!("{} sslmode={mode}", base(&server)), 0, &[]);
        }
        let demanded = format!("{} sslmode=require", base(&server));
        let code = if rule == "hostssl" { 0 } else { 77 };
        assert_ends(&demanded, code, &[]);
    }
}

/// Where the server trusts or asks for a bare password, nothing is bound to the channel.
#[test]
fn rules_for_encrypted_logins_are_told() {
    let made = Certificates::made();
    let mut server = server(&made, "server", "");
    server.down();
    server.hba(
        "local all all scram-sha-256\nhostssl all trusted all trust\nhostssl all bare all password\nhostnossl all all all trust",
    );
    server.up();
    for (user, more, code, id) in [
        ("missing", "", 77, "SSL encryption [pg-no-hba]"),
        ("trusted", "channel_binding=require", 78, "[pg-channel-binding]"),
        ("bare", "channel_binding=require", 78, "[pg-channel-binding]"),
    ] {
        assert_ends(&format!("{} user={user} sslmode=require {more}", base(&server)), code, &[id]);
    }
}

/// In front of a real server: TLS from the first byte on, as Postgres has it from 17 on, for clients
/// that say whom they want to speak to, or for those that do not.
fn direct(made: &Certificates, server: &Postgres, named: bool) -> Fake {
    let chain = vec![CertificateDer::from_pem_file(made.path("server.crt")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(made.path("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    let (config, port) = (Arc::new(config), server.port);
    Fake::new(move |client| {
        let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = rustls::StreamOwned::new(session, client);
        let shaken = tls.conn.complete_io(&mut tls.sock).is_ok();
        let said = tls.conn.server_name().is_some();
        if !shaken || tls.conn.alpn_protocol().is_none() || said != named {
            return;
        }
        let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
        // Question and answer in turn is all that a login and a query need.
        let mut buffer = [0; 16384];
        while let Ok(count @ 1..) = tls.read(&mut buffer) {
            server.write_all(&buffer[..count]).unwrap();
            let Ok(count @ 1..) = server.read(&mut buffer) else { return };
            drop(tls.write_all(&buffer[..count]));
            drop(tls.flush());
        }
    })
}

#[test]
fn tls_from_the_first_byte_on_is_spoken_if_asked_for() {
    let made = Certificates::made();
    let server = Postgres::shared();
    let (named, nameless) = (direct(&made, server, true), direct(&made, server, false));
    let to = |fake: &Fake, more: &str| {
        format!(
            "host=db.example hostaddr=127.0.0.1 port={} dbname=postgres user=postgres password={CANARY} sslmode=verify-full sslrootcert={} {more}",
            fake.port,
            made.path("ca.crt").display()
        )
    };
    // Channel binding would need a server that ends TLS itself.
    let asked = "sslnegotiation=direct channel_binding=disable";
    assert_ends(&to(&named, asked), 0, &[]);
    assert_ends(&to(&nameless, &format!("{asked} sslsni=0")), 0, &[]);
    assert_ends(&to(&named, "sslnegotiation=sideways"), 78, &["[url-value]"]);
}

#[test]
fn tls_that_is_demanded_and_not_offered_is_refused() {
    let url = format!("{}?sslmode=require", Postgres::shared().database());
    assert_ends(&url, 78, &["[tls-missing]"]);
}

/// Agrees to TLS and closes: a proxy without backend, a server that restarts.
#[test]
fn a_handshake_that_is_cut_passes() {
    let fake = Fake::new(|mut stream| {
        let mut bytes = [0; 4096];
        if matches!(stream.read(&mut bytes), Ok(8)) {
            drop(stream.write_all(b"S"));
            drop(stream.read(&mut bytes));
        }
    });
    // `prefer` goes on in clear, as libpq does: that connection is closed as well.
    for (mode, id) in [("require", "[tls-cut]"), ("prefer", "[pg-closed]")] {
        let url = format!("{}?sslmode={mode}", fake.url());
        let init = Init::new(["wait"]).env("DATABASE_URL", url).start();
        init.expect_line(id);
    }
}
