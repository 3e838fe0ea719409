//! What the server inherits, and what the supervisor keeps.

use std::{
    ffi::{OsStr, OsString},
    fs,
    time::Duration,
};

use nix::{sys::signal::Signal, unistd::Pid};

use crate::support::{
    CANARY, Running,
    init::binary,
    pid1::{Namespace, child, children, pid1, probe, probing, status, wrapped},
    spin, until,
};

/// Waits until the supervisor has replaced the preparing process.
fn supervisor(running: &Running) -> Pid {
    let pid = running.init_pid();
    // A pass-through has its name at once and executes itself anew a second later.
    let minimal = || {
        fs::read(format!("/proc/{pid}/cmdline")).ok()?.starts_with(b"init:serve\0").then_some(())
    };
    until("the supervisor is there", || minimal().filter(|()| status(pid, "Name") == "init:serve"));
    pid
}

fn descriptors(pid: Pid) -> Vec<(i32, String)> {
    let all = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let mut all: Vec<(i32, String)> = all
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?.to_string_lossy().into_owned();
            Some((entry.file_name().to_str()?.parse().ok()?, target))
        })
        .collect();
    all.sort();
    all
}

/// `sh -c SCRIPT sh` in front of `init`, which the script execs as "$@".
fn after(script: &str) -> [OsString; 4] {
    ["sh", "-c", script, "sh"].map(OsString::from)
}

fn wrapped_in(before: &[OsString], words: &[OsString]) -> crate::support::Init {
    let before: Vec<&OsStr> = before.iter().map(OsString::as_os_str).collect();
    wrapped(&before, words)
}

#[test]
fn the_supervisor_keeps_nothing() {
    let before = after("exec 7</etc/passwd; cd /usr; exec \"$@\"");
    let running = wrapped_in(&before, &probing(["count"])).env("DATABASE_URL", CANARY).start();
    running.expect_line("ready");
    let pid = supervisor(&running);
    // Four may be open on the way there, too.
    let open = until("it has closed everything", || {
        let open = descriptors(pid);
        let kinds: Vec<&str> = open.iter().map(|(_, kind)| kind.as_str()).collect();
        let closed = matches!(kinds[..], ["/dev/null", "/dev/null", _, "anon_inode:[signalfd]"]);
        closed.then_some(open)
    });
    let numbers: Vec<i32> = open.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers[..3], [0, 1, 2]);
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap().to_str(), Some("/"));
    assert_eq!(fs::read(format!("/proc/{pid}/environ")).unwrap(), b"");
    assert!(!fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().contains(CANARY));
    assert_eq!(status(pid, "Threads"), "1");
    // The server has all of it.
    let server = children(pid)[0];
    assert!(descriptors(server).contains(&(7, "/etc/passwd".to_owned())));
    assert_eq!(fs::read_link(format!("/proc/{server}/cwd")).unwrap().to_str(), Some("/usr"));
    let environment = fs::read_to_string(format!("/proc/{server}/environ")).unwrap();
    assert!(environment.contains(CANARY));
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(running.exit_code(), 0);
}

/// Descriptors and environment as without us, after a preparation that had some of its own too.
#[test]
fn the_server_and_the_steps_have_what_we_were_given_and_no_more() {
    let mut before = probing(["with", "a2", "--"]);
    before.extend(after("exec 7</etc/passwd; exec \"$@\""));
    let look = ["sh", "-c", "ls /proc/self/fd; tr '\\0' '\\n' </proc/$$/environ"];
    let settings = |init: crate::support::Init| {
        let init = init.env("APP_INIT_HANDOFF", "supervise").env("B", "").env("A", "a=b");
        init.env("APP_INIT_ETL_COMMAND", serde_json::to_string(&look).unwrap())
            .env("APP_INIT_API_COMMAND", serde_json::to_string(&look).unwrap())
            .current_dir(env!("CARGO_TARGET_TMPDIR"))
            .run()
            .stdout
    };
    let plainly = before.iter().cloned().chain(look.map(OsString::from));
    let bare = settings(crate::support::Init::wrapped(plainly));
    assert!(bare.contains("\n7\n"), "{bare}");
    for start in [binary_as_child, wrapped_in] {
        assert_eq!(settings(start(&before, &look.map(OsString::from))), bare);
        let all = settings(start(&before, &["all".into()]));
        let told = all.replace("APP_INIT_STEP=etl\n", "");
        let processors = all.lines().find(|line| line.starts_with("APP_INIT_NPROC=")).unwrap();
        assert_eq!(told, format!("{bare}APP_INIT_MODE=all\n{processors}\n").repeat(2));
    }
}

