//! `APP_INIT_USER` and `APP_INIT_DIRS`. As an ordinary user every test that needs root proves
//! instead that another user is refused and nothing is touched.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

use nix::{
    sys::signal::Signal,
    unistd::{Gid, Uid},
};

use crate::support::{
    Init, free_port,
    init::{binary, open_folder, public_binary, shell},
    pid1::status,
};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\napp:x:4242:4243::/srv/app:/bin/sh\n";
const GROUP: &str = "root:x:0:\napp:x:4243:\nextra:x:4300:other,app\nforeign:x:4301:other\n";

fn root() -> bool {
    Uid::effective().is_root()
}

/// `init ARGS…` in an image whose /etc/passwd and /etc/group are those above. Needs root.
fn image(arguments: &[&str]) -> Init {
    let files = tempfile::tempdir().unwrap().keep();
    fs::write(files.join("passwd"), PASSWD).unwrap();
    fs::write(files.join("group"), GROUP).unwrap();
    let script = "mount --bind \"$1/passwd\" /etc/passwd && mount --bind \"$1/group\" /etc/group \
                  && rm -r \"$1\" 2>/dev/null; shift; exec \"$@\"";
    Init::wrapped(["unshare", "--mount", "--", "sh", "-c", script, "sh"])
        .arg(files)
        .arg(binary())
        .with(|command| {
            command.args(arguments).env("HOME", "/root").current_dir("/");
        })
}

/// What an ordinary user gets who asks for another; `touched` must not be there afterwards.
fn is_refused(touched: &Path) {
    let end = Init::server("echo started")
        .env("APP_INIT_USER", "4242:4243")
        .env("APP_INIT_DIRS", touched)
        .run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert!(end.stderr.contains("cannot become `4242:4243`, uid 4242, gid 4243"), "{}", end.stderr);
    assert!(end.stderr.contains("start the container as root"), "{}", end.stderr);
    assert!(!end.stdout.contains("started") && !touched.exists(), "{}", end.stdout);
}

fn owner(path: &Path) -> (u32, u32) {
    let found = fs::metadata(path).unwrap();
    (found.uid(), found.gid())
}

/// Lines of /proc/PID/status that say whose a process is and what it may do.
const WHO: &str = "grep -E '^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb)):' /proc/self/status";

#[test]
fn the_server_is_that_user_in_everything() {
    if !root() {
        return is_refused(&PathBuf::from("/tmp/app-init-never-made"));
    }
    for handoff in ["exec", "supervise"] {
        let server = format!("{WHO}; echo HOME=$HOME LOGNAME=$LOGNAME USER=${{USER-unset}}");
        let end = image(&["api"])
            .env("APP_INIT_API_COMMAND", shell(&server))
            .env("APP_INIT_USER", "app")
            .env("APP_INIT_HANDOFF", handoff)
            .env("LOGNAME", "root")
            .run();
        assert_eq!(end.code, 0, "{}", end.stderr);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = end.stdout.lines().map(words).collect();
        assert_eq!(
            lines,
            [
                "Uid: 4242 4242 4242 4242",
                "Gid: 4243 4243 4243 4243",
                "Groups: 4243 4300",
                "CapInh: 0000000000000000",
                "CapPrm: 0000000000000000",
                "CapEff: 0000000000000000",
                "CapAmb: 0000000000000000",
                "HOME=/srv/app LOGNAME=app USER=unset",
            ],
            "{handoff}: {}",
            end.stderr
        );
        let row = end.stderr.lines().find(|line| line.starts_with("init: user "));
        assert!(row.is_some_and(|row| row.contains("app (uid 4242, gid 4243)")), "{}", end.stderr);
    }
}

#[test]
fn there_is_no_way_back() {
    if !root() {
        return is_refused(&PathBuf::from("/tmp/app-init-never-made"));
    }
    let try_back = "trap 'exit 0' TERM; setpriv --reuid=0 true 2>/dev/null && echo root-again; \
                    echo tried=$((1+1)); while :; do sleep 0.05; done";
    let init = image(&["api"])
        .env("APP_INIT_API_COMMAND", shell(try_back))
        .env("APP_INIT_USER", "app")
        .env("APP_INIT_HANDOFF", "supervise")
        .start();
    init.expect_line("tried=2");
    // The supervisor has dropped too: `unshare` and `sh` became it, so the pid is its own.
    let pid = init.pid();
    assert_eq!(status(pid, "Uid"), "4242\t4242\t4242\t4242");
    assert_eq!(status(pid, "CapPrm"), "0000000000000000");
    init.signal(Signal::SIGTERM);
    let end = init.finish();
    assert_eq!(end.code, 0, "{}", end.stderr);
    assert!(!end.stdout.contains("root-again"), "{}", end.stdout);
}

