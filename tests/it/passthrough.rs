//! `init ANYTHING ELSE…`: exec without a trace, and the true reason why a program cannot be run.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

use crate::support::{
    Init,
    init::binary,
    pid1::{child, pid1, probe, probing},
};

fn script(directory: &Path, name: &str, content: impl AsRef<[u8]>, mode: u32) -> String {
    let path = directory.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_programs_exit_code_is_ours() {
    for init in [Init::new, child, pid1].map(|start| start(["sh", "-c", "exit 9"])) {
        assert_eq!(init.run().code, 9);
    }
}

#[test]
fn arguments_arrive_as_they_are() {
    let odd = OsStr::from_bytes(b"\xff \n");
    for start in [Init::new, child, pid1] {
        let words: [&OsStr; 4] = ["printf".as_ref(), "<%s>".as_ref(), "".as_ref(), odd];
        assert_eq!(start(words).run().stdout, "<><\u{fffd} \n>");
    }
}

#[test]
fn a_near_miss_of_a_mode_is_a_usage_error_that_names_it() {
    let ended = Init::new(["migrat"]).run();
    assert_eq!(ended.code, 64);
    insta::assert_snapshot!(ended.stderr, @r"
    error: unknown mode `migrat`: there is no such mode, subcommand or program
    hint: did you mean `migrate`?
    ");
}

/// Same pid, environment in the same order, dispositions and mask, descriptors and name.
#[test]
fn exec_leaves_no_trace() {
    let directory = tempfile::tempdir().unwrap();
    let look = |program: &[&str], through: bool| {
        let inherited = ["with", "b10", "b40", "i13", "i14", "i17", "c0", "a2", "--"];
        let mut words = probing(inherited);
        words
            .extend(["env", "-i", "ZEBRA=1", "APP_INIT_HANDOFF=exec", "B=", "A=x"].map(Into::into));
        words.extend(through.then(|| binary().into_os_string()));
        words.extend(program.iter().map(Into::into));
        let running = Init::wrapped(words).current_dir(directory.path()).start();
        let pid = running.pid().to_string();
        running.finish().stdout.replace(&format!("\t{pid}\n"), "\tSELF\n")
    };
    let status = "^(Name|Umask|Pid|PPid|Sig(Blk|Ign|Pnd)|ShdPnd|Cap...|Threads)";
    for program in [
        &["grep", "-E", status, "/proc/self/status"][..],
        &["cat", "/proc/self/environ"],
        &["cat", "/proc/self/limits"],
        &["ls", "/proc/self/fd"],
        &["pwd"],
    ] {
        assert_eq!(look(program, true), look(program, false), "{program:?}");
    }
    let ignored = look(&["grep", "SigIgn", "/proc/self/status"], true);
    assert!(ignored.ends_with("13000\n"), "{ignored:?}");
}

#[test]
fn exec_makes_no_subreaper_of_the_program() {
    // A subreaper would adopt the orphan; without one its parent is somebody else.
    let script = "(sh -c 'echo $$; exec sleep 100' & ) >pid; until [ -s pid ]; do sleep 0.01; done; \
                  read p <pid; until grep '^PPid' /proc/$p/status | grep -vw $1; do sleep 0.01; done; kill $p; \
                  grep ^PPid /proc/$p/status; echo $$";
    let ended = Init::new(["sh", "-c", script, "sh", "0"]).run();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let own = lines.last().unwrap();
    assert!(!lines[..lines.len() - 1].contains(&format!("PPid:\t{own}").as_str()), "{lines:?}");
}

/// Each row: how to make the program, the code, the sentence and the hint.
#[test]
fn the_true_reason_why_a_program_cannot_be_run() {
    let directory = tempfile::tempdir().unwrap();
    let make =
        |name: &str, content: &[u8], mode: u32| script(directory.path(), name, content, mode);
    let link = |name: &str, target: &str| {
        std::os::unix::fs::symlink(target, directory.path().join(name)).unwrap();
        directory.path().join(name).to_str().unwrap().to_owned()
    };
    let mut foreign = fs::read(binary()).unwrap()[..64].to_vec();
    // Nobody has registered an interpreter for that one, which is of the other byte order (binfmt_misc).
    foreign[18..20].copy_from_slice(&22_u16.to_le_bytes());
    let mut loaderless = fs::read(probe()).unwrap();
    let at = loaderless.windows(8).position(|window| window.starts_with(b"/lib")).unwrap();
    loaderless[at..at + 4].copy_from_slice(b"/xyz");
    for (program, code, reason) in [
        ("no-such-program".to_owned(), 127, "no program of that name in PATH"),
        ("./missing".to_owned(), 127, "there is no such file"),
        (link("dangling", "/nowhere/at/all"), 127, "is a link to a file that does not exist"),
        (format!("{}/x", make("file", b"", 0o644)), 127, "a part of the path is not a directory"),
        (link("loop", "loop"), 126, "the path is a loop of symbolic links"),
        ("/etc".to_owned(), 126, "it is a directory"),
        (make("mode", b"#!/bin/sh\n", 0o644), 126, "has no execute permission for us (mode 0644)"),
        (
            make("interp", b"#!/no/such/sh\n", 0o755),
            126,
            "its interpreter `/no/such/sh` does not exist",
        ),
        (make("crlf", b"#!/bin/sh\r\n", 0o755), 126, "ends in a carriage return"),
        (
            make("denied", b"#!/etc/passwd\n", 0o755),
            126,
            "its interpreter `/etc/passwd` cannot be executed",
        ),
        (
            make("plain", b"echo hello\n", 0o755),
            126,
            "neither a binary nor a script with a `#!` line",
        ),
        (make("empty", b"", 0o755), 126, "the file is empty"),
        (make("foreign", &foreign, 0o755), 126, "it is built for s390x, and this machine is"),
        (make("loader", &loaderless, 0o755), 126, "its dynamic loader `/xyz"),
    ] {
        // Exec, spawn and launch each meet it in another way.
        for start in [Init::new, child, pid1] {
            let ended = start([&program]).run();
            assert_eq!(ended.code, code, "{program}: {}", ended.stderr);
            assert!(ended.stderr.contains(reason), "{program}: {}", ended.stderr);
            let named = format!("error: cannot run `{program}`: ");
            assert!(ended.stderr.starts_with(&named), "{program}: {}", ended.stderr);
            assert!(ended.stderr.contains("\nhint: "), "{program}: {}", ended.stderr);
        }
    }
}

#[test]
fn a_noexec_mount_is_named() {
    let mount =
        "mount -t tmpfs -o noexec none \"$1\" && cp /bin/true \"$1\"/x && exec \"$2\" \"$1\"/x";
    let directory = tempfile::tempdir().unwrap();
    let words = |unshare: &[&str]| {
        let mut words: Vec<_> = unshare.iter().map(OsStr::new).collect();
        words.extend(["sh", "-c", mount, "sh"].map(OsStr::new));
        words.push(directory.path().as_os_str());
        let binary = binary();
        Init::wrapped(words.iter().copied().chain([binary.as_os_str()])).run()
    };
    let mut ended = words(&["unshare", "-m"]);
    if ended.code != 126 {
        ended = words(&["unshare", "-Urm"]);
    }
    if ended.code == 126 {
        assert!(
            ended.stderr.contains("on a file system that is mounted noexec"),
            "{}",
            ended.stderr
        );
    } else {
        // Where nothing can be mounted, /proc is the noexec mount that is there anyway.
        let ended = Init::new(["/proc/self/status"]).run();
        assert_eq!(ended.code, 126, "{}", ended.stderr);
    }
}

#[test]
fn a_leading_program_may_be_found_through_the_childs_path_only() {
    let directory = tempfile::tempdir().unwrap();
    script(directory.path(), "only-here", "#!/bin/sh\necho found\n", 0o755);
    for start in [Init::new, child, pid1] {
        // PATH of the wrapper stays: `env` sets it for `init` alone.
        let ended = start(["only-here"]).env("PATH", path_with(directory.path())).run();
        assert_eq!(ended.stdout, "found\n", "{}", ended.stderr);
    }
}

fn path_with(directory: &Path) -> std::ffi::OsString {
    let mut path = directory.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    path
}

#[test]
fn argv_0_is_what_was_typed() {
    for start in [Init::new, child, pid1] {
        let ended = start(["sh", "-c", "tr '\\0' ' ' </proc/$$/cmdline"]).run();
        assert!(ended.stdout.starts_with("sh -c "), "{}", ended.stdout);
    }
}

#[test]
fn bad_settings_of_a_pass_through_are_all_told() {
    let ended = Init::new(["true"])
        .env("APP_INIT_HANDOFF", "fork")
        .env("APP_INIT_SIGNAL_MAP", "TREM=QUIT")
        .env("APP_INIT_SUCCESS_CODES", "256")
        .run();
    assert_eq!(ended.code, 78);
    insta::assert_snapshot!(ended.stderr, @r"
    error: APP_INIT_HANDOFF: `fork` is not auto, supervise or exec
    error: APP_INIT_SIGNAL_MAP: `TREM` is not a signal; did you mean TERM?
    hint: write pairs: `TERM=QUIT,INT=TERM` replaces, `HUP=` drops; what comes out is not replaced again
    error: APP_INIT_SUCCESS_CODES: `256` is not an exit code, 0 to 255
    hint: write exit codes that shall count as success: `143,130`
    ");
}

/// What a mode understands, a pass-through does too: `off` is no delay, and quotes are taken off.
#[test]
fn a_pass_through_reads_settings_as_a_mode_does() {
    for words in [["true"].as_slice(), &["api", "--", "true"]] {
        let ended = Init::new(words)
            .env("APP_INIT_STOP_DELAY", "off")
            .env("APP_INIT_LEFTOVER_GRACE", "\"5s\"")
            .env("APP_INIT_SIGNALS_INHERIT", "'Yes'")
            .run();
        assert_eq!(ended.code, 0, "{words:?}: {}", ended.stderr);
    }
}

/// Other settings are none of its business, and it sees them as they are.
#[test]
fn a_pass_through_minds_no_other_setting() {
    let ended = Init::new(["sh", "-c", "echo $AUTORUN_MIGRATIONS $APP_INIT_STOP_DELAY"])
        .env("AUTORUN_MIGRATIONS", "flase")
        .env("APP_INIT_CONFIG", "/nowhere/init.toml")
        .env("APP_INIT_STOP_DELAY", "\"0\"")
        .run();
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "flase \"0\"\n"), "{}", ended.stderr);
}

#[test]
fn a_private_name_typed_by_hand_starts_nothing() {
    let binary = binary();
    for name in ["init:serve", "init:launch"] {
        let words = ["named", name, binary.to_str().unwrap(), "true"];
        let ended = Init::wrapped(probing(words)).run();
        assert_ne!(ended.code, 0, "{name}");
    }
}
