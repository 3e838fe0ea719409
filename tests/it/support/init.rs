//! Drives the real binary: arguments and environment in, lines and exit code out.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::JoinHandle,
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    CANARY, PATIENCE,
    pid1::{children, status},
    until,
};

/// A start of `init` that is being put together. Nothing of the test's environment reaches it but PATH.
pub(crate) struct Init {
    command: Command,
    directory: Option<tempfile::TempDir>,
}

impl Init {
    /// `init ARGS…` in an empty directory of its own.
    pub(crate) fn new<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut init = Self::wrapped([binary()]);
        init.command.args(arguments).current_dir(directory.path());
        init.directory = Some(directory);
        init
    }

    /// `init api` with a server that is a shell script.
    pub(crate) fn server(script: &str) -> Self {
        Self::new(["api"]).env("APP_INIT_API_COMMAND", shell(script))
    }

    /// A command that starts the binary itself, such as `unshare … init api`.
    pub(crate) fn wrapped<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Self {
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        Self { command, directory: None }
    }

    /// The same, started by the command `before`, such as `strace -f`.
    pub(crate) fn below(mut self, before: &[&str]) -> Self {
        let mut command = Command::new(before[0]);
        command.args(&before[1..]).arg(self.command.get_program()).args(self.command.get_args());
        command.env_clear().stdin(Stdio::null());
        for (name, value) in self.command.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.current_dir(self.command.get_current_dir().unwrap());
        self.command = command;
        self
    }

    pub(crate) fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// For what has no method here: inherited descriptors, uid, stdin.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    pub(crate) fn start(mut self) -> Running {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let stdout = Transcript::follow(child.stdout.take().unwrap());
        let stderr = Transcript::follow(child.stderr.take().unwrap());
        Running { child, stdout, stderr, status: None, directory: self.directory }
    }

    /// Starts it with the streams that it was given, for who reads them elsewhere.
    pub(crate) fn spawn_as_is(mut self) -> (Child, Option<tempfile::TempDir>) {
        (self.command.spawn().unwrap(), self.directory)
    }

    /// Starts and waits for the end.
    pub(crate) fn run(self) -> Finished {
        self.start().finish()
    }
}

/// A shell script as a command of the settings.
pub(crate) fn shell(script: &str) -> String {
    serde_json::to_string(&["sh", "-c", script]).unwrap()
}

/// The binary under test: cargo's, or the one that `INIT` names, such as dist/init.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("INIT")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_init")), PathBuf::from)
}

/// The binary in a folder that every user reaches.
pub(crate) fn public_binary() -> (tempfile::TempDir, PathBuf) {
    let folder = open_folder();
    let copy = folder.path().join("init");
    // By a process of its own: a descriptor open for writing that another test's child inherits
    // would make the copy busy (ETXTBSY).
    let copied = Command::new("cp").args([&binary(), &copy]).status().unwrap();
    assert!(copied.success());
    (folder, copy)
}

/// A folder that every user reaches.
pub(crate) fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A started `init`. Killed if the test ends first, with all its descendants.
pub(crate) struct Running {
    child: Child,
    stdout: Transcript,
    stderr: Transcript,
    status: Option<ExitStatus>,
    directory: Option<tempfile::TempDir>,
}

/// What an ended `init` left.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Exit code; `128 + N` if the process itself died of signal N.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for a line on stdout or stderr that contains `text` and returns it.
    pub(crate) fn expect_line(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.stderr.find(text).or_else(|| self.stdout.find(text)) {
                return line;
            }
            assert!(Instant::now() < deadline, "no line with {text:?} in:\n{}", self.output());
            self.stderr.wait_briefly();
        }
    }

    /// Both streams so far.
    pub(crate) fn output(&self) -> String {
        format!("--- stdout\n{}--- stderr\n{}", self.stdout.text(), self.stderr.text())
    }

    /// Waits for the end and checks that no output shows the canary.
    pub(crate) fn finish(mut self) -> Finished {
        let deadline = Instant::now() + 2 * PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "init never ended:\n{}", self.output());
            std::thread::sleep(std::time::Duration::from_millis(2));
        };
        self.status = Some(status);
        self.stdout.join();
        self.stderr.join();
        let finished =
            Finished { code: code(status), stdout: self.stdout.text(), stderr: self.stderr.text() };
        for text in [&finished.stdout, &finished.stderr] {
            assert!(!text.contains(CANARY), "the password is shown:\n{text}");
        }
        finished
    }

    /// Waits for the end; the exit code.
    pub(crate) fn exit_code(self) -> i32 {
        self.finish().code
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            kill_below(self.pid());
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Kills all descendants. They are stopped first: a stopped process starts no other, and whoever lost
/// its parent on the way could not be found any more.
fn kill_below(root: Pid) {
    let mut stopped = vec![root];
    let mut next = 0;
    while let Some(parent) = stopped.get(next).copied() {
        let _ = kill(parent, Signal::SIGSTOP);
        // It stops before it runs on, but what is in a system call finishes that.
        until("it is stopped", || "TtZX".contains(state(parent)).then_some(()));
        stopped.extend(children(parent));
        next += 1;
    }
    for pid in &stopped[1..] {
        let _ = kill(*pid, Signal::SIGKILL);
    }
}

/// The state's letter (proc(5)); X for a process that is gone.
pub(crate) fn state(pid: Pid) -> char {
    status(pid, "State").chars().next().unwrap_or('X')
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

/// One output stream, collected by a thread.
struct Transcript {
    state: Arc<(Mutex<Vec<u8>>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Transcript {
    fn follow(stream: impl Read + Send + 'static) -> Self {
        let state = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let shared = Arc::clone(&state);
        let reader = std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while matches!(stream.read_until(b'\n', &mut line), Ok(1..)) {
                shared.0.lock().unwrap().append(&mut line);
                shared.1.notify_all();
            }
        });
        Self { state, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.state.0.lock().unwrap()).into_owned()
    }

    fn find(&self, text: &str) -> Option<String> {
        self.text().lines().find(|line| line.contains(text)).map(str::to_owned)
    }

    fn wait_briefly(&self) {
        let guard = self.state.0.lock().unwrap();
        drop(self.state.1.wait_timeout(guard, std::time::Duration::from_millis(20)).unwrap());
    }

    /// Waits for end of file: every process that holds the stream has ended.
    fn join(&mut self) {
        let reader = self.reader.take().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !reader.is_finished() {
            assert!(Instant::now() < deadline, "a process left behind holds the output open");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        reader.join().unwrap();
    }
}
