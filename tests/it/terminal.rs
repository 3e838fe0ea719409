//! Job control on a real terminal: a pseudo-terminal whose other end is the test.

use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Write},
    process::Stdio,
    sync::{Arc, Mutex},
};

use nix::{pty::openpty, unistd::Pid};

use crate::support::{
    Init, Running,
    init::binary,
    pid1::{Namespace, can_trace, children, probing, status},
    unproved, until,
};

/// A session on a terminal of its own, and the keyboard and screen of that.
struct Session {
    running: Running,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Session {
    /// Starts `words` as the leader of a session on a new terminal.
    fn start(words: Vec<OsString>) -> Self {
        let pty = openpty(None, None).unwrap();
        let slave = File::from(pty.slave);
        let mut all = probing(["terminal"]);
        all.extend(words);
        let init = Init::wrapped(all).env("APP_INIT_HANDOFF", "supervise").with(|command| {
            command.stdin(Stdio::from(slave.try_clone().unwrap()));
        });
        let running = init.start();
        let keyboard = File::from(pty.master);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut master, shown) = (keyboard.try_clone().unwrap(), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 1024];
            // EIO is the end: nobody holds the other side any more.
            while let Ok(length @ 1..) = master.read(&mut bytes) {
                shown.lock().unwrap().extend_from_slice(&bytes[..length]);
            }
        });
        drop(slave);
        Self { running, keyboard, screen }
    }

    /// `sh SCRIPT` on the terminal, with `init` as `$1`.
    fn shell(arguments: &[&str], script: &str) -> Self {
        let mut words: Vec<OsString> = vec!["sh".into()];
        words.extend(arguments.iter().map(Into::into));
        words.extend(["-c".into(), script.into(), "sh".into(), binary().into_os_string()]);
        words.extend(probing::<&str>([]));
        Self::start(words)
    }

    fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    fn expect_screen(&self, text: &str) {
        until(&format!("{text:?} on the screen"), || {
            let screen = String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned();
            screen.contains(text).then_some(())
        });
    }
}

/// `init PROBE foreground`, with and without standard input on the terminal.
#[test]
fn the_server_is_in_front_of_the_terminal_before_it_looks() {
    for redirect in ["", "</dev/null"] {
        let script = format!("exec \"$1\" \"$2\" foreground {redirect}");
        let mut session = Session::shell(&[], &script);
        session.running.expect_line("front yes");
        session.type_in("hello\n");
        session.running.expect_line("read hello");
        assert_eq!(session.running.exit_code(), 0);
    }
}

/// tini and catatonit leave the terminal with a group that is gone.
#[test]
fn the_terminal_is_given_back() {
    let mut session =
        Session::shell(&[], "\"$1\" true; read -r line </dev/tty; echo \"got $line\"");
    session.type_in("hello\n");
    session.running.expect_line("got hello");
    assert_eq!(session.running.exit_code(), 0);
}

#[test]
fn the_terminal_is_given_back_though_the_server_was_killed() {
    let script =
        "\"$1\" sh -c 'kill -9 $$'; echo \"code $?\"; read -r line </dev/tty; echo \"got $line\"";
    let mut session = Session::shell(&[], script);
    session.type_in("hello\n");
    session.running.expect_line("code 137");
    session.running.expect_line("got hello");
    assert_eq!(session.running.exit_code(), 0);
}

/// The terminal sends SIGINT to the group in front, and that must not include us: the server would
/// get it twice.
#[test]
fn interrupt_reaches_the_server_once() {
    let script = "trap '' INT; \"$1\" \"$2\" count; echo \"code $?\"";
    let mut session = Session::shell(&[], script);
    session.running.expect_line("ready");
    session.type_in("\x03");
    session.running.expect_line("got 2");
    // If we had been in front as well, ours would have arrived before this one.
    session.type_in("\x1c");
    session.running.expect_line("got 3");
    let got = session.running.output().matches("got 2").count();
    assert_eq!(got, 1, "{}", session.running.output());
}

/// As the only process that a terminal's user can reach: `docker run -it`.
#[test]
fn interrupt_reaches_the_server_of_a_session_leader() {
    let mut session = Session::shell(&[], "exec \"$1\" \"$2\" count");
    session.running.expect_line("ready");
    session.type_in("\x03");
    session.running.expect_line("got 2");
}

/// ^Z stops the job, the shell goes on, `fg` continues it, and its exit code arrives.
#[test]
fn suspend_and_resume_work_as_without_us() {
    let server = "echo up; read -r line </dev/tty; echo \"got $line\"; exit 7";
    let script = format!(
        "\"$1\" sh -c '{server}'; echo \"stopped $?\"; read -r line </dev/tty; echo \"shell $line\"; fg; echo \"code $?\""
    );
    let mut session = Session::shell(&["-m"], &script);
    session.running.expect_line("up");
    session.type_in("\x1a");
    session.running.expect_line("stopped");
    session.type_in("one\n");
    session.running.expect_line("shell one");
    session.type_in("two\n");
    session.running.expect_line("got two");
    session.running.expect_line("code 7");
}

