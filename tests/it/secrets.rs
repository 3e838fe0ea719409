//! Random passwords in every shape of address and every way to fail: no piece is ever shown.

use std::{fs, time::SystemTime};

use crate::support::{Init, Postgres, fake::Fake, free_port};

/// Where a password can stand; `PW` and `PORT` are filled in.
const SHAPES: &[&str] = &[
    "postgres://user:PW@127.0.0.1:PORT/app",
    "postgresql+asyncpg://user:PW@127.0.0.1:PORT/app?ssl=false",
    "POSTGRES://user:PW@127.0.0.1:PORT/app?schema=app&connection_limit=5",
    "postgres://127.0.0.1:PORT/app?user=user&password=PW",
    "postgres://user:PW@127.0.0.1:PORT,127.0.0.1:PORT/app?target_session_attrs=primary",
    "postgres://user:PW@/app?host=127.0.0.1&port=PORT",
    "postgres://user:PW@no-such-host.invalid:PORT/app",
    "postgres://user:PW@127.0.0.1:PORT/app?sslmode=verify-full&sslrootcert=/nowhere",
    "jdbc:postgresql://127.0.0.1:PORT/app?user=user&password=PW",
    "host=127.0.0.1 port=PORT dbname=app user=user password=PW",
    "host=127.0.0.1 port=PORT dbname=app user=user password='PW'",
    "Host=127.0.0.1;Port=PORT;Database=app;Username=user;Password=PW",
    "\"postgres://user:PW@127.0.0.1:PORT/app\"",
    "mysql://user:PW@127.0.0.1:PORT/app",
    "prisma+postgres://127.0.0.1:PORT/?api_key=PW",
    "redis://user:PW@127.0.0.1:PORT/0",
    "http://127.0.0.1:PORT/?token=PW",
];

const AWKWARD: &[&str] = &[
    "@", "/", "?", "?x=", "#", "%", "%zz", "%00", " ", ";", "&", "&a=", "=", "'", "\"", "\\", "[",
    "]", ":", ",", "${X}", "$", "<", ">", "+", "ü", "\t", "{}", "://", "|",
];

/// xorshift64: repeatable from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// Eight characters that stand in no message by chance.
    fn token(&mut self) -> String {
        (0..8).map(|_| char::from(b"bcdfghjkmpqrtvwxz23456789"[self.below(25)])).collect()
    }
}

#[test]
fn no_failure_shows_a_piece_of_a_password() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        u64::try_from(now.as_nanos() % u128::from(u64::MAX)).unwrap() | 1
    });
    let mut random = Random(seed);
    let fakes = [
        Fake::closing(),
        Fake::silent(),
        Fake::answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        Fake::line_based(b"-ERR unknown command\r\n"),
        Fake::greeting(b"J\0\0\0\x0a8.0.36\0abcdefgh\0"),
        Fake::refusing("42704", "unrecognized configuration parameter \"x\"", ""),
        Fake::refusing("57P03", "the database system is starting up", ""),
        Fake::refusing("53300", "sorry, too many clients already", ""),
        Fake::refusing("3D000", "database \"app\" does not exist", ""),
        Fake::refusing("08P01", "no such database: app", ""),
        Fake::asking(7, b""),
    ];
    let mut ports: Vec<u16> = fakes.iter().map(|fake| fake.port).collect();
    ports.extend([Postgres::shared().port, free_port()]);
    // Every shape and every way to fail comes up, whatever the seed.
    for at in 0..3 * SHAPES.len() {
        let tokens = [random.token(), random.token(), random.token()];
        let (first, second) = (random.pick(AWKWARD), random.pick(AWKWARD));
        let password = format!("{}{first}{}{second}{}", tokens[0], tokens[1], tokens[2]);
        let port = ports[at % ports.len()].to_string();
        let address = SHAPES[at % SHAPES.len()].replace("PORT", &port).replace("PW", &password);
        check(&address, &tokens, at, seed);
    }
}

fn check(address: &str, tokens: &[String], at: usize, seed: u64) {
    let settings = if at.is_multiple_of(3) { "APP_INIT_WAIT_FOR" } else { "DATABASE_URL" };
    let formats = ["text", "json"];
    let init = Init::new(["wait"])
        .env(settings, address)
        .env("APP_INIT_WAIT_FATAL_GRACE", "0")
        .env("APP_INIT_WAIT_TIMEOUT", "300ms")
        .env("APP_INIT_LOG_FORMAT", formats[at % 2])
        .env("APP_INIT_LOG_LEVEL", "trace")
        .env("RUST_BACKTRACE", "full")
        .start();
    let argv = fs::read(format!("/proc/{}/cmdline", init.pid())).unwrap_or_default();
    let argv = String::from_utf8_lossy(&argv).into_owned();
    let finished = init.finish();
    let shown = format!("{argv}{}{}", finished.stdout, finished.stderr);
    let case = format!("SEED={seed}: {settings}={address}\n{shown}");
    assert_ne!(finished.code, 0, "{case}");
    assert!(!shown.contains("panicked"), "{case}");
    for token in tokens {
        assert!(!shown.contains(token.as_str()), "{token} is shown; {case}");
    }
}
