//! What `init doctor` says about the server: the way to it, TLS, login, rights, the server itself.

use super::{doctor, found, image, reports, trap};
use crate::support::{
    CANARY, Init, Postgres, certificates::Certificates, fake::Fake, free_port, postgres::psql,
    services::Service,
};

#[test]
fn a_target_that_is_down_is_one_finding_among_the_others() {
    let port = free_port();
    let local = format!("postgres://app:{CANARY}@localhost:{port}/app");
    trap(&local, &[], 69, &["TCP", "[pg-refused-localhost]"]);
    let unknown = format!("postgres://app:{CANARY}@no-such-host.invalid:{port}/app");
    trap(&unknown, &[], 69, &["no-such-host.invalid", "DNS", "[dns-"]);
    let image = image();
    let down = [("APP_INIT_API_COMMAND", "no-such-server-9")];
    let (text, report) = reports(image.path(), &local, &down);
    assert_eq!(text.code, 127, "what lasts is worse than what may pass:\n{}", text.stdout);
    assert_eq!(found(&report, "error").len(), 2, "{}", text.stdout);
    let tcp = format!("tcp://127.0.0.1:{port}");
    trap(&Postgres::shared().database(), &[("APP_INIT_WAIT_FOR", &tcp)], 69, &["[tcp-refused"]);
}