/// A reader of the server's output sees its end when the server closes it.
#[test]
fn the_supervisor_holds_no_pipe_open() {
    // The reader ends at the end of file, and only then does the server.
    let script = "mkfifo pipe; { cat <pipe; touch seen; } & exec \"$@\" 7>pipe";
    let server = "echo first >&7; exec 7>&-; until [ -e seen ]; do sleep 0.01; done; exit 3";
    let words = ["sh", "-c", server].map(OsString::from);
    for start in [binary_as_child, wrapped_in] {
        let directory = tempfile::tempdir().unwrap();
        let ended = start(&after(script), &words).current_dir(directory.path()).run();
        assert_eq!((ended.code, ended.stdout.as_str()), (3, "first\n"));
    }
}

/// Every set of things that can be wrong with what we inherit.
#[test]
fn the_server_starts_with_fresh_signals_whatever_we_inherited() {
    for inherited in [&[][..], &["i17"], &["i1", "i13", "i15", "i17", "i40", "b15", "b10", "b64"]] {
        let mut before = probing(["with"]);
        before.extend(inherited.iter().map(Into::into));
        before.push("--".into());
        for start in [binary_as_child, wrapped_in] {
            let ended = start(&before, &probing(["state"])).run();
            assert_eq!(ended.stdout, "ignored:\nblocked:\n", "{inherited:?}");
            assert_eq!(ended.code, 0);
        }
    }
}

fn binary_as_child(before: &[OsString], words: &[OsString]) -> crate::support::Init {
    let binary = binary().into_os_string();
    let all = before.iter().chain([&binary]).chain(words);
    // A directory without `./migrations`.
    let init = crate::support::Init::wrapped(all).current_dir(env!("CARGO_TARGET_TMPDIR"));
    init.env("APP_INIT_HANDOFF", "supervise")
}

#[test]
fn signals_inherit_hands_on_what_was_ignored_and_blocked() {
    for (ignored, blocked) in [
        (&[1, 13, 15, 17, 40][..], &[10, 64][..]),
        (&[13], &[13]),
        (&[17], &[17]),
        (&[1], &[]),
        (&[], &[]),
    ] {
        for start in [binary_as_child, wrapped_in] {
            let init = start(&with(ignored, blocked), &probing(["state"]));
            let ended = init.env("APP_INIT_SIGNALS_INHERIT", "true").run();
            assert_eq!((ended.stdout, ended.code), (stated(ignored, blocked), 0));
        }
    }
}

/// Through a preparation too, which collects children and so cannot leave SIGCHLD ignored.
#[test]
fn exec_hands_on_what_was_ignored_and_blocked() {
    let (ignored, blocked) = (&[1, 13, 17, 40], &[10, 64]);
    let state = serde_json::to_string(&[probe().to_str().unwrap(), "state"]).unwrap();
    for step in ["true", "sh -c 'sleep 0 & sleep 0'"] {
        let init = binary_as_child(&with(ignored, blocked), &["all".into()])
            .env("APP_INIT_HANDOFF", "exec")
            .env("APP_INIT_ETL_COMMAND", step)
            .env("APP_INIT_API_COMMAND", &state);
        assert_eq!(init.run().stdout, stated(ignored, blocked));
    }
}

/// `probe with …` that ignores and blocks these.
fn with(ignored: &[i32], blocked: &[i32]) -> Vec<OsString> {
    let ignored = ignored.iter().map(|number| format!("i{number}"));
    let words = ignored.chain(blocked.iter().map(|number| format!("b{number}")));
    probing(std::iter::once("with".to_owned()).chain(words).chain(["--".to_owned()]))
}

/// What `probe state` prints then.
fn stated(ignored: &[i32], blocked: &[i32]) -> String {
    let list = |name: &str, numbers: &[i32]| {
        let numbers = numbers.iter().map(ToString::to_string);
        std::iter::once(name.to_owned()).chain(numbers).collect::<Vec<_>>().join(" ")
    };
    format!("{}\n{}\n", list("ignored:", ignored), list("blocked:", blocked))
}

/// tini and catatonit hang here: the kernel reaps in their place.
#[test]
fn sigchld_inherited_as_ignored_does_not_lose_the_exit_code() {
    let before = probing(["with", "i17", "--"]);
    let words = ["sh", "-c", "exit 9"].map(OsString::from);
    for start in [binary_as_child, wrapped_in] {
        assert_eq!(start(&before, &words).run().code, 9);
    }
}

