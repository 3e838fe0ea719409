//! Random passwords in every shape of address, every other place for one and every way to fail: no
//! piece is ever shown.

mod places;
mod table;

use std::{fs, os::unix::fs::PermissionsExt, time::SystemTime};

use self::places::{BESIDE, SETTINGS, SHAPES};
use crate::support::{Init, Postgres, fake::Fake, free_port};

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
    let seed = seed();
    let mut random = Random(seed);
    let fakes = failures();
    let mut ports: Vec<u16> = fakes.iter().map(|fake| fake.port).collect();
    ports.extend([Postgres::shared().port, free_port()]);
    let first = random.below(ports.len());
    // Every place in every command, and every way to fail, comes up, whatever the seed.
    let cases: Vec<Case> = (0..(SHAPES.len() + BESIDE.len()) * WAYS.len())
        .map(|at| {
            let port = ports[(first + at) % ports.len()];
            Case::new(WAYS[at % WAYS.len()], at / WAYS.len(), port, &mut random)
        })
        .collect();
    // Most of the time they wait.
    std::thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(4)) {
            scope.spawn(move || part.iter().for_each(|case| case.check(&format!("SEED={seed}"))));
        }
    });
}

/// `SEED` repeats a run.
fn seed() -> u64 {
    std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        u64::try_from(now.as_nanos() % u128::from(u64::MAX)).unwrap() | 1
    })
}

fn failures() -> [Fake; 11] {
    [
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
    ]
}

/// Every command that reads addresses.
const WAYS: &[&str] = &["wait", "config", "plan", "doctor", "status", "migrate", "seed", "all"];

/// What makes each step and its targets part of a start.
const STEPS: &[(&str, &str)] = &[
    ("APP_INIT_MIGRATE_COMMAND", "true"),
    ("APP_INIT_SEED_COMMAND", "true"),
    ("APP_INIT_ETL_COMMAND", "true"),
    ("APP_INIT_API_COMMAND", "true"),
    ("SEED_ON_START", "true"),
    ("RUN_ETL_ON_STARTUP", "true"),
];

/// How much is said, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Text,
    Json,
    Verbose,
}

const OUTPUTS: [Output; 3] = [Output::Text, Output::Json, Output::Verbose];

struct Case {
    way: &'static str,
    output: Output,
    /// In both, `DIR` is filled in.
    variables: Vec<(String, String)>,
    file: String,
    tokens: [String; 3],
}

impl Case {
    fn new(way: &'static str, place: usize, port: u16, random: &mut Random) -> Self {
        let tokens = [random.token(), random.token(), random.token()];
        let first = random.pick(AWKWARD);
        // `p&b=c` reads as a parameter of its own.
        let second = if first == "&" { "=" } else { random.pick(AWKWARD) };
        let password = format!("{}{first}{}{second}{}", tokens[0], tokens[1], tokens[2]);
        let fill = |text: &str| text.replace("PORT", &port.to_string()).replace("PW", &password);
        let output = OUTPUTS[random.below(3)];
        if let Some((variables, file)) = place.checked_sub(SHAPES.len()).map(|at| BESIDE[at]) {
            let variables =
                variables.iter().map(|(name, value)| ((*name).to_owned(), fill(value))).collect();
            return Self { way, output, variables, file: fill(file), tokens };
        }
        let setting = random.pick(SETTINGS);
        let address = fill(SHAPES[place]);
        let value = if setting.ends_with("COMMAND") { command(&address) } else { address };
        let file = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n".to_owned();
        Self { way, output, variables: vec![(setting.to_owned(), value)], file, tokens }
    }

    /// `run` says which one this is, for a failure.
    fn check(&self, run: &str) {
        let directory = tempfile::tempdir().unwrap();
        let fill = |text: &str| text.replace("DIR", directory.path().to_str().unwrap());
        let [log, file] = ["termination", "file"].map(|name| directory.path().join(name));
        fs::write(&log, "").unwrap();
        fs::write(&file, fill(&self.file)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let mut init =
            STEPS.iter().fold(Init::new([self.way]), |init, (name, value)| init.env(name, value));
        for (name, value) in &self.variables {
            init = init.env(name, fill(value));
        }
        let reports = matches!(self.way, "plan" | "doctor" | "status");
        let json = self.output == Output::Json;
        let init = match self.output {
            Output::Json if reports => init.arg("--json"),
            Output::Verbose => init.arg("-vv"),
            _ => init,
        };
        let init = init
            .env("APP_INIT_TERMINATION_LOG", &log)
            .env("APP_INIT_WAIT_FATAL_GRACE", "0")
            .env("APP_INIT_WAIT_TIMEOUT", "300ms")
            .env("APP_INIT_LOG_FORMAT", if json { "json" } else { "text" })
            .env("APP_INIT_LOG_LEVEL", if json { "trace" } else { "info" })
            .env("RUST_BACKTRACE", "full")
            .start();
        let argv = fs::read(format!("/proc/{}/cmdline", init.pid())).unwrap_or_default();
        let argv = String::from_utf8_lossy(&argv).into_owned();
        let finished = init.finish();
        let left = fs::read_to_string(&log).unwrap();
        let shown = format!("{argv}{}{}{left}", finished.stdout, finished.stderr);
        let case = format!("{run}: {} {:?} {:?}\n{shown}", self.way, self.variables, self.file);
        assert!(self.way != "wait" || finished.code != 0, "{case}");
        assert!(!shown.contains("panicked"), "{case}");
        for token in &self.tokens {
            assert!(!shown.contains(token.as_str()), "{token} is shown; {case}");
        }
    }
}

/// For a command the address is one word: as it is, in quotes, or in an array.
fn command(address: &str) -> String {
    match address.len() % 3 {
        0 => format!("tool --url {address} up"),
        1 => format!("tool '{address}' up"),
        _ => serde_json::to_string(&["tool", address, "up"]).unwrap(),
    }
}
