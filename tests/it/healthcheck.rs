//! `init healthcheck` beside an `init` that waits, migrates, serves, or has handed over by exec.

use std::{
    ffi::OsStr,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc::{Receiver, channel},
};

use crate::support::{
    Init, Running, free_port,
    init::{binary, public_binary, shell},
    pid1::{Namespace, pid1, status, wrapped},
    until,
};

/// What a check said: its code and its line.
type Verdict = (i32, String);

/// `init healthcheck WORDS` where that `init` is, like `docker exec` and the runtime's own probes.
fn check(init: &Running, words: &[&str]) -> Verdict {
    check_by(init, &[binary().as_os_str()], words)
}

fn check_by(init: &Running, program: &[&OsStr], words: &[&str]) -> Verdict {
    let pid = init.init_pid().to_string();
    let enter: &[&str] = match Namespace::best() {
        Namespace::Plain => &["nsenter", "-p", "-m", "-t", &pid, "--"],
        Namespace::User => {
            &["nsenter", "-U", "--preserve-credentials", "-p", "-m", "-t", &pid, "--"]
        }
        Namespace::None => &["env"],
    };
    let mut command = Command::new(enter[0]);
    command.args(&enter[1..]).args(program).arg("healthcheck").args(words);
    let output = command.env_remove("PORT").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "", "a check says one line, and that on stdout");
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(line.lines().count(), 1, "{line:?}");
    (output.status.code().unwrap(), line.trim_end().to_owned())
}

/// `init healthcheck WORDS` where no other `init` is; its own PID 1 is not one that prepares.
fn alone(words: &[&str]) -> Verdict {
    let run = || pid1(["healthcheck"].iter().chain(words)).run();
    let own = Namespace::best() != Namespace::None;
    // Without a namespace the tests beside this one are seen, and pass.
    let end = until("nobody else prepares", || {
        Some(run()).filter(|end| own || !end.stdout.contains("preparing"))
    });
    (end.code, end.stdout.trim_end().to_owned())
}

/// Answers every request with the same bytes; the first request is handed on.
fn server(answer: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/health", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        let mut kept: Vec<TcpStream> = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).unwrap_or(0);
            drop(sender.send(String::from_utf8_lossy(&buffer[..read]).into_owned()));
            drop(stream.write_all(answer.as_bytes()));
            if answer.is_empty() {
                kept.push(stream); // silence, not the end
            }
        }
    });
    (url, requests)
}

fn ok() -> String {
    server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").0
}

fn refused() -> String {
    format!("http://127.0.0.1:{}/", free_port())
}

/// Where nobody can be PID 1 other starts are seen too, so only the sum of all can be asked.
fn names_a_phase(verdict: &Verdict, code: i32, line: &str) {
    if Namespace::best() == Namespace::None {
        assert!(verdict.1.contains("preparing") || verdict.1.contains("http:"), "{verdict:?}");
    } else {
        assert_eq!((verdict.0, verdict.1.as_str()), (code, line));
    }
}

#[test]
fn while_waiting_it_is_live_and_not_ready() {
    let init = pid1(["wait", &format!("tcp://127.0.0.1:{}", free_port())]).start();
    init.expect_line("connection refused");
    names_a_phase(&check(&init, &["--live"]), 0, "live: preparing, wait");
    // Whatever answers there: it is not the server of this start.
    for words in [&["--ready", "--url", &ok()][..], &["--url", &ok()]] {
        names_a_phase(&check(&init, words), 1, "not ready: preparing, wait");
    }
}

#[test]
fn a_long_migration_is_not_killed() {
    let init = pid1(["migrate"])
        .env("APP_INIT_MIGRATE_COMMAND", shell("echo migrating=$((1+1)); exec sleep 600"))
        .start();
    init.expect_line("migrating=2");
    names_a_phase(&check(&init, &["--live", "--url", &refused()]), 0, "live: preparing, migrate");
    names_a_phase(&check(&init, &[]), 1, "not ready: preparing, migrate");
    init.signal_init_and_wait();
}

#[test]
fn a_supervised_server_is_live_and_its_url_says_whether_it_is_ready() {
    let init = serving("supervise");
    let (alive, ready) = (check(&init, &["--live"]), check(&init, &["--url", &ok()]));
    let url = refused();
    if Namespace::best() == Namespace::None {
        assert_eq!((alone(&["--url", &ok()]).0, alone(&["--url", &url]).0), (0, 1));
    } else {
        assert_eq!(alive, (0, "live: the server runs".to_owned()));
        assert_eq!(ready.0, 0, "{ready:?}");
        let answer = format!("{url}: connection refused");
        assert_eq!(check(&init, &["--live", "--url", &url]), (1, format!("not live: {answer}")));
        assert_eq!(check(&init, &["--ready", "--url", &url]), (1, format!("not ready: {answer}")));
    }
    init.signal_init_and_wait();
}

#[test]
fn after_an_exec_hand_off_the_url_decides() {
    let init = serving("exec");
    if Namespace::best() == Namespace::None {
        assert_eq!(alone(&["--url", &refused()]).0, 1);
    } else {
        for question in ["--live", "--ready"] {
            assert_eq!(check(&init, &[question, "--url", &ok()]).0, 0, "{question}");
            assert_eq!(check(&init, &[question, "--url", &refused()]).0, 1, "{question}");
        }
    }
    init.signal_init_and_wait();
}

