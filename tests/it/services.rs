//! Real pgbouncer, Redis and nginx: what they say while they or what is behind them is not ready.

use std::{
    io::{BufRead, BufReader, Write},
    net::{IpAddr, TcpStream, UdpSocket},
    process::{Command, Stdio},
};

use crate::support::{
    CANARY, Init, Postgres, Running, certificates::Certificates, free_port, init::Finished,
    postgres::tool, services::Service, unproved, until,
};

fn wait(target: &str) -> Init {
    Init::new(["wait", target]).env("APP_INIT_WAIT_FATAL_GRACE", "0")
}

fn run(target: &str) -> Finished {
    wait(target).env("APP_INIT_WAIT_TIMEOUT", "60s").run()
}

/// The reason comes; what passes by itself is not waited for any longer.
#[track_caller]
pub(crate) fn assert_says(target: &str, id: &str) -> Running {
    let init = wait(target).env("APP_INIT_WAIT_TIMEOUT", "forever").start();
    init.expect_line(&format!("[{id}]"));
    init
}

#[track_caller]
pub(crate) fn assert_ends(target: &str, code: i32, id: &str) {
    let finished = run(target);
    assert_eq!(finished.code, code, "{target}\n{}", finished.stderr);
    assert!(finished.stderr.contains(id), "{target}: no {id}\n{}", finished.stderr);
}

pub(crate) fn at(pooler: &Service, database: &str) -> String {
    format!("postgres://postgres:{CANARY}@127.0.0.1:{}/{database}", pooler.port)
}

#[test]
fn a_pooler_in_front_of_a_server_is_ready_when_the_server_is() {
    let mut server = Postgres::prepared();
    let databases = format!(
        "behind = host=127.0.0.1 port={} dbname=postgres\ndead = host=127.0.0.1 port={}",
        server.port,
        free_port()
    );
    let settings = "auth_type = scram-sha-256\nquery_wait_timeout = 1\nserver_login_retry = 1";
    let users = format!("\"postgres\" \"{CANARY}\"\n\"missing\" \"{CANARY}\"\n");
    let Some(pooler) = Service::pgbouncer(&databases, settings, &users) else { return };
    let early = assert_says(&at(&pooler, "behind"), "pooler-server");
    server.up();
    assert_eq!(early.exit_code(), 0);

    drop(assert_says(&at(&pooler, "dead"), "pooler-server"));
    assert_ends(&at(&pooler, "unknown"), 77, "[pooler-database]");
    let wrong = at(&pooler, "behind").replace(CANARY, "cAnAry-wrong");
    assert_ends(&wrong, 77, "[pooler-login]");
    let plain = "auth_type = plain\nquery_wait_timeout = 1\nserver_login_retry = 1";
    if let Some(pooler) = Service::pgbouncer(&databases, plain, &users) {
        let wrong = at(&pooler, "behind").replace(CANARY, "cAnAry-wrong");
        assert_ends(&wrong, 77, "[pooler-login]");
    }
    let option = format!("{}?options=-cwork_mem%3D1MB", at(&pooler, "behind"));
    assert_ends(&option, 78, "[pooler-option]");
    // What Prisma calls its pooler takes no options, and says so.
    let announced =
        Init::new(["wait"]).env("DATABASE_URL", format!("{option}&pgbouncer=true")).run();
    assert_eq!(announced.code, 0, "{}", announced.stderr);
    assert!(announced.stderr.contains("`options` is left out"), "{}", announced.stderr);
    // A schema is for the migrations: the wait does not ask a pooler for it.
    assert_eq!(run(&format!("{}?schema=app", at(&pooler, "behind"))).code, 0);
}

#[test]
fn a_server_that_refuses_behind_a_pooler_is_told_by_its_first_reason() {
    let server = Postgres::shared();
    let place = format!("host=127.0.0.1 port={}", server.port);
    let databases = format!(
        "lost = {place} dbname=never_made_here\n\
         shut = {place} dbname=postgres user=postgres password=wrong\n\
         nowhere = host=nowhere.invalid dbname=postgres"
    );
    let settings = "auth_type = scram-sha-256\nquery_wait_timeout = 1\nserver_login_retry = 1";
    let users = format!("\"postgres\" \"{CANARY}\"\n");
    let Some(pooler) = Service::pgbouncer(&databases, settings, &users) else { return };
    drop(assert_says(&at(&pooler, "shut"), "pg-password"));
    // Its second answer hides the first: the grace goes on all the same.
    let finished = wait(&at(&pooler, "lost"))
        .env("APP_INIT_WAIT_TIMEOUT", "60s")
        .env("APP_INIT_WAIT_FATAL_GRACE", "3s")
        .run();
    assert_eq!(finished.code, 77, "{}", finished.stderr);
    let told = "the pooler's entry `lost` is missing: database \"never_made_here\" does not exist";
    assert!(finished.stderr.contains(told), "{}", finished.stderr);
    assert!(finished.stderr.contains("[pooler-no-database]"), "{}", finished.stderr);
    drop(assert_says(&at(&pooler, "nowhere"), "pooler-server"));
}

