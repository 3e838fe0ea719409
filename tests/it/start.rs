//! Whole starts: every phase in order, the server's code at the end, a stop at any moment.

use std::{fs, path::Path, time::Duration};

use nix::sys::signal::{Signal, kill};
use serde_json::Value;

use crate::{
    migrate::sleeping,
    support::{
        Init, Postgres, case::write, free_port, init::shell, pid1::pid1, postgres::psql, until,
    },
};

/// A folder with two migrations and one seed.
fn image() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| write(&folder.path().join(name), text);
    write("migrations/V1__items.sql", "create table items (id int primary key, name text);");
    write(
        "migrations/V2__more.sql",
        "alter table items add column more text;\nselect pg_sleep(0.2);",
    );
    write("seeds/1_items.sql", "insert into items values (1, 'one') on conflict do nothing;");
    folder
}

/// `init MODE` on the image with a server that says when it is up and exits 7 on SIGTERM.
fn start(mode: &str, image: &Path, url: &str) -> Init {
    let server = "trap 'echo bye; exit 7' TERM; echo up=$((1+1)); while :; do sleep 0.05; done";
    Init::new([mode])
        .env("APP_INIT_API_COMMAND", shell(server))
        .current_dir(image)
        .env("DATABASE_URL", url)
        .env("APP_INIT_HANDOFF", "supervise")
        .env("SEED_ON_START", "once")
        .env("APP_INIT_ETL_COMMAND", r#"sh -c 'echo "etl on $DATABASE_URL" | sed "s/:[^:]*@/@/"'"#)
}

#[test]
fn all_waits_migrates_seeds_loads_and_serves() {
    let image = image();
    let mut server = Postgres::prepared();
    let url = server.url("postgres");
    let init = start("all", image.path(), &url).start();
    init.expect_line("connection refused");
    server.up();
    init.expect_line("up=2");
    assert_eq!(psql(&url, "select name from items").unwrap(), "one");
    init.signal(Signal::SIGTERM);
    let end = init.finish();
    assert_eq!(end.code, 7, "{}", end.stderr);
    assert!(end.stdout.contains("etl on ") && end.stdout.contains("bye"), "{}", end.stdout);
    assert!(end.stderr.contains(" tries\ninit: migrate  "), "the time once:\n{}", end.stderr);
    for phase in ["wait", "migrate", "seed", "etl", "total"] {
        let row = end.stderr.lines().find(|line| line.starts_with(&format!("init: {phase} ")));
        assert!(row.is_some(), "no row for {phase} in:\n{}", end.stderr);
    }
}

#[test]
fn a_second_start_finds_nothing_to_do() {
    let image = image();
    let url = Postgres::shared().database();
    assert_eq!(start("migrate", image.path(), &url).run().code, 0);
    assert_eq!(start("seed", image.path(), &url).run().code, 0);
    let init = start("api", image.path(), &url).start();
    init.expect_line("up=2");
    init.signal(Signal::SIGTERM);
    let end = init.finish();
    assert_eq!(end.code, 7, "{}", end.stderr);
    assert!(end.stderr.contains("nothing pending"), "{}", end.stderr);
    assert!(end.stderr.contains("RUN_ETL_ON_STARTUP"), "{}", end.stderr);
    assert!(!end.stdout.contains("etl on"), "{}", end.stdout);
}

#[test]
fn the_server_never_sees_the_migration_connection() {
    let image = image();
    let url = Postgres::shared().database();
    let script = "echo url=${MIGRATE_DATABASE_URL-unset}; echo mode=$APP_INIT_MODE";
    let end = Init::server(script)
        .current_dir(image.path())
        .env("DATABASE_URL", &url)
        .env("MIGRATE_DATABASE_URL", &url)
        .run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert_eq!(end.stdout, "url=unset\nmode=api\n");
}

#[test]
fn json_lines_parse_until_the_hand_off() {
    let image = image();
    let url = Postgres::shared().database();
    let init = start("all", image.path(), &url).env("APP_INIT_LOG_FORMAT", "json").start();
    init.expect_line("up=2");
    init.signal(Signal::SIGTERM);
    let end = init.finish();
    assert_eq!(end.code, 7);
    let lines: Vec<Value> = end
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    let total = lines.iter().find(|line| line["event"] == "total").unwrap();
    assert_eq!(total["status"], "ok", "{total}");
    let rows = lines.iter().filter(|line| line["event"] == "timeline");
    let sum: u64 = rows.map(|row| row["duration_ms"].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), total["duration_ms"].as_u64(), "{}", end.stderr);
}

/// Nothing is pending, the marker is there: each of these skips took a look, and what it cost is shown.
#[test]
fn the_rows_of_a_start_with_nothing_to_do_add_up_to_the_total() {
    let image = image();
    let url = Postgres::shared().database();
    let start = || start("api", image.path(), &url).arg("--").arg("true");
    assert_eq!(start().run().code, 0);
    let end = start().run();
    let rows = timeline(&end.stderr);
    let (total, rows) = rows.split_last().unwrap();
    let seed = rows.iter().find(|row| row.phase == "seed").unwrap();
    assert_eq!((seed.status.as_str(), total.phase.as_str()), ("skipped", "total"));
    let sum: f64 = rows.iter().map(|row| row.millis).sum();
    let rounding: f64 = rows.iter().chain([total]).map(|row| row.rounding).sum();
    assert!((sum - total.millis).abs() <= rounding, "{sum} ms of rows in:\n{}", end.stderr);
}