#[test]
fn below_another_pid_1_it_is_found() {
    // As `docker run --init` does.
    let outer = ["sh", "-c", "\"$@\" & wait", "sh"].map(OsStr::new);
    let target = format!("tcp://127.0.0.1:{}", free_port());
    let init = wrapped(&outer, ["wait", &target]).start();
    init.expect_line("connection refused");
    names_a_phase(&check(&init, &["--live"]), 0, "live: preparing, wait");
    names_a_phase(&check(&init, &[]), 1, "not ready: preparing, wait");
}

#[test]
fn it_needs_no_rights_and_no_writable_file_system() {
    let read_only = ["sh", "-c", "mount -o remount,bind,ro / && exec \"$@\"", "sh"].map(OsStr::new);
    let plain = Namespace::best() == Namespace::Plain;
    let target = format!("tcp://127.0.0.1:{}", free_port());
    let init = wrapped(if plain { &read_only } else { &[] }, ["wait", &target]).start();
    init.expect_line("connection refused");
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"];
    let (_folder, copy) = public_binary();
    let mut program = if plain { nobody.map(OsStr::new).to_vec() } else { Vec::new() };
    program.push(copy.as_os_str());
    let verdict = check_by(&init, &program, &["--live"]);
    names_a_phase(&verdict, 0, "live: preparing, wait");
}

#[test]
fn the_status_decides() {
    for (answer, words, code, line) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &[][..], 0, "answered 200"),
        ("HTTP/1.1 204 No Content\r\n\r\n", &[], 0, "answered 204"),
        ("HTTP/1.0 200 OK\r\n\r\nold", &[], 0, "answered 200"),
        (
            "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
            &[],
            1,
            "redirects are not followed",
        ),
        (
            "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n",
            &["--expect-status", "200,401"],
            0,
            "answered 401",
        ),
        ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", &[], 1, "answered 503"),
        ("SSH-2.0-OpenSSH_9.2\r\n", &[], 1, "not HTTP"),
        ("", &["--timeout", "200ms"], 1, "did not answer within 200ms"),
    ] {
        let url = server(answer).0;
        let (found, said) = alone(&[&["--url", &url], words].concat());
        assert!(found == code && said.contains(line), "{answer:?}: {found} {said}");
    }
    let (code, said) = alone(&["--url", &refused()]);
    assert!(code == 1 && said.contains("connection refused"), "{code} {said}");
}

#[test]
fn the_request_is_a_plain_get() {
    let (url, requests) = server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let authority = url.trim_start_matches("http://").trim_end_matches("/health");
    assert_eq!(alone(&["--url", &format!("http://{authority}/a/b?c=d")]).0, 0);
    let request = requests.recv().unwrap();
    assert!(request.starts_with("GET /a/b?c=d HTTP/1.1\r\n"), "{request}");
    let lower = request.to_lowercase();
    for header in [&format!("host: {authority}\r\n"), "user-agent: app-init/", "connection: close"]
    {
        assert!(lower.contains(header), "{request}");
    }
}

#[test]
fn the_url_comes_from_the_settings() {
    let url = ok();
    let port = url.split(['/', ':']).nth(4).unwrap().to_owned();
    for (name, value) in [("PORT", &port), ("APP_INIT_HEALTHCHECK_URL", &url)] {
        let end = until("nobody else prepares", || {
            let end = pid1(["healthcheck"]).env(name, value).run();
            Some(end).filter(|end| !end.stdout.contains("preparing"))
        });
        assert_eq!(end.code, 0, "{name}: {}", end.stdout);
    }
}

#[test]
fn mistakes_in_words_are_64_and_in_settings_1() {
    for (words, message) in [
        (&["--live", "--ready"][..], "exclude each other"),
        (&["--timeout", "soon"], "--timeout"),
        (&["--timeout", "0"], "--timeout"),
        (&["--expect-status", "2xx"], "--expect-status: `2xx` is not a status"),
        (&["--nope"], "unknown option `--nope`"),
    ] {
        let end = Init::new(["healthcheck"].iter().chain(words)).run();
        assert_eq!(end.code, 64, "{words:?}: {}", end.stderr);
        assert!(end.stderr.contains(message), "{words:?}: {}", end.stderr);
    }
    for (url, why) in [("https://a/", "https is not asked"), ("nonsense", "is not a URL")] {
        let (code, line) = alone(&["--url", url]);
        assert!(code == 1 && line.contains(why), "{url}: {code} {line}");
        let end = Init::new(["config", "--check"]).env("APP_INIT_HEALTHCHECK_URL", url).run();
        assert!(end.code == 78 && end.stderr.contains(why), "{url}: {}", end.stderr);
    }
}

fn serving(handoff: &str) -> Running {
    let init = pid1(["api"])
        .env("APP_INIT_HANDOFF", handoff)
        .env(
            "APP_INIT_API_COMMAND",
            shell("trap 'exit 0' TERM; echo up=$((1+1)); while :; do sleep 0.05; done"),
        )
        .start();
    init.expect_line("up=2");
    // The server may be a moment ahead of the supervisor that we become.
    let name = if handoff == "exec" { "sh" } else { "init:serve" };
    until("the hand-off is over", || (status(init.init_pid(), "Name") == name).then_some(()));
    init
}

impl Running {
    /// SIGTERM to `init`, not to the `unshare` above it; and the end of both.
    fn signal_init_and_wait(self) {
        nix::sys::signal::kill(self.init_pid(), nix::sys::signal::Signal::SIGTERM).unwrap();
        drop(self.finish());
    }
}