#[test]
fn a_pooler_that_cannot_find_users_is_told_apart_from_what_is_no_postgres() {
    let server = Postgres::shared();
    let place = format!("host=127.0.0.1 port={}", server.port);
    let users = format!("\"postgres\" \"{CANARY}\"\n");
    let query = "auth_type = scram-sha-256\nauth_user = postgres\nauth_query = SELECT * FROM never_made_here($1)";
    for settings in ["auth_type = any", query] {
        let databases = format!("postgres = {place}");
        let Some(pooler) = Service::pgbouncer(&databases, settings, &users) else { return };
        let url = at(&pooler, "postgres").replace("//postgres:", "//somebody:");
        assert_ends(&url, 77, "bouncer config error [pooler-config]");
    }
}

/// What a port proxy does whose server is not there: it accepts, and closes.
#[test]
fn a_proxy_is_ready_when_the_server_behind_it_is() {
    let mut server = Postgres::prepared();
    let Some(proxy) = Service::proxy(server.port) else { return };
    let init = assert_says(&at(&proxy, "postgres"), "pg-closed");
    server.up();
    assert_eq!(init.exit_code(), 0);
}

#[test]
fn a_full_pooler_is_waited_for() {
    let server = Postgres::shared();
    let databases = format!("postgres = host=127.0.0.1 port={}", server.port);
    let users = format!("\"postgres\" \"{CANARY}\"\n");
    let settings = "auth_type = scram-sha-256\nmax_client_conn = 1";
    let Some(pooler) = Service::pgbouncer(&databases, settings, &users) else { return };
    let hold = "select 'holds the pooler', pg_sleep(1000)";
    let mut holder = Command::new(tool("psql"))
        .args(["-Xqd", &at(&pooler, "postgres"), "-c", hold])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("the only place is taken", || {
        let question = "select pid from pg_stat_activity where query like '%holds the pooler%' and pid <> pg_backend_pid()";
        server.psql("postgres", question).ok().filter(|rows| !rows.is_empty())
    });
    let init = assert_says(&at(&pooler, "postgres"), "pooler-full");
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(init.exit_code(), 0);
}

#[test]
fn redis_is_ready_when_it_lets_us_in() {
    let Some(open) = Service::redis(&[]) else { return };
    let place = format!("127.0.0.1:{}", open.port);
    assert_eq!(run(&format!("redis://{place}")).code, 0);
    assert_eq!(run(&format!("redis://{place}/15")).code, 0);
    // It takes the beginning of the handshake for a line that has not ended.
    let silent = assert_says(&format!("rediss://{place}"), "target-silent");
    silent.expect_line("or does not (http:// or redis://)");
    drop(silent);
    assert_ends(&format!("redis://{place}/99"), 78, "[redis-database]");
    assert_ends(&format!("redis://{place}?db=99"), 78, "[redis-database]");
    assert_ends(&format!("postgres://u@{place}/d"), 78, "Redis [not-postgres]");
    // Redis takes an HTTP request for an attack and closes without a word.
    drop(assert_says(&format!("http://{place}/"), "target-closed"));
    let Some(closed) = Service::redis(&["--requirepass", CANARY]) else { return };
    let place = format!("127.0.0.1:{}", closed.port);
    assert_eq!(run(&format!("redis://:{CANARY}@{place}")).code, 0);
    assert_ends(&format!("redis://{place}"), 77, "[redis-no-password]");
    assert_ends(&format!("redis://:wrong@{place}"), 77, "[redis-login]");
    assert_ends(&format!("redis://nobody:{CANARY}@{place}"), 77, "[redis-login]");
}

/// It refuses whoever does not come from 127.0.0.1 as long as it has no password.
#[test]
fn redis_in_protected_mode_is_told() {
    let Some(address) = own_address() else { return unproved("no network but the loopback") };
    let everywhere = ["--bind", "0.0.0.0", "--protected-mode", "yes"];
    let Some(redis) = Service::redis(&everywhere) else { return };
    assert_ends(&format!("redis://{address}:{}", redis.port), 77, "[redis-denied]");
}

/// The address that this machine has for others; nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

#[test]
fn redis_that_loads_its_data_is_waited_for() {
    let Some(before) = Service::redis(&["--rdbcompression", "no"]) else { return };
    let value = "x".repeat(2000);
    let keys: Vec<String> = (0..1000).map(|key| format!("SET {key} {value}\r\n")).collect();
    say(&before, &format!("{}SAVE\r\n", keys.concat()), 1001);
    // A tenth of a second for each key, and it answers between any two.
    let slowly =
        ["--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024", "--dir"];
    let directory = before.directory.path().to_str().unwrap();
    let Some(redis) = Service::redis(&[&slowly[..], &[directory]].concat()) else { return };
    let init = assert_says(&format!("redis://127.0.0.1:{}/3", redis.port), "redis-loading");
    say(&redis, "CONFIG SET key-load-delay 0\r\n", 1);
    assert_eq!(init.exit_code(), 0);
}