/// Nobody could continue it: as for any orphaned process group, ^Z does nothing.
#[test]
fn suspend_without_a_shell_does_not_strand_the_server() {
    let mut session = Session::shell(
        &[],
        "exec \"$1\" sh -c 'echo up; read -r line </dev/tty; echo \"got $line\"'",
    );
    session.running.expect_line("up");
    session.type_in("\x1a");
    session.expect_screen("^Z");
    session.type_in("hello\n");
    session.running.expect_line("got hello");
    assert_eq!(session.running.exit_code(), 0);
}

/// An interactive shell as the server of PID 1 on a terminal has job control of its own.
#[test]
fn a_shell_has_job_control() {
    let unshare: &[&str] = match Namespace::best() {
        Namespace::Plain => &["unshare", "--pid", "--fork", "--mount-proc", "--"],
        Namespace::User => &["unshare", "-Ur", "--pid", "--fork", "--mount-proc", "--"],
        Namespace::None => &["env"],
    };
    let mut words: Vec<OsString> = unshare.iter().map(OsString::from).collect();
    words.push(binary().into_os_string());
    words.extend(["sh", "-m", "-c", "sleep 1000; echo \"job $?\"; exit 4"].map(OsString::from));
    let mut session = Session::start(words);
    // From the top each time: until it has become `unshare` the leader looks like `init` itself.
    until("the job is in front", || has_its_job_in_front(session.running.init_pid()).then_some(()));
    // Not ^C: a shell without a prompt follows a job that died of SIGINT (dash, POSIX XCU 2.11).
    session.type_in("\x1c");
    session.running.expect_line("job 131");
    assert_eq!(session.running.exit_code(), 4);
}

/// Whether the shell that this `init` supervises runs `sleep` in front of the terminal.
fn has_its_job_in_front(init: Pid) -> bool {
    let stat = children(init).first().and_then(|shell| {
        let job = children(*shell).first().copied()?;
        std::fs::read_to_string(format!("/proc/{job}/stat")).ok()
    });
    stat.as_ref().and_then(|stat| stat.rsplit_once(')')).is_some_and(|(name, rest)| {
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Its own group (3rd) is the terminal's (6th), and it is past exec.
        fields[2] == fields[5] && name.ends_with("(sleep")
    })
}

/// The shell has a job of its own in front before `init` gets to its next system call.
#[test]
fn the_terminal_is_not_taken_from_a_fast_shell() {
    if !can_trace() {
        return unproved("strace is missing or may not trace");
    }
    // Without -f: only `init` itself is slowed down.
    let slow = ["strace", "-qq", "-o", "/dev/null", "-e", "inject=ioctl:delay_enter=200000"];
    let mut words: Vec<OsString> = slow.iter().map(OsString::from).collect();
    words.push(binary().into_os_string());
    words.extend(["sh", "-m", "-c", "sleep 1000; echo \"job $?\""].map(OsString::from));
    let mut session = Session::start(words);
    let init = until("it supervises", || {
        let init = children(session.running.pid()).first().copied()?;
        (status(init, "Name") == "init:serve").then_some(init)
    });
    until("the job is in front", || has_its_job_in_front(init).then_some(()));
    session.type_in("\x1c");
    session.running.expect_line("job 131");
}

/// The terminal vanishes: the kernel tells the session's leader, and the server hears of it.
#[test]
fn a_hang_up_reaches_the_server() {
    let session = Session::shell(&[], "exec \"$1\" \"$2\" count");
    session.running.expect_line("ready");
    let Session { running, keyboard, screen } = session;
    drop(keyboard);
    // The reader's copy of the master must go too: it ends when the server side is closed only, so
    // the hang-up is sent by hand to what the kernel would send it to, the leader.
    drop(screen);
    nix::sys::signal::kill(running.pid(), nix::sys::signal::Signal::SIGHUP).unwrap();
    running.expect_line("got 1");
}

/// The usual 80 columns: the note goes on below its beginning, behind the columns before it.
#[test]
fn a_long_note_of_the_timeline_keeps_its_column() {
    let server = "true --some-long-option=value --another-long-option";
    let script = format!("TERM=xterm exec \"$1\" wait file:///dev/null -- {server} 2>/dev/tty");
    let session = Session::shell(&[], &script);
    let column = " ".repeat("init: total      ok            5 ms  ".len());
    session.expect_screen(&format!("value\r\n{column}--another-long-option"));
    assert_eq!(session.running.exit_code(), 0);
}

/// What is longer than the 80 columns is broken at a blank.
#[test]
fn a_long_line_is_broken_between_words() {
    let script =
        "stty cols 80 </dev/tty; exec \"$1\" wait file:///nowhere/x --timeout 1s 2>/dev/tty";
    let session = Session::shell(&[], script);
    session.expect_screen("hint: nothing has made /nowhere/x: is what makes it started, and is the\r\n      directory shared with this container?");
    assert_eq!(session.running.exit_code(), 69);
}

/// A command that exists on the other side of a pipe belongs to the same job.
#[test]
fn a_background_job_does_not_take_the_terminal() {
    let script = "\"$1\" \"$2\" count & read -r line </dev/tty; echo \"got line $line\"; kill $!; wait $!; echo \"code $?\"";
    let mut session = Session::shell(&["-m"], script);
    session.running.expect_line("ready");
    session.type_in("hello\n");
    session.running.expect_line("got line hello");
    session.running.expect_line("code 0");
}
