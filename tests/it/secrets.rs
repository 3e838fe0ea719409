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
    "http://user:PW@127.0.0.1:PORT/",
];

const AWKWARD: &[&str] = &[
    "@", "/", "?", "?x=", "#", "%", "%zz", "%00", " ", ";", "&", "&a=", "=", "'", "\"", "\\", "[",
    "]", ":", ",", "${X}", "$", "<", ">", "+", "ü", "\t", "{}", "://", "|", "1,x:80,", "?user=",
    "?host=", "&user", "$A", "${A:b}", "@h/", " x:80 ",
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
    let rounds = 3 * SHAPES.len() * WAYS.len();
    // Every shape in every command, and every way to fail, comes up, whatever the seed.
    for at in 0..rounds {
        let tokens = [random.token(), random.token(), random.token()];
        let (first, second) = (random.pick(AWKWARD), random.pick(AWKWARD));
        let password = format!("{}{first}{}{second}{}", tokens[0], tokens[1], tokens[2]);
        let port = ports[random.below(ports.len())].to_string();
        let address = SHAPES[at % SHAPES.len()].replace("PORT", &port).replace("PW", &password);
        let setting = SETTINGS[at / SHAPES.len() % SETTINGS.len()];
        let case = Case { way: WAYS[at % WAYS.len()], setting, address, tokens };
        case.check(&format!("SEED={seed}"), random.below(2) == 0);
    }
}

/// Every command that reads addresses. Their number and that of the shapes have no common divisor.
const WAYS: &[&[&str]] = &[&["wait"], &["config"], &["plan"], &["doctor"], &["status"]];

/// Where an address can stand. A command shows its words.
const SETTINGS: [&str; 3] = ["DATABASE_URL", "APP_INIT_WAIT_FOR", "APP_INIT_API_COMMAND"];

struct Case {
    way: &'static [&'static str],
    setting: &'static str,
    address: String,
    tokens: [String; 3],
}

impl Case {
    fn check(&self, seed: &str, json: bool) {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("termination");
        fs::write(&log, "").unwrap();
        let init = Init::new(self.way)
            .env(self.setting, self.value())
            .env("APP_INIT_TERMINATION_LOG", &log)
            .env("APP_INIT_WAIT_FATAL_GRACE", "0")
            .env("APP_INIT_WAIT_TIMEOUT", "300ms")
            .env("APP_INIT_LOG_FORMAT", if json { "json" } else { "text" })
            .env("APP_INIT_LOG_LEVEL", "trace")
            .env("RUST_BACKTRACE", "full");
        let reports = matches!(self.way[0], "plan" | "doctor" | "status");
        let init = if json && reports { init.arg("--json") } else { init };
        let init = init.start();
        let argv = fs::read(format!("/proc/{}/cmdline", init.pid())).unwrap_or_default();
        let argv = String::from_utf8_lossy(&argv).into_owned();
        let finished = init.finish();
        let left = fs::read_to_string(&log).unwrap();
        let shown = format!("{argv}{}{}{left}", finished.stdout, finished.stderr);
        let case = format!("{seed}: {:?} {}={}\n{shown}", self.way, self.setting, self.value());
        assert!(self.way[0] != "wait" || finished.code != 0, "{case}");
        assert!(!shown.contains("panicked"), "{case}");
        for token in &self.tokens {
            assert!(!shown.contains(token.as_str()), "{token} is shown; {case}");
        }
    }

    /// For a command the address is one word: as it is, in quotes, or in an array.
    fn value(&self) -> String {
        if self.setting != "APP_INIT_API_COMMAND" {
            return self.address.clone();
        }
        match self.address.len() % 3 {
            0 => format!("tool --url {} up", self.address),
            1 => format!("tool '{}' up", self.address),
            _ => serde_json::to_string(&["tool", &self.address, "up"]).unwrap(),
        }
    }
}