/// Sends commands and waits for as many `+OK`.
fn say(redis: &Service, commands: &str, answers: usize) {
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let sent = commands.to_owned();
    let writer = std::thread::spawn(move || stream.write_all(sent.as_bytes()).unwrap());
    for _ in 0..answers {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, "+OK\r\n");
    }
    writer.join().unwrap();
}

/// The real one quotes what it was sent: `unknown command 'AUTH', with args beginning with: …`.
#[test]
fn what_redis_quotes_is_not_shown() {
    let Some(redis) = Service::redis(&["--rename-command", "AUTH", ""]) else { return };
    let place = format!("127.0.0.1:{}", redis.port);
    // That the password is not shown is checked of every run.
    assert_ends(&format!("redis://user:{CANARY}@{place}"), 77, "[redis-login]");
}

/// TLS to a service is that of browsers: the image's authorities, or those of `SSL_CERT_FILE`.
#[test]
fn a_page_behind_tls_is_ready_for_whom_it_is_trusted() {
    let made = Certificates::made();
    let Some(nginx) = tls_page(&made, "server") else { return };
    let Some(common) = tls_page(&made, "common") else { return };
    let page = |nginx: &Service, host: &str, roots: Option<&str>| {
        let mut init = wait(&format!("https://{host}:{}/ok", nginx.port));
        if let Some(roots) = roots {
            init = init.env("SSL_CERT_FILE", made.path(roots));
        }
        init.env("APP_INIT_WAIT_TIMEOUT", "60s").run()
    };
    assert_eq!(page(&nginx, "127.0.0.9", Some("ca.crt")).code, 0);
    for (nginx, host, roots, words) in [
        (&nginx, "127.0.0.9", None, ["SSL_CERT_FILE", "[target-untrusted]"]),
        (&nginx, "127.0.0.9", Some("other.crt"), ["update-ca-certificates", "[target-untrusted]"]),
        (&nginx, "127.0.0.8", Some("ca.crt"), ["it names db.example", "[target-name]"]),
        (&common, "127.0.0.9", Some("ca.crt"), ["common name does not count", "[target-name]"]),
    ] {
        let finished = page(nginx, host, roots);
        assert_eq!(finished.code, 78, "{}", finished.stderr);
        for word in words {
            assert!(finished.stderr.contains(word), "{word}: {}", finished.stderr);
        }
        assert!(!finished.stderr.contains("sslrootcert"), "{}", finished.stderr);
        assert!(!finished.stderr.contains("sslmode"), "{}", finished.stderr);
    }
    let plain = wait(&format!("http://127.0.0.9:{}/ok", nginx.port)).start();
    plain.expect_line("status 400: the port expects https://");
}

fn tls_page(made: &Certificates, name: &str) -> Option<Service> {
    let (certificate, key) = (made.path(&format!("{name}.crt")), made.path(&format!("{name}.key")));
    Service::nginx_tls(&certificate, &key, "location = /ok { return 200 'all systems go'; }")
}

#[test]
fn nginx_is_ready_when_its_page_is() {
    let locations = format!(
        "location = /ok {{ return 200 'all systems go'; }} location = /gone {{ return 410; }} location = /here {{ absolute_redirect off; return 302 /ok; }} \
         location = /there {{ return 301 /here; }} location = /round {{ return 302 /round; }} \
         location = /late {{ root /nowhere; }} location = /behind {{ proxy_pass http://127.0.0.1:{}; }}",
        free_port()
    );
    let Some(nginx) = Service::nginx(&locations) else { return };
    let page = |path: &str| format!("http://127.0.0.1:{}{path}", nginx.port);
    assert_eq!(run(&page("/ok")).code, 0);
    assert_eq!(run(&page("/ok#body=systems")).code, 0);
    assert_eq!(run(&page("/gone#status=410")).code, 0);
    assert_eq!(run(&page("/here")).code, 0);
    assert_eq!(run(&page("/here#body=systems")).code, 0);
    assert_eq!(run(&page("/there#status=301")).code, 0);
    assert_eq!(run(&page("/there")).code, 0);
    drop(assert_says(&page("/round"), "http-status"));
    drop(assert_says(&page("/here#body=stop"), "http-body"));
    drop(assert_says(&page("/ok#body=stop"), "http-body"));
    for (path, status) in [("/gone", "410"), ("/late", "404"), ("/behind", "502")] {
        let init = assert_says(&page(path), "http-status");
        init.expect_line(&format!("status {status}"));
    }
    let place = format!("127.0.0.1:{}", nginx.port);
    assert_ends(&format!("postgres://u@{place}/d"), 78, "an HTTP server [not-postgres]");
    assert_ends(&format!("redis://{place}"), 78, "[not-redis]");
}