#[test]
fn every_thread_and_every_step_is_that_user() {
    if !root() {
        return is_refused(&PathBuf::from("/tmp/app-init-never-made"));
    }
    // A name to look up needs a thread of its own, which stays for a while.
    let target = format!("tcp://localhost:{}", free_port());
    let init = image(&["wait", &target]).env("APP_INIT_USER", "app").start();
    init.expect_line("connection refused");
    let tasks = fs::read_dir(format!("/proc/{}/task", init.pid())).unwrap();
    let uids: Vec<String> = tasks
        .flatten()
        .map(|task| fs::read_to_string(task.path().join("status")).unwrap())
        .map(|status| status.lines().find(|line| line.starts_with("Uid:")).unwrap().to_owned())
        .collect();
    assert!(!uids.is_empty());
    assert!(uids.iter().all(|uid| uid == "Uid:\t4242\t4242\t4242\t4242"), "{uids:?}");
    init.signal(Signal::SIGTERM);
    assert_eq!(init.exit_code(), 128 + 15);

    let end = image(&["etl"])
        .env("APP_INIT_ETL_COMMAND", shell("id -u; id -G; echo $HOME"))
        .env("APP_INIT_USER", "app:4301")
        .env("HOME", "/chosen")
        .run();
    assert_eq!((end.code, end.stdout.as_str()), (0, "4242\n4301\n/chosen\n"), "{}", end.stderr);
}

#[test]
fn the_output_can_be_opened_by_name() {
    if !root() {
        return is_refused(&PathBuf::from("/tmp/app-init-never-made"));
    }
    let end = image(&["api"])
        .env("APP_INIT_API_COMMAND", shell("echo one >/dev/stdout; echo two >/dev/stderr"))
        .env("APP_INIT_USER", "4242")
        .run();
    assert_eq!((end.code, end.stdout.as_str()), (0, "one\n"), "{}", end.stderr);
    assert!(end.stderr.contains("two"), "{}", end.stderr);
}

#[test]
fn directories_are_made_for_the_user() {
    let folder = open_folder();
    let (made, fresh) = (folder.path().join("a/b/c"), folder.path().join("fresh"));
    if !root() {
        return is_refused(&made);
    }
    fs::create_dir(&fresh).unwrap();
    fs::create_dir(fresh.join("lost+found")).unwrap();
    let dirs = format!("{},{}", made.display(), fresh.display());
    let end = image(&["api"])
        .env(
            "APP_INIT_API_COMMAND",
            shell(&format!("touch {}/x {}/y", made.display(), fresh.display())),
        )
        .env("APP_INIT_USER", "app")
        .env("APP_INIT_DIRS", dirs)
        .run();
    assert_eq!(end.code, 0, "{}", end.stderr);
    for path in [&made, made.parent().unwrap(), &folder.path().join("a"), &fresh] {
        assert_eq!(owner(path), (4242, 4243), "{}", path.display());
    }
    assert_eq!(owner(&fresh.join("lost+found")), (0, 0), "nothing is changed recursively");
    assert_eq!(owner(folder.path()), (0, 0), "what was there above is left alone");
    assert!(end.stderr.contains("fresh was root's and empty"), "{}", end.stderr);
}

#[test]
fn what_others_own_is_not_given_away() {
    let folder = open_folder();
    let path = |name: &str| folder.path().join(name);
    if !root() {
        return is_refused(&path("made"));
    }
    for name in ["full", "foreign", "target"] {
        fs::create_dir(path(name)).unwrap();
    }
    fs::write(path("full/file"), "").unwrap();
    chown(path("foreign"), Some(5), Some(5)).unwrap();
    // A link that the application itself could have left to get at a directory of root's.
    symlink(path("target"), path("link")).unwrap();
    std::os::unix::fs::lchown(path("link"), Some(4242), None).unwrap();
    for (name, owned) in [("full", "root:root"), ("foreign", "5:5"), ("link", "root:root")] {
        let end = image(&["api"])
            .env("APP_INIT_API_COMMAND", shell("echo started"))
            .env("APP_INIT_USER", "app")
            .env("APP_INIT_DIRS", path(name))
            .run();
        assert_eq!(end.code, 73, "{name}: {}", end.stderr);
        let message =
            format!("it belongs to {owned} (mode 755) and the server runs as uid 4242, gid 4243");
        assert!(end.stderr.contains(&message), "{name}: {}", end.stderr);
        assert!(end.stderr.contains("chown 4242:4243"), "{name}: {}", end.stderr);
        assert!(!end.stdout.contains("started"), "{name}");
    }
    assert_eq!(owner(&path("target")), (0, 0));
}

