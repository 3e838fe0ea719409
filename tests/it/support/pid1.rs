//! `init` as PID 1 of a namespace of its own, and the small C program that plays the server.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use nix::unistd::Pid;

use super::{Init, Running, init::binary, until};

/// How this machine lets us have a PID namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// As root.
    Plain,
    /// As an ordinary user, root of a user namespace.
    User,
    /// Not at all: `init` is tested as a supervisor that is not PID 1.
    None,
}

impl Namespace {
    /// The best there is, found by trying.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Namespace> = OnceLock::new();
        *BEST.get_or_init(|| {
            let works = |kind: &Self| {
                let (program, arguments) = kind.words().split_first().unwrap();
                let mut probe = Command::new(program);
                probe.args(arguments).arg("true").stderr(Stdio::null());
                probe.status().is_ok_and(|status| status.success())
            };
            [Self::Plain, Self::User].into_iter().find(works).unwrap_or(Self::None)
        })
    }

    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--"],
            Self::User => {
                &["unshare", "-Ur", "--pid", "--fork", "--mount-proc", "--kill-child", "--"]
            }
            Self::None => &["env"],
        }
    }
}

/// `before… init ARGS…`, supervising; as PID 1 if the machine allows it.
pub(crate) fn wrapped<S: AsRef<OsStr>>(
    before: &[&OsStr],
    arguments: impl IntoIterator<Item = S>,
) -> Init {
    let mut words: Vec<OsString> = Namespace::best().words().iter().map(OsString::from).collect();
    words.extend(before.iter().map(OsString::from));
    words.push(binary().into());
    words.extend(arguments.into_iter().map(|word| word.as_ref().to_owned()));
    // A directory without `./migrations`.
    let init = Init::wrapped(words).current_dir(env!("CARGO_TARGET_TMPDIR"));
    init.env("APP_INIT_HANDOFF", "supervise")
}

/// `init ARGS…` as PID 1 if the machine allows it.
pub(crate) fn pid1<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Init {
    wrapped(&[], arguments)
}

/// `init ARGS…` supervising, and not as PID 1.
pub(crate) fn child<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Init {
    Init::new(arguments).env("APP_INIT_HANDOFF", "supervise")
}

impl Running {
    /// Waits until `init` has blocked all signals, which is the first thing it does. As PID 1 a
    /// signal before that is dropped by the kernel.
    pub(crate) fn expect_mask(&self) {
        let pid = self.init_pid();
        // All but KILL and STOP; `unshare` blocks some for a moment too.
        until("signals are blocked", || status(pid, "SigBlk").ends_with("7ffbfeff").then_some(()));
    }

    /// The pid of `init` itself, as we see it: below `strace` and `unshare` if they are there.
    pub(crate) fn init_pid(&self) -> Pid {
        until("init is there", || below_wrappers(self.pid()))
    }
}

fn below_wrappers(pid: Pid) -> Option<Pid> {
    // Empty for a moment while the process is in exec.
    let words = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let first = words.split(|byte| *byte == 0).next().filter(|word| !word.is_empty())?;
    let wraps = [b"strace".as_slice(), b"unshare"].contains(&first);
    if wraps { below_wrappers(*children(pid).first()?) } else { Some(pid) }
}

/// The children of a process.
pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

/// A field of `/proc/PID/status`; empty if the process is gone.
pub(crate) fn status(pid: Pid, field: &str) -> String {
    let all = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = all.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// Whether it has ended, even if nobody has collected it.
pub(crate) fn is_gone(pid: Pid) -> bool {
    let state = status(pid, "State");
    state.is_empty() || state.starts_with('Z')
}

/// Whether strace is there and may trace.
pub(crate) fn can_trace() -> bool {
    let mut works = Command::new("strace");
    works.args(["-qq", "-o", "/dev/null", "true"]);
    works.status().is_ok_and(|done| done.success())
}

/// The compiled `probe.c`.
pub(crate) fn probe() -> PathBuf {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    let path = PROBE.get_or_init(|| {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/probe.c");
        // Several test processes may build it at once: each its own, then a rename.
        let own = directory.join(format!("probe-{}", std::process::id()));
        let built = Command::new("cc").args(["-O1", "-o"]).arg(&own).arg(source).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let path = directory.join("probe");
        fs::rename(own, &path).unwrap();
        path
    });
    path.clone()
}

/// The words of a probe.
pub(crate) fn probing<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Vec<OsString> {
    let words = words.into_iter().map(|word| word.as_ref().to_owned());
    std::iter::once(probe().into_os_string()).chain(words).collect()
}