/// A row of the timeline as text shows it.
struct Row {
    phase: String,
    status: String,
    millis: f64,
    /// What rounding may have cut off.
    rounding: f64,
}

fn timeline(stderr: &str) -> Vec<Row> {
    let tables = stderr.lines().skip_while(|line| !line.starts_with("init: settings "));
    tables.map_while(row).collect()
}

/// `init: wait       ok         12 ms  postgres://…`; a skip that took no time has no duration.
fn row(line: &str) -> Option<Row> {
    let words: Vec<&str> = line.strip_prefix("init: ")?.split_whitespace().collect();
    let [phase, status, rest @ ..] = words.as_slice() else { return None };
    if !["ok", "skipped", "failed"].contains(status) {
        return None;
    }
    let number = rest.first().and_then(|word| word.parse::<f64>().ok());
    let (millis, rounding) = match (number, rest.get(1)) {
        (Some(number), Some(&"ms")) => (number, 0.0),
        (Some(number), Some(&"s")) => (number * 1_000.0, 100.0),
        _ => (0.0, 0.0),
    };
    Some(Row { phase: (*phase).to_owned(), status: (*status).to_owned(), millis, rounding })
}

/// As PID 1, where the kernel drops what nobody waits for: in a phase of each kind a stop ends it, long
/// before that would end by itself.
#[test]
fn a_stop_in_each_phase_ends_pid_1() {
    const LONG: &str = "select pg_sleep(1000)";
    let folder = tempfile::tempdir().unwrap();
    let nowhere = format!("postgres://127.0.0.1:{}/x", free_port());
    for phase in ["wait", "migrate", "seed", "etl", "serve"] {
        let slow = |kind| if phase == kind { LONG } else { "select 1" };
        for (name, sql) in
            [("migrations/V1__a.sql", slow("migrate")), ("seeds/1.sql", slow("seed"))]
        {
            write(&folder.path().join(name), sql);
        }
        let url = Postgres::shared().database();
        let etl = if phase == "etl" { "echo busy=$((1+1)); exec sleep 1000" } else { "true" };
        let running = pid1(["all"])
            .current_dir(folder.path())
            .env("DATABASE_URL", if phase == "wait" { &nowhere } else { &url })
            .env("SEED_ON_START", "true")
            .env("APP_INIT_ETL_COMMAND", shell(etl))
            .env("APP_INIT_API_COMMAND", shell("echo busy=$((1+1)); exec sleep 1000"))
            .start();
        match phase {
            "wait" => drop(running.expect_line("connection refused")),
            "migrate" | "seed" => until("it sleeps", || sleeping(&url)),
            _ => drop(running.expect_line("busy=2")),
        }
        kill(running.init_pid(), Signal::SIGTERM).unwrap();
        let ended = running.finish();
        assert_eq!(ended.code, 143, "{phase}: {}", ended.stderr);
        assert_eq!(ended.stdout.contains("busy"), ["etl", "serve"].contains(&phase), "{phase}");
    }
}

/// SIGTERM at moments spread over a whole start: the code is always right, nothing is half-applied,
/// and no process of the start is left.
#[test]
fn a_stop_at_any_moment_ends_cleanly() {
    let image = image();
    for round in 0..20 {
        let url = Postgres::shared().database();
        let tag = format!("app-init-stop-{}-{round}", std::process::id());
        let init = start("all", image.path(), &url).env("STOP_TAG", &tag).start();
        // Spread over about 600 ms, what a start with this image takes from birth to steady state.
        std::thread::sleep(Duration::from_millis(
            round * 30 + u64::from(init.pid().as_raw().unsigned_abs() % 30),
        ));
        init.signal(Signal::SIGTERM);
        let end = init.finish();
        assert!(matches!(end.code, 143 | 7), "round {round}: code {}:\n{}", end.code, end.stderr);
        check_whole(&url, round);
        until("no process of the start is left", || (!anyone_with(&tag)).then_some(()));
    }
}

/// History and schema agree: a recorded migration is there, an unrecorded one is not.
fn check_whole(url: &str, round: u64) {
    let recorded =
        psql(url, "select count(*) from refinery_schema_history").unwrap_or_else(|_| "0".into());
    let columns =
        psql(url, "select count(*) from information_schema.columns where table_name = 'items'")
            .unwrap();
    let wanted = match recorded.as_str() {
        "0" => "0",
        "1" => "2",
        "2" => "3",
        other => panic!("{other} migrations recorded"),
    };
    assert_eq!(columns, wanted, "round {round}: {recorded} recorded");
    let locks = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
                 where l.locktype = 'advisory' and d.datname = current_database()";
    until("the lock is free", || (psql(url, locks).unwrap() == "0").then_some(()));
}

/// Whether a process with this mark in its environment is alive.
fn anyone_with(tag: &str) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    entries.flatten().any(|entry| {
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environ).contains(tag)
    })
}