#[test]
fn a_user_who_is_that_user_already_just_starts() {
    let (uid, gid) =
        if root() { (4242, 4243) } else { (Uid::effective().as_raw(), Gid::effective().as_raw()) };
    let (_folder, public) = public_binary();
    for asked in [format!("{uid}"), format!("{uid}:{gid}")] {
        let end = Init::wrapped([&public])
            .with(|command| {
                use std::os::unix::process::CommandExt;
                if root() {
                    command.uid(uid).gid(gid);
                }
            })
            .arg("api")
            .current_dir("/")
            .env("APP_INIT_API_COMMAND", "id -u")
            .env("APP_INIT_USER", &asked)
            .run();
        assert_eq!((end.code, end.stdout), (0, format!("{uid}\n")), "{asked}: {}", end.stderr);
        assert!(end.stderr.contains(&format!("uid {uid} already")), "{asked}: {}", end.stderr);
    }
}

#[test]
fn others_than_root_are_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let made = folder.path().join("made");
    if !root() {
        return is_refused(&made);
    }
    let (_folder, public) = public_binary();
    let end = Init::wrapped([public])
        .with(|command| {
            use std::os::unix::process::CommandExt;
            command.uid(4242).gid(4242);
        })
        .arg("api")
        .current_dir("/")
        .env("APP_INIT_API_COMMAND", shell("echo started"))
        .env("APP_INIT_USER", "4243")
        .env("APP_INIT_DIRS", &made)
        .run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    assert!(end.stderr.contains("app-init was started as uid 4242, gid 4242"), "{}", end.stderr);
    assert!(!end.stdout.contains("started") && !made.exists());
}

#[test]
fn root_without_the_capabilities_is_told_which() {
    if !root() {
        return is_refused(&PathBuf::from("/tmp/app-init-never-made"));
    }
    for missing in ["setuid", "setgid"] {
        let end = Init::wrapped(["setpriv", &format!("--bounding-set=-{missing}"), "--"])
            .arg(binary())
            .arg("api")
            .current_dir("/")
            .env("APP_INIT_API_COMMAND", shell("echo started"))
            .env("APP_INIT_USER", "4242")
            .run();
        assert_eq!(end.code, 78, "{missing}: {}", end.stderr);
        assert!(end.stderr.contains("capabilities SETUID and SETGID"), "{missing}: {}", end.stderr);
        assert!(!end.stdout.contains("started"), "{missing}");
    }
}

#[test]
fn an_unknown_user_is_told_with_everything_else() {
    let end = Init::server("echo started")
        .env("APP_INIT_USER", "rooot")
        .env("SEED_ON_START", "maybe")
        .run();
    assert_eq!(end.code, 78, "{}", end.stderr);
    for text in
        ["APP_INIT_USER: /etc/passwd has no user `rooot`", "did you mean `root`?", "`maybe`"]
    {
        assert!(end.stderr.contains(text), "{text}: {}", end.stderr);
    }
    for (user, message) in [
        ("0:rooot", "/etc/group has no group `rooot`"),
        ("a:b:c", "`a:b:c` is not name|uid[:gid]"),
        ("4294967295", "is no user or group number"),
    ] {
        let end = Init::new(["config", "--check"]).env("APP_INIT_USER", user).run();
        assert!(end.code == 78 && end.stderr.contains(message), "{user}: {}", end.stderr);
    }
}

#[test]
fn a_program_that_is_handed_over_keeps_its_user() {
    let end = Init::new(["id", "-u"]).env("APP_INIT_USER", "4242").run();
    assert_eq!((end.code, end.stdout), (0, format!("{}\n", Uid::effective())), "{}", end.stderr);
}
