//! A private real Postgres: installed server binaries, a temporary directory, a free port.
//!
//! Servers refuse to run as root (PostgreSQL manual, 18.1), so as root they run as `postgres` or
//! `nobody`. Each is guarded by a shell that stops it when the test process is gone, however it ended.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid, User, chown},
};

use super::{CANARY, Stopped, free_port, until};

/// One server. The shared one serves most tests, each with a database of its own.
pub(crate) struct Postgres {
    directory: PathBuf,
    pub(crate) port: u16,
    guard: Option<(Child, ChildStdin)>,
}

/// Stops the server when its standard input ends and removes what it stored if told to.
const GUARD: &str = r#"data=$1; shift
"$@" & pid=$!
trap '' INT TERM
read -r order
kill -INT $pid 2>/dev/null
wait $pid
[ "$order" = keep ] || rm -rf "${data%/*}""#;

impl Postgres {
    /// The server that tests share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server for one test, up and answering.
    pub(crate) fn start() -> Self {
        let mut server = Self::prepared();
        server.up();
        server
    }

    /// A cluster that is not running yet: `up` starts it on `port`.
    pub(crate) fn prepared() -> Self {
        let directory = tempfile::Builder::new().prefix("app-init-pg").tempdir().unwrap().keep();
        give_away(&directory);
        let password = directory.join("password");
        fs::write(&password, CANARY).unwrap();
        give_away(&password);
        let data = directory.join("data");
        let made = as_server_user("initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "scram-sha-256",
                "-E",
                "UTF8",
                "--no-sync",
                "--locale=C",
            ])
            .arg("--pwfile")
            .arg(&password)
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self { directory: data, port: free_port(), guard: None };
        server.configure("fsync = off\nmax_connections = 200\nunix_socket_directories = '/tmp'");
        server.configure("listen_addresses = '127.0.0.1'");
        server.configure(&format!("port = {}", server.port));
        server
    }

    /// Adds lines to `postgresql.conf`; they count from the next `up`.
    pub(crate) fn configure(&mut self, lines: &str) {
        let path = self.directory.join("postgresql.conf");
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{lines}").unwrap();
    }

    /// Replaces `pg_hba.conf`; counts from the next `up` or SIGHUP.
    pub(crate) fn hba(&self, lines: &str) {
        fs::write(self.directory.join("pg_hba.conf"), format!("{lines}\n")).unwrap();
    }

    pub(crate) fn data(&self) -> &Path {
        &self.directory
    }

    /// A server for one test, up, that starts no sessions of its own.
    pub(crate) fn quiet() -> Self {
        let mut server = Self::prepared();
        server.configure("autovacuum = off");
        server.up();
        server
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn up(&mut self) {
        self.launch();
        self.answers();
    }

    /// Waits until it answers.
    pub(crate) fn answers(&self) {
        until("the test's Postgres answers", || self.psql("postgres", "select 1").ok());
    }

    /// Starts the server without waiting for it.
    pub(crate) fn launch(&mut self) {
        self.launch_with(&[]);
    }

    /// The same with more words on its command line.
    pub(crate) fn launch_with(&mut self, words: &[&str]) {
        self.launch_below(&[], words);
    }

    /// The same, started by the command `before`, which it replaces.
    pub(crate) fn launch_below(&mut self, before: &[&str], words: &[&str]) {
        let log = fs::File::create(self.directory.parent().unwrap().join("log")).unwrap();
        let mut shell = as_server_user_path(Path::new("/bin/sh"));
        shell.args(["-c", GUARD, "guard"]).arg(&self.directory).args(before);
        shell.arg(tool("postgres")).arg("-D").arg(&self.directory).args(words);
        // A group of its own: ^C at the terminal must not reach the server before the guard.
        shell.process_group(0).stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = shell.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        self.guard = Some((child, input));
    }

    /// Stops the server, keeping its data for the next `up`.
    pub(crate) fn down(&mut self) {
        if let Some((mut child, mut input)) = self.guard.take() {
            writeln!(input, "keep").unwrap();
            drop(input);
            child.wait().unwrap();
        }
    }

    /// Sends a signal to the postmaster: TERM stops it once all clients have left.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.postmaster(), signal).unwrap();
    }

    pub(crate) fn postmaster(&self) -> Pid {
        let file = fs::read_to_string(self.directory.join("postmaster.pid")).unwrap();
        Pid::from_raw(file.lines().next().unwrap().parse().unwrap())
    }

    /// Stops the postmaster until the answer is dropped: the kernel goes on accepting for it.
    pub(crate) fn pause(&self) -> Stopped {
        Stopped::new(self.postmaster())
    }

    /// A session that stays until it is dropped. Asked for again while the server refuses one.
    pub(crate) fn hold(&self) -> Holder {
        until("a session", || {
            let mut child = Command::new(tool("psql"))
                .args(["-XAtq", "-d", &self.url("postgres")])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            // A psql that got no session has left already.
            drop(writeln!(input, "select pg_backend_pid();"));
            let mut answer = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
            let Ok(backend) = answer.trim().parse() else {
                child.wait().unwrap();
                return None;
            };
            Some(Holder { child, backend: Pid::from_raw(backend), input })
        })
    }

    /// A copy of the data directory as a backup leaves it whose end lies in a later segment of the log
    /// than its beginning; and the name of the first segment.
    pub(crate) fn torn_backup(&self) -> (tempfile::TempDir, String) {
        let copy = tempfile::Builder::new().prefix("app-init-copy").tempdir().unwrap();
        fs::set_permissions(copy.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let (data, place) = (self.directory.display(), copy.path().display());
        let script = format!(
            "select pg_walfile_name(pg_backup_start('x', true));\n\\! cp -a {data} {place}/data\n\
             select 'switched' from pg_switch_wal();\ncreate table after (id int);\n\
             \\o {place}/data/backup_label\nselect labelfile from pg_backup_stop(false);\n"
        );
        let mut psql = Command::new(tool("psql"));
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", &self.url("postgres"), "-f", "-"]);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = psql.spawn().unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the backup failed");
        let first = String::from_utf8(output.stdout).unwrap();
        (copy, first.lines().next().unwrap().to_owned())
    }

    /// Puts a copy made by `torn_backup` in the place of this cluster, as a standby without log.
    pub(crate) fn restore(&mut self, copy: &Path) {
        fs::remove_dir_all(&self.directory).unwrap();
        let script = r#"cp -a "$1/data" "$2" && cd "$2" && rm -rf postmaster.pid pg_wal/0* && touch standby.signal
            chown --reference=PG_VERSION backup_label standby.signal"#;
        let words = ["-c", script, "sh"];
        let mut shell = Command::new("sh");
        shell.args(words).arg(copy).arg(&self.directory);
        assert!(shell.status().unwrap().success());
        self.configure(&format!("port = {}", self.port));
    }

    /// What the server wrote to its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.parent().unwrap().join("log")).unwrap_or_default()
    }

    /// A new empty database; its URL.
    pub(crate) fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("create database {name}")).unwrap();
        self.url(&name)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres:{CANARY}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the superuser; unaligned rows, or psql's error text.
    pub(crate) fn psql(&self, database: &str, sql: &str) -> Result<String, String> {
        psql(&self.url(database), sql)
    }
}