#[test]
fn closed_standard_descriptors_confuse_nothing() {
    for closed in [&["c0"][..], &["c1"], &["c2"], &["c0", "c1"], &["c0", "c1", "c2"]] {
        let mut before = probing(["with"]);
        before.extend(closed.iter().map(Into::into));
        before.push("--".into());
        let words = ["sh", "-c", "exit 9"].map(OsString::from);
        for start in [binary_as_child, wrapped_in] {
            assert_eq!(start(&before, &words).run().code, 9, "{closed:?}");
        }
    }
}

#[test]
fn listen_pid_names_the_server_if_it_named_us() {
    let look = ["sh", "-c", "echo \"$LISTEN_PID $$ $LISTEN_FDS ${LISTEN_PIDFDID-gone}\""]
        .map(OsString::from);
    let ours = after("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_PIDFDID=5 exec \"$@\"");
    let foreign = after("LISTEN_PID=99999 LISTEN_FDS=1 LISTEN_PIDFDID=5 exec \"$@\"");
    for start in [binary_as_child, wrapped_in] {
        let stdout = start(&ours, &look).run().stdout;
        let words: Vec<&str> = stdout.split_whitespace().collect();
        assert_eq!((words[0], words[2], words[3]), (words[1], "1", "gone"), "{stdout}");
        let stdout = start(&foreign, &look).run().stdout;
        assert!(stdout.starts_with("99999 ") && stdout.ends_with(" 1 5\n"), "{stdout}");
    }
}

/// Without `/proc`, and with an `argv[0]` that is no path, we cannot be executed again.
#[test]
fn without_a_way_to_itself_it_supervises_in_process() {
    if Namespace::best() == Namespace::None {
        // Nothing can be mounted here, so `/proc` cannot be hidden; what remains is the same code.
        assert_eq!(child(["sh", "-c", "exit 9"]).run().code, 9);
        return;
    }
    let mut before = after("mount -t tmpfs none /proc && exec \"$0\" \"$@\"");
    before[3] = probe().into_os_string();
    let mut words: Vec<OsString> = before.to_vec();
    words.extend(["named", "init"].map(OsString::from));
    let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    let server = "trap 'exit 9' TERM; while :; do sleep 0.01; done";
    let running = wrapped(&words, ["sh", "-c", server]).env("APP_INIT_LOG_LEVEL", "info").start();
    running.expect_line("cannot be executed again");
    nix::sys::signal::kill(running.init_pid(), Signal::SIGTERM).unwrap();
    assert_eq!(running.exit_code(), 9);
}

/// Killed by SIGKILL we can do nothing any more: the kernel does it.
#[test]
fn the_server_dies_with_a_supervisor_that_is_not_pid_1() {
    for round in 0..20 {
        let running = child(probing(["count"])).start();
        let line = running.expect_line("ready");
        let server = Pid::from_raw(line.rsplit(' ').next().unwrap().parse().unwrap());
        if round % 2 == 0 {
            supervisor(&running);
        }
        running.signal(Signal::SIGKILL);
        until("the server is gone", || {
            let state = status(server, "State");
            (state.is_empty() || state.starts_with('Z')).then_some(())
        });
    }
}

/// Killed while the server is being started: between its fork and the parent-death signal too, when
/// there is nobody left to die with.
#[test]
fn a_server_that_is_being_started_dies_as_well() {
    for round in 0..100_u32 {
        let running = child(["sleep", "1000"]).start();
        spin(Duration::from_micros(u64::from(round) * 40));
        running.signal(Signal::SIGKILL);
        // The end of its output proves that nobody holds it any more.
        assert_eq!(running.exit_code(), 128 + 9, "round {round}");
    }
}

#[test]
fn the_log_of_the_supervisor_is_json_if_asked() {
    for start in [child, pid1] {
        let ended = start(["sh", "-c", "trap '' TERM; (while :; do sleep 0.1; done) & exit 3"])
            .env("APP_INIT_LOG_FORMAT", "json")
            .env("APP_INIT_LOG_LEVEL", "debug")
            .env("APP_INIT_LEFTOVER_GRACE", "50ms")
            .run();
        let events: Vec<String> = ended
            .stderr
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(line["ts"].as_str().unwrap().ends_with('Z'));
                assert_eq!(line["phase"], "serve");
                line["event"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(events, ["ended", "leftovers", "leftovers_killed"]);
        // The application's output is its own.
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""));
    }
}

#[test]
fn limits_and_umask_are_the_servers() {
    let before = after("ulimit -n 77; ulimit -c 0; umask 027; exec \"$@\"");
    let words = ["sh", "-c", "ulimit -n; umask"].map(OsString::from);
    for start in [binary_as_child, wrapped_in] {
        assert_eq!(start(&before, &words).run().stdout, "77\n0027\n");
    }
}