#[test]
fn what_is_no_working_server_is_told_apart() {
    let address = |port: u16| format!("postgres://app:{CANARY}@127.0.0.1:{port}/app");
    let (silent, closing) = (Fake::silent(), Fake::closing());
    let web = Fake::answering(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    for (fake, code, id) in
        [(&silent, 69, "[pg-silent]"), (&closing, 69, "[pg-closed]"), (&web, 78, "[not-postgres]")]
    {
        trap(&address(fake.port), &[], code, &["network", "login", id]);
    }
}

#[test]
fn a_host_of_a_list_that_is_down_is_a_warning() {
    let url = Postgres::shared().database();
    let image = image();
    let down = format!("@127.0.0.1:{},", free_port());
    let (text, report) = reports(image.path(), &url.replace('@', &down), &[]);
    assert_eq!(text.code, 0, "{}", text.stdout);
    let warnings = found(&report, "warning");
    assert!(warnings.len() == 1 && warnings[0].contains("[pg-refused"), "{warnings:#?}");
}

#[test]
fn refused_logins_say_why() {
    let server = Postgres::shared();
    let wrong = server.url("postgres").replace(CANARY, "wrong-9f2");
    trap(&wrong, &[], 77, &["login", "[pg-password]"]);
    trap(&server.url("no_such_database"), &[], 77, &["login", "[pg-no-database]"]);
    let tls = format!("{}?sslmode=require", server.database());
    trap(&tls, &[], 78, &["TLS", "[tls-missing]"]);
    let roots = format!("{}?sslmode=verify-ca&sslrootcert=/no/such.pem", server.database());
    trap(&roots, &[], 66, &["files", "/no/such.pem", "[tls-file]"]);
}

#[test]
fn a_role_without_rights_is_told_what_to_grant() {
    let server = Postgres::shared();
    let url = server.database();
    let name = url.rsplit('/').next().unwrap();
    let role = format!("{name}_role");
    let sql = format!(
        "create role {role} login password '{CANARY}'; revoke create on schema public from public; \
         grant connect on database {name} to {role}"
    );
    psql(&url, &sql).unwrap();
    let own = url.replace("postgres:", &format!("{role}:")).replacen(
        &format!("{role}://"),
        "postgres://",
        1,
    );
    trap(&own, &[], 77, &["may not create tables in schema `public`"]);
    trap(&own, &[], 77, &["schema `app_init`", "markers"]);
    let image = image();
    let (text, _) = reports(image.path(), &own, &[]);
    for grant in [
        format!("GRANT CREATE ON SCHEMA public TO {role}"),
        format!("GRANT CREATE ON DATABASE \"{name}\" TO \"{role}\""),
    ] {
        assert!(text.stdout.contains(&grant), "no {grant:?} in:\n{}", text.stdout);
    }
    // What an administrator made beforehand is enough, for doctor and for a start alike.
    let sql = format!(
        "grant create on schema public to {role}; create schema app_init; \
         grant usage, create on schema app_init to {role}"
    );
    psql(&url, &sql).unwrap();
    let (text, report) = reports(image.path(), &own, &[]);
    assert_eq!(text.code, 0, "{:#?}", found(&report, "error"));
    let start = |mode| Init::new([mode]).current_dir(image.path()).env("DATABASE_URL", &own).run();
    for mode in ["migrate", "seed"] {
        let end = start(mode);
        assert_eq!(end.code, 0, "{mode}: {}", end.stderr);
    }
}

#[test]
fn a_read_only_server_is_no_place_to_migrate() {
    let server = Postgres::shared();
    let url = server.database();
    let name = url.rsplit('/').next().unwrap();
    psql(&url, &format!("alter database {name} set default_transaction_read_only = on")).unwrap();
    trap(&url, &[], 69, &["role", "read-only", "[pg-read-only]"]);
    let (text, _) = reports(image().path(), &url, &[]);
    let stored = "default_transaction_read_only is stored for the database or the role";
    assert!(text.stdout.contains(stored), "{}", text.stdout);
}

/// The URL of a new database, for a role of that name that may log in and nothing else.
fn stranger(server: &Postgres) -> (String, String) {
    let url = server.database();
    let role = format!("{}_stranger", url.rsplit('/').next().unwrap());
    psql(&url, &format!("create role {role} login password '{CANARY}'")).unwrap();
    (url.replace("postgres:c", &format!("{role}:c")), url)
}

#[test]
fn a_history_that_cannot_be_written_has_its_grant() {
    let (own, url) = stranger(Postgres::shared());
    let start = Init::new(["migrate"]).current_dir(image().path()).env("DATABASE_URL", &url).run();
    assert_eq!(start.code, 0, "{}", start.stderr);
    let role = own.split(['/', ':']).nth(3).unwrap();
    psql(&url, &format!("grant create on schema public to {role}")).unwrap();
    trap(&own, &[], 77, &["may not read and write `refinery_schema_history`"]);
    psql(&url, &format!("grant select on refinery_schema_history to {role}")).unwrap();
    let grant = format!("GRANT SELECT, INSERT ON refinery_schema_history TO {role}");
    let text = doctor(image().path(), &own, &[]).run();
    assert!(text.code == 77 && text.stdout.contains(&grant), "{}", text.stdout);
}

#[test]
fn the_right_to_lock_is_asked_for() {
    let (own, url) = stranger(Postgres::shared());
    let locks = "function pg_catalog.pg_try_advisory_xact_lock(bigint)";
    psql(&url, &format!("revoke execute on {locks} from public")).unwrap();
    trap(&own, &[], 77, &["may not take advisory locks"]);
}

#[test]
fn a_pooler_in_transaction_mode_is_a_warning() {
    let server = Postgres::shared();
    let url = server.database();
    let databases = format!("* = host=127.0.0.1 port={}", server.port);
    let users = format!("\"postgres\" \"{CANARY}\"\n");
    let settings = "auth_type = scram-sha-256\npool_mode = ";
    for (mode, warned) in [("transaction", 1), ("session", 0)] {
        let settings = format!("{settings}{mode}");
        let Some(pooler) = Service::pgbouncer(&databases, &settings, &users) else { return };
        let pooled = url.replace(&format!(":{}/", server.port), &format!(":{}/", pooler.port));
        let (text, report) = reports(image().path(), &pooled, &[]);
        assert_eq!(text.code, 0, "{mode}: {}", text.stdout);
        let warnings = found(&report, "warning");
        assert_eq!(warnings.len(), warned, "{mode}: {warnings:#?}");
        let said = ["pooler", "files outside a transaction cannot be applied"];
        for warning in warnings {
            assert!(said.iter().all(|part| warning.contains(part)), "{warning}");
        }
        let (text, _) = reports(image().path(), &pooled, &[("MIGRATE_DATABASE_URL", url.as_str())]);
        assert_eq!(text.code, 0, "{}", text.stdout);
        assert!(!text.stdout.contains("files outside"), "{}", text.stdout);
    }
}

/// Replaces a function of one database's catalogue: what the server says, it really says.
fn replace(url: &str, old: &str, kept: &str, new: &str) {
    let sql = format!(
        "alter function pg_catalog.{old} rename to {kept}; \
         create function pg_catalog.{old} {new}"
    );
    psql(url, &sql).unwrap();
}

/// Proves that doctor warns once, with all of `said`, and would start nevertheless.
#[track_caller]
fn warns(url: &str, said: &[&str]) {
    let (text, report) = reports(image().path(), url, &[]);
    assert_eq!(text.code, 0, "{}", text.stdout);
    let warnings = found(&report, "warning");
    let says = |warning: &String| said.iter().all(|part| warning.contains(part));
    assert!(warnings.len() == 1 && says(&warnings[0]), "{warnings:#?}");
}

#[test]
fn clocks_that_differ_are_a_warning() {
    for (shift, said) in
        [("+ interval '1 hour'", "3600 s ahead"), ("- interval '1 hour'", "3600 s behind")]
    {
        let url = Postgres::shared().database();
        let body = format!(
            "returns timestamptz language sql as $$ select pg_catalog.true_clock() {shift} $$"
        );
        replace(&url, "clock_timestamp()", "true_clock", &body);
        warns(&url, &["clock", said]);
    }
}

#[test]
fn an_old_server_and_another_encoding_are_warnings() {
    let server = Postgres::shared();
    let url = server.database();
    let body = "returns text language sql as $$ select case $1 \
        when 'server_version_num' then '110022' when 'server_version' then '11.22' \
        else pg_catalog.true_setting($1) end $$";
    replace(&url, "current_setting(text)", "true_setting", body);
    warns(&url, &["version", "11.22 is older"]);
    let latin = format!("{}_latin", server.database().rsplit('/').next().unwrap());
    let sql = format!("create database {latin} encoding 'LATIN1' template template0");
    server.psql("postgres", &sql).unwrap();
    warns(&server.url(&latin), &["encoding", "LATIN1"]);
}

#[test]
fn the_kind_of_encryption_is_told() {
    let made = Certificates::made();
    let mut server = Postgres::prepared();
    for kind in ["crt", "key"] {
        made.give(&format!("server.{kind}"), server.data(), &format!("server.{kind}"));
    }
    server.configure("ssl = on");
    server.up();
    let (url, ca) = (server.url("postgres"), made.path("ca.crt"));
    let verified = |mode: &str| format!("{url}?sslmode={mode}&sslrootcert={}", ca.display());
    for (url, said) in [
        (format!("{url}?sslmode=require"), "TLS: encrypted, certificate not verified"),
        (format!("{url}?sslmode=disable"), "TLS: not encrypted: sslmode=disable"),
        (verified("verify-ca"), "TLS: encrypted, certificate verified"),
    ] {
        let (text, _) = reports(image().path(), &url, &[]);
        assert_eq!(text.code, 0, "{}", text.stdout);
        assert!(text.stdout.contains(said), "no {said:?} in:\n{}", text.stdout);
    }
    let misnamed = verified("verify-full").replace("127.0.0.1", "localhost");
    trap(&misnamed, &[], 78, &["TLS", "[tls-name]"]);
    let other = verified("verify-ca").replace("ca.crt", "other.crt");
    trap(&other, &[], 78, &["TLS", "[tls-"]);
}