/// A session of psql.
pub(crate) struct Holder {
    child: Child,
    backend: Pid,
    input: ChildStdin,
}

impl Holder {
    /// The server's process of the session.
    pub(crate) fn backend(&self) -> Pid {
        self.backend
    }

    /// Runs SQL in the session, without waiting for it.
    pub(crate) fn run(&mut self, sql: &str) {
        writeln!(self.input, "{sql};").unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some((mut child, input)) = self.guard.take() {
            drop(input);
            drop(child.wait());
        }
        drop(fs::remove_dir_all(self.directory.parent().unwrap()));
    }
}

/// Runs SQL over a URL; unaligned rows without headings, or psql's error text.
pub(crate) fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new(tool("psql"))
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The full path of a server program.
pub(crate) fn tool(name: &str) -> PathBuf {
    let mut directories: Vec<PathBuf> =
        std::env::var_os("PG_BIN").map(PathBuf::from).into_iter().collect();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    // Of what PG_BIN does not have, such as psql: the installed one, which serves older servers too.
    directories.extend(versions.into_iter().rev());
    directories.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    directories
        .into_iter()
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no `{name}`: install Postgres' server programs or set PG_BIN"))
}

fn as_server_user(name: &str) -> Command {
    as_server_user_path(&tool(name))
}

/// A program that will run as the user of the servers.
pub(crate) fn as_server_user_path(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/tmp");
    if let Some(user) = server_user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// Whom servers run as; `None` if that is the tests' own user.
fn server_user() -> Option<User> {
    let known = |name| User::from_name(name).ok().flatten();
    Uid::effective().is_root().then(|| known("postgres").or_else(|| known("nobody")).unwrap())
}

fn give_away(path: &Path) {
    if let Some(user) = server_user() {
        chown(path, Some(user.uid), Some(user.gid)).unwrap();
    }
}
